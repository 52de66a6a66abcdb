"""While an answer is sent, maybe for hours, nothing is kept of its request and its head that nobody needs any more."""

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from getapi.middleware import forget_head, forget_request


class _Session:
    """Which leads back to its request, as those who signed in do."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What is let go of must go by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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
def test_a_request_that_is_answered_at_once_is_left_as_it_is() -> None:
    request, session = _answered(HttpResponse(b""))
    assert session() is not None
    assert request.GET["a"] == "b"
    vars(request).clear()


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
