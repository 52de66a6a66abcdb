"""Until when: the text of a rights statement as a moment, or as a word that means for ever."""

import re
from calendar import monthrange
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, timezone

from getapi.core.restriction import Moment

FOREVER = ("indefinite", "never", "forever", "permanent")
"""Words for an end that never comes, compared without regard to case."""

_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(Z|[+-]\d\d:?[0-5]\d)?)?)?", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)? ?([Zz]|[+-]\d\d(?::?[0-5]\d)?)?",
    re.ASCII,
)


class UnreadableMoment(ValueError):
    """A text that is neither a moment nor a word for ever; readers of statements turn it into a closed door."""


def read_moment(text: str, forever: Collection[str] = FOREVER) -> Moment | None:
    """The moment that a text names, or None for ever.

    W3C dates and date-times: a date-time without a zone is in UTC (SPEC 4.3); a year or a month alone counts, as a day does, to its
    end; a day with a zone (xsd:date) ends when it ends there. Raises UnreadableMoment.
    """
    text = text.strip()
    if text.casefold() in {word.casefold() for word in forever}:
        return None
    try:
        if match := _DAY.fullmatch(text):
            return _read_day(*match.groups())
        if match := _INSTANT.fullmatch(text):
            return _read_instant(match)
    except (ValueError, OverflowError):
        raise UnreadableMoment(text) from None
    raise UnreadableMoment(text)


def _read_day(year: str, month: str | None, day: str | None, zone: str | None) -> Moment:
    if day is None:
        return date(int(year), int(month or 12), monthrange(int(year), int(month or 12))[1])
    last = date(int(year), int(month or 12), int(day))
    if zone is None:
        return last
    return datetime(last.year, last.month, last.day, tzinfo=_read_zone(zone)) + timedelta(days=1)


def _read_instant(match: re.Match[str]) -> datetime:
    day, hour, minute, second, fraction, zone = match.groups(default="")
    midnight = datetime.fromisoformat(day).replace(tzinfo=_read_zone(zone))
    microsecond = int(fraction[:6].ljust(6, "0"))
    if hour == "24" and int(minute) == int(second or 0) == microsecond == 0:  # xsd:dateTime's name for the end of the day
        return midnight + timedelta(days=1)
    return midnight.replace(hour=int(hour), minute=int(minute), second=int(second or 0), microsecond=microsecond)


def _read_zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
