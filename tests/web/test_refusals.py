"""What Django and the machine refuse, in the dress of everything else (SPEC 1)."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404
from django.test import Client
from lxml import html
from rest_framework.exceptions import NotFound

from getapi import problems
from getapi.core.errors import SourceUnavailable
from getapi.renderers import PAGE_POLICY
from tests.web.conftest import REQUEST_ID, Serve, Spoken

DRESSES = {
    "application/xml": "application/xml; charset=utf-8",
    "application/json": "application/problem+json",
    "text/html": "text/html; charset=utf-8",
}
SECRET = "/srv/secret/path of the machine"


@pytest.fixture
def client(db: None, serve: Serve) -> Client:
    serve()
    return Client(raise_request_exception=False)


def dressed(answer: Any, accept: str, status: int) -> None:
    """The one dress of refusals."""
    sentence = str(problems.plain(status)["detail"])
    assert answer.status_code == status
    assert (answer["Content-Type"], answer["Cache-Control"], answer["X-Content-Type-Options"]) == (DRESSES[accept], "no-store", "nosniff")
    assert "Accept" in answer["Vary"]
    if accept == "application/xml":
        assert answer.content == f"<error>{sentence}</error>".encode().replace(b"'", b"'")
    elif accept == "application/json":
        assert answer.json() == problems.plain(status) | ({"request_id": REQUEST_ID} if status >= 500 else {})
    else:
        page: Any = html.document_fromstring(answer.content)
        assert sentence in page.text_content()
        assert answer["Content-Security-Policy"] == PAGE_POLICY


@pytest.mark.parametrize("accept", DRESSES)
class TestDress:
    def test_of_a_host_that_is_not_ours(self, client: Client, accept: str, spoken: Spoken) -> None:
        for host in ("evil.example", "localhost:http", "a b", "\xff", "[::1", ""):
            dressed(client.get("/api/get/rutgers-lib:5678", HTTP_HOST=host, HTTP_ACCEPT=accept), accept, 400)
        assert all(record.exc_info is None for record in spoken.records)

    @pytest.mark.parametrize(
        "path", ["/api", "/nothing", "/api/get/x", "/admin/login/", "/static/nothing.js", "/static/../manage.py", "/healthz/x"]
    )
    def test_of_an_address_where_nothing_is(self, client: Client, accept: str, path: str) -> None:
        if path == "/admin/login/":
            client = Client(REMOTE_ADDR="198.51.100.7")
        dressed(client.get(path, HTTP_ACCEPT=accept), accept, 404)

    @pytest.mark.parametrize("path", ["/api/get/getToken", "/api/get/PACKAGE", "/api/get/a:b", "/api/get/a:b/c", "/api/schema", "/healthz"])
    def test_of_a_method_that_is_not_answered(self, client: Client, accept: str, path: str) -> None:
        answer = client.generic("BREW", path, HTTP_ACCEPT=accept)
        dressed(answer, accept, 405)
        assert answer["Allow"] in {"POST", "GET, HEAD"}

    def test_of_a_body_that_is_too_large(self, client: Client, accept: str) -> None:
        dressed(client.post("/api/get/PACKAGE", b"a" * (4 * 2**20 + 1), "text/plain", HTTP_ACCEPT=accept), accept, 413)
        dressed(client.post("/nothing", b"a" * (4 * 2**20 + 1), "text/plain", HTTP_ACCEPT=accept), accept, 413)

    def test_of_a_body_of_another_type(self, client: Client, accept: str) -> None:
        dressed(client.post("/api/get/PACKAGE", b"a", "text/plain", HTTP_ACCEPT=accept), accept, 415)

    def test_of_too_many_fields(self, client: Client, accept: str, spoken: Spoken) -> None:
        form = "application/x-www-form-urlencoded"
        dressed(client.post("/api/get/PACKAGE", "a&" * 1001, form, HTTP_ACCEPT=accept), accept, 400)
        assert all(record.exc_info is None for record in spoken.records)

    def test_of_a_fault_of_ours(self, client: Client, accept: str, monkeypatch: pytest.MonkeyPatch, spoken: Spoken) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError(SECRET)

        monkeypatch.setattr("getapi.services.objects.list_public", fail)
        answer = client.get("/api/get/rutgers-lib:5678?token=hidden", HTTP_ACCEPT=accept)
        dressed(answer, accept, 500)
        assert SECRET.encode() not in answer.content
        (line,) = [json.loads(line) for line, record in zip(spoken.lines, spoken.records, strict=True) if record.exc_info]
        assert SECRET in line["exc_info"]
        assert "hidden" not in spoken.text

    @pytest.mark.parametrize(("error", "status"), [(Http404(SECRET), 404), (PermissionDenied(SECRET), 403), (NotFound(SECRET), 404)])
    def test_of_what_frameworks_raise(
        self, client: Client, accept: str, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("getapi.services.objects.list_public", fail)
        dressed(client.get("/api/get/rutgers-lib:5678", HTTP_ACCEPT=accept), accept, status)

    def test_of_a_repository_that_is_away_names_it_and_nothing_of_the_machine(
        self, client: Client, accept: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise SourceUnavailable("demonstration")

        monkeypatch.setattr("getapi.services.objects.list_public", fail)
        answer = client.get("/api/get/rutgers-lib:5678", HTTP_ACCEPT=accept)
        assert (answer.status_code, answer["Content-Type"]) == (503, DRESSES[accept])


def test_a_form_without_a_csrf_token_is_no_concern_of_the_api(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/api/get/getToken", {"key": "x"}).status_code == 403
    assert strict.post("/api/get/getToken", {"key": "x"}).content == b"<error>Token could not be generated</error>"
    assert strict.post("/healthz").status_code == 405
    assert strict.post("/nothing").status_code == 404


def test_health_and_readiness_are_told_plainly(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/healthz", HTTP_ACCEPT="text/html").content == b"ok\n"
    assert client.head("/healthz").content == b""
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": True, "disk": True, "repositories.demonstration": True})
    monkeypatch.setattr("getapi.services.health.examine", lambda: {"database": True, "repositories.demonstration": False})
    assert client.get("/readyz").status_code == 503
    assert client.head("/readyz").content == b""


@pytest.mark.parametrize("error", [OperationalError("database is locked"), OperationalError("disk is full"), InterfaceError("gone")])
def test_while_the_database_is_away_everything_that_needs_it_says_so_and_when_to_come_again(
    client: Client, error: Exception, spoken: Spoken
) -> None:
    def away(*_: object) -> None:
        raise error

    asked = {"key": "gk0123456789_" + "0" * 64, "token": "x", "files": "a:1"}
    with connection.execute_wrapper(away):
        answers = [
            client.post("/api/get/getToken", asked, HTTP_ACCEPT="application/json"),
            client.get(f"/api/get/packages/{'0' * 32}", HTTP_ACCEPT="application/json"),
            client.get(f"/api/get/packages/{'0' * 32}/content", HTTP_ACCEPT="application/json"),
            client.delete(f"/api/get/packages/{'0' * 32}", HTTP_ACCEPT="application/json"),
        ]
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").json()["database"] is False
    assert [(answer.status_code, answer.json()["code"], answer["Retry-After"]) for answer in answers] == [
        (503, "database-unavailable", "30")
    ] * 4
    assert all(str(error) not in answer.content.decode() for answer in answers)
    assert str(error) in spoken.text
