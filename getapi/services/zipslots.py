"""How many of ZipDownload's downloads there are at once, on all machines together (``compat.omeka.slots``, ``active_bytes``)."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from getapi import conf
from getapi.core.errors import DownloadsBusy, DownloadSlotsTaken, ProgressTokenTaken
from getapi.models import Delivery, Package, ZipDownload
from getapi.services import coverage

BEGINNING = timedelta(seconds=30)
"""So long a download that was admitted counts as running although nothing of it has left."""

RETRY = 60
"""Seconds that the module's clients are told to wait."""

_LOCK = 0x67657461_70696F6D
"""PostgreSQL's advisory lock around admission, of no other meaning (READ COMMITTED would admit too many)."""


def admit(name: str, asked: str, package: Package, *, former: str = "") -> None:
    """Puts a download of that name on record as running. Of the same package there may be any number at once.

    ``former`` is the package that the name stood for and that is no more. Raises DownloadSlotsTaken, DownloadsBusy, and
    ProgressTokenTaken where the name was given to another package at this very moment.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        _check_room(package)
        before = ZipDownload.objects.filter(name=name).first()
        if before is not None and before.package not in {"", package.pk, former}:
            raise ProgressTokenTaken
        if before is None or before.package != package.pk:
            facts = {"package": package.pk, "asked": asked, "created": timezone.now(), "rejected": ""}
            ZipDownload.objects.update_or_create(name=name, defaults=facts)


def _check_room(package: Package) -> None:
    bounds = conf.current().compat.omeka
    others = [other for other in _running() if other.pk != package.pk]
    if len(others) >= bounds.slots:
        raise DownloadSlotsTaken(retry_after=RETRY)
    left = sum(max(other.size - coverage.progress(other.pk, other.size).sent, 0) for other in others)
    if others and left + package.size > bounds.active_bytes:
        raise DownloadsBusy(retry_after=RETRY)


def _running() -> Sequence[Package]:
    """Those of which something leaves now, that are being prepared, or that have just begun."""
    named = ZipDownload.objects.exclude(package="")
    live = Delivery.objects.filter(outcome=Delivery.Outcome.RUNNING, renewed__gte=Now() - coverage.LEASE)
    ids = set(live.filter(package__in=named.values("package")).values_list("package", flat=True))
    begun = named.filter(created__gt=timezone.now() - BEGINNING).exclude(package__in=Delivery.objects.exclude(package="").values("package"))
    ids |= set(begun.values_list("package", flat=True))
    alive = Package.objects.defer("plan").exclude(state__in=(Package.State.CANCELED, Package.State.FAILED))
    preparing = alive.filter(state=Package.State.PREPARING, pk__in=named.values("package"))
    return [*alive.filter(pk__in=ids), *preparing.exclude(pk__in=ids)]
