"""What a package says of that which it does not hold, or holds under another name."""

from dataclasses import dataclass
from enum import StrEnum


class NoticeCode(StrEnum):
    """Why something is not in the package, or not as it was asked for (SPEC 5)."""

    OBJECT_NOT_FOUND = "object-not-found"
    DATASTREAM_NOT_FOUND = "datastream-not-found"
    RESTRICTED = "restricted"
    EMBARGOED = "embargoed"
    INACTIVE = "inactive"
    EXTERNAL = "external"
    REDIRECT = "redirect"
    CONTENT_MISSING = "content-missing"
    FIXITY = "fixity"
    MALFORMED = "malformed"
    AMBIGUOUS = "ambiguous"
    RENAMED = "renamed"
    MAP_UNUSABLE = "map-unusable"
    SIZE_DIFFERS = "size-differs"
    SOURCE_UNAVAILABLE = "source-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One line of notices.txt. ``pid`` is the reference as it was asked where it is no PID at all; ``dsid`` "" for a whole object."""

    pid: str
    dsid: str = ""
    code: NoticeCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """What a repository has to say of a datastream that it gives: which of several forms of it this is, and why that one."""

    code: NoticeCode
    text: str
