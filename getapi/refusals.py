"""Errors as answers in one dress: the views' own, and those of middleware, of routing and of Django itself."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from getapi import problems, requestid
from getapi.negotiation import preferred_format
from getapi.renderers import RENDERERS


def refuse(request: HttpRequest, status: int) -> HttpResponse:
    """The status alone as an answer, in the format that the request prefers."""
    return tell(request, problems.plain(status))


def tell(request: HttpRequest, problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A problem document (``getapi.problems``) as an answer of its status, in the format that the request prefers.

    A fault of ours tells the request's name as well, for who reports it; what is the asker's explains itself, and stays equal where nobody
    may tell two refusals apart.
    """
    if problem["status"] >= 500 and requestid.current():
        problem = {**problem, "request_id": requestid.current()}
    wanted = preferred_format(request.META.get("HTTP_ACCEPT", ""))
    renderer = next(kind for kind in RENDERERS if kind.format == wanted)()
    media_type = "application/problem+json" if wanted == "json" else f"{renderer.media_type}; charset=utf-8"
    response = HttpResponse(renderer.render(problem), status=problem["status"], content_type=media_type, headers=headers)
    response["Content-Length"] = str(len(response.content))
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Accept"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 403)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form of the admin site without what only its own page could give it (CSRF)."""
    return tell(request, problems.plain(403) | {"detail": "This form has run out, or was sent from another site"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return refuse(request, 500)
