"""Packages that are prepared before they can be had: asked for by a web process, done by a worker (SPEC 1).

A preparation plans as a web process would, puts aside what cannot be read again, verifies what is not verified where that was asked for,
and freezes the plan. It can be begun anew at any time by anybody: what is whole in the stage is used, all else is done again.
"""

import json
import logging
import math
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial

from django import db
from django.utils import timezone

from getapi import conf
from getapi.core.content import Gauge
from getapi.core.errors import (
    PackageChanged,
    PackagingError,
    PreparationError,
    PreparationStalled,
    PreparationStopped,
    SourceError,
    SourceUnavailable,
    StageBusy,
    TooManyBytes,
)
from getapi.core.ledger import Examination
from getapi.core.names import package_name
from getapi.core.plan import ENCODER, Entry, staged_identity
from getapi.core.request import PackageRequest, Reference
from getapi.core.selection import Repositories
from getapi.core.source import DatastreamRecord
from getapi.models import Package
from getapi.services import fixity, jobs, packages, shelf, stage
from getapi.services.fetching import Course, Fetcher, Limit
from getapi.services.jobs import Claim
from getapi.services.pulse import Pulse, stopping
from getapi.services.repositories import registry
from getapi.services.retraction import retraction
from getapi.services.sighting import see_again
from getapi.services.statistics import LOGGED_ID, Recipient, kept_address, kept_user_agent
from getapi.services.stock import Stock, Survey
from getapi.services.supply import Supply, bring
from getapi.services.unread import Unread
from getapi.transport.examination import Checks, checks_of, examine

logger = logging.getLogger("getapi.jobs")

TRIES = 3
"""How often a package is planned at most whose datastreams turn out damaged."""

PLANNING = 900.0
"""Seconds after which planning is given up: its questions to servers have ends of their own, those to disks have none."""

FETCHING, VERIFYING = 50, 50
"""Shares of the progress, in per cent, where there is something of both to be done; else all of it is the one's."""


def ask(request: PackageRequest, *, client: str | None, recipient: Recipient, thorough: bool, address: Callable[[str], str]) -> str:
    """The id of a package that is ``preparing`` from now on; ``address`` gives its bytes' address by its id.

    ``thorough``: it is ready only when all of it is known to be sound. Raises TooManyPackages, TooManyPreparations.
    """
    names = [reference.pid for reference in (*request.references, *request.maps)]
    row = Package(
        id=secrets.token_hex(16),
        key_id=recipient.key_id,
        client=client or "",
        address=kept_address(recipient.address),
        user_agent=kept_user_agent(recipient.user_agent),
        created=timezone.now(),
        format=request.format,
        name=package_name(list(dict.fromkeys(names)), request.fingerprint, request.name),
        size=0,
        files=0,
        etag="",
        state=Package.State.PREPARING,
    )
    with retraction.unless_sure(row.pk), db.transaction.atomic():
        shelf.put(row, None)
        jobs.put(row, request=encode(request), thorough=thorough, content=address(row.pk))
    return row.pk


def cancel(package_id: str) -> None:
    """Ends a package in whatever state; nothing of it stays in the stage. Raises PackageNotFound."""
    with db.transaction.atomic():
        shelf.cancel(package_id)
        jobs.cancel(package_id)
    stage.discard(package_id)


def encode(request: PackageRequest) -> bytes:
    """The request as text that only ``decode`` reads."""
    references = [[[each.pid, each.dsid] for each in group] for group in (request.references, request.maps)]
    return json.dumps([*references, request.malformed, request.format, request.name]).encode("ascii")


def decode(text: bytes) -> PackageRequest:
    references, maps, malformed, form, name = json.loads(text)
    return PackageRequest(
        references=tuple(Reference(pid=each[0], dsid=each[1]) for each in references),
        maps=tuple(Reference(pid=each[0], dsid=each[1]) for each in maps),
        malformed=tuple(malformed),
        format=form,
        name=name,
    )


