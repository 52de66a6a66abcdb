"""What every request passes: a bound on its body, and one log line."""

import io
import logging
import re
import time
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from getapi.refusals import refuse

MAX_BODY = 4 * 2**20
"""Octets (SPEC 1)."""

_log = logging.getLogger("getapi.requests")
_PACKAGE_ID = re.compile(r"(?<=/packages/)([0-9a-f]{8})[0-9a-f]+")

Respond = Callable[[HttpRequest], HttpResponseBase]


def limit_body(respond: Respond) -> Respond:
    """Refuses bodies above MAX_BODY before they are read; one of unknown length (chunked) is read up to there and given its length."""

    def limited(request: HttpRequest) -> HttpResponseBase:
        announced = request.META.get("CONTENT_LENGTH") or "0"
        if announced.isdecimal() and len(announced) < 20 and int(announced) > MAX_BODY:
            return _too_large(request)
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = request.META["wsgi.input"].read(MAX_BODY + 1)
            if len(body) > MAX_BODY:
                return _too_large(request)
            request.META["CONTENT_LENGTH"] = str(len(body))
            request._stream = io.BytesIO(body)  # noqa: SLF001 # Django takes an absent length for an empty body
        return respond(request)

    return limited


def _too_large(request: HttpRequest) -> HttpResponse:
    return refuse(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def log_request(respond: Respond) -> Respond:
    """One structured line a request: never a query, a body or a header; of a package's id its first 8 characters."""

    def logged(request: HttpRequest) -> HttpResponseBase:
        begun = time.monotonic()
        response = respond(request)
        facts = {
            "method": request.method,
            "path": _PACKAGE_ID.sub(r"\1", request.path),
            "status": response.status_code,
            "seconds": round(time.monotonic() - begun, 3),
        }
        _log.info("request", extra=facts)
        return response

    return logged
