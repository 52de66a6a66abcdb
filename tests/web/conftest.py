"""The service over the demonstration repository, an application that asks it, and what all of it says."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.test import Client

from fixtures.repository import Repository, build
from getapi import requestid
from getapi.logs import RedactedJsonFormatter
from getapi.services import keys
from getapi.services.recorder import recorder
from getapi.services.rounds import rounds
from tests.conftest import Configure

APPLICATION = "192.0.2.10"
"""The address of the application whose key ``key`` is."""

Serve = Callable[..., None]


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    """What a process of its own writes in a thread of its own is written at once here, in the test's own transaction."""
    rounds.in_background = False
    yield
    recorder.reset()
    rounds.in_background = True


REQUEST_ID = "what-every-request-is-called-here"


@pytest.fixture(autouse=True)
def _called_alike(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that must not differ differ by their request's name alone; who marks a test with ``own_names`` wants those."""
    if request.node.get_closest_marker("own_names") is None:
        monkeypatch.setattr(requestid, "draw", lambda: REQUEST_ID)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("demonstration"))


@pytest.fixture
def serve(configure: Configure, demonstration: Repository) -> Serve:
    """``serve(toml, repository=...)``: the demonstration repository under that configuration, until the test ends."""

    def apply(toml: str = "", *, repository: str = "") -> None:
        configure(f"""{toml}
[[repositories]]
name = "demonstration"
type = "fedora3"
objects = "{demonstration.objects}"
datastreams = "{demonstration.datastreams}"
{repository}""")

    return apply


@pytest.fixture
def api(db: None, serve: Serve) -> Client:
    """The application, asking a service on its defaults."""
    serve()
    return Client(REMOTE_ADDR=APPLICATION)


@pytest.fixture
def key(db: None) -> str:
    return keys.create_key("application", [APPLICATION])


@pytest.fixture
def token(api: Client, key: str) -> str:
    return get_token(api, key)


def get_token(api: Client, key: str, **parameters: str) -> str:
    answer = api.post("/api/get/getToken", {"key": key, **parameters})
    assert answer.status_code == 200, answer.content
    text = answer.content.decode()
    return text.removeprefix("<token>").removesuffix("</token>")


def octets(answer: Any) -> bytes:
    """The whole body; a stream is drained and closed, as a server does."""
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def leave(answer: HttpResponseBase) -> None:
    """What a server does when the reader is gone; the test's database stays open, as in Django's own client."""
    request_finished.disconnect(close_old_connections)
    try:
        answer.close()
    finally:
        request_finished.connect(close_old_connections)


class Spoken(logging.Handler):
    """Keeps every record twice: as it was said, and as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(RedactedJsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def spoken() -> Iterator[Spoken]:
    """All that any logger says, at every level."""
    handler, root = Spoken(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
