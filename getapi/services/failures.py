"""Failed getToken attempts, counted by address across all processes."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F

from getapi.core.errors import TooManyFailures
from getapi.models import FailureCount
from getapi.services.addresses import reader

WINDOW = timedelta(minutes=10)
"""Counted from midnight UTC in steps of its own length."""

ALLOWED = 30
"""In one window, from one IPv4 address or one IPv6 /64. A right key from its own address is never counted and never refused."""


def count_failure(address: str, now: datetime) -> None:
    """Counts one more. Raises TooManyFailures, with the seconds to the window's end, beyond ALLOWED; those are no longer written."""
    window = now.astimezone(UTC) - timedelta(seconds=now.timestamp() % WINDOW.total_seconds())
    rows = FailureCount.objects.filter(address=reader(address), window=window)
    if rows.filter(count__gte=ALLOWED).exists() or _increment(reader(address), window) > ALLOWED:
        raise TooManyFailures(retry_after=max(1, int((window + WINDOW - now).total_seconds()) + 1))


def _increment(address: str, window: datetime) -> int:
    """The new count. One UPDATE adds, so that none is lost between processes."""
    rows = FailureCount.objects.filter(address=address, window=window)
    with transaction.atomic():
        if not rows.update(count=F("count") + 1):
            FailureCount.objects.filter(window__lt=window).delete()
            FailureCount.objects.bulk_create([FailureCount(address=address, window=window, count=0)], ignore_conflicts=True)
            rows.update(count=F("count") + 1)
        return rows.values_list("count", flat=True).get()
