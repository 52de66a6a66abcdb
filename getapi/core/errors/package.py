"""Packages and deliveries that cannot be had, or not to their end."""

from collections.abc import Mapping
from typing import ClassVar

from getapi.core.errors.tree import PackagingError


class DeliveryError(PackagingError):
    """A package could not be sent to its end; the connection is cut short, never ended politely."""

    code = "delivery-broken"


class DeliveryStalled(DeliveryError):
    code = "delivery-stalled"

    def __init__(self) -> None:
        super().__init__("The receiver took nothing for too long")


class DeliveryOverdue(DeliveryError):
    code = "delivery-overdue"

    def __init__(self) -> None:
        super().__init__("The delivery took longer than is configured")


class DeliveryShutDown(DeliveryError):
    code = "delivery-shut-down"

    def __init__(self) -> None:
        super().__init__("The service stopped before the delivery was complete")


class TooManyDeliveries(PackagingError):
    """As many downloads run as may (SPEC 6). ``which`` limit is reached: ``limits.*`` by its name in the configuration, or ``threads``, the
    process's own, of which some stay free for tokens and health, and no reader gets more than are left to the others (``share``)."""

    code = "too-many-deliveries"

    SENTENCES: ClassVar[Mapping[str, str]] = {
        "limits.per_key": "This application has as many downloads running as it may have at once ({which}: {limit}); try again later",
        "limits.per_reader": "You have as many downloads running as you may have at once ({which}: {limit}); try again when one has ended",
        "limits.active_bytes": "The downloads that run have enough to send already ({which}: {limit}); try again later",
        "share": "You have as many connections open as are left to all others ({limit}); try again when one has ended",
    }

    def __init__(self, which: str, *, limit: int, retry_after: int) -> None:
        sentence = self.SENTENCES.get(which, "All download slots are in use ({which}: {limit}); try again later")
        super().__init__(sentence.format(which=which, limit=limit), which=which, limit=limit, retry_after=retry_after)
        self.retry_after = retry_after


class TooManyPlans(PackagingError):
    """As many packages are planned or opened at this moment as ``limits.planning`` allows, and enough others wait for their turn."""

    code = "too-many-plans"

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__("Too many packages are being planned at this moment; try again soon", limit=limit, retry_after=retry_after)
        self.retry_after = retry_after


class PackageNotFound(PackagingError):
    """An id that no package has, or none any more: what is expired is deleted after a while."""

    code = "package-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such package; it may have expired")


class PackageGone(PackagingError):
    """A package that was there and cannot be had any more; it never comes back, a new one must be asked for."""

    code = "package-gone"


class PackageExpired(PackageGone):
    code = "package-expired"

    def __init__(self) -> None:
        super().__init__("This package has expired; ask for a new one")


class PackageCanceled(PackageGone):
    """Somebody who has its id ended it; also what a running delivery of it is cut with."""

    code = "package-canceled"

    def __init__(self) -> None:
        super().__init__("This package was cancelled; ask for a new one")


class PackageChanged(PackageGone):
    """The repository does not hold any more, or not as it was, what the package was planned of; never other bytes under the same ETag."""

    code = "package-changed"

    def __init__(self, pid: str, dsid: str) -> None:
        super().__init__("What is in this package was changed or removed in the repository since; ask for a new one", pid=pid, dsid=dsid)


class PackageClosed(PackageGone):
    """Something in the package may not leave now; ``why`` is a denial's sentence."""

    code = "package-closed"

    def __init__(self, pid: str, dsid: str, why: str) -> None:
        super().__init__(f"Something in this package may not leave any more ({why}); ask for a new one", pid=pid, dsid=dsid)


class PackageOutdated(PackageGone):
    """The stored plan is another encoder's, or cannot be read: the same bytes could not be promised."""

    code = "package-outdated"

    def __init__(self) -> None:
        super().__init__("The service was changed since this package was planned; ask for a new one")


class TooManyPackages(PackagingError):
    """One key has as many packages that can still be had as ``limits.packages`` allows (SPEC 6)."""

    code = "too-many-packages"

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__(f"This application has {limit} packages open already; try again later", limit=limit, retry_after=retry_after)
        self.retry_after = retry_after


class DatabaseUnavailable(PackagingError):
    """The service's own database does not answer, is locked for too long or cannot write: nothing can be decided without it."""

    code = "database-unavailable"

    def __init__(self) -> None:
        super().__init__("The service cannot reach its own records at the moment; try again later")


class ServerUnsuitable(PackagingError):
    """The server that runs the service would gather a whole package in memory before sending it."""

    code = "server-unsuitable"

    def __init__(self) -> None:
        super().__init__("Packages can be sent by a WSGI server only; start the service with 'manage.py serve'")
