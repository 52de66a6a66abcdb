"""From a request to a frozen plan: what goes in, where it lies, what is said of the rest (SPEC 3-6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import chain
from operator import is_

from getapi.core.access import AccessRules
from getapi.core.arrangement import Group, place_picks
from getapi.core.chart import pick_charted, presentation_chart, requested_chart
from getapi.core.content import Gauge, complete, is_complete
from getapi.core.errors import SizeUnknown, SourceError
from getapi.core.ledger import Examination, Ledger
from getapi.core.limits import Limits, check
from getapi.core.names import Placed, package_name
from getapi.core.notice import NoticeCode
from getapi.core.parcel import parcel_of
from getapi.core.plan import Entry, Plan, enter
from getapi.core.request import PackageRequest, parse_reference
from getapi.core.selection import Catalogue, Notices, Pick, Repositories, pick_named
from getapi.core.tags import bag_info, notices_text
from getapi.core.value import maker

FAULTS = {
    NoticeCode.FIXITY: "The content does not match its recorded checksum",
    NoticeCode.CONTENT_MISSING: "The datastream's content is not in the store",
    NoticeCode.MALFORMED: "The repository's record of this datastream cannot be used",
    NoticeCode.SOURCE_UNAVAILABLE: "The repository cannot be read at the moment",
    NoticeCode.EXTERNAL: "Kept elsewhere, where this service does not fetch from",
}
"""Why a datastream's bytes cannot be had, by the code of its fault or of what the ledger found."""


