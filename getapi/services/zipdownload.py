"""What clients of the Omeka module ZipDownload ask for, as packages (SPEC 8, ``[compat.omeka]``; peers.md 1B)."""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from getapi import conf, models
from getapi.core.access import Allowed
from getapi.core.errors import (
    DownloadTooLarge,
    NoAccessibleMedia,
    NoMediaSelected,
    ObjectNotFound,
    PackageGone,
    PackageNotFound,
    PackagePreparing,
    PackagingError,
    ProgressTokenTaken,
    SizeUnknown,
    SourceError,
    TooManyMedia,
)
from getapi.core.request import PackageRequest
from getapi.core.selection import Catalogue
from getapi.services import addresses, objects, packages, preparation, rules, shelf, tokens, zipslots
from getapi.services.jobs import RETRY
from getapi.services.packages import Package
from getapi.services.planning import planning
from getapi.services.repositories import registry
from getapi.services.statistics import Recipient
from getapi.sources.omeka import OmekaSource

GUESS = 2_000_000
"""Octets that the module takes a picture for of which nobody tells the size; for estimates alone."""

PAUSE = 0.2
"""Seconds between two looks at a preparation that is waited for."""

_lock = threading.Lock()
_awaited: set[str] = set()
"""Packages that a thread of this process waits for."""

_DIGITS = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: ``reader`` is what its progress tokens are names for, and nobody else's are."""

    reader: str
    client: str
    recipient: Recipient

    def name(self, token: str) -> str:
        """What a progress token is kept as: another reader's same token is another name."""
        return hashlib.sha256(f"{self.reader}\n{token}".encode("utf-8", "surrogatepass")).hexdigest()


def is_offered() -> bool:
    return conf.current().compat.omeka.repository is not None


def read_caller(meta: Mapping[str, Any], token: str | None) -> Caller:
    """Who asks, if he may (SPEC 4.5). Raises NetworkRefused, TokenRefused."""
    objects.admit({_repository().name}, meta, token)
    facts = addresses.read(meta)
    grant = None if token is None else tokens.check(token, facts)
    address = facts.address if grant is None else grant.client or facts.address
    reader = addresses.reader(address) if grant is None else f"{grant.key_id} {addresses.reader(address)}"
    recipient = Recipient(key_id=None if grant is None else grant.key_id, address=facts.address, user_agent=meta.get("HTTP_USER_AGENT", ""))
    return Caller(reader=reader, client=address, recipient=recipient)


def read_media(values: Sequence[str]) -> list[int]:
    """The ids of ``media_ids``: separated by commas, or given one by one. Raises NoMediaSelected, TooManyMedia."""
    texts = dict.fromkeys(text.strip() for value in values for text in value.split(","))
    found = [int(text) for text in texts if _DIGITS.fullmatch(text)]
    limit = conf.current().compat.omeka.files
    if len(found) > limit:
        raise TooManyMedia(limit=limit, count=len(found))
    if not found:
        raise NoMediaSelected
    return found


def estimate(media: Sequence[int]) -> dict[str, int]:
    """``{total_bytes, total_files}`` of those media that may leave; of others not even a size is told. Raises SourceUnavailable."""
    with planning.slot():
        return _sum(media)


def _sum(media: Sequence[int]) -> dict[str, int]:
    source, catalogue = _source(), Catalogue(registry(), rules.access_rules(conf.current()), timezone.now())
    waiting, total, files = dict.fromkeys(map(str, media)), 0, 0
    while waiting:
        first = next(iter(waiting))
        waiting.pop(first)
        item = source.home(int(first))
        if item is None:
            continue
        try:
            record = source.describe(_pid(item))
        except ObjectNotFound:
            continue
        for datastream in record.datastreams:
            is_asked = datastream.dsid == first or datastream.dsid in waiting
            waiting.pop(datastream.dsid, None)
            if is_asked and datastream.fault is None and isinstance(catalogue.decide(record, datastream), Allowed):
                total += GUESS if datastream.size is None else datastream.size
                files += 1
    return {"total_bytes": total, "total_files": files}


def look(item: int, media: Sequence[int]) -> Package:
    """What would be sent, for those who ask for the head alone: nothing is kept. Raises as ``ask`` does, and PackagePreparing."""
    try:
        return _checked(packages.prepare(_request(item, media)))
    except SizeUnknown:
        raise PackagePreparing(progress=0, retry_after=RETRY) from None


def ask(item: int, media: Sequence[int], *, caller: Caller, token: str | None, address: Callable[[str], str]) -> tuple[Package, bool]:
    """The package of those media, on record under the token, and whether it was made just now, for this request alone.

    Asked again with the same token, and for the same, it is the same package. Raises ObjectNotFound, NoAccessibleMedia, DownloadTooLarge,
    DownloadSlotsTaken, DownloadsBusy, ProgressTokenTaken; PackagePreparing where the pictures of which nobody tells the size are not there
    within ``compat.omeka.wait``; SourceUnavailable and what else ``packages.prepare`` raises.
    """
    name = caller.name(token if token is not None else secrets.token_hex(32))
    asked = hashlib.sha256(repr((item, sorted(media))).encode()).hexdigest()
    try:
        known, former = _find(name, asked)
        if known is not None:
            zipslots.admit(name, asked, known)
            return _await(known, name, asked), False
        return _anew(_request(item, media), caller, _Name(name, asked, former), address)
    except (SourceError, PackagePreparing, ProgressTokenTaken):
        raise
    except PackagingError as error:
        if token is not None:
            _reject(name, asked, error)
        raise


