"""How many of ZipDownload's downloads there are at once, on all machines together (``compat.omeka.slots``, ``active_bytes``).

They take slots as all deliveries do; here it is only judged, in the transaction that gives one, whether these may be so many
(``services.admission``). What is being prepared of them counts too: it will be sent.
"""

from collections.abc import Iterable

from getapi import conf
from getapi.core.errors import DownloadsBusy, DownloadSlotsTaken, PackagingError, TooManyDeliveries
from getapi.core.intervals import Intervals
from getapi.core.slots import Connection
from getapi.models import Package, ZipDownload
from getapi.services.admission import admission

RETRY = 60
"""Seconds that the module's clients are told to wait."""

SLOTS, OCTETS = "compat.omeka.slots", "compat.omeka.active_bytes"


def judge(wanted: Connection, living: Iterable[Connection]) -> None:
    """Of the same package there may be any number at once. Raises TooManyDeliveries (SLOTS, OCTETS)."""
    bounds = conf.current().compat.omeka
    left = dict[str, list[tuple[int, int]]]()
    for connection in living:
        left.setdefault(connection.package, []).append((connection.start, connection.stop))
    running = set(_named(left)) - {wanted.package}
    preparing = set(_preparing()) - running - {wanted.package}
    if len(running) + len(preparing) >= bounds.slots:
        raise TooManyDeliveries(SLOTS, limit=bounds.slots, retry_after=RETRY)
    octets = sum(Intervals.of(left[package]).total for package in running)
    if octets and octets + wanted.stop - wanted.start > bounds.active_bytes:
        raise TooManyDeliveries(OCTETS, limit=bounds.active_bytes, retry_after=RETRY)


def check_room() -> None:
    """Before one is prepared, in ``admission.exclusive``. Raises TooManyDeliveries."""
    judge(Connection(reader="", package="", key=None, start=0, stop=0), admission.living())


def told(error: TooManyDeliveries) -> PackagingError:
    """In the module's words, where it is one of these limits."""
    which = error.facts["which"]
    if which == SLOTS:
        return DownloadSlotsTaken(retry_after=error.retry_after)
    return DownloadsBusy(retry_after=error.retry_after) if which == OCTETS else error


def _named(packages: Iterable[str]) -> Iterable[str]:
    """Those of the packages that are such downloads."""
    return ZipDownload.objects.filter(package__in=[package for package in packages if package]).values_list("package", flat=True)


def _preparing() -> Iterable[str]:
    named = ZipDownload.objects.exclude(package="").values("package")
    return Package.objects.filter(pk__in=named, state=Package.State.PREPARING).values_list("pk", flat=True)
