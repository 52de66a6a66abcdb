"""A Fedora 3 object as its FOXML tells it: the current version of each datastream, before anything is looked up in a store."""

import re
from datetime import UTC, datetime

from getapi.core.source import ControlGroup, Digest, State
from getapi.core.value import value
from getapi.sources.inlinexml import InlineXml

_CREATED = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,3}))?)?Z?")
_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
"""As Fedora itself writes them, which Python reads many times faster than we do."""
_WRITTEN = {"": State.ACTIVE, "A": State.ACTIVE, "Active": State.ACTIVE}
_STATES = (("deleted", State.DELETED), ("inactive", State.INACTIVE), ("active", State.ACTIVE))


@value(frozen=True, slots=True, kw_only=True)
class Datastream:
    """A datastream and, from ``version`` on, what its current ``datastreamVersion`` tells; ``version`` is that one's ID, None where there
    is no version.

    ``control_group`` None is one that FOXML does not know. ``reference`` is contentLocation's REF. ``inline`` None: there is no
    ``xmlContent``. ``embedded``: an archive export's base64 stands in it, which a store never keeps.
    """

    id: str
    state: State
    control_group: ControlGroup | None
    version: str | None = None
    created: datetime | None = None
    mime: str = ""
    label: str = ""
    declared_size: int | None = None
    alternate_ids: tuple[str, ...] = ()
    digests: tuple[Digest, ...] = ()
    reference: str = ""
    inline: InlineXml | None = None
    embedded: bool = False


@value(frozen=True, slots=True, kw_only=True)
class DigitalObject:
    """``pid`` as it is written, "" where the document names none."""

    pid: str
    state: State
    label: str
    datastreams: tuple[Datastream, ...]

    def inline(self) -> dict[str, bytes]:
        """The octets of its inline XML by DSID."""
        return {each.id: each.inline.octets for each in self.datastreams if each.inline is not None}


def parse_state(text: str) -> State | None:
    """Fedora's loose reading of states: a word, a URI that holds the word, a letter; none at all is Active. None is an error."""
    usual = _WRITTEN.get(text)
    if usual is not None:
        return usual
    folded = text.lower()
    for word, state in _STATES:
        if word in folded or folded == word[0]:
            return state
    return None


def parse_created(text: str) -> datetime | None:
    """Fedora's date-times, UTC with or without Z; other forms are no date to it."""
    try:
        return datetime.fromisoformat(text) if _USUAL.fullmatch(text) else _parse_other(text)
    except ValueError:
        return None


def _parse_other(text: str) -> datetime | None:
    match = _CREATED.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    return datetime(year, month, day, hour, minute, second, int((match[7] or "").ljust(6, "0")), UTC)
