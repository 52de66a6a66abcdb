"""The other format of a prepared package has its files whatever else goes on: a sweep at any moment, a kill between any two steps."""

import os
import threading
from pathlib import Path

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from getapi.models import Package, StagedMember
from getapi.services import counterpart, jobs, preparation, shelf, stage
from getapi.services.rounds import close_databases
from getapi.services.sharing import Shared
from getapi.services.statistics import Recipient
from getapi.services.workshop import run_once
from tests.web.preparing.conftest import Shop, job_of
from tests.web.preparing.material import some

A, B = some(400_000, "a"), some(70_000, "b")
NOBODY = Recipient(key_id=None, address="203.0.113.5", user_agent="")


class Killed(BaseException):
    """As a process that is no more: nothing that follows is done."""


@pytest.fixture
def package(shop: Shop) -> str:
    shop.put("A", "B")
    shop.host.put("/A", A)
    shop.host.put("/B", B)
    return shop.prepared()[0]


def elsewhere() -> None:
    """What another process's custodian does at this very moment."""

    def sweep() -> None:
        try:
            stage.sweep()
        finally:
            close_databases()

    thread = threading.Thread(target=sweep)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


STEPS = ("link", "link again", "put", "adopt", "commit")


def at(step: str, act: object, patch: pytest.MonkeyPatch) -> None:
    """``act`` comes right after that step."""
    assert callable(act)

    def after(function: object, turn: int = 1) -> object:
        count = [0]

        def call(*args: object, **kwargs: object) -> object:
            assert callable(function)
            found = function(*args, **kwargs)
            count[0] += 1
            if count[0] == turn:
                act()
            return found

        return call

    if step.startswith("link"):
        patch.setattr(Path, "hardlink_to", after(Path.hardlink_to, 1 if step == "link" else 2))
    elif step == "put":
        patch.setattr(shelf, "put", after(shelf.put))
    elif step == "adopt":
        patch.setattr(Shared, "adopt", after(Shared.adopt))
    else:
        patch.setattr(BaseDatabaseWrapper, "commit", after(BaseDatabaseWrapper.commit))


@pytest.mark.parametrize("step", STEPS)
def test_a_sweep_after_each_step_costs_nothing(shop: Shop, package: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        at(step, elsewhere, patch)
        other = counterpart.find_or_make(package, "zip", recipient=NOBODY)
    elsewhere()
    assert shop.content(other).status_code == 200
    assert shop.content(package).status_code == 200
    assert len(shop.staged) == 4


@pytest.mark.parametrize("step", STEPS)
def test_an_end_after_each_step_leaves_nothing_that_stays_and_can_be_done_again(
    shop: Shop, package: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(stage, "unlink", lambda _: 0)  # whoever is killed tidies nothing up
        at(step, kill, patch)
        with pytest.raises(Killed):
            counterpart.find_or_make(package, "zip", recipient=NOBODY)
    connection.close()
    other = counterpart.find_or_make(package, "zip", recipient=NOBODY)
    run_once()
    assert shop.content(other).status_code == 200
    assert Package.objects.count() == 2
    monkeypatch.setattr(stage, "GRACE", 0.0)
    stage.sweep()
    assert {path.name for path in shop.staged} == {row.file for row in StagedMember.objects.all()}
    assert shop.content(package).status_code == 200


def test_what_is_refused_leaves_no_link(shop: Shop, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.serve("limits.packages = 1")
    Package.objects.update(delivered=None)
    answer = shop.client.post(f"/api/get/packages/{package}", {"format": "zip"})
    assert answer.status_code == 429
    assert len(shop.staged) == 2
    shop.serve()
    made = [counterpart.find_or_make(package, "zip", recipient=NOBODY) for _ in range(3)]
    assert len(set(made)) == 1
    assert len(shop.staged) == 4


def test_a_disk_without_links_costs_another_preparation_and_nothing_else(shop: Shop, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", _refuses)
        other = counterpart.find_or_make(package, "zip", recipient=NOBODY)
    assert shop.content(other).status_code == 503
    run_once()
    assert shop.content(other).status_code == 200


def _refuses(*_: object, **__: object) -> None:
    raise OSError


@pytest.mark.parametrize("state", ["canceled", "failed"])
def test_what_a_killed_one_did_not_discard_of_an_ended_package_a_sweep_does(
    shop: Shop, package: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Package.objects.update(state=state)
    monkeypatch.setattr(stage, "GRACE", 0.0)
    assert stage.sweep() == 2
    assert shop.staged == []
    assert not StagedMember.objects.exists()


def test_a_package_and_its_job_end_together(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a job that nobody may do would be handed to the queue again and again, and count among those that wait."""
    shop.put("A")
    shop.host.put("/A", A)
    package_id = shop.ask().json()["id"]

    def kill(_: str) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "cancel", kill)
        with pytest.raises(Killed):
            preparation.cancel(package_id)
    assert (shop.page(package_id)["state"], job_of(package_id).state) == ("preparing", "waiting")
    preparation.cancel(package_id)
    assert (shop.page(package_id)["state"], job_of(package_id).state) == ("canceled", "canceled")
