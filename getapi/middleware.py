"""What every request passes: a Content-Type that can be read, a name, a bound on its body, one log line, its place in the metrics.

And an end: once it is answered, and while its answer is sent, nothing of it is kept.
"""

import io
import logging
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders
from django.utils.http import parse_header_parameters
from gunicorn.http.errors import ParseException

from getapi import requestid
from getapi.refusals import refuse
from getapi.renderers import PAGE_POLICY
from getapi.services import addresses, meters

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_BODY = 4 * 2**20
"""Octets (SPEC 1)."""

_log = logging.getLogger("getapi.requests")
_PACKAGE_ID = re.compile(r"(?<=/packages/)([0-9a-f]{8})[0-9a-f]+")
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{1,70}")  # RFC 2046 5.1.1

_LASTING = frozenset({"method", "path", "path_info", "META", "environ"})
"""What stays of a request while its answer is sent."""

Respond = Callable[[HttpRequest], HttpResponseBase]


def read_content_type(application: "WSGIApplication") -> "WSGIApplication":
    """WSGI middleware: leaves of a Content-Type the media type and a boundary.

    Forms, multipart fields and JSON are UTF-8 whatever a charset says (WHATWG URL 5.1, RFC 7578 5.1, RFC 8259 8.1), and Django looks up
    any codec that a client names, before its own error handling begins.
    """

    def read(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        environ["CONTENT_TYPE"] = _content_type(environ.get("CONTENT_TYPE", ""))
        return application(environ, start_response)

    return read


def _content_type(field: str) -> str:
    try:
        media_type, parameters = parse_header_parameters(field)
    except ValueError:
        return ""
    boundary = parameters.get("boundary", "")
    return f'{media_type}; boundary="{boundary}"' if _BOUNDARY.fullmatch(boundary) else media_type


def forget_head(application: "WSGIApplication") -> "WSGIApplication":
    """WSGI middleware: of an answer that is sent while it is made the server has the head by now, and nobody else needs it."""

    def forgetful(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        response = application(environ, start_response)
        if isinstance(response, StreamingHttpResponse):
            response.headers = ResponseHeaders({})
        return response

    return forgetful


def forget_request(respond: Respond) -> Respond:
    """Of a request nothing is kept once it is answered, nor while its answer is sent, maybe for hours, but what the server keeps too:
    sessions, messages, fields and the like are 5 KB for each slow reader. Closures among them lead back to it, so that it would else wait
    for the garbage collector, with a body of megabytes.
    """

    def forgetful(request: HttpRequest) -> HttpResponseBase:
        response = respond(request)
        if response.streaming:
            _forget(request)
        else:  # the test client, and who looks at the answer, may ask it until then
            response._resource_closers.append(partial(_forget, request))  # type: ignore[attr-defined] # noqa: SLF001 # the last step of ``close``
        return response

    return forgetful


def _forget(request: HttpRequest) -> None:
    request.close()
    request.__dict__ = {name: value for name, value in vars(request).items() if name in _LASTING}


def name_request(respond: Respond) -> Respond:
    """``X-Request-Id``: what a trusted proxy calls the request, else a name of our own; for as long as its answer is sent."""

    def named(request: HttpRequest) -> HttpResponseBase:
        proposed = request.headers.get(requestid.HEADER, "") if addresses.is_from_proxy(request.META) else ""
        name = requestid.choose(proposed)
        requestid.begin(name)
        response = respond(request)
        response[requestid.HEADER] = name
        response._resource_closers.append(requestid.end)  # type: ignore[attr-defined] # noqa: SLF001 # the last step of ``close``, which servers call
        return response

    return named


def confine(respond: Respond) -> Respond:
    """Of every page, the admin site's and an error's too, the same Content-Security-Policy, unless it has one of its own.

    Our own pages' addresses are told to nobody, not even to this host, whose proxy may write down where a request for a style came from: a
    package's opens it. The admin site's forms are believed by their Referer.
    """

    def confined(request: HttpRequest) -> HttpResponseBase:
        response = respond(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
            # Where nobody may know of the admin site nothing tells its addresses from others.
            if _view(request) != "admin" or response.status_code == HTTPStatus.NOT_FOUND:
                response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return confined


def log_request(respond: Respond) -> Respond:
    """One structured line a request: never a query, a body or a header; of a package's id its first 8 characters. It is counted, too."""

    def logged(request: HttpRequest) -> HttpResponseBase:
        begun = time.monotonic()
        response = respond(request)
        seconds = time.monotonic() - begun
        facts = {
            "method": request.method,
            "path": _PACKAGE_ID.sub(r"\1", request.path),
            "status": response.status_code,
            "seconds": round(seconds, 3),
        }
        _log.info("request", extra=facts)
        meters.count_request(view=_view(request), method=request.method or "", status=response.status_code, seconds=seconds)
        return response

    return logged


def _view(request: HttpRequest) -> str:
    """Which of the few things it asked for: the view's name, ``admin``, ``static``, or ``none``."""
    match = request.resolver_match
    if match is None:
        return "static" if request.path.startswith(settings.STATIC_URL) else "none"
    kind = getattr(match.func, "cls", None)
    return "admin" if "admin" in match.app_names else kind.__name__.removesuffix("View") if kind else "other"


def empty_bodies(respond: Respond) -> Respond:
    """HEAD is answered with GET's length and no octet, 204 and 304 with neither (RFC 9110 8.6, 9.3.2, 15.4.5).

    Servers send whatever they get.
    """

    def emptied(request: HttpRequest) -> HttpResponseBase:
        response = respond(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        if response.status_code in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            del response["Content-Length"]
        return response

    return emptied


def limit_body(respond: Respond) -> Respond:
    """Reads the body, announced or chunked, up to MAX_BODY. One that is larger, or ends before its end, is refused."""

    def limited(request: HttpRequest) -> HttpResponseBase:
        refusal = _read_body(request)
        return respond(request) if refusal is None else _break_off(request, refusal)

    return limited


def _read_body(request: HttpRequest) -> HTTPStatus | None:
    """What is wrong with the body; None where the request holds all of it now."""
    source, length = request.META.get("wsgi.input"), _announced(request.META)
    if length is not None and length > MAX_BODY:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if source is None:
        return None  # no WSGI server: transport.connection refuses it when something is to be sent
    try:
        body = source.read(MAX_BODY + 1 if length is None else length)
    except BlockingIOError:
        return HTTPStatus.REQUEST_TIMEOUT
    except (OSError, ParseException):
        return HTTPStatus.BAD_REQUEST
    if len(body) > MAX_BODY:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if length is not None and len(body) < length:
        return HTTPStatus.BAD_REQUEST
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = io.BytesIO(body)  # noqa: SLF001 # Django takes an absent length for an empty body
    return None


def _announced(meta: Mapping[str, Any]) -> int | None:
    """Octets; None for a body that says itself where it ends."""
    if "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    digits = (meta.get("CONTENT_LENGTH") or "0").lstrip("0") or "0"
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else MAX_BODY + 1


def _break_off(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    """The refusal, after which nothing more is answered on this connection: where its next request begins is not known."""
    response = refuse(request, status)
    connection = request.META.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        response._resource_closers.append(lambda: _stop_sending(connection))  # type: ignore[attr-defined] # noqa: SLF001 # gunicorn drops "Connection: close"
    return response


def _stop_sending(connection: socket.socket) -> None:
    with suppress(OSError):  # the other end is gone already
        connection.shutdown(socket.SHUT_WR)
