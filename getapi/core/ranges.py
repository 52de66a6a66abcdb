"""Which octets a GET or HEAD of a known representation is answered with: preconditions and ranges (RFC 9110 13 and 14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'  # RFC 9110 8.8.3
_TAG = re.compile(_ENTITY_TAG)
_TAG_LIST = re.compile(rf"(?:[\t ,]*+{_ENTITY_TAG}[\t ]*+(?=,|\Z))*+[\t ,]*+")  # 5.6.1.2: empty elements are forgiven
_ONE_RANGE = re.compile(r"bytes=[\t ,]*+(?:(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+))[\t ,]*+", re.IGNORECASE)
_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
"""IMF-fixdate, and the two obsolete forms that a recipient must still read (RFC 9110 5.6.7)."""

_BEYOND = 10**19
"""More octets than any representation has: what a longer number means, however many digits it has."""


@dataclass(frozen=True, slots=True)
class Full:
    """200: the whole representation."""


@dataclass(frozen=True, slots=True)
class Partial:
    """206: octets ``start`` to ``stop`` (not included, unlike in Content-Range); at least one."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class NotModified:
    """304."""


@dataclass(frozen=True, slots=True)
class PreconditionFailed:
    """412."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """416."""


Selection = Full | Partial | NotModified | PreconditionFailed | Unsatisfiable


def select(*, method: str, length: int, etag: str, last_modified: datetime | None, headers: Mapping[str, str]) -> Selection:
    """What to answer to a GET or HEAD.

    ``length`` in octets, ``etag`` with its quotes, ``last_modified`` aware or None; ``headers`` finds fields by their usual spelling
    (``If-Match``), one string each. What is malformed, several ranges, and a Range on HEAD are ignored (RFC 9110 14.2 allows it).
    """
    modified = last_modified.replace(microsecond=0) if last_modified else None
    if not _may_proceed(headers, etag, modified):
        return PreconditionFailed()
    if _has_it_already(headers, etag, modified):
        return NotModified()
    field = headers.get("Range")
    if method != "GET" or field is None or not _is_same(headers.get("If-Range"), etag, modified):
        return Full()
    return _selected(field, length)


def _may_proceed(headers: Mapping[str, str], etag: str, modified: datetime | None) -> bool:
    """RFC 9110 13.2.2 steps 1 and 2: If-Unmodified-Since counts only where If-Match is not there."""
    wanted = headers.get("If-Match")
    if wanted is not None:
        return wanted.strip() == "*" or any(_strongly_equal(tag, etag) for tag in _tags(wanted))
    since = _date(headers.get("If-Unmodified-Since"))
    return since is None or modified is None or modified <= since


def _has_it_already(headers: Mapping[str, str], etag: str, modified: datetime | None) -> bool:
    """RFC 9110 13.2.2 steps 3 and 4: If-Modified-Since counts only where If-None-Match is not there."""
    known = headers.get("If-None-Match")
    if known is not None:
        return known.strip() == "*" or any(_weakly_equal(tag, etag) for tag in _tags(known))
    since = _date(headers.get("If-Modified-Since"))
    return since is not None and modified is not None and modified <= since


def _is_same(condition: str | None, etag: str, modified: datetime | None) -> bool:
    """RFC 9110 13.1.5: the range is meant for this representation, or for whatever is there (no If-Range)."""
    if condition is None:
        return True
    if '"' in condition[:3]:
        return _strongly_equal(condition.strip(), etag)
    since = _date(condition)
    return since is not None and since == modified


def _selected(field: str, length: int) -> Selection:
    match = _ONE_RANGE.fullmatch(field.strip())
    if match is None:
        return Full()
    if match["suffix"] is not None:
        return _suffix(_number(match["suffix"]), length)
    first, last = _number(match["first"]), _number(match["last"] or "9" * 20)
    if last < first:
        return Full()
    return Partial(first, min(last + 1, length)) if first < length else Unsatisfiable()


def _suffix(count: int, length: int) -> Selection:
    if count == 0:
        return Unsatisfiable()
    # The last octets of nothing are satisfiable (RFC 9110 14.1.2), but no Content-Range can say so.
    return Partial(max(length - count, 0), length) if length else Full()


def _number(digits: str) -> int:
    # int() refuses thousands of digits, and none of them makes a difference.
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) < 20 else _BEYOND


def _tags(field: str) -> list[str]:
    """The entity tags of a list; none of a malformed one."""
    return _TAG.findall(field) if _TAG_LIST.fullmatch(field) else []


def _strongly_equal(tag: str, etag: str) -> bool:
    return tag == etag and not tag.startswith("W/")


def _weakly_equal(tag: str, etag: str) -> bool:
    return tag.removeprefix("W/") == etag.removeprefix("W/")


def _date(field: str | None) -> datetime | None:
    for form in _DATES if field else ():
        try:
            return datetime.strptime((field or "").strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