@dataclass(frozen=True, slots=True)
class _Name:
    """What a download is called, what it is of, and the package that had the name before and is no more."""

    name: str
    asked: str
    former: str


def _anew(request: PackageRequest, caller: Caller, named: _Name, address: Callable[[str], str]) -> tuple[Package, bool]:
    try:
        package = _checked(packages.prepare(request))
    except SizeUnknown:
        package_id = preparation.ask(request, client=caller.client, recipient=caller.recipient, thorough=False, address=address)
        return _await(_admitted(package_id, named), named.name, named.asked), False  # others may have asked for it meanwhile
    kept = packages.keep(package, client=caller.client, recipient=caller.recipient)
    _admitted(kept.id, named)
    return kept, True


def _admitted(package_id: str, named: _Name) -> models.Package:
    """The package's row, once it has a slot; without one nothing stays of it."""
    row = shelf.find(package_id)
    try:
        zipslots.admit(named.name, named.asked, row, former=named.former)
    except PackagingError:
        preparation.cancel(package_id)
        raise
    return row


def _await(row: models.Package, name: str, asked: str) -> Package:
    """The package as it can be sent, when it is prepared. Raises PackagePreparing, PackageGone, NoAccessibleMedia, DownloadTooLarge, and
    DownloadsBusy where it turns out too large to be sent now."""
    if row.state == models.Package.State.PREPARING:
        with _alone(row.pk), planning.waiting_for(f"preparations of {_repository().name}"):
            row = _prepared(row)
        zipslots.admit(name, asked, row)
    package = packages.reopen(row)
    try:
        return _checked(package)
    except PackagingError:
        preparation.cancel(row.pk)
        raise


def _prepared(row: models.Package) -> models.Package:
    end = time.monotonic() + conf.current().compat.omeka.wait
    while row.state == models.Package.State.PREPARING:
        if time.monotonic() >= end:
            raise PackagePreparing(progress=0, retry_after=RETRY)
        time.sleep(PAUSE)
        row = shelf.find(row.pk)
    return row


@contextmanager
def _alone(package_id: str) -> Iterator[None]:
    """One thread of a process waits for a package at most, so that who asks again and again holds no more of them. Raises
    PackagePreparing for the others."""
    with _lock:
        if package_id in _awaited:
            raise PackagePreparing(progress=0, retry_after=RETRY)
        _awaited.add(package_id)
    try:
        yield
    finally:
        with _lock:
            _awaited.discard(package_id)


def _checked(package: Package) -> Package:
    """Held to this section's limits, by what the service itself counted."""
    bounds, plan = conf.current().compat.omeka, package.plan
    if not plan.entries:
        raise NoAccessibleMedia
    if plan.payload_size > bounds.bytes:
        raise DownloadTooLarge(limit=bounds.bytes, count=plan.payload_size)
    return package


def _request(item: int, media: Sequence[int]) -> PackageRequest:
    """Raises ObjectNotFound, SourceUnavailable."""
    pid = _pid(item)
    with planning.slot():
        record = _source().describe(pid)
    files = ";".join(f"{pid}/{each}" for each in media)
    return packages.read_request(files=files, maps=None, format="zip", name=record.label or None)


def _find(name: str, asked: str) -> tuple[models.Package | None, str]:
    """The package that the name stands for, if it can be had still, and its id. Raises ProgressTokenTaken where it is another."""
    row = models.ZipDownload.objects.filter(name=name).exclude(package="").first()
    if row is None:
        return None, ""
    if row.asked != asked:
        raise ProgressTokenTaken
    try:
        found = shelf.find(row.package)
        shelf.check(found, timezone.now())
    except (PackageGone, PackageNotFound):
        return None, row.package
    return (None if found.state == models.Package.State.FAILED else found), row.package


def _reject(name: str, asked: str, error: PackagingError) -> None:
    """On record as refused, unless the name stands for something."""
    facts = {"asked": asked, "created": timezone.now(), "rejected": error.sentence[:200]}
    row, _ = models.ZipDownload.objects.get_or_create(name=name, defaults=facts)
    models.ZipDownload.objects.filter(pk=row.pk, package="").update(**facts)
    forget()


def forget() -> None:
    """Deletes what was refused and is told no more, and names whose packages are no more."""
    now = timezone.now()
    old = models.ZipDownload.objects.filter(created__lt=now - timedelta(seconds=conf.current().compat.omeka.ttl))
    old.exclude(package__in=models.Package.objects.values("pk")).delete()


def _repository() -> conf.RepositoryTable:
    wanted = conf.current().compat.omeka.repository
    return next(each for each in conf.current().repositories if each.name == wanted)


def _source() -> OmekaSource:
    source = registry().by_name(_repository().name)
    assert isinstance(source, OmekaSource)  # noqa: S101 # the configuration says so
    return source


def _pid(item: int) -> str:
    return f"{_repository().namespaces[0].lower()}:{item}"
