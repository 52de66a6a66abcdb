"""What may leave now: the union of all denials, decided from facts alone (SPEC 4). A denial is a value; nothing here raises."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from functools import lru_cache
from urllib.parse import urlsplit

from getapi.core.notice import NoticeCode
from getapi.core.restriction import Ground, Moment, Restriction
from getapi.core.source import ACTIVE, EXTERNAL, REDIRECT, DatastreamRecord, ObjectRecord
from getapi.core.wildcards import any_of

RESERVED = (
    "ARCH*",
    "AUDIT",
    "FEDORA-AUDITTRAIL",
    "POLICY",
    "FESLPOLICY",
    "RELS-EXT",
    "RELS-INT",
    "METHODMAP",
    "DSINPUTSPEC",
    "WSDL",
    "DS-COMPOSITE-MODEL",
    "SERVICE-PROFILE",
)
"""What never leaves unless the administrator says otherwise: archival masters, Fedora's own datastreams (AUDIT has its FOXML 1.0
name too) and the parts of service definitions and deployments (SPEC 4.2)."""


_DSIDS = 1024
"""How many of them are remembered as offered or not."""


def _folded(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.casefold() for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """The administrator's part of the decision. Every word is compared without regard to case.

    ``public`` and ``reserved`` are shell patterns of DSIDs, ``denied`` the deny list (``PID`` or ``PID/DSID``), ``external_hosts`` the
    hosts that datastreams of control group E may come from, ``zone`` the one in which a bare date ends. ``mark`` is these rules' own
    and no others', for what is remembered of decisions by them: it keeps no long deny list in memory.
    """

    public: Sequence[str] = ("*",)
    reserved: Sequence[str] = RESERVED
    denied: frozenset[str] = frozenset()
    external_hosts: frozenset[str] = frozenset()
    zone: tzinfo = UTC
    mark: object = field(default_factory=object, init=False, repr=False, compare=False)
    offers: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether a case-folded DSID is of a kind that is given to readers at all. Most objects have the same few."""

    def __post_init__(self) -> None:
        # Folded here and not by every caller: a rule that was not folded would match nothing, and so open what it closes.
        object.__setattr__(self, "public", _folded(self.public))
        object.__setattr__(self, "reserved", _folded(self.reserved))
        object.__setattr__(self, "denied", frozenset(_folded(self.denied)))
        object.__setattr__(self, "external_hosts", frozenset(_folded(self.external_hosts)))
        public, reserved = any_of(self.public), any_of(self.reserved)
        offers = lru_cache(_DSIDS)(lambda dsid: public.match(dsid) is not None and reserved.match(dsid) is None)
        object.__setattr__(self, "offers", offers)


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may leave now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """It may not leave now.

    ``text`` is for readers. ``until`` is when every dated denial will have ended, None where that is not known. ``mentioned``: a
    request that did not name it tells of it nevertheless. ``closed``: it exists publicly and only may not leave, so asking for it
    alone is refused; otherwise it is as if it did not exist (SPEC 1, "One datastream").
    """

    code: NoticeCode
    text: str
    until: Moment | None = None
    mentioned: bool = True
    closed: bool = True


_ALLOWED = Allowed()
_INACTIVE = Denied(code=NoticeCode.INACTIVE, text="Not active in the repository", mentioned=False, closed=False)
_RESERVED = Denied(code=NoticeCode.RESTRICTED, text="Not available to the public", mentioned=False, closed=False)
_RESTRICTED = Denied(code=NoticeCode.RESTRICTED, text="Not available to the public")
_REDIRECT = Denied(code=NoticeCode.REDIRECT, text="Kept elsewhere: the repository only redirects to it")
_EXTERNAL = Denied(code=NoticeCode.EXTERNAL, text="Kept elsewhere, where this service does not fetch from")


def decide(record: ObjectRecord, datastream: DatastreamRecord, rules: AccessRules, now: datetime) -> Allowed | Denied:
    """Whether a datastream may leave at ``now`` (aware). Where several denials meet, the first in SPEC 4's order is told."""
    if record.state is not ACTIVE or datastream.state is not ACTIVE:
        return _INACTIVE
    if not rules.offers(datastream.dsid.casefold()):
        return _RESERVED
    return _decide_content(record, datastream, rules, now)


def decide_map(record: ObjectRecord, datastream: DatastreamRecord, rules: AccessRules, now: datetime) -> Allowed | Denied:
    """Whether a structural map may be read at ``now``: as any datastream, but reserved or not (SPEC 3)."""
    return _decide_content(record, datastream, rules, now) if _is_active(record, datastream) else _INACTIVE


