"""What a caller sees of slots and of a database that is away, in each format."""

from typing import Any

import pytest
from django import db
from django.test import Client

from getapi.core.errors import TooManyPlans
from getapi.models import Delivery, Package
from getapi.services.planning import planning
from tests.web.conftest import Serve, leave, octets

FILES = "rutgers-lib:5678/PDF-1"
JSON = {"Accept": "application/json"}


def test_where_no_slot_is_free_nothing_stays_of_a_package_that_was_asked_for(serve: Serve, api: Client, token: str) -> None:
    serve("limits.per_key = 1\nlimits.per_reader = 5")
    first = api.post("/api/get/PACKAGE", {"token": token, "files": FILES})
    refused = api.post("/api/get/PACKAGE", {"token": token, "files": FILES}, headers=JSON)
    assert (refused.status_code, refused["Retry-After"], refused.json()["which"]) == (429, "5", "limits.per_key")
    assert Package.objects.count() == Delivery.objects.count() == 1
    octets(first)
    leave(first)
    again = api.post("/api/get/PACKAGE", {"token": token, "files": FILES})
    assert again.status_code == 200
    leave(again)
    assert not Delivery.objects.filter(outcome="running").exists()


def test_an_answer_that_nobody_takes_leaves_no_slot_and_no_row(api: Client, token: str) -> None:
    answer = api.post("/api/get/PACKAGE", {"token": token, "files": FILES})
    assert Delivery.objects.filter(outcome="running").exclude(reader="").count() == 1
    leave(answer)
    assert not Delivery.objects.exists()


def test_whose_it_was_is_forgotten_with_the_slot(api: Client, token: str) -> None:
    answer = api.post("/api/get/PACKAGE", {"token": token, "files": FILES})
    octets(answer)
    leave(answer)
    assert Delivery.objects.get().reader == ""


@pytest.mark.parametrize(("accept", "start"), [("application/json", b"{"), ("application/xml", b"<error>"), ("text/html", b"<!")])
def test_a_database_that_is_away_is_an_answer_in_every_format(
    api: Client, token: str, monkeypatch: pytest.MonkeyPatch, accept: str, start: bytes
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise db.OperationalError("could not connect to server at 10.0.0.7")

    monkeypatch.setattr("getapi.services.shelf.find", away)
    answer = api.get(f"/api/get/packages/{'0' * 32}", headers={"Accept": accept})
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.content.lstrip().startswith(start)
    assert b"cannot reach its own records" in answer.content
    assert b"10.0.0.7" not in answer.content


def test_who_gets_no_turn_to_plan_is_told_so(api: Client, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise TooManyPlans(limit=4, retry_after=5)

    monkeypatch.setattr(planning, "_enter", full)
    for method in ("PACKAGE", "ESTIMATE"):
        answer = api.post(f"/api/get/{method}", {"token": token, "files": FILES}, headers=JSON)
        assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (429, "5", "too-many-plans")
