"""Packages that can be had again: kept as their plan, found by their id, until they expire or are cancelled (SPEC 1, 5, 6)."""

import logging
import re
import time
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from getapi import conf
from getapi.core.errors import PackageCanceled, PackageExpired, PackageNotFound, PackageOutdated, TokenRefused, TooManyPackages
from getapi.core.plan import ENCODER, Plan
from getapi.core.plancodec import decode, encode
from getapi.models import Delivery, Download, Job, Key, Package
from getapi.services.patience import limit_patience

logger = logging.getLogger("getapi.packages")

RUNNING = timedelta(seconds=60)
"""After its last sign of life a delivery counts as running for so long; a package that is being sent does not expire."""

SIGN_OF_LIFE = timedelta(seconds=10)
"""How often a running delivery gives one."""

BATCH = 500
"""Rows that one statement deletes, so that nobody waits long for the database."""

PAUSE = 0.02
"""Seconds after each statement that deletes: SQLite lets one writer in at a time, and is not fair to those who wait."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """Rows that were deleted, and ``files`` of the stage."""

    packages: int
    downloads: int
    deliveries: int
    files: int = 0


def sending(package_ids: Collection[str]) -> set[str]:
    """Those that leave now."""
    running = Delivery.objects.filter(package__in=package_ids, outcome=Delivery.Outcome.RUNNING, renewed__gt=Now() - RUNNING)
    return set(running.values_list("package", flat=True))


def put(row: Package, plan: Plan | None) -> None:
    """Keeps a package before its first byte leaves; one without a plan is still to be prepared.

    Raises TooManyPackages where its key has ``limits.packages`` live ones that were not yet delivered whole, TokenRefused where the key was
    deleted meanwhile.
    """
    row.encoder, row.plan = ENCODER, b"" if plan is None else pack(plan)
    limit_patience()
    with transaction.atomic():
        # Whoever counts for this key at the same time waits until this one is counted too.
        if row.key_id is not None and Key.objects.select_for_update().filter(pk=row.key_id).first() is None:
            raise TokenRefused
        _check_room(row.key_id, row.created)
        row.save(force_insert=True)


def pack(plan: Plan) -> bytes:
    """As ``Package.plan`` keeps it."""
    return zlib.compress(encode(plan).encode("utf-8", "surrogatepass"), 1)


def find(package_id: str) -> Package:
    """The row, its plan not loaded. Raises PackageNotFound."""
    row = Package.objects.defer("plan").filter(pk=package_id).first() if _ID.fullmatch(package_id) else None
    if row is None:
        raise PackageNotFound
    return row


def find_alike(etag: str, *, key_id: int | None, client: str, now: datetime) -> Package | None:
    """A package of the very same bytes that the same one may be given again, the latest; who asks every two seconds needs but one."""
    mine = Package.objects.defer("plan").filter(etag=etag, key=key_id, client=client, state=Package.State.READY)
    return mine.filter(unexpired(now)).order_by("-created").first()


def read_plan(row: Package) -> Plan:
    """The plan as it was frozen. Raises PackageOutdated for another encoder's, or for one that is not what the row says of it."""
    try:
        plan = decode(zlib.decompress(row.plan).decode("utf-8", "surrogatepass"))
    except (zlib.error, UnicodeDecodeError):
        raise PackageOutdated from None
    if plan.etag != row.etag:
        raise PackageOutdated
    return plan


def check(row: Package, now: datetime) -> None:
    """Raises PackageCanceled, PackageExpired."""
    if row.state == Package.State.CANCELED:
        raise PackageCanceled
    if expires(row) <= now:
        raise PackageExpired


def expires(row: Package) -> datetime:
    """``packages.ttl`` after its last byte, held to ``packages.max_age``; while it is being sent never (SPEC 6).

    One that is being prepared does not expire either, as long as anything happens to its job.
    """
    packages = conf.current().packages
    if row.state == Package.State.PREPARING:
        touched = Job.objects.filter(package=row.pk).values_list("touched", flat=True).first() or row.created
        return touched + timedelta(seconds=packages.ttl)
    idle = max(filter(None, (row.last_sent, row.prepared)), default=row.created) + timedelta(seconds=packages.ttl)
    end = min(idle, row.created + timedelta(seconds=packages.max_age))
    return end if row.last_sent is None else max(end, row.last_sent + RUNNING)


def cancel(package_id: str) -> None:
    """Ends the package for good; running deliveries of it are cut by their watchers. Raises PackageNotFound."""
    row = find(package_id)
    live = Package.objects.filter(pk=row.pk).exclude(state=Package.State.CANCELED)
    live.update(state=Package.State.CANCELED, canceled=timezone.now())


def touch(package_ids: Collection[str]) -> None:
    """Bytes of them left just now."""
    if package_ids:
        Package.objects.filter(pk__in=package_ids).update(last_sent=timezone.now())


def heed(package_ids: Collection[str]) -> frozenset[str]:
    """Which of these were cancelled, in whatever process; those that were not are told to be alive.

    One query, and an UPDATE every SIGN_OF_LIFE. Raises django.db.Error.
    """
    if not package_ids:
        return frozenset()
    now = timezone.now()
    rows = list(Package.objects.filter(pk__in=package_ids).values_list("pk", "state", "last_sent"))
    canceled = frozenset(pk for pk, state, _ in rows if state == Package.State.CANCELED)
    silent = {pk for pk, _, last_sent in rows if last_sent is None or last_sent + SIGN_OF_LIFE <= now}
    touch(silent - canceled)
    return canceled


def purge(now: datetime) -> Purged:
    """Deletes expired packages, and what ``statistics.keep`` lets go; the statistics of a package outlive it, and never go before it."""
    packages = _delete(Package.objects.exclude(unexpired(now)))
    keep = conf.current().statistics.keep
    if not keep:
        return Purged(packages=packages, downloads=0, deliveries=0)
    end, alive = now - timedelta(seconds=keep), Package.objects.values("pk")
    return Purged(
        packages=packages,
        downloads=_delete(Download.objects.filter(time__lt=end).exclude(package__in=alive)),
        deliveries=_delete(Delivery.objects.filter(ended__lt=end).exclude(package__in=alive)),
    )


def _delete(rows: QuerySet[Any]) -> int:
    total = 0
    while batch := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        rows.filter(pk__in=batch).delete()
        total += len(batch)
        time.sleep(PAUSE)
    return total


def unexpired(now: datetime) -> Q:
    """``expires(row) > now`` for the database."""
    packages = conf.current().packages
    idle, old = now - timedelta(seconds=packages.ttl), now - timedelta(seconds=packages.max_age)
    fresh = Q(last_sent__gt=idle) | Q(prepared__gt=idle) | Q(last_sent=None, prepared=None, created__gt=idle)
    done = ~Q(state=Package.State.PREPARING)
    preparing = Q(state=Package.State.PREPARING, job__touched__gt=idle)
    return Q(last_sent__gt=now - RUNNING) | Q(done, fresh, created__gt=old) | preparing


def _check_room(key_id: int | None, now: datetime) -> None:
    limit = conf.current().limits.packages
    states = (Package.State.READY, Package.State.PREPARING)
    live = Package.objects.filter(unexpired(now), key=key_id, state__in=states, delivered=None)
    if live.count() < limit:
        return
    first = min(expires(row) for row in live.only("created", "last_sent", "prepared", "state"))
    raise TooManyPackages(limit=limit, retry_after=max(5, min(300, round((first - now).total_seconds()))))
