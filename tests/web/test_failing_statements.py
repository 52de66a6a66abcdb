"""Whichever statement of a whole course (token, package, range, page, end) the database fails at: nothing is lost, doubled or left."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django import db
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.test import Client

from getapi.models import Delivery, Download, Job, Key, Package
from getapi.services.recorder import recorder
from getapi.services.rounds import rounds
from tests.web.conftest import Serve, leave, octets

FILES = "rutgers-lib:5678/PDF-1;rutgers-lib:1234/MODS"
JSON = {"Accept": "application/json"}
UNBREAKABLE = re.compile(r"(RELEASE|ROLLBACK TO) SAVEPOINT|PRAGMA|SELECT set_config")
"""What Django says in passing, and what may be said before there is a connection."""

pytestmark = pytest.mark.django_db(transaction=True)


class Breaker:
    """Lets the statement of that number fail, or all from it on until it is ``healed``. A COMMIT is a statement; one that fails may have
    been done nevertheless (``is_done``), as where the connection breaks before its answer."""

    def __init__(self, number: int, *, lasts: bool, is_done: bool) -> None:
        self._number, self._lasts, self.is_done = number, lasts, is_done
        self._seen = 0
        self.has_broken = self._is_healed = False

    def heal(self) -> None:
        self._is_healed = self.has_broken

    def breaks(self, sql: str) -> bool:
        if self._is_healed or UNBREAKABLE.match(sql):
            return False
        self._seen += 1
        breaks = self._seen >= self._number if self._lasts else self._seen == self._number
        self.has_broken |= breaks
        return breaks


@contextmanager
def breaking(breaker: Breaker) -> Iterator[None]:
    """On every connection, for those of requests do not outlive them."""
    execute, commit = CursorWrapper._execute_with_wrappers, BaseDatabaseWrapper._commit  # type: ignore[attr-defined] # where all pass by

    def executing(self: CursorWrapper, sql: str, params: Any, many: bool, executor: Any) -> Any:
        if breaker.breaks(sql):
            raise db.OperationalError("database is locked")
        return execute(self, sql, params, many, executor)

    def committing(self: BaseDatabaseWrapper) -> Any:
        breaks = self.connection is not None and breaker.breaks("COMMIT")
        if breaker.is_done or not breaks:
            commit(self)
        if breaks:
            raise db.OperationalError("disk I/O error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute_with_wrappers", executing)
        patch.setattr(BaseDatabaseWrapper, "_commit", committing)
        yield


class Course:
    """What an application and its reader do; what is refused they ask for once more."""

    def __init__(self, api: Client, key: str, breaker: Breaker) -> None:
        self._api, self._key, self._breaker = api, key, breaker
        self.packages: list[str] = []

    def run(self) -> None:
        token = self._ask(lambda: self._api.post("/api/get/getToken", {"key": self._key}, headers=JSON)).json()["token"]
        asked = {"token": token, "files": FILES}
        whole = self._ask(lambda: self._api.post("/api/get/PACKAGE", asked))
        data, address = octets(whole), whole["Content-Location"]
        self._close(whole)
        part = self._ask(lambda: self._api.get(address, headers={"Range": "bytes=1000-"}))
        assert octets(part) == data[1000:]
        self._close(part)
        page = self._ask(lambda: self._api.get(address.removesuffix("/content"), headers=JSON)).json()
        assert page["size"] == len(data)
        link = self._ask(lambda: self._api.post("/api/get/PACKAGE", {**asked, "delivery": "link"}))["Location"]
        self._ask(lambda: self._api.delete(link))
        prepared = self._ask(lambda: self._api.post("/api/get/PACKAGE", asked, headers={"Prefer": "respond-async"}))
        self.packages = [address.split("/")[4], link.split("/")[4], prepared["Location"].split("/")[4]]

    def _ask(self, send: Callable[[], Any]) -> Any:
        answer = send()
        if answer.status_code >= 400:
            assert (answer.status_code, answer["Retry-After"]) == (503, "30"), answer.content
            assert b"cannot reach its own records" in answer.content
            self._breaker.heal()
            answer = send()
        assert answer.status_code < 300, answer.content
        return answer

    def _close(self, answer: Any) -> None:
        leave(answer)
        self._breaker.heal()


@pytest.mark.parametrize(
    ("lasts", "is_done"), [(False, False), (False, True), (True, False)], ids=["once", "done-all-the-same", "from-then-on"]
)
def test_it_is_refused_as_such_and_nothing_is_lost_doubled_or_left(api: Client, key: str, lasts: bool, is_done: bool) -> None:
    number, went_wrong = 0, []
    while True:
        number += 1
        breaker = Breaker(number, lasts=lasts, is_done=is_done)
        course = Course(api, key, breaker)
        with breaking(breaker):
            course.run()
        if not breaker.has_broken:
            break
        for _ in range(3):
            rounds.go()
        found = _left()
        if found != (sorted(course.packages), 1, 2, 0, ["MODS", "PDF-1"]):
            went_wrong.append((number, found))
        _forget()
    assert number > 80
    assert went_wrong == []


def _left() -> tuple[Any, ...]:
    """Packages, jobs, responses, those of them that look as if they held a slot, and what is counted."""
    held = Delivery.objects.exclude(reader="", outcome="done").count()
    return (
        sorted(Package.objects.values_list("pk", flat=True)),
        Job.objects.count(),
        Delivery.objects.count(),
        held,
        sorted(Download.objects.values_list("dsid", flat=True)),
    )


def _forget() -> None:
    for model in (Download, Delivery, Package):
        model.objects.all().delete()
    recorder.reset()


def test_a_key_that_is_deleted_while_its_package_is_planned_opens_nothing(
    api: Client, serve: Serve, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from getapi.services import packages

    prepare = packages.prepare

    def preparing(*arguments: Any) -> Any:
        Key.objects.all().delete()
        return prepare(*arguments)

    monkeypatch.setattr(packages, "prepare", preparing)
    answer = api.post("/api/get/PACKAGE", {"token": token, "files": FILES})
    assert (answer.status_code, answer.content) == (403, b"<error>A valid token is required</error>")
    assert not Package.objects.exists()
