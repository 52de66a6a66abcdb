"""A preparation has an end whatever servers and disks do, and its thread is free again."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from getapi.models import Job, Package
from getapi.services import packages, preparation
from getapi.services.fetching import MEMBERS, PATIENCE
from getapi.services.workshop import run_once
from tests.transport.material import wait_until
from tests.web.conftest import octets
from tests.web.preparing.conftest import Shop, job_of, working
from tests.web.preparing.material import some

A = some(400_000, "a")
DRIPS = 96.0
"""Seconds for which a body lasts at least that takes too long."""


def asked_again(shop: Shop, package_id: str) -> dict[str, object]:
    """The package's page once all attempts were made."""
    for _ in range(3):
        Job.objects.update(queued=timezone.now() - timedelta(minutes=2))
        run_once()
    return shop.page(package_id)


def no_thread_is_left() -> None:
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name in {"intake", "supply"}], seconds=20)


def test_a_server_that_drips_is_given_up_after_the_stall_and_what_is_there_is_told(shop: Shop) -> None:
    shop.put("A", "B")
    shop.host.put("/A", A, pause=0.05, piece=1)
    shop.host.put("/B", some(70_000, "b"))
    shop.serve('timeouts.stall = "1 s"')
    began = time.monotonic()
    package_id, _ = shop.prepared()
    assert time.monotonic() - began < DRIPS / 5
    assert [(each["dsid"], each["code"]) for each in shop.page(package_id)["notices"]] == [("A", "source-unavailable")]
    assert len(shop.staged) == 1


def test_many_members_on_a_server_that_is_silent_cost_a_few_stalls_together(shop: Shop) -> None:
    dsids = [f"D{number}" for number in range(4 * MEMBERS)]
    shop.put(*dsids)
    for dsid in dsids:
        shop.host.put(f"/{dsid}", A, pause=60)
    shop.serve('timeouts.stall = "1 s"')
    package_id = shop.ask().json()["id"]
    began = time.monotonic()
    run_once()
    assert time.monotonic() - began < len(dsids) / 2
    asked = [shop.host.bodies[f"/{dsid}"].asked.count("GET") for dsid in dsids]
    begun = MEMBERS + PATIENCE - 1  # before it was known
    assert [count - asked[-1] for count in asked[1:]] == [1] * (begun - 1) + [0] * (len(dsids) - begun)
    assert {each["dsid"] for each in shop.page(package_id)["notices"]} == set(dsids)


def test_a_datastream_that_takes_longer_than_one_may_is_left_out(shop: Shop) -> None:
    shop.put("A")
    shop.host.put("/A", some(60 << 20, "large"), pause=0.1)
    shop.serve('timeouts.datastream = "1 s"')
    began = time.monotonic()
    package_id, _ = shop.prepared()
    assert time.monotonic() - began < DRIPS / 5
    assert [each["code"] for each in shop.page(package_id)["notices"]] == ["source-unavailable"]
    no_thread_is_left()


@pytest.mark.parametrize("how", ["timeouts.package", "packages.max_age"])
def test_the_whole_ends_as_failed_and_says_so_and_nothing_stays(shop: Shop, how: str) -> None:
    shop.put("A")
    shop.host.put("/A", some(60 << 20, "large"), pause=0.1)
    if how == "timeouts.package":
        shop.serve('timeouts.package = "1 s"')
    package_id = shop.ask().json()["id"]
    if how == "packages.max_age":  # of which two seconds are left
        Package.objects.update(created=timezone.now() - timedelta(days=30) + timedelta(seconds=2))
    began = time.monotonic()
    run_once()
    assert time.monotonic() - began < DRIPS / 5
    assert (job_of(package_id).code, job_of(package_id).text) == ("preparation-overdue", "The preparation took longer than it may")
    assert shop.page(package_id)["state"] == ("failed" if how == "timeouts.package" else "expired")
    assert shop.content(package_id).status_code == 410
    assert shop.staged == []
    assert job_of(package_id).attempts == 1
    no_thread_is_left()


def test_a_body_that_is_read_twice_may_take_longer_for_it_than_a_stall(shop: Shop) -> None:
    shop.put("A")
    shop.host.put("/A", some(2 << 20, "twice"), chunked=False, pause=0.15)  # 4.8 s each time
    shop.serve('timeouts.stall = "4 s"')
    package_id, whole = shop.prepared()
    assert some(2 << 20, "twice") in whole
    assert shop.page(package_id)["notices"] == []


def test_whoever_cancels_frees_the_thread_though_planning_hangs_in_a_disk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("A")
    shop.host.put("/A", A)
    hangs = threading.Event()
    package_id = shop.ask().json()["id"]

    def hang(*_: object) -> packages.Package:
        hangs.wait(30)
        raise AssertionError("nobody waits for it")

    with monkeypatch.context() as patch:
        patch.setattr(packages, "prepare", hang)
        thread = working(package_id)
        wait_until(lambda: job_of(package_id).state == "running")
        shop.client.delete(f"/api/get/packages/{package_id}")
        thread.join(20)
        assert not thread.is_alive()
    hangs.set()
    no_thread_is_left()


def test_planning_that_hangs_is_tried_again_and_then_failed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("A")
    shop.host.put("/A", A)
    hangs = threading.Event()
    package_id = shop.ask().json()["id"]
    with monkeypatch.context() as patch:
        patch.setattr(packages, "prepare", lambda *_: hangs.wait(30))
        patch.setattr(preparation, "PLANNING", 0.5)
        page = asked_again(shop, package_id)
    hangs.set()
    assert (page["state"], page["problem"]["code"]) == ("failed", "preparation-stalled")  # type: ignore[index] # it is a dict
    no_thread_is_left()


def test_a_disk_that_hangs_while_it_is_verified_holds_no_thread(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put()
    hangs = threading.Event()
    shop.serve('timeouts.stall = "1 s"')
    package_id = shop.ask(prefer="respond-async").json()["id"]

    def hang(*_: object, **__: object) -> object:
        hangs.wait(30)
        yield 0

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "examine", hang)
        began = time.monotonic()
        run_once()
        assert time.monotonic() - began < 20
    hangs.set()
    assert shop.page(package_id)["state"] == "ready"  # each download verifies it
    assert octets(shop.content(package_id))
    no_thread_is_left()
