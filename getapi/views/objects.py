"""``GET /api/get/{pid}`` and ``GET /api/get/{pid}/{dsid}``: the paper's Get API under the same access rules."""

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.response import Response

from getapi.core.ranges import Full, NotModified, Partial, PreconditionFailed, Selection, Unsatisfiable, select
from getapi.services import objects
from getapi.services.objects import Single
from getapi.views import description
from getapi.views.answer import ApiView
from getapi.views.sending import INERT, attachment


class ObjectView(ApiView):
    """An object's public datastreams."""

    @description.list_object
    def get(self, request: Request, pid: str) -> Response:
        return Response({"object": objects.list_public(pid, meta=request.META, token=_token(request))})

    def head(self, request: Request, pid: str) -> Response:
        return self.get(request, pid)


class DatastreamView(ApiView):
    """One datastream's bytes, whole or one range of them (RFC 9110 13, 14)."""

    @description.datastream
    def get(self, request: Request, pid: str, dsid: str) -> HttpResponseBase:
        single = objects.find_single(pid, dsid, meta=request.META, token=_token(request))
        entry = single.entry
        selected = select(
            method=request.method or "GET",
            length=entry.size,
            etag=single.etag,
            last_modified=entry.datastream.created,
            headers=request.headers,
        )
        headers = {**INERT, "ETag": single.etag, "Accept-Ranges": "bytes"}
        if entry.datastream.created is not None:
            headers["Last-Modified"] = http_date(entry.mtime)
        return _answer(request, single, selected, headers)

    def head(self, request: Request, pid: str, dsid: str) -> HttpResponseBase:
        return self.get(request, pid, dsid)


def _answer(request: Request, single: Single, selected: Selection, headers: dict[str, str]) -> HttpResponseBase:
    size = single.entry.size
    match selected:
        case NotModified():
            return _empty(304, headers)
        case PreconditionFailed():
            return _empty(412, headers)
        case Unsatisfiable():
            return _empty(416, {**headers, "Content-Range": f"bytes */{size}"})
        case Partial(start=start, stop=stop):
            return _send(request, single, start, stop, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"})
        case Full():
            return _send(request, single, 0, size, headers)


def _empty(status: int, headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(status=status, headers=headers)
    del response["Content-Type"]
    return response


def _send(request: Request, single: Single, start: int, stop: int, headers: dict[str, str]) -> HttpResponseBase:
    status = 206 if "Content-Range" in headers else 200
    complete = {
        **headers,
        **attachment(single.entry.path),
        "Content-Type": _media_type(single.entry.datastream.mime),
        "Content-Length": str(stop - start),
    }
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=complete)
    # The last step: what has begun to be sent must be drained or closed by the server.
    return StreamingHttpResponse(objects.send(single, start=start, stop=stop, meta=request.META), status=status, headers=complete)


def _media_type(mime: str) -> str:
    """The repository's word, where a header can carry it."""
    return mime if mime and mime.isascii() and mime.isprintable() and len(mime) <= 255 else "application/octet-stream"


def _token(request: Request) -> str | None:
    """A token for a repository that is not public: as a bearer (RFC 6750), or in the query of a GET."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.query_params.get("token")
