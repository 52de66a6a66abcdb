"""Packages that are prepared before they can be sent: not ready yet, or never to be."""

from getapi.core.errors.package import PackageGone
from getapi.core.errors.tree import PackagingError


class PackagePreparing(PackagingError):
    """Its bytes are being made ready; they can be asked for again after a while."""

    code = "package-preparing"

    def __init__(self, *, progress: int, retry_after: int) -> None:
        super().__init__("This package is still being prepared; ask again later", progress=progress, retry_after=retry_after)


class PackageFailed(PackageGone):
    """It could not be prepared; ``cause`` is the code of what was in the way, and ``why`` its sentence."""

    code = "package-failed"

    def __init__(self, *, cause: str, why: str) -> None:
        super().__init__(f"This package could not be prepared ({why}); ask for a new one", cause=cause)


class TooManyPreparations(PackagingError):
    """As many packages of one key wait to be prepared as ``limits.preparing`` allows."""

    code = "too-many-preparations"

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__(
            f"This application has {limit} packages in preparation already; try again later", limit=limit, retry_after=retry_after
        )


class PreparationError(PackagingError):
    """Why a package could not be prepared, where neither the request nor a repository is to blame."""

    code = "preparation-broken"


class StageTooSmall(PreparationError):
    """One datastream is larger than the whole stage."""

    code = "stage-too-small"

    def __init__(self, *, limit: int) -> None:
        super().__init__("The service has no room for a datastream whose size its repository does not tell", limit=limit)


class StageBusy(PreparationError):
    """What is being prepared and sent at the moment leaves no room in the stage; that passes."""

    code = "stage-busy"

    def __init__(self) -> None:
        super().__init__("The service has too much to prepare and to send at the moment")


class StageUnusable(PreparationError):
    """The stage's disk is full, or cannot be written."""

    code = "stage-unusable"

    def __init__(self) -> None:
        super().__init__("The service cannot keep a datastream whose size its repository does not tell: its disk is full or fails")


class PreparationAbandoned(PreparationError):
    """Whoever prepared it died, again and again."""

    code = "preparation-abandoned"

    def __init__(self, *, attempts: int) -> None:
        super().__init__(f"The preparation broke off {attempts} times", attempts=attempts)


class PreparationOverdue(PreparationError):
    """It took longer than ``timeouts.package``, or its package would be older than ``packages.max_age`` when it is ready."""

    code = "preparation-overdue"

    def __init__(self) -> None:
        super().__init__("The preparation took longer than it may")


class PreparationStalled(PreparationError):
    """Planning it came to no end: a repository's disk hangs, as a rule."""

    code = "preparation-stalled"

    def __init__(self) -> None:
        super().__init__("The repositories gave no answer for too long")


class PreparationStopped(PreparationError):
    """It goes on no more in this place: it was cancelled, somebody else has it, or this worker stops. Nobody is told."""

    code = "preparation-stopped"

    def __init__(self) -> None:
        super().__init__("This preparation does not go on here")
