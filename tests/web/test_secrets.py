"""Nothing in the log from which a key, a token or a package could be had, whatever was asked and however it failed (SPEC 1)."""

import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from getapi.models import Delivery
from tests.web.conftest import APPLICATION, Serve, Spoken, get_token, octets
from tests.web.wsgi import exchange

TOKEN = "/api/get/getToken"
PACKAGE = "/api/get/PACKAGE"


@pytest.fixture
def client(db: None, serve: Serve) -> Client:
    serve(repository="public = false")
    return Client(REMOTE_ADDR=APPLICATION, raise_request_exception=False)


def test_neither_keys_nor_tokens_nor_package_ids_are_told(
    client: Client, key: str, spoken: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = get_token(client, key)
    bearer = {"authorization": f"Bearer {token}"}
    stranger = Client(REMOTE_ADDR="203.0.113.66", HTTP_X_FORWARDED_FOR=APPLICATION)
    for asker in (client, stranger):
        asker.post(TOKEN, {"key": key, "client": "nowhere"})
        asker.post(TOKEN, {"key": key[:-1]})
        asker.post(f"{TOKEN}?key={key}", {"key": key})
        asker.post(f"{TOKEN}/{key}", {"key": key})
        asker.post(TOKEN, json.dumps({"key": [key, key + "x"]}), "application/json")
        asker.post(TOKEN, f'{{"key": "{key}"', "application/json")
        asker.post(TOKEN, f"key={key}", "text/plain")
        asker.post(PACKAGE, {"token": token[:-1], "files": key})
        asker.post(PACKAGE, {"token": token, "files": f"{token};{key}", "name": token, "format": token})
        asker.get(f"/api/get/rutgers-lib:5678?token={token}")
        asker.get(f"/api/get/rutgers-lib:5678/ARCH1?token={token}", headers=bearer)
        asker.get(f"/api/get/{token}:x/{key}", headers={"referer": f"http://localhost/?token={token}", "user-agent": key})
        asker.get(f"/{token}?token={token}", HTTP_HOST=f"{key}.example", HTTP_COOKIE=f"token={token}")
        asker.get(f"/admin/?key={key}&token={token}")
    answer = client.post(PACKAGE, {"token": token, "files": "rutgers-lib:5678"}, headers={"user-agent": f"x {token}"})
    assert octets(answer)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"while looking at {key} and {token}")

    monkeypatch.setattr("getapi.services.objects.list_public", fail)
    assert client.get(f"/api/get/rutgers-lib:5678?token={token}", headers=bearer).status_code == 500

    package = Delivery.objects.get(package__gt="").package
    assert package[:8] in spoken.text
    for secret in (key, key.partition("_")[2], token, token.rpartition(".")[2], package):
        assert secret not in spoken.text
        assert secret[: len(secret) // 2 + 4] not in spoken.text


def test_a_request_is_one_line_that_names_no_query_and_no_header(client: Client, key: str, spoken: Spoken) -> None:
    client.get("/api/get/rutgers-lib:5678?q=of-the-query", headers={"user-agent": "of-the-agent", "x-own": "of-a-header"})
    (line,) = [json.loads(line) for line, record in zip(spoken.lines, spoken.records, strict=True) if record.name == "getapi.requests"]
    assert {name: line[name] for name in ("method", "path", "status")} == {
        "method": "GET",
        "path": "/api/get/rutgers-lib:5678",
        "status": 403,
    }
    assert not re.search("of-the-query|of-the-agent|of-a-header", spoken.text)


def test_no_request_writes_a_line_of_its_own_making(client: Client, spoken: Spoken) -> None:
    for letters in ("\n", "\r\n", "\u2028", "\x1b[2J", '"', "\\", "\0"):
        path = f'/api/get/a:b{letters}{{"level": "FORGED"}}'.encode().decode("latin-1")
        exchange("GET", path, HTTP_USER_AGENT=f"x{letters}", HTTP_X_FORWARDED_FOR=letters)
    for line in spoken.lines:
        assert line.isprintable()
        assert json.loads(line)["levelname"] in {"DEBUG", "INFO", "WARNING"}


def test_no_secret_is_part_of_a_statement_that_a_database_may_log(client: Client, key: str) -> None:
    """Keys are looked up by their prefix, never by their text."""
    with CaptureQueriesContext(connection) as queries:
        token = get_token(client, key)
        client.post(TOKEN, {"key": key[:-1]})
        client.get(f"/api/get/rutgers-lib:5678?token={token}")
    statements = " ".join(query["sql"] for query in queries.captured_queries)
    assert key.partition("_")[0] in statements
    assert key.partition("_")[2] not in statements
    assert token not in statements
