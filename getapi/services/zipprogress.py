"""How far a download is that a client of ZipDownload named, in the module's words (peers.md 1B)."""

from datetime import datetime, timedelta

from django.utils import timezone

from getapi import conf
from getapi.core.errors import DownloadNotFound, PackageNotFound, ProgressTokenMissing
from getapi.models import Package, ZipDownload
from getapi.services import coverage, preparation, shelf
from getapi.services.zipdownload import Caller
from getapi.services.zipnames import forget

UNKNOWN: dict[str, object] = {"status": "unknown"}
_BROKEN = "The download broke off. Asked for again with the same token it goes on where it stopped."
_FAILED = "The pictures could not be made ready."


def status(token: str | None, caller: Caller) -> dict[str, object]:
    """``{status, bytes_sent, total_bytes, total_files, started_at[, canceled_at, error]}``; the octets are those of the whole ZIP.

    Raises ProgressTokenMissing.
    """
    if not token:
        raise ProgressTokenMissing
    named = ZipDownload.objects.filter(name=caller.name(token)).first()
    if named is None:
        return UNKNOWN
    begun = {"started_at": int(named.created.timestamp())}
    if not named.package:
        told = {"status": "rejected", "bytes_sent": 0, "total_bytes": 0, "total_files": 0, **begun, "error": named.rejected}
        return told if named.created > _oldest() else UNKNOWN
    row = _told(named)
    if row is None:
        return UNKNOWN
    progress = coverage.progress(row.pk, row.size) if row.size else coverage.Progress(sent=0, state="ready", rate=None)
    counts = {"bytes_sent": progress.sent, "total_bytes": row.size, "total_files": row.files, **begun}
    return _word(row, progress) | counts


def cancel(token: str | None, caller: Caller) -> dict[str, object]:
    """Ends the download: what is being sent is cut, and never looks complete. Raises ProgressTokenMissing, DownloadNotFound."""
    if not token:
        raise ProgressTokenMissing
    named = ZipDownload.objects.filter(name=caller.name(token)).exclude(package="").first()
    if named is None:
        raise DownloadNotFound
    try:
        preparation.cancel(named.package)
    except PackageNotFound:
        raise DownloadNotFound from None
    forget()
    return {"status": "canceled"}


def _oldest() -> datetime:
    return timezone.now() - timedelta(seconds=conf.current().compat.omeka.ttl)


def _told(named: ZipDownload) -> Package | None:
    """Its package, None for one of which nothing is told any more."""
    try:
        row = shelf.find(named.package)
    except PackageNotFound:
        return None
    last = max(filter(None, (named.created, row.last_sent)))
    return row if last > _oldest() or row.state == Package.State.PREPARING else None


def _word(row: Package, progress: coverage.Progress) -> dict[str, object]:
    if row.state == Package.State.CANCELED:
        moment = row.canceled or row.created
        return {"status": "canceled", "canceled_at": int(moment.timestamp())}
    if row.state == Package.State.FAILED:
        return {"status": "canceled", "error": _FAILED}
    if progress.state == "done":
        return {"status": "done"}
    # The module's own word for one whose reader is gone.
    return {"status": "canceled", "error": _BROKEN} if progress.state == "broken" else {"status": "running"}
