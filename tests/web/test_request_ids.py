"""What a request is called, in its answer and in every line about it."""

import json
import re

import pytest
from django.test import Client

from tests.conftest import Configure
from tests.web.conftest import REQUEST_ID, Serve, Spoken, leave, octets

PROXY = "198.51.100.4"
NGINX = "0123456789abcdef0123456789abcdef"
"""As nginx writes ``$request_id``, which looks like a package's id."""


def names(spoken: Spoken, logger: str) -> list[str]:
    pairs = zip(spoken.lines, spoken.records, strict=True)
    return [json.loads(line).get("request_id", "none") for line, record in pairs if record.name == logger]


@pytest.fixture
def service(db: None, serve: Serve) -> Client:
    serve(f'trusted_proxies = ["{PROXY}"]')
    return Client(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR="192.0.2.10", raise_request_exception=False)


@pytest.mark.own_names
def test_each_request_has_a_name_of_128_random_bits(service: Client) -> None:
    found = {service.get("/healthz")["X-Request-Id"] for _ in range(20)}
    assert len(found) == 20
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in found)


def test_the_name_that_a_trusted_proxy_gave_is_kept_whole(service: Client, spoken: Spoken) -> None:
    assert service.get("/healthz", headers={"x-request-id": NGINX})["X-Request-Id"] == NGINX
    assert names(spoken, "getapi.requests") == [NGINX]


@pytest.mark.parametrize("sender", ["192.0.2.10", "127.0.0.1", ""])
def test_from_anybody_else_it_counts_nothing(service: Client, sender: str) -> None:
    assert service.get("/healthz", REMOTE_ADDR=sender, headers={"x-request-id": NGINX})["X-Request-Id"] == REQUEST_ID


@pytest.mark.parametrize(
    "name", ["", "short", "x" * 65, 'a"b' * 10, "a\nb" * 10, "gk0123456789_" + "ab" * 16, "aaaa.bbbbbb." + "c" * 30, "ä" * 20]
)
def test_what_is_no_name_is_replaced(service: Client, name: str) -> None:
    assert service.get("/healthz", headers={"x-request-id": name})["X-Request-Id"] == REQUEST_ID


@pytest.mark.django_db(transaction=True)
def test_a_delivery_and_what_it_counted_are_told_under_its_name(service: Client, key: str, spoken: Spoken) -> None:
    token = service.post("/api/get/getToken", {"key": key}).content.decode()[7:-8]
    asked = {"token": token, "files": "rutgers-lib:5678"}
    answer = service.post("/api/get/PACKAGE", asked, headers={"x-request-id": NGINX})
    assert octets(answer)
    leave(answer)
    service.get("/healthz")
    assert names(spoken, "getapi.deliveries") == [NGINX]
    assert set(names(spoken, "getapi.statistics")) == {NGINX}
    assert names(spoken, "getapi.requests") == [REQUEST_ID, NGINX, REQUEST_ID]


def test_what_is_said_between_two_requests_belongs_to_none(service: Client, spoken: Spoken) -> None:
    import logging

    leave(service.get("/healthz"))
    logging.getLogger("somebody").warning("else")
    assert names(spoken, "somebody") == ["none"]


def test_a_fault_of_ours_tells_its_name_in_json(service: Client, configure: Configure) -> None:
    configure('access.deny_list = "gone"\n[[repositories]]\nname = "r"\ntype = "fedora3"\nobjects = "o"\ndatastreams = "d"')
    answer = service.get("/api/get/demo:1", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["request_id"]) == (503, answer["X-Request-Id"])
    assert "request_id" not in service.get("/nothing", headers={"accept": "application/json"}).json()
