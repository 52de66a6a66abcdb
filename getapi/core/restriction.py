"""What a repository says about who may read, told neutrally, so that one rule decides for every source."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

Moment = date | datetime
"""An aware ``datetime`` is that instant; a bare ``date`` counts to the end of that day in the configured zone (SPEC 4.3)."""


class Ground(StrEnum):
    """Why a repository closes something."""

    EMBARGO = "embargo"
    POLICY = "policy"
    READ_GROUP = "read-group"
    UNREADABLE = "unreadable"
    """A rights statement is there and cannot be read or parsed: fail closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """One denial, in force from after ``begins`` until the end of ``ends``.

    ``dsid`` None means the whole object. ``begins`` None means since ever (a lease denies only after its day), ``ends`` None for ever.
    """

    ground: Ground
    dsid: str | None = None
    begins: Moment | None = None
    ends: Moment | None = None
