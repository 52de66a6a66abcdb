"""Packages that are prepared before they can be had: asked for by a web process, done by a worker (SPEC 1).

A preparation plans as a web process would, puts aside what cannot be read again, verifies what is not verified where that was asked for,
and freezes the plan. It can be begun anew at any time by anybody: what is whole in the stage is used, all else is done again.
"""

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

from django import db
from django.utils import timezone

from getapi import conf
from getapi.core.errors import (
    ContentChanged,
    PackageChanged,
    PackagingError,
    PreparationError,
    PreparationStopped,
    SourceError,
    SourceUnavailable,
    StageBusy,
    TooManyBytes,
)
from getapi.core.names import package_name
from getapi.core.plan import ENCODER, Entry, staged_identity
from getapi.core.request import PackageRequest, Reference
from getapi.core.source import DatastreamRecord
from getapi.models import Package
from getapi.services import fixity, intake, jobs, packages, shelf, stage
from getapi.services.jobs import Claim
from getapi.services.pulse import Pulse, stopping
from getapi.services.repositories import registry
from getapi.services.retraction import retraction
from getapi.services.statistics import LOGGED_ID, Recipient, kept_address, kept_user_agent
from getapi.services.stock import Stock, Survey
from getapi.transport.examination import checks_of, examine

logger = logging.getLogger("getapi.jobs")

TRIES = 3
"""How often a member that breaks off is read at most, and a package planned whose datastreams turn out damaged."""

PAUSE = 2.0
"""Seconds before a member is tried again."""

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
    try:
        with db.transaction.atomic():
            shelf.put(row, None)
            jobs.put(row, request=encode(request), thorough=thorough, content=address(row.pk))
    except db.Error:
        retraction.leave(row.pk)  # a COMMIT may be done though its answer never came
        raise
    return row.pk


def cancel(package_id: str) -> None:
    """Ends a package in whatever state; nothing of it stays in the stage. Raises PackageNotFound."""
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
    with Pulse(held) as pulse:
        try:
            with _told(held):
                (_restore if held.request is None else _prepare)(held, pulse)
        except PreparationStopped:
            _let_go(held)
        except db.Error:
            # What cannot be written cannot be said either: the lease runs out, and whoever sees it takes the job up.
            logger.exception("the database does not answer a worker")


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
    request, algorithm = decode(held.request or b""), conf.current().packages.checksum
    stock = Stock(held.package, algorithm, look=pulse.check)
    survey = Survey(stock)
    known = packages.prepare(request, survey).plan.payload_size  # what is too much is told before anything is fetched
    pulse.check()
    share = _FETCHED if not held.thorough else FETCHING
    room = conf.current().limits.bytes - known
    for number, (repository, datastream) in enumerate(survey.unsized.values()):
        key = repository, datastream.pid, datastream.dsid
        course = _Course(pulse, share, number, len(survey.unsized), datastream.declared_size)
        try:
            room -= _fetch(held, repository, datastream, algorithm, max(room, 0), course)
        except TooManyBytes as error:
            limit = conf.current().limits.bytes
            raise TooManyBytes(limit=limit, count=limit - room + int(error.facts["count"])) from error
        except SourceError as error:
            logger.warning("a datastream could not be put aside", extra={"pid": key[1], "dsid": key[2], "code": error.code})
            stock.lacks(key, error)
    stock.count()
    package = packages.prepare(request, stock)
    if held.thorough:
        package = _verified(package, request, stock, pulse, first=FETCHING if survey.unsized else 0)
    pulse.check()
    plan = package.plan
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


_FETCHED = 99
"""The share of fetching where nothing is verified."""


class _Course:
    """How far the fetching of one of several members is: a part for each, within it by the size that the repository records, if it does."""

    def __init__(self, pulse: Pulse, share: int, number: int, count: int, expected: int | None) -> None:
        self._pulse = pulse
        self._begin, self._part = share * number / count, share / count
        self._expected = expected

    def reach(self, octets: int) -> None:
        within = min(octets / self._expected, 1.0) if self._expected else 0.0
        self._pulse.reach(self._begin + self._part * within)