def run(job: int) -> None:
    """Does a job, if it waits: whoever else comes for it finds it held. Whatever goes wrong, the job says so."""
    held = jobs.claim(job)
    if held is None:
        return
    with Pulse(held, seconds=_allowed(held)) as pulse:
        try:
            with _told(held):
                (_restore if held.request is None else _prepare)(held, pulse)
        except PreparationStopped:
            _let_go(held)
        except db.Error:
            # What cannot be written cannot be said either: the lease runs out, and whoever sees it takes the job up.
            logger.exception("the database does not answer a worker")


def _allowed(held: Claim) -> float:
    """Seconds for all of it: ``timeouts.package``, and until the package would be too old to be had."""
    configuration = conf.current()
    made = Package.objects.filter(pk=held.package).values_list("created", flat=True).first() or timezone.now()
    left = configuration.packages.max_age - (timezone.now() - made).total_seconds()
    return min(left, configuration.timeouts.package or math.inf)


@contextmanager
def _told(held: Claim) -> Iterator[None]:
    """What ends a preparation is on record: for good, or until it is tried again."""
    try:
        yield
    except (PreparationStopped, db.Error):
        raise
    except (SourceUnavailable, StageBusy) as error:
        jobs.put_back(held, error)
    except PackagingError as error:
        (jobs.put_back if "retry_after" in error.facts else jobs.fail)(held, error)  # as when too much is planned at once
    except Exception:  # whatever it is, its reader must not wait for ever
        logger.exception("a preparation failed", extra={"package": held.package[:LOGGED_ID]})
        jobs.put_back(held, PreparationError("The service made an error; its administrators can read more in its log"))


def _let_go(held: Claim) -> None:
    """Of a cancelled package nothing stays; what this process may not end another one goes on with."""
    if not Package.objects.filter(pk=held.package, state=Package.State.PREPARING).exists():
        stage.discard(held.package)
    elif stopping.is_set():
        jobs.release(held)


def _prepare(held: Claim, pulse: Pulse) -> None:
    request = decode(held.request or b"")
    stock = Stock(held.package, conf.current().packages.checksum, look=pulse.check)
    survey = Survey(stock)
    known = _plan(request, survey, pulse).plan.payload_size  # what is too much is told before anything is fetched
    _put_aside(held, survey, stock, _FETCHED if not held.thorough else FETCHING, pulse, room=conf.current().limits.bytes - known)
    stock.count()
    package = _plan(request, stock, pulse)
    if held.thorough:
        package = _verified(package, request, stock, pulse, first=FETCHING if survey.unsized else 0)
    pulse.check()
    plan = package.plan
    stage.keep_only(held.package, plan.entries)
    jobs.finish(
        held,
        {
            "encoder": ENCODER,
            "plan": shelf.pack(plan),
            "name": plan.name,
            "size": package.layout.length,
            "files": len(plan.entries),
            "etag": plan.etag,
        },
    )


def _put_aside(held: Claim, survey: Survey, stock: Stock, share: int, pulse: Pulse, *, room: int) -> None:
    """All whose size nobody knows, while the next ones begin to come already. ``room``: octets that are left for them."""
    wanted = list(survey.unsized.values())
    with closing(Fetcher(held.package, conf.current().packages.checksum, wanted)) as fetcher:
        for number, (repository, datastream) in enumerate(wanted):
            course = Course(pulse, share, number, len(wanted), datastream.declared_size)
            try:
                room -= fetcher.fetch(max(room, 0), course)
            except TooManyBytes as error:
                limit = conf.current().limits.bytes
                raise TooManyBytes(limit=limit, count=limit - room + int(error.facts["count"])) from error
            except SourceError as error:
                key = repository, datastream.pid, datastream.dsid
                logger.warning("a datastream could not be put aside", extra={"pid": key[1], "dsid": key[2], "code": error.code})
                stock.lacks(key, error)