_new_group = maker(Group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who bag-info.txt says the package is from; ``profile`` is a BagIt profile's URL or empty."""

    source_organization: str
    software_agent: str
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningRules:
    """What the administrator decides about packages; ``algorithm`` is hashlib's name of ``packages.checksum``."""

    access: AccessRules
    limits: Limits
    structmaps: tuple[str, ...]
    algorithm: str
    sender: Sender


def plan_package(
    request: PackageRequest,
    *,
    repositories: Repositories,
    rules: PlanningRules,
    now: datetime,
    ledger: Ledger | None = None,
    gauge: Gauge | None = None,
) -> Plan:
    """The package that ``request`` means at the instant ``now``. Without a ledger nothing is known but what the repositories declare.

    ``gauge`` is asked of datastreams whose source cannot say their size; without one, the first of them is SizeUnknown.

    Raises TooManyFiles, TooManyBytes, MapTooDeep or MapTooLarge for a map that was asked for, and SourceUnavailable where nothing at all
    can be said because no repository answers; all else becomes a notice.
    """
    catalogue, notices = Catalogue(repositories, rules.access, now), Notices()
    for text in request.malformed:
        found = parse_reference(text)
        whole = found is not None and found.dsid is None
        notices.tell(NoticeCode.MALFORMED, "A map is named by its PID/DSID" if whole else "This is not a PID or PID/DSID", text)
    groups = _group(request, catalogue, rules, notices)
    entries = _enter_at_once(groups, rules, ledger)
    if entries is None:
        groups = _settle(groups, repositories, rules, notices, ledger, gauge)
    if not any(group.picks for group in groups):
        notices.refuse_silence(request.malformed)
    subjects = _subjects(request, groups)
    name = package_name(subjects, request.fingerprint, request.name)
    today = now.astimezone(rules.access.zone).date()
    if entries is None:
        entries = _enter_each(place_picks(groups, bag_name=name), notices, rules.algorithm, today)
    return _freeze(request, name, subjects, entries, notices, rules, today)


def _group(request: PackageRequest, catalogue: Catalogue, rules: PlanningRules, notices: Notices) -> list[Group]:
    """What ``files`` names, by object in the order first named, then what the maps name."""
    catalogue.ask_ahead(reference.pid for reference in (*request.references, *request.maps))
    named = pick_named(catalogue, request.references, notices)
    charts = [chart for reference in request.maps if (chart := requested_chart(catalogue, reference, rules.limits, notices))]
    own = {chart.record.pid: chart for chart in reversed(charts)}
    groups = []
    for record, picks in named:
        chart = own.get(record.pid) or presentation_chart(catalogue, record, rules.structmaps, rules.limits, notices)
        groups.append(_new_group(record=record, picks=picks, structure=chart.map.root if chart else record.structure))
    for chart in charts:
        if chart.map.unresolved:
            text = f"{len(chart.map.unresolved)} pointers of the map name no datastream of this repository"
            notices.tell(NoticeCode.MAP_UNUSABLE, text, chart.record.pid, chart.datastream.dsid)
        groups.append(Group(record=chart.record, picks=pick_charted(catalogue, chart, notices), structure=chart.map.root))
    return groups


def _enter_at_once(groups: Sequence[Group], rules: PlanningRules, ledger: Ledger | None) -> tuple[Entry, ...] | None:
    """The entries of groups that are parcels, all of them, beside each other and sound, as most are: what ``_settle`` and ``_enter_each``
    would make of them. None for any others."""
    parcels = []
    for group in groups:
        parcel = parcel_of(group, rules.algorithm)
        if parcel is None:
            return None
        parcels.append(parcel)
    entries = tuple(chain.from_iterable([parcel.entries for parcel in parcels]))
    if len(set(chain.from_iterable([parcel.folded for parcel in parcels]))) < len(entries):
        return None
    check(rules.limits, [(entry.repository, entry.size) for entry in entries])
    if ledger and any(seen.mismatch for seen in _consult(ledger, entries).values()):
        return None
    return entries


def _settle(
    groups: list[Group],
    repositories: Repositories,
    rules: PlanningRules,
    notices: Notices,
    ledger: Ledger | None,
    gauge: Gauge | None,
) -> list[Group]:
    """The groups with what can be had of their picks, and with what is known of it."""
    picks = list({pick.key: pick for group in groups for pick in group.picks}.values())
    check(rules.limits, _sizes(picks))
    seen = _consult(ledger, picks) if ledger else {}
    prepared = [_prepare(pick, seen.get(pick.key), repositories, rules, notices, gauge) for pick in picks]
    if all(map(is_, prepared, picks)):
        return groups
    check(rules.limits, _sizes(made for made in prepared if made))
    return _regroup(groups, [made for made in prepared if made])


def _sizes(picks: Iterable[Pick]) -> list[tuple[str, int]]:
    return [(pick.repository, pick.datastream.size or 0) for pick in picks if pick.datastream.fault is None]


def _consult(ledger: Ledger, members: Sequence[Pick | Entry]) -> dict[tuple[str, str], Examination]:
    """What the ledger knows of them, by PID and DSID: each repository is asked once for all of them."""
    seen: dict[tuple[str, str], Examination] = {}
    for name in dict.fromkeys([member.repository for member in members]):
        seen |= ledger.look_up(name, [member.datastream for member in members if member.repository == name])
    return seen


def _prepare(
    pick: Pick, seen: Examination | None, repositories: Repositories, rules: PlanningRules, notices: Notices, gauge: Gauge | None
) -> Pick | None:
    """The pick with its size and, as far as it can be known, its digest; None and a notice where its bytes cannot be had."""
    datastream = pick.datastream
    fault = NoticeCode.FIXITY if seen is not None and seen.mismatch else datastream.fault
    if fault is not None:
        code = NoticeCode(fault)
        caveat = datastream.caveat
        text = caveat.text if caveat is not None and caveat.code is code else FAULTS[code]
        notices.tell(code, text, datastream.pid, datastream.dsid)
        return None
    try:
        if not is_complete(datastream, rules.algorithm):
            datastream = complete(datastream, repositories.by_name(pick.repository), rules.algorithm, gauge)
    except SizeUnknown:
        raise
    except SourceError as error:
        notices.tell_error(error, datastream.pid, datastream.dsid)
        return None
    if datastream.caveat is not None:
        notices.tell(datastream.caveat.code, datastream.caveat.text, datastream.pid, datastream.dsid)
    if datastream.declared_size is not None and datastream.declared_size != datastream.size:
        text = f"The repository records {datastream.declared_size} octets, the content has {datastream.size}"
        notices.tell(NoticeCode.SIZE_DIFFERS, text, datastream.pid, datastream.dsid)
    learned = None if seen is None or datastream.digest(rules.algorithm) is not None else seen.digests.get(rules.algorithm)
    if datastream is pick.datastream and learned == pick.learned:
        return pick
    return Pick(repository=pick.repository, datastream=datastream, learned=learned)


def _regroup(groups: Sequence[Group], prepared: Iterable[Pick]) -> list[Group]:
    """The groups with what was made of their picks."""
    ready = {pick.key: pick for pick in prepared}
    return [
        Group(record=group.record, picks=[ready[pick.key] for pick in group.picks if pick.key in ready], structure=group.structure)
        for group in groups
    ]


def _subjects(request: PackageRequest, groups: Sequence[Group]) -> list[str]:
    """The PIDs that a package is about: those asked for and found, else those asked for."""
    return list(dict.fromkeys([group.record.pid for group in groups])) or list(
        dict.fromkeys(reference.pid for reference in (*request.references, *request.maps))
    )


def _enter_each(placed: Sequence[Placed[Pick]], notices: Notices, algorithm: str, today: date) -> tuple[Entry, ...]:
    midnight = int(datetime.combine(today, time(), UTC).timestamp())
    for place in placed:
        if place.wanted:
            notices.tell(NoticeCode.RENAMED, f"{place.wanted} is in the package as {place.path}", *place.key.key)
    return tuple([_enter(place, algorithm, midnight) for place in placed])


def _freeze(
    request: PackageRequest,
    name: str,
    subjects: Sequence[str],
    entries: tuple[Entry, ...],
    notices: Notices,
    rules: PlanningRules,
    today: date,
) -> Plan:
    told, octets = tuple(notices), sum([entry.size for entry in entries])
    return Plan(
        name=name,
        format=request.format,
        algorithm=rules.algorithm,
        bagging_date=today,
        entries=entries,
        notices=told,
        bag_info=_describe(rules.sender, subjects, entries, octets, today),
        notices_text=notices_text(told, packaged_files=len(entries), packaged_size=octets),
    )


def _enter(place: Placed[Pick], algorithm: str, midnight: int) -> Entry:
    if place.key.datastream.created is None:
        return _make_entry(place, algorithm, midnight)
    return place.key.derive(algorithm, place.path, _make_entry, place, algorithm, midnight)


def _make_entry(place: Placed[Pick], algorithm: str, midnight: int) -> Entry:
    pick = place.key
    return enter(pick.datastream, path=place.path, repository=pick.repository, algorithm=algorithm, undated=midnight, learned=pick.learned)


def _describe(sender: Sender, subjects: Sequence[str], entries: Sequence[Entry], octets: int, today: date) -> bytes:
    pids = dict.fromkeys([entry.datastream.pid for entry in entries])
    return bag_info(
        source_organization=sender.source_organization,
        contact_name=sender.contact_name,
        contact_phone=sender.contact_phone,
        contact_email=sender.contact_email,
        external_identifiers=list(dict.fromkeys((*subjects, *pids))),
        external_description=f"{_count(len(entries), 'datastream')} of {_count(len(pids), 'object')}",
        bagging_date=today,
        payload_size=octets,
        payload_files=len(entries),
        software_agent=sender.software_agent,
        profile=sender.profile,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
