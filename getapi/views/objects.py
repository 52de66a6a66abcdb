"""``GET /api/get/{pid}`` and ``GET /api/get/{pid}/{dsid}``: the paper's Get API under the same access rules."""

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.response import Response

from getapi.core.ranges import Full, NotModified, Partial, PreconditionFailed, Unsatisfiable, select
from getapi.services import objects
from getapi.services.objects import Single
from getapi.views.answer import ApiView
from getapi.views.sending import attachment


class ObjectView(ApiView):
    """An object's public datastreams."""

    def get(self, request: Request, pid: str) -> Response:
        return Response({"object": objects.list_public(pid, meta=request.META, token=_token(request))})

    def head(self, request: Request, pid: str) -> Response:
        return self.get(request, pid)


class DatastreamView(ApiView):
    """One datastream's bytes, whole or one range of them (RFC 9110 13, 14)."""

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
        response = _answer(request, single, selected)
        response["ETag"] = single.etag
        response["Accept-Ranges"] = "bytes"
        if entry.datastream.created is not None:
            response["Last-Modified"] = http_date(entry.mtime)
        return response

    def head(self, request: Request, pid: str, dsid: str) -> HttpResponseBase:
        return self.get(request, pid, dsid)


def _answer(
    request: Request, single: Single, selected: Full | Partial | NotModified | PreconditionFailed | Unsatisfiable
) -> HttpResponseBase:
    size = single.entry.size
    match selected:
        case NotModified():
            return HttpResponse(status=304)
        case PreconditionFailed():
            return HttpResponse(status=412)
        case Unsatisfiable():
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        case Partial(start=start, stop=stop):
            response = _send(request, single, start, stop, 206)
            response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            return response
        case Full():
            return _send(request, single, 0, size, 200)


def _send(request: Request, single: Single, start: int, stop: int, status: int) -> HttpResponseBase:
    datastream = single.entry.datastream
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(status=status)
    else:
        response = StreamingHttpResponse(objects.send(single, start=start, stop=stop, meta=request.META), status=status)
    response["Content-Type"] = _media_type(datastream.mime)
    response["Content-Length"] = str(stop - start)
    for name, value in attachment(single.entry.path).items():
        response[name] = value
    return response


def _media_type(mime: str) -> str:
    """The repository's word, where a header can carry it."""
    return mime if mime and mime.isascii() and mime.isprintable() and len(mime) <= 255 else "application/octet-stream"


def _token(request: Request) -> str | None:
    """A token for a repository that is not public: as a bearer (RFC 6750), or in the query of a GET."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.query_params.get("token")