def _plan(request: PackageRequest, gauge: Gauge, pulse: Pulse, repositories: Repositories | None = None) -> packages.Package:
    """In a thread of its own: of a disk that hangs no worker's may hang."""
    return bring(lambda: packages.prepare(request, gauge, repositories), pulse.check, patience=PLANNING, stalled=PreparationStalled)


_FETCHED = 99
"""The share of fetching where nothing is verified."""


def _verified(package: packages.Package, request: PackageRequest, stock: Stock, pulse: Pulse, *, first: int) -> packages.Package:
    """The package once all of it was read and is known to be sound; what is not, or cannot be read, is left out as planning leaves it out.

    Where ``fixity.max_age`` is 0 nothing counts as verified, and each download reads it again: that is not done twice.
    """
    repositories = Unread(registry())
    for _ in range(TRIES if conf.current().fixity.max_age else 0):
        entries = [entry for entry in package.plan.entries if entry.path in package.doubt.paths]
        if not entries:
            break
        _read(entries, package, pulse, first, repositories)
        package = _plan(request, stock, pulse, repositories)
    return package


def _read(entries: list[Entry], package: packages.Package, pulse: Pulse, first: int, repositories: Unread) -> None:
    """Reads the entries and puts on record what they were; ``repositories`` are told what cannot be read."""
    total, done = sum(entry.size for entry in entries) or 1, 0
    for entry in entries:
        checks, limit = checks_of(entry, package.plan.algorithm, checksum=package.plan.format == "zip"), Limit(entry.repository)

        def look(limit: Limit = limit) -> None:
            pulse.check()
            limit.check()

        try:
            with _examining(entry, checks) as supply:
                for found in supply.items(look):
                    if isinstance(found, int):
                        done += found
                        pulse.reach(first + (99 - first) * min(done / total, 1.0))
                    else:
                        fixity.record(entry.repository, [(entry.datastream, found)])
        except SourceError as error:
            names = {"pid": entry.datastream.pid, "dsid": entry.datastream.dsid}
            logger.warning("a datastream could not be read", extra={**names, "code": error.code, "error": error.system})
            repositories.lacks(entry, error)


def _examining(entry: Entry, checks: Checks) -> Supply[int | Examination]:
    """The octets of an entry that were read, piece by piece, and then what they were."""

    def readings() -> Generator[int | Examination, None, None]:
        found = yield from examine(partial(registry().open, entry), entry.datastream, checks, repository=entry.repository)
        yield found

    return Supply(readings, patience=conf.current().timeouts.stall, stalled=lambda: SourceUnavailable(entry.repository))


def _restore(held: Claim, pulse: Pulse) -> None:
    """Has again what the stage lost of a frozen plan: ready where every octet comes back the same, else failed as changed."""
    row = Package.objects.get(pk=held.package)
    plan = shelf.read_plan(row)
    entries = [entry for entry in plan.entries if entry.is_staged]
    lost = stage.lost(entries, stage.members(held.package))
    found = bring(partial(see_again, lost), pulse.check, patience=PLANNING, stalled=PreparationStalled)
    wanted = [(entry.repository, datastream) for entry, datastream in zip(lost, found, strict=True)]
    with closing(Fetcher(held.package, plan.algorithm, wanted)) as fetcher:
        for number, (entry, (_, datastream)) in enumerate(zip(lost, wanted, strict=True)):
            _fetch_again(held, fetcher, entry, datastream, Course(pulse, _FETCHED, number, len(lost), entry.size))
    jobs.finish(held, {})


def _fetch_again(held: Claim, fetcher: Fetcher, entry: Entry, found: DatastreamRecord, course: Course) -> None:
    planned = entry.datastream
    try:
        fetcher.fetch(entry.size, course)
    except (SourceUnavailable, PreparationError):
        raise
    except PackagingError as error:
        raise PackageChanged(planned.pid, planned.dsid) from error
    member = stage.members(held.package)[stage.key_of(entry)]
    if (member.size, staged_identity(member.digests["sha256"], found.identity)) != (entry.size, planned.identity):
        raise PackageChanged(planned.pid, planned.dsid)
