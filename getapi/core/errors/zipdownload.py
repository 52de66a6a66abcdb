"""What the Omeka module ZipDownload refuses, in its words (peers.md 1B), and what it does not know how to."""

from getapi.core.errors.asking import AuthorizationError, LimitExceeded, RequestError
from getapi.core.errors.tree import PackagingError

RETRY = 60
"""Seconds that its clients are told to wait."""


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


class DownloadTooLarge(LimitExceeded):
    code = "download-too-large"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("bytes", limit=limit, count=count)
        self.sentence = "Requested download too large"
        self.facts["max_bytes_per_download"] = limit


class TooManyMedia(LimitExceeded):
    code = "too-many-media"

    def __init__(self, *, limit: int, count: int) -> None:
        super().__init__("files", limit=limit, count=count)
        self.sentence = "Too many files requested"
        self.facts["max_files_per_download"] = limit


class DownloadsBusy(PackagingError):
    """As many downloads of this kind run as may, or as many octets of them are still to be sent."""

    code = "downloads-busy"

    def __init__(self, *, large: bool) -> None:
        slots = "All download slots are currently in use. Please wait a moment and try again."
        busy = "The server is handling other large downloads. Please wait a moment and try again."
        super().__init__(busy if large else slots, retry_after=RETRY)


class ProgressTokenTaken(PackagingError):
    """The same one asks with the same token for something else: what it stands for already stays what it is."""

    code = "progress-token-taken"

    def __init__(self) -> None:
        super().__init__("This progress token stands for another download")
