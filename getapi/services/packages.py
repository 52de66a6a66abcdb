"""A package from the caller's words to its bytes, at once and whenever it is asked for again; also what ``write_package`` writes."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import is_
from typing import Any

from django.utils import timezone

from getapi import conf, models
from getapi.core.content import Gauge
from getapi.core.errors import (
    MalformedParameter,
    PackageChanged,
    PackageClosed,
    PackageOutdated,
    PackagePreparing,
    TooManyPreparations,
)
from getapi.core.layout import Layout, lay_out
from getapi.core.ledger import Examination
from getapi.core.plan import Entry, Plan
from getapi.core.planner import plan_package
from getapi.core.request import PackageRequest, parse_request
from getapi.core.review import review
from getapi.core.selection import Repositories
from getapi.core.source import Content, DatastreamRecord
from getapi.services import fixity, jobs, rules, shelf, stage
from getapi.services.admission import Judge, nobody
from getapi.services.deliveries import Delivery, deliver
from getapi.services.fixity import DatabaseLedger
from getapi.services.glances import Glances
from getapi.services.layouts import LayoutCache, LayoutsInUse
from getapi.services.planning import planning
from getapi.services.repositories import registry
from getapi.services.retraction import retraction
from getapi.services.statistics import Recipient, kept_address, kept_user_agent
from getapi.services.verification import doubt
from getapi.transport.assurance import Doubt
from getapi.transport.connection import encrypted_socket, raw_socket

MEDIA_TYPES = {"tar": "application/x-tar", "zip": "application/zip"}
"""The formats that are offered, by the word of ``format``."""

DELIVERIES = ("stream", "link")

GLANCE = 30.0
"""Seconds for which a package that was looked at counts as unchanged to who only wants to know how it stands."""

_recent = LayoutCache()
_glances = Glances(pause=GLANCE)
_in_use = LayoutsInUse()


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that may be sent now; ``id`` is 128 random bits in hex, new for each request, ``key_id`` whose key asked for it.

    ``client`` is the address of the reader that the token named, whose slots it takes whoever fetches it; empty where it named none.
    """

    id: str
    plan: Plan
    layout: Layout
    created: datetime
    doubt: Doubt
    key_id: int | None = None
    client: str = ""
    open_entry: Callable[..., Content] = field(default_factory=lambda: registry().open)

    @property
    def file_name(self) -> str:
        return f"{self.plan.name}.{self.plan.format}"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.plan.format]


def read_request(*, files: str | None, maps: str | None, format: str = "tar", name: str | None = None) -> PackageRequest:  # noqa: A002 # the parameter's name
    """Raises MissingParameter, MalformedParameter, RequestTooLong, TooManyFiles (core.request)."""
    configuration = conf.current()
    return parse_request(
        files=files,
        maps=maps,
        format=format,
        name=name,
        formats=frozenset(MEDIA_TYPES),
        max_text=configuration.limits.request_text,
        max_entries=rules.most_entries(configuration),
    )


def wants_link(delivery: str | None) -> bool:
    """Whether the package is to be kept for later instead of being sent at once. Raises MalformedParameter."""
    if delivery not in {None, *DELIVERIES}:
        raise MalformedParameter("delivery", f"it must be one of {', '.join(DELIVERIES)}")
    return delivery == "link"


def prepare(request: PackageRequest, gauge: Gauge | None = None, repositories: Repositories | None = None) -> Package:
    """Plans a package on the repositories as they are now (``repositories``: or as those say); ``gauge`` is asked of datastreams whose
    source does not know their size.

    Raises LimitExceeded, TooManyPlans; where nothing can be decided SourceUnavailable; SizeUnknown without a gauge.
    """
    with planning.slot():
        return _prepare(request, gauge, repositories or registry())


def _prepare(request: PackageRequest, gauge: Gauge | None, repositories: Repositories) -> Package:
    now, ledger = timezone.now(), _Consulted(fixity.current_ledger())
    planning_rules = rules.planning_rules(conf.current())
    plan = plan_package(request, repositories=repositories, rules=planning_rules, now=now, ledger=ledger, gauge=gauge)
    layout = _in_use.lay_out(ledger.complete(plan))
    plan = layout.plan or plan
    return Package(id=new_id(), plan=plan, layout=layout, created=now, doubt=ledger.doubt(plan))


def new_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


def keep(package: Package, *, client: str | None, recipient: Recipient) -> Package:
    """Makes it a package that can be had again by its id; ``client`` is the address that the token named. Raises TooManyPackages."""
    plan = package.plan
    row = models.Package(
        id=package.id,
        key_id=recipient.key_id,
        client=client or "",
        address=kept_address(recipient.address),
        user_agent=kept_user_agent(recipient.user_agent),
        created=package.created,
        format=plan.format,
        name=plan.name,
        size=package.layout.length,
        files=len(plan.entries),
        etag=plan.etag,
    )
    with retraction.unless_sure(package.id):
        shelf.put(row, plan)
    _recent.put(package.id, package.layout)
    return replace(package, key_id=recipient.key_id, client=row.client)


def open_package(package_id: str) -> Package:
    """The package of that id, if it may be sent now. Raises PackageNotFound, and what ``reopen`` raises."""
    return reopen(shelf.find(package_id))


