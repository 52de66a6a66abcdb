"""What clients of the Omeka module ZipDownload ask for, as packages (SPEC 8, ``[compat.omeka]``; peers.md 1B)."""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from django import db
from django.utils import timezone

from getapi import conf, models
from getapi.core.access import Allowed
from getapi.core.errors import (
    DatabaseUnavailable,
    DownloadTooLarge,
    NoAccessibleMedia,
    NoMediaSelected,
    ObjectNotFound,
    PackagePreparing,
    PackagingError,
    ProgressTokenTaken,
    SizeUnknown,
    SourceError,
    TooManyDeliveries,
    TooManyMedia,
)
from getapi.core.request import PackageRequest
from getapi.core.selection import Catalogue
from getapi.services import addresses, admission, objects, packages, preparation, rules, shelf, tokens, zipnames, zipslots
from getapi.services.deliveries import Delivery
from getapi.services.jobs import RETRY
from getapi.services.packages import Package
from getapi.services.planning import planning
from getapi.services.repositories import registry
from getapi.services.retraction import retraction
from getapi.services.statistics import Recipient
from getapi.services.zipnames import Name
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
        """What a progress token is kept as."""
        return zipnames.digest(self.reader, token)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A package that was asked for under a name; ``is_new``: by this very request, for it alone, and kept when its first octet is to leave.

    ``former`` is the package that the name stood for and that is no more.
    """

    package: Package
    named: Name
    caller: Caller
    is_new: bool = False
    former: str = ""


def ask(item: int, media: Sequence[int], *, caller: Caller, token: str | None, address: Callable[[str], str]) -> Order:
    """The package of those media, on record under the token. It takes no slot before it is sent.

    Asked again with the same token, and for the same, it is the same package. Raises ObjectNotFound, NoAccessibleMedia, DownloadTooLarge,
    ProgressTokenTaken; DownloadSlotsTaken, DownloadsBusy, and PackagePreparing where the pictures of which nobody tells the size are not
    there within ``compat.omeka.wait``; SourceUnavailable and what else ``packages.prepare`` raises.
    """
    name = caller.name(token if token is not None else secrets.token_hex(32))
    named = Name(name, hashlib.sha256(repr((item, sorted(media))).encode()).hexdigest(), token is not None)
    with _rejecting(named):
        known, former = named.find()
        if known is not None:
            return Order(package=_await(known), named=named, caller=caller)
        return _anew(_request(item, media), caller, named, former, address)


def send(order: Order, *, start: int, stop: int, meta: Mapping[str, Any]) -> Delivery:
    """As ``packages.send``, and raises what ``packages.keep`` does, DownloadSlotsTaken, DownloadsBusy, ProgressTokenTaken; nothing is kept
    of a new package of which then nothing can be sent."""
    recipient = order.caller.recipient
    with _rejecting(order.named):
        package = _keep(order) if order.is_new else order.package
        try:
            with retraction.unless_told(package.id) if order.is_new else nullcontext():
                return packages.send(package, start=start, stop=stop, recipient=recipient, meta=meta, also=zipslots.judge)
        except PackagingError as error:
            if order.is_new and not isinstance(error, DatabaseUnavailable):
                order.named.drop(package.id)
            raise zipslots.told(error) if isinstance(error, TooManyDeliveries) else error from None


def _keep(order: Order) -> Package:
    with retraction.unless_sure(order.package.id), db.transaction.atomic():
        kept = packages.keep(order.package, client=order.caller.client, recipient=order.caller.recipient)
        order.named.put(kept.id, order.former)
    return kept


@contextmanager
def _rejecting(named: Name) -> Iterator[None]:
    """Who asks for its status learns that it was refused, unless the name stands for something, or it is worth asking again at once."""
    try:
        yield
    except (DatabaseUnavailable, SourceError, PackagePreparing, ProgressTokenTaken):
        raise
    except PackagingError as error:
        if named.is_told:
            named.reject(error)
        raise


def _anew(request: PackageRequest, caller: Caller, named: Name, former: str, address: Callable[[str], str]) -> Order:
    try:
        package = _checked(packages.prepare(request))
    except SizeUnknown:
        row = _prepare(request, caller, named, former, address)
        return Order(package=_await(row), named=named, caller=caller)  # others may have asked for it meanwhile
    return Order(package=package, named=named, caller=caller, is_new=True, former=former)


def _prepare(request: PackageRequest, caller: Caller, named: Name, former: str, address: Callable[[str], str]) -> models.Package:
    """The row of one that is being prepared, if there is room for it. Raises DownloadSlotsTaken, ProgressTokenTaken."""
    package_id = ""
    try:
        with admission.exclusive():
            zipslots.check_room()
            package_id = preparation.ask(request, client=caller.client, recipient=caller.recipient, thorough=False, address=address)
            named.put(package_id, former)
    except TooManyDeliveries as error:
        raise zipslots.told(error) from None
    except db.Error:
        if package_id:
            retraction.leave(package_id)  # as ``unless_sure``, of one that got its id within
        raise
    return shelf.find(package_id)


def _await(row: models.Package) -> Package:
    """The package as it can be sent, when it is prepared. Raises PackagePreparing, PackageGone, NoAccessibleMedia, DownloadTooLarge."""
    if row.state == models.Package.State.PREPARING:
        with _alone(row.pk), planning.waiting_for(f"preparations of {_repository().name}"):
            row = _prepared(row)
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


def _repository() -> conf.RepositoryTable:
    wanted = conf.current().compat.omeka.repository
    return next(each for each in conf.current().repositories if each.name == wanted)


def _source() -> OmekaSource:
    source = registry().by_name(_repository().name)
    assert isinstance(source, OmekaSource)  # noqa: S101 # the configuration says so
    return source


def _pid(item: int) -> str:
    return f"{_repository().namespaces[0].lower()}:{item}"
