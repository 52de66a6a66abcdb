"""``/package/FOLDER`` sends a folder's files as a package, ``/file/FOLDER/NAME`` one file alone, both with ``?mode=`` and ``?fault=``.

``mode``: ``zero-copy`` (digests known and verified), ``hashed`` (neither), ``chunks`` (known, the socket is not). ``fault``: what
happens to the first file after planning, see ``tests.web.sending.faults``; ``eio`` and ``eio-later`` let its reads fail.
"""

import errno
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path

from getapi.core.layout import Layout, lay_out, lay_out_entry
from getapi.core.plan import Entry, Plan
from getapi.core.source import Content, DatastreamRecord
from getapi.services.deliveries import deliver
from getapi.services.statistics import Recipient
from getapi.sources.content import FileContent, identity
from getapi.transport.assurance import Doubt
from getapi.transport.connection import raw_socket
from getapi.transport.verifier import Verifier
from tests.web.sending.faults import FAULTS

verifier = Verifier()

FILES = Path(os.environ.get("SENDING_FILES", os.devnull))


class FailingDisk(FileContent):
    """A file that must be read, and cannot be from octet ``healthy`` on."""

    healthy = 0

    def descriptor(self) -> int | None:
        return None

    def read(self, count: int) -> bytes:
        if self._position + count > self.healthy:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(count)


def enter(file: Path, *, known: bool) -> Entry:
    status = file.stat()
    record = DatastreamRecord(pid=f"test:{file.parent.name}", dsid=file.name, version="1", identity=identity(status), location=str(file))
    digest = "0" * 64 if known else None  # trusted, therefore never compared
    return Entry(path=f"data/{file.name}", size=status.st_size, mtime=0, digest=digest, declared=(), repository="store", datastream=record)


def opener(fault: str) -> Callable[..., Content]:
    def open_entry(entry: Entry, start: int = 0) -> Content:
        content = FailingDisk if fault.startswith("eio") else FileContent
        opened = content(Path(entry.datastream.location), entry.datastream, repository=entry.repository, start=start)
        if isinstance(opened, FailingDisk) and fault == "eio-later":
            opened.healthy = entry.size // 2
        return opened

    return open_entry


def package(request: HttpRequest, folder: str) -> HttpResponseBase:
    entries = tuple(enter(file, known=request.GET.get("mode") != "hashed") for file in sorted((FILES / folder).iterdir()))
    plan = Plan(
        name="bag",
        format="tar",
        algorithm="sha256",
        bagging_date=date(2024, 5, 1),
        entries=entries,
        notices=(),
        bag_info=b"Bagging-Date: 2024-05-01\n",
        notices_text=b"0 notices\n",
    )
    return answer(request, lay_out(plan), entries)


def single(request: HttpRequest, folder: str, name: str) -> HttpResponseBase:
    entry = enter(FILES / folder / name, known=request.GET.get("mode") != "hashed")
    return answer(request, lay_out_entry(entry), (entry,))


def answer(request: HttpRequest, layout: Layout, entries: tuple[Entry, ...]) -> HttpResponseBase:
    fault = request.GET.get("fault", "")
    response: HttpResponseBase = HttpResponse()
    if request.method != "HEAD":
        content = deliver(
            layout,
            start=0,
            stop=layout.length,
            open_entry=opener(fault),
            doubt=Doubt(verifier=verifier, paths=doubted(request, entries)),
            recipient=Recipient(key_id=None, address="127.0.0.1", user_agent=request.headers.get("User-Agent", "")),
            package=request.GET.get("id", ""),
            name=request.path,
            sock=None if request.GET.get("mode") == "chunks" else raw_socket(request.META),
        )
        response = StreamingHttpResponse(content)
    if fault in FAULTS:
        FAULTS[fault](Path(entries[0].datastream.location))
    response.headers["Content-Length"] = str(layout.length)
    return response


def doubted(request: HttpRequest, entries: tuple[Entry, ...]) -> frozenset[str]:
    return frozenset(entry.path for entry in entries if request.GET.get("mode") == "hashed")


def memory(_request: HttpRequest) -> HttpResponse:
    """This process's id and the most memory it has ever had resident, in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    most = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return HttpResponse(f"{os.getpid()} {most}")


urlpatterns = [
    path("package/<folder>", package),
    path("file/<folder>/<name>", single),
    path("memory", memory),
]
