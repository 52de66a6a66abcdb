"""Whichever statement of a preparation or of a request for a package fails, once: what is asked again succeeds, and nothing has leaked."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connections
from django.test import Client
from django.utils import timezone

from getapi.models import Delivery, Download, Job, Package, StagedMember
from getapi.services import coverage, stage
from getapi.services.admission import exclusive
from getapi.services.planning import planning
from getapi.services.recorder import recorder
from getapi.services.rounds import close_databases, rounds
from getapi.services.watcher import watcher
from getapi.services.workshop import run_once
from tests.transport.material import wait_until
from tests.web.conftest import APPLICATION, octets
from tests.web.preparing.conftest import Shop, job_of, working
from tests.web.preparing.failing import Fault, anything, committed, failing, writes
from tests.web.preparing.material import MANAGED, some

A = some(70_000, "a")

Kind = tuple[Callable[[], DatabaseError], Callable[[str], bool]]
KINDS: dict[str, Kind] = {
    "away": (lambda: OperationalError("server closed the connection unexpectedly"), anything),
    "locked": (lambda: OperationalError("database is locked"), writes),
    "unsure": (lambda: OperationalError("server closed the connection unexpectedly"), committed),
    "refused": (lambda: IntegrityError("a constraint"), writes),
}


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other sign of life than the first comes in between, so that the n-th statement is the same each time."""
    monkeypatch.setattr("getapi.services.pulse.BEAT", 30.0)
    monkeypatch.setattr(stage, "GRACE", 0.0)


def try_to(work: Callable[[], object]) -> object:
    """As a worker's thread or a server does it, whatever comes of it."""
    try:
        return work()
    except Exception:  # noqa: BLE001 # the edge of a thread
        return None
    finally:
        connections["default"].needs_rollback = False
        connections.close_all()


def time_goes_by() -> None:
    """Leases run out, the queue is told again, and what waits to be written is written."""
    rounds.go()
    long_ago = timezone.now() - timedelta(minutes=2)
    Job.objects.filter(state="running").update(renewed=long_ago)
    Job.objects.filter(state="waiting").update(queued=long_ago)


def nothing_leaked(shop: Shop) -> None:
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name in {"supply", "pulse"}])
    rounds.go()
    stage.sweep()
    assert {path.name for path in shop.staged} == {row.file for row in StagedMember.objects.all()}
    assert (planning.held, planning._planning) == (0, 0)
    assert not watcher._running()
    assert not Delivery.objects.filter(outcome="running").exists()
    assert not recorder.gone


@pytest.mark.parametrize("kind", KINDS)
def test_a_preparation(shop: Shop, kind: str) -> None:
    shop.put("A")
    shop.host.put("/A", A)
    error, concerns = KINDS[kind]
    for number in range(1, 400):
        package_id = str(shop.ask().json()["id"])
        fault = Fault(number, error, concerns)
        with failing(fault):
            try_to(run_once)
        for _ in range(3):
            if shop.page(package_id)["state"] != "preparing":
                break
            time_goes_by()
            try_to(run_once)
        page = shop.page(package_id)
        assert page["state"] == "ready", (number, fault.struck, page["problem"])
        whole = octets(shop.content(package_id))
        assert A in whole, (number, fault.struck)
        assert MANAGED in whole
        shop.client.delete(f"/api/get/packages/{package_id}")
        nothing_leaked(shop)
        assert shop.staged == [], (number, fault.struck)
        Package.objects.all().delete()
        if not fault.struck:
            assert number > 9
            return
    raise AssertionError("a preparation does not ask so much")


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_for_a_package(shop: Shop, kind: str) -> None:
    shop.put()
    error, concerns = KINDS[kind]
    client = Client(raise_request_exception=False, REMOTE_ADDR=APPLICATION)
    asked = {"token": shop.token, "files": "elsewhere:1"}
    for number in range(1, 400):
        fault = Fault(number, error, concerns)
        with failing(fault):
            answer = client.post("/api/get/PACKAGE", asked)
            whole = octets(answer)
        status = answer.status_code
        assert status == (500 if fault.struck and kind == "refused" else 503) or (status == 200 and MANAGED in whole), (
            number,
            fault.struck,
            status,
        )
        rounds.go()
        if kind == "unsure":  # what was committed and is known to nobody is as what a killed process leaves
            Delivery.objects.filter(outcome="running").update(renewed=timezone.now() - timedelta(minutes=2))
            coverage.sweep()
            Package.objects.filter(delivered=None).delete()
            Delivery.objects.exclude(outcome="done").delete()
        nothing_leaked(shop)
        kept = Package.objects.count()
        assert kept == (status == 200), (number, fault.struck, status)
        again = shop.client.post("/api/get/PACKAGE", asked)
        assert (again.status_code, MANAGED in octets(again)) == (200, True), (number, fault.struck)
        nothing_leaked(shop)
        outcomes = list(Delivery.objects.values_list("outcome", flat=True))
        assert outcomes == ["done"] * (kept + 1), (number, fault.struck, outcomes)
        assert Download.objects.count() == kept + 1, (number, fault.struck)
        Download.objects.all().delete()
        Delivery.objects.all().delete()
        Package.objects.all().delete()
        if not fault.struck:
            assert number > 2
            return
    raise AssertionError("a request does not ask so much")


def test_a_database_that_somebody_else_holds_for_seconds_delays_a_preparation_and_nothing_else(shop: Shop) -> None:
    shop.put("A")
    shop.host.put("/A", A)
    package_id = str(shop.ask().json()["id"])
    ends, held = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            while not ends.is_set():
                with exclusive():
                    list(StagedMember.objects.select_for_update())
                    held.set()
                    ends.wait(0.4)
                ends.wait(0.05)  # SQLite is not fair to those who wait
        finally:
            close_databases()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    preparing = working(package_id)
    preparing.join(60)
    ends.set()
    holder.join(10)
    assert not preparing.is_alive()
    assert shop.page(package_id)["state"] == "ready"
    assert job_of(package_id).attempts == 1
    assert A in octets(shop.content(package_id))
    nothing_leaked(shop)
