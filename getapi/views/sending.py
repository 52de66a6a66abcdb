"""Answers that carry bytes to be kept, whole or one range of them (RFC 9110 13, 14)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework.request import Request

from getapi.core.ranges import Full, NotModified, Partial, PreconditionFailed, Unsatisfiable, select

INERT = {
    # nginx in front must neither spool nor hold back what is built while it is sent.
    "X-Accel-Buffering": "no",
    "Cache-Control": "private, no-transform",
    "X-Content-Type-Options": "nosniff",
    # A repository's HTML or SVG must not run in this site's name.
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def attachment(file_name: str) -> dict[str, str]:
    """RFC 6266: an ASCII name for every client, the true one for those that read ``filename*``."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_" for letter in file_name)
    return {
        **INERT,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='', errors='replace')}",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What an address stands for now. ``length`` in octets, ``etag`` strong and with its quotes, ``modified`` aware or not known.

    ``send`` gives the octets from a start to a stop (not included); ``location`` is the bytes' own address where they have one.
    ``end`` is told when a reader asks for what lies behind the last octet: it has all of them.
    """

    length: int
    etag: str
    modified: datetime | None
    file_name: str
    media_type: str
    location: str | None = None
    send: Callable[[int, int], Iterator[bytes]]
    end: Callable[[], None] = lambda: None

    @property
    def headers(self) -> dict[str, str]:
        """Those that every answer about it carries, with a body or without."""
        dated = {} if self.modified is None else {"Last-Modified": http_date(self.modified.timestamp())}
        placed = {} if self.location is None else {"Content-Location": self.location}
        return {**INERT, "ETag": self.etag, "Accept-Ranges": "bytes", **dated, **placed}


def answer(request: Request, found: Representation) -> HttpResponseBase:
    """The answer to a GET or HEAD, by its preconditions and its range."""
    selected = select(
        method=request.method or "GET", length=found.length, etag=found.etag, last_modified=found.modified, headers=request.headers
    )
    match selected:
        case NotModified():
            return _answer_empty(304, found.headers)
        case PreconditionFailed():
            return _answer_empty(412, found.headers)
        case Unsatisfiable():
            if request.headers["Range"].strip() == f"bytes={found.length}-":
                found.end()
            return _answer_empty(416, {**found.headers, "Content-Range": f"bytes */{found.length}"})
        case Partial(start=start, stop=stop):
            return send_part(request, found, start, stop, {"Content-Range": f"bytes {start}-{stop - 1}/{found.length}"})
        case Full():
            return send_part(request, found, 0, found.length)


def send_part(request: Request, found: Representation, start: int, stop: int, ranged: dict[str, str] | None = None) -> HttpResponseBase:
    """The octets ``start`` to ``stop`` (not included): 206 where ``ranged`` says which they are, else 200. HEAD gets the headers alone."""
    status = 206 if ranged else 200
    headers = {
        **found.headers,
        **attachment(found.file_name),
        **(ranged or {}),
        "Content-Type": found.media_type,
        "Content-Length": str(stop - start),
    }
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    # The last step: what has begun to be sent must be drained or closed by the server.
    return StreamingHttpResponse(found.send(start, stop), status=status, headers=headers)


def _answer_empty(status: int, headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(status=status, headers=headers)
    del response["Content-Type"]
    return response
