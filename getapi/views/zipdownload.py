"""The addresses of the Omeka module ZipDownload, where ``[compat.omeka]`` names a repository (docs/api.md)."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.request import Request

from getapi import problems
from getapi.core.errors import DatabaseUnavailable, PackagingError
from getapi.core.names import safe_segment
from getapi.services import zipdownload, zipprogress
from getapi.services.deliveries import conclude
from getapi.services.packages import Package
from getapi.services.rounds import AWAY
from getapi.services.zipdownload import Caller, Order
from getapi.views.answer import ApiView
from getapi.views.parameters import Parameters, read_parameters
from getapi.views.sending import Representation, answer, send_part

logger = logging.getLogger("getapi.requests")

EXPOSED = {"Access-Control-Expose-Headers": "Content-Location, ETag, Content-Range, Retry-After"}


class ZipDownloadView(ApiView):
    """JSON whatever is accepted, errors included, in the module's form."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not zipdownload.is_offered():
            raise Http404

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, AWAY):
            logger.error("the database does not answer", extra={"error": str(exc)})
            exc = DatabaseUnavailable()
        if not isinstance(exc, PackagingError):
            return super().handle_exception(exc)
        told = {"error": exc.sentence, "code": exc.code, **exc.facts}
        return JsonResponse(told, status=int(problems.status(exc)), headers=problems.headers(exc))


class ZipItemView(ZipDownloadView):
    """Media of an item as one ZIP: a bag, of a length that is told, resumable."""

    http_method_names = ["get", "head", "post"]

    def post(self, request: Request, item: int, **site: str) -> HttpResponseBase:
        order = _ask(request, item)
        return _told(send_part(request, _ordered(request, order), 0, order.package.layout.length))

    def get(self, request: Request, item: int, **site: str) -> HttpResponseBase:
        order = _ask(request, item)
        response = answer(request, _ordered(request, order))
        if order.is_new and not response.streaming:
            del response["Content-Location"]  # nothing was sent, so nothing is kept
        return _told(response)

    def head(self, request: Request, item: int, **site: str) -> HttpResponseBase:
        caller, parameters = _caller(request), _parameters(request)
        package = zipdownload.look(item, zipdownload.read_media(_media(parameters)))
        return _told(answer(request, _represent(package, caller)))


class ZipEstimateView(ZipDownloadView):
    """How much the media are that may leave."""

    http_method_names = ["get", "post"]

    def post(self, request: Request, **site: str) -> HttpResponse:
        _caller(request)
        return JsonResponse(zipdownload.estimate(zipdownload.read_media(_media(_parameters(request)))))

    def get(self, request: Request, **site: str) -> HttpResponse:
        return self.post(request, **site)


class ZipStatusView(ZipDownloadView):
    http_method_names = ["get"]

    def get(self, request: Request, **site: str) -> HttpResponse:
        return JsonResponse(zipprogress.status(_parameters(request).one("token"), _caller(request)))


class ZipCancelView(ZipDownloadView):
    http_method_names = ["post"]

    def post(self, request: Request, **site: str) -> HttpResponse:
        return JsonResponse(zipprogress.cancel(_parameters(request).one("token"), _caller(request)))


def _ask(request: Request, item: int) -> Order:
    caller, parameters = _caller(request), _parameters(request)
    media, token = zipdownload.read_media(_media(parameters)), parameters.one("progress_token") or None
    return zipdownload.ask(item, media, caller=caller, token=token, address=_content_address)


def _caller(request: Request) -> Caller:
    """A token of ours comes as a bearer alone: ``token`` is the module's own word for another thing."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return zipdownload.read_caller(request.META, credentials.strip() if scheme.lower() == "bearer" else None)


def _parameters(request: Request) -> Parameters:
    """Of a POST its body, of a GET its query."""
    if request.method == "POST":
        return read_parameters(request)
    return Parameters({name: request.query_params.getlist(name) for name in request.query_params})


def _media(parameters: Parameters) -> list[str]:
    """``media_ids`` also as PHP writes lists; numbers of a JSON list are as good as their digits."""
    given = [*parameters.values.get("media_ids", ()), *parameters.values.get("media_ids[]", ())]
    return [str(value) for value in given if isinstance(value, str | int) and not isinstance(value, bool)]


def _ordered(request: Request, order: Order) -> Representation:
    """Of a package that is kept when it is sent, if not before."""
    return replace(
        _represent(order.package, order.caller),
        location=_content_address(order.package.id),
        send=lambda start, stop: zipdownload.send(order, start=start, stop=stop, meta=request.META),
    )


def _represent(package: Package, caller: Caller) -> Representation:
    return Representation(
        length=package.layout.length,
        etag=package.plan.etag,
        modified=package.created,
        file_name=safe_segment(package.file_name),
        media_type=package.media_type,
        send=_nothing,
        end=lambda: conclude(package.layout, recipient=caller.recipient, package=package.id, name=package.plan.name),
    )


def _nothing(_start: int, _stop: int) -> Iterator[bytes]:
    """What HEAD is answered with."""
    return iter(())


def _told(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in EXPOSED.items():
        response.headers.setdefault(name, value)
    return response


def _content_address(package_id: str) -> str:
    return reverse("package-content", args=[package_id])