def reopen(row: models.Package) -> Package:
    """A kept package, if it may be sent now: access and content are looked at each time, whatever is remembered.

    Raises PackageGone (expired, cancelled, failed, changed, closed or outdated), SourceUnavailable, TooManyPlans, PackagePreparing, also
    where what was staged for it is lost and is had again from now on.
    """
    _check(row)
    try:
        with planning.slot(), _glances.looking(row.pk):
            return _reopen(row)
    except (PackageChanged, PackageClosed):
        stage.let_go(row.pk)
        raise


def glance(row: models.Package) -> None:
    """Raises what ``reopen`` does where the package cannot be had. No byte may leave by this word: the repository is asked again only
    where this process has not done so for GLANCE.
    """
    _check(row)
    if not _glances.is_fresh(row.pk):
        reopen(row)


def _check(row: models.Package) -> None:
    shelf.check(row, timezone.now())
    jobs.check(row)


def _reopen(row: models.Package) -> Package:
    layout = _recent.get(row.pk) or _read(row)
    if layout.plan is None or layout.length != row.size:
        raise PackageOutdated
    ledger = _Consulted(fixity.current_ledger())
    review(layout.plan, repositories=registry(), rules=rules.access_rules(conf.current()), now=timezone.now(), ledger=ledger)
    staged = _staged(row, layout.plan)
    plan = stage.checksummed(ledger.complete(layout.plan), staged)
    if plan is not layout.plan:
        layout = lay_out(plan)
    _recent.put(row.pk, layout)
    return Package(
        id=row.pk,
        plan=plan,
        layout=layout,
        created=row.created,
        doubt=stage.vouch(ledger.doubt(plan), plan, staged),
        key_id=row.key_id,
        client=row.client,
        open_entry=stage.opener(staged, registry().open),
    )


def _staged(row: models.Package, plan: Plan) -> dict[stage.Key, stage.Member]:
    """What of the package was put aside. Raises PackagePreparing where something of it is there no more."""
    entries = [entry for entry in plan.entries if entry.is_staged]
    if not entries:
        return {}
    members = stage.members(row.pk)
    if stage.lost(entries, members):
        with suppress(TooManyPreparations):  # as one that waits for its turn it begins when it is asked for again
            jobs.restore(row)
        raise PackagePreparing(progress=0, retry_after=jobs.RETRY)
    stage.touch(row.pk)
    return members


def send(package: Package, *, start: int, stop: int, recipient: Recipient, meta: Mapping[str, Any], also: Judge = nobody) -> Delivery:
    """Octets ``start`` to ``stop`` (not included) as an iterator that a server drains; it closes the database before the first of them.

    Raises TooManyDeliveries, DatabaseUnavailable, and SourceError where the window begins inside a datastream that cannot be opened.
    """
    return deliver(
        package.layout,
        start=start,
        stop=stop,
        open_entry=package.open_entry,
        doubt=package.doubt,
        recipient=recipient,
        package=package.id,
        name=package.plan.name,
        reader=package.client,
        sock=raw_socket(meta),
        also=also,
        wire=encrypted_socket(meta),
    )


def send_first(package: Package, *, start: int, stop: int, recipient: Recipient, meta: Mapping[str, Any]) -> Delivery:
    """As ``send``, for a package that was just kept: where it is refused nothing stays of it."""
    with retraction.unless_told(package.id):
        return send(package, start=start, stop=stop, recipient=recipient, meta=meta)


class _Consulted:
    """The fixity ledger, asked once for all that is to be known of a package (core.ledger.Ledger)."""

    def __init__(self, ledger: DatabaseLedger) -> None:
        self._ledger = ledger
        self._seen: dict[tuple[str, str, str], Examination] = {}

    def look_up(self, repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[tuple[str, str], Examination]:
        found = self._ledger.look_up(repository, datastreams)
        self._seen |= {(repository, *key): examination for key, examination in found.items()}
        return found

    def complete(self, plan: Plan) -> Plan:
        """The plan with what was learned since it was made, on which neither its bytes nor its tag depend; else itself."""
        entries = tuple(self._complete(entry, plan) for entry in plan.entries)
        return plan if all(map(is_, entries, plan.entries)) else replace(plan, entries=entries)

    def _complete(self, entry: Entry, plan: Plan) -> Entry:
        is_summed = entry.checksum is not None or plan.format != "zip"
        if entry.digest is not None and is_summed:
            return entry
        seen = self._seen.get((entry.repository, entry.datastream.pid, entry.datastream.dsid))
        if seen is None:
            return entry
        digest = entry.digest or seen.digests.get(plan.algorithm)
        # Nothing else would ever tell that a CRC-32 on record is wrong: once the digests are to be verified again so is it.
        checksum = seen.crc32 if not is_summed and self._ledger.is_fresh(seen, entry.datastream) else entry.checksum
        return entry if (digest, checksum) == (entry.digest, entry.checksum) else replace(entry, digest=digest, checksum=checksum)

    def doubt(self, plan: Plan) -> Doubt:
        return doubt(
            plan.entries, seen=self._seen, ledger=self._ledger, algorithm=plan.algorithm, digests=True, checksums=plan.format == "zip"
        )


def _read(row: models.Package) -> Layout:
    try:
        return lay_out(shelf.read_plan(row))
    except MalformedParameter:
        raise PackageOutdated from None  # a format that this version does not know