def _fetch(held: Claim, repository: str, datastream: DatastreamRecord, algorithm: str, most: int, course: _Course) -> int:
    """Puts a member aside; returns its octets. One that breaks off is tried again. Raises what ``intake.take_in`` does."""
    source, seen = registry().by_name(repository), [0]

    def look(octets: int) -> None:
        seen[0] = octets
        course.reach(octets)

    for attempt in range(1, TRIES + 1):
        try:
            intake.take_in(held.package, source, datastream, algorithm=algorithm, most=most, look=look)
            break
        except (ContentChanged, SourceUnavailable):
            if attempt == TRIES:
                raise
            _wait(PAUSE * attempt, lambda: course.reach(0))
    return seen[0]


def _wait(seconds: float, check: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check()
        time.sleep(0.1)


def _verified(package: packages.Package, request: PackageRequest, stock: Stock, pulse: Pulse, *, first: int) -> packages.Package:
    """The package once all of it was read and is known to be sound; what is not, is left out as planning leaves it out.

    Where ``fixity.max_age`` is 0 nothing counts as verified, and each download reads it again: that is not done twice.
    """
    for _ in range(TRIES if conf.current().fixity.max_age else 0):
        entries = [entry for entry in package.plan.entries if entry.path in package.doubt.paths]
        if not entries:
            break
        _read(entries, package, pulse, first)
        package = packages.prepare(request, stock)
    return package


def _read(entries: list[Entry], package: packages.Package, pulse: Pulse, first: int) -> None:
    """Reads the entries and puts on record what they were; one that cannot be read is seen by the next planning."""
    total, done = sum(entry.size for entry in entries) or 1, 0
    for entry in entries:
        checks = checks_of(entry, package.plan.algorithm, checksum=package.plan.format == "zip")
        with closing(examine(partial(registry().open, entry), entry.datastream, checks, repository=entry.repository)) as reading:
            try:
                while True:
                    pulse.reach(first + (99 - first) * min(done / total, 1.0))
                    done += next(reading)
            except StopIteration as end:
                fixity.record(entry.repository, [(entry.datastream, end.value)])
            except SourceError:
                continue


def _restore(held: Claim, pulse: Pulse) -> None:
    """Has again what the stage lost of a frozen plan: ready where every octet comes back the same, else failed as changed."""
    row = Package.objects.get(pk=held.package)
    plan = shelf.read_plan(row)
    entries = [entry for entry in plan.entries if entry.is_staged]
    lost = stage.lost(entries, stage.members(held.package))
    for number, entry in enumerate(lost):
        planned = entry.datastream
        found = _described(entry)
        course = _Course(pulse, _FETCHED, number, len(lost), entry.size)
        try:
            _fetch(held, entry.repository, found, plan.algorithm, entry.size, course)
        except SourceUnavailable:
            raise
        except PackagingError as error:
            if isinstance(error, PreparationError):
                raise
            raise PackageChanged(planned.pid, planned.dsid) from error
        member = stage.members(held.package)[stage.key_of(entry)]
        if (member.size, staged_identity(member.digests["sha256"], found.identity)) != (entry.size, planned.identity):
            raise PackageChanged(planned.pid, planned.dsid)
    jobs.finish(held, {})


def _described(entry: Entry) -> DatastreamRecord:
    """The datastream as its source has it now, if it is the planned one still. Whether it may leave is decided when it is asked for."""
    planned = entry.datastream
    try:
        record = registry().by_name(entry.repository).describe(planned.pid)
    except SourceUnavailable:
        raise
    except SourceError as error:
        raise PackageChanged(planned.pid, planned.dsid) from error
    for found in record.datastreams:
        if found.dsid == planned.dsid and (found.version, found.location) == (planned.version, planned.location):
            return found
    raise PackageChanged(planned.pid, planned.dsid)
