"""Errors that arise outside the API's views (in middleware, in routing, in Django itself) in the same dress as ours."""

from django.http import HttpRequest, HttpResponse

from getapi import problems
from getapi.negotiation import preferred_format
from getapi.renderers import RENDERERS


def refuse(request: HttpRequest, status: int) -> HttpResponse:
    """The status alone as an answer, in the format that the request prefers."""
    wanted = preferred_format(request.META.get("HTTP_ACCEPT", ""))
    renderer = next(kind for kind in RENDERERS if kind.format == wanted)()
    media_type = "application/problem+json" if wanted == "json" else f"{renderer.media_type}; charset=utf-8"
    return HttpResponse(renderer.render(problems.plain(status)), status=status, content_type=media_type)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return refuse(request, 500)
