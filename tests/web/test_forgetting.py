"""While an answer is sent, maybe for hours, nothing is kept of its request and its head that nobody needs any more; afterwards nothing."""

import gc
import weakref
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory

from getapi.middleware import MAX_BODY, forget_head, forget_request
from tests.web.conftest import leave
from tests.web.wsgi import exchange


class _Session:
    """Which leads back to its request, as those who signed in do."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request


def _answered(response: HttpResponseBase) -> tuple[HttpRequest, "weakref.ref[_Session]"]:
    request = RequestFactory().get("/api/objects", {"a": "b"})
    session = _Session(request)
    vars(request)["session"] = session
    forget_request(lambda _: response)(request)
    return request, weakref.ref(session)


@pytest.mark.usefixtures("no_collection")
def test_of_a_request_whose_answer_is_still_sent_only_that_stays_which_the_server_keeps() -> None:
    request, session = _answered(StreamingHttpResponse([b""]))
    assert session() is None
    assert (request.method, request.path, request.META["QUERY_STRING"]) == ("GET", "/api/objects", "a=b")
    request.close()


@pytest.mark.usefixtures("no_collection")
def test_of_a_request_that_is_answered_at_once_nothing_stays_once_it_is_closed() -> None:
    response = HttpResponse(b"")
    request, session = _answered(response)
    assert session() is not None
    assert request.GET["a"] == "b"
    leave(response)
    assert session() is None
    assert request.method == "GET"


def test_the_server_has_the_whole_head_of_an_answer_and_only_the_server() -> None:
    told: list[tuple[str, str]] = []

    def application(_environ: dict[str, Any], start: Callable[..., object]) -> StreamingHttpResponse:
        response = StreamingHttpResponse([b"abc"], headers={"ETag": '"1"'})
        start("200 OK", list(response.items()))
        return response

    response: Any = forget_head(application)({}, lambda _status, headers: told.extend(headers))  # type: ignore[arg-type] # what WSGI says of types is wider
    assert ("ETag", '"1"') in told
    assert not response.headers
    assert b"".join(response) == b"abc"


REQUESTS = {
    "a token": ("POST", "/api/get/getToken", {"key": "{key}"}, 200),
    "a token refused": ("POST", "/api/get/getToken", {"key": "none"}, 403),
    "a package": ("POST", "/api/get/PACKAGE", {"token": "{token}", "files": "rutgers-lib:5678"}, 200),
    "a ZIP": ("POST", "/api/get/PACKAGE", {"token": "{token}", "files": "rutgers-lib:5678", "format": "zip"}, 200),
    "a package refused": ("POST", "/api/get/PACKAGE", {"token": "none", "files": "rutgers-lib:5678"}, 403),
    "a package of nothing": ("POST", "/api/get/PACKAGE", {"token": "{token}", "files": "demo:none"}, 200),
    "a request that lacks something": ("POST", "/api/get/PACKAGE", {"token": "{token}"}, 400),
    "a request that is too long": ("POST", "/api/get/PACKAGE", {"token": "{token}", "files": "x" * 2_000_000}, 413),
    "a body that is too large": ("POST", "/api/get/PACKAGE", {"files": "x" * (MAX_BODY + 1)}, 413),
    "an estimate": ("POST", "/api/get/ESTIMATE", {"token": "{token}", "files": "rutgers-lib:5678"}, 200),
    "a listing": ("GET", "/api/get/rutgers-lib:5678", {}, 200),
    "nothing": ("GET", "/api/get/demo:none", {}, 404),
    "a datastream": ("GET", "/api/get/rutgers-lib:5678/PDF-1", {}, 200),
    "no datastream": ("GET", "/api/get/rutgers-lib:5678/NONE", {}, 404),
    "no package": ("GET", f"/api/packages/{'0' * 32}", {}, 404),
    "no address": ("GET", "/none", {}, 404),
    "another method": ("DELETE", "/api/get/PACKAGE", {}, 405),
    "the first page": ("GET", "/", {}, 200),
}


@pytest.mark.parametrize("asked", REQUESTS)
def test_of_a_request_that_is_over_nothing_waits_for_the_garbage_collector(
    api: Client, key: str, token: str, asked: str, no_collection: None
) -> None:
    """It counts objects, not octets: bodies of a few megabytes that led back to themselves were a gigabyte before it came."""
    method, path, fields, status = REQUESTS[asked]
    body = urlencode({name: text.format(key=key, token=token) for name, text in fields.items()}).encode()

    def left() -> list[object]:
        """Of the second of two requests: what is made once stays."""
        for _ in range(2):
            gc.collect()
            assert exchange(method, path, body, CONTENT_TYPE="application/x-www-form-urlencoded").status == status
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            return [each for each in gc.garbage if is_of_a_request(each)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()

    found: list[object] = []
    for _ in range(3):  # threads that other tests left behind may end meanwhile
        found = left()
        if not found:
            break
    assert not [type(each).__name__ for each in found]


def is_of_a_request(each: object) -> bool:
    is_theirs = type(each).__module__.partition(".")[0] in {"getapi", "rest_framework", "_io"}
    return is_theirs or isinstance(each, HttpRequest | HttpResponseBase | QueryDict)
