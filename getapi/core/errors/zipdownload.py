"""What the Omeka module ZipDownload refuses, in its words (peers.md 1B), and what it does not know how to."""

from getapi.core.errors.asking import AuthorizationError, RequestError
from getapi.core.errors.tree import PackagingError


class NoMediaSelected(RequestError):
    code = "no-media-selected"

    def __init__(self) -> None:
        super().__init__("No media selected")


class ProgressTokenMissing(RequestError):
    code = "progress-token-missing"

    def __init__(self) -> None:
        super().__init__("Missing token")


class NoAccessibleMedia(AuthorizationError):
    code = "no-accessible-media"

    def __init__(self) -> None:
        super().__init__("No accessible media")


class DownloadNotFound(PackagingError):
    """A progress token that stands for nothing here, or for somebody else's download."""

    code = "download-not-found"

    def __init__(self) -> None:
        super().__init__("Token not found")


class DownloadTooLarge(PackagingError):
    code = "download-too-large"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("Requested download too large", max_bytes_per_download=limit, count=count)


class TooManyMedia(PackagingError):
    code = "too-many-media"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("Too many files requested", max_files_per_download=limit, count=count)


class DownloadSlotsTaken(PackagingError):
    """As many downloads of this kind run as may."""

    code = "download-slots-taken"

    def __init__(self, *, retry_after: int) -> None:
        super().__init__("All download slots are currently in use. Please wait a moment and try again.", retry_after=retry_after)


class DownloadsBusy(PackagingError):
    """So many octets of downloads of this kind are still to be sent that this one has to wait."""

    code = "downloads-busy"

    def __init__(self, *, retry_after: int) -> None:
        super().__init__("The server is handling other large downloads. Please wait a moment and try again.", retry_after=retry_after)


class ProgressTokenTaken(PackagingError):
    """The same one asks with the same token for something else: what it stands for already stays what it is."""

    code = "progress-token-taken"

    def __init__(self) -> None:
        super().__init__("This progress token stands for another download")
