"""``GET /api/get/{pid}`` and ``GET /api/get/{pid}/{dsid}``: the paper's Get API under the same access rules."""

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from getapi.services import objects
from getapi.services.objects import Single
from getapi.views import description
from getapi.views.answer import ApiView
from getapi.views.sending import Representation, answer


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
        return answer(request, _represent(request, objects.find_single(pid, dsid, meta=request.META, token=_token(request))))

    def head(self, request: Request, pid: str, dsid: str) -> HttpResponseBase:
        return self.get(request, pid, dsid)


def _represent(request: Request, single: Single) -> Representation:
    datastream = single.entry.datastream
    return Representation(
        length=single.entry.size,
        etag=single.etag,
        modified=datastream.created,
        file_name=single.entry.path,
        media_type=_media_type(datastream.mime),
        send=lambda start, stop: objects.send(single, start=start, stop=stop, meta=request.META),
        end=lambda: objects.conclude(single, meta=request.META),
    )


def _media_type(mime: str) -> str:
    """The repository's word, where a header can carry it."""
    return mime if mime and mime.isascii() and mime.isprintable() and len(mime) <= 255 else "application/octet-stream"


def _token(request: Request) -> str | None:
    """A token for a repository that is not public: as a bearer (RFC 6750), or in the query of a GET."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.query_params.get("token")
