"""Texts that a database may refuse, PostgreSQL above all: NUL, lone surrogates, endless names. None of them is a fault of ours."""

import json
from typing import Any

import pytest
from django.test import Client

TEXTS = ("\0", "demo:1\0", "\ud800", "demo:\udfff/DC", "x" * 5000, "'; DROP TABLE getapi_key; --", "%s", "\u202e", "demo:1/\0DC")
PARAMETERS = ("key", "client", "token", "files", "map", "name", "format", "delivery")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("method", ["getToken", "PACKAGE", "ESTIMATE"])
def test_no_parameter_is_a_fault_whatever_it_holds(api: Client, token: str, key: str, method: str, text: str) -> None:
    sound: dict[str, Any] = {"token": token, "key": key, "files": "rutgers-lib:5678/PDF-1", "delivery": "link"}
    for name in PARAMETERS:
        for prefix in ("", str(sound.get(name, ""))):
            body = json.dumps({**sound, name: prefix + text})
            answer = api.post(f"/api/get/{method}", body, content_type="application/json")
            assert answer.status_code in {200, 201, 400, 403, 413, 429}, (name, answer.content)


@pytest.mark.parametrize("text", ["%00", "demo:1%00", "%ED%A0%80", "x" * 3000, "%25s"])
def test_no_address_is_a_fault_whatever_it_names(api: Client, text: str) -> None:
    for path in (f"/api/get/{text}", f"/api/get/rutgers-lib:5678/{text}", f"/api/get/packages/{text}", f"/api/get/packages/{text}/content"):
        for headers in ({}, {"User-Agent": "\0reader\ud800"}, {"Authorization": "Bearer a\0b"}):
            answer = api.get(path, headers=headers)
            assert answer.status_code in {400, 403, 404}, (path, answer.content)
    assert api.delete(f"/api/get/packages/{text}").status_code in {400, 404}