def decide_object(record: ObjectRecord, rules: AccessRules, now: datetime) -> Allowed | Denied:  # noqa: ARG001 - one shape with its two neighbours
    """Whether an object may be spoken of at all. An embargo does not silence it: each of its datastreams is told as embargoed."""
    if record.state is not ACTIVE:
        return _INACTIVE
    return _RESTRICTED if rules.denied and record.pid.casefold() in rules.denied else _ALLOWED


def _decide_content(record: ObjectRecord, datastream: DatastreamRecord, rules: AccessRules, now: datetime) -> Allowed | Denied:
    closing = _close(record.restrictions, datastream.dsid.casefold(), rules.zone, now) if record.restrictions else None
    if closing is not None:
        return closing
    if rules.denied and not rules.denied.isdisjoint(_names(record, datastream)):
        return _RESTRICTED
    if datastream.control_group is REDIRECT:
        return _REDIRECT
    if datastream.control_group is EXTERNAL and not _is_fetched(datastream.location, rules.external_hosts):
        return _EXTERNAL
    return _ALLOWED


def _names(record: ObjectRecord, datastream: DatastreamRecord) -> tuple[str, str]:
    pid = record.pid.casefold()
    return pid, f"{pid}/{datastream.dsid.casefold()}"


def _is_active(record: ObjectRecord, datastream: DatastreamRecord) -> bool:
    return record.state is ACTIVE and datastream.state is ACTIVE


def _is_fetched(location: str, hosts: frozenset[str]) -> bool:
    # Credentials and backslashes are where two URL parsers may see two different hosts: one here, another when it is fetched.
    if "@" in location or "\\" in location:
        return False
    try:
        url = urlsplit(location)
        host, port = url.hostname, url.port
    except ValueError:
        return False
    if url.scheme not in {"http", "https"} or host is None:
        return False
    # A bare host stands for the usual port alone; the adapter holds the same rule when it connects.
    name, usual = host.casefold(), 80 if url.scheme == "http" else 443
    return f"{name}:{port or usual}" in hosts or (port in {None, usual} and name in hosts)


def _close(restrictions: Iterable[Restriction], dsid: str, zone: tzinfo, now: datetime) -> Denied | None:
    """What the repository's own statements deny now, all together.

    An embargo names the reason and the date even where a policy denies as well (Islandora writes both and lifts both), but then the
    date is told as the earliest possible: what has no end outlasts it.
    """
    closing = [
        restriction
        for restriction in restrictions
        if (restriction.dsid is None or restriction.dsid.casefold() == dsid) and _in_force(restriction, zone, now)
    ]
    if not closing:
        return None
    ends = [restriction.ends for restriction in closing if restriction.ends is not None]
    latest = max(ends, key=lambda moment: _last_instant(moment, zone), default=None)
    until = latest if len(ends) == len(closing) else None
    embargoes = [restriction for restriction in closing if restriction.ground is Ground.EMBARGO]
    if not embargoes:
        return Denied(code=NoticeCode.RESTRICTED, text=_RESTRICTED.text, until=until)
    dated = None if any(restriction.ends is None for restriction in embargoes) else latest
    return Denied(code=NoticeCode.EMBARGOED, text=_embargo_text(dated, certain=until is not None), until=until)


def _embargo_text(dated: Moment | None, *, certain: bool) -> str:
    if dated is None:
        return "Closed until further notice"
    day = dated.isoformat(timespec="seconds").replace("+00:00", "Z") if isinstance(dated, datetime) else dated.isoformat()
    return f"Closed until {day}" if certain else f"Closed until {day} at least"


def _in_force(restriction: Restriction, zone: tzinfo, now: datetime) -> bool:
    begun = restriction.begins is None or _has_passed(restriction.begins, zone, now)
    return begun and (restriction.ends is None or not _has_passed(restriction.ends, zone, now))


def _has_passed(moment: Moment, zone: tzinfo, now: datetime) -> bool:
    """Local dates are compared as dates: no zone's clock change and no last day of the calendar can upset that."""
    if isinstance(moment, datetime):
        return now >= _aware(moment)
    return now.astimezone(zone).date() > moment


def _last_instant(moment: Moment, zone: tzinfo) -> datetime:
    if isinstance(moment, datetime):
        return _aware(moment)
    return datetime.combine(moment, time.max, zone).replace(fold=1)


def _aware(instant: datetime) -> datetime:
    """A date-time that names no zone is in UTC (SPEC 4.3)."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
