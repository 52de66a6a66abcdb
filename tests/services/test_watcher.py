import gc
import os
import signal
import time

import pytest

from getapi.core.errors import DeliveryOverdue, DeliveryShutDown, DeliveryStalled, TooManyDeliveries
from getapi.services.watcher import STOP_MARGIN, Deadlines, Watcher, configured, soonest, verdict
from getapi.transport.transfer import Transfer
from tests.conftest import Configure
from tests.transport.material import connected, entry, wait_until

NONE = Deadlines()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def running(clock: Clock, total: int = 100) -> Transfer:
    return Transfer(None, total=total, clock=clock)


def test_deadlines_come_from_the_configuration(configure: Configure) -> None:
    configure('[timeouts]\nstall = "2 min"\ndatastream = "1 h"')
    assert configured() == Deadlines(stall=120, datastream=3600, package=0, lease=25)


def test_a_receiver_that_takes_nothing_is_cut_when_the_time_is_over_and_not_before() -> None:
    clock = Clock()
    transfer = running(clock)
    limits = Deadlines(stall=60)
    assert verdict(transfer, limits, 1059.9) is None
    assert isinstance(verdict(transfer, limits, 1060), DeliveryStalled)


def test_each_octet_starts_the_stall_anew() -> None:
    clock = Clock()
    transfer = running(clock)
    limits = Deadlines(stall=60)
    for now in range(1000, 2000, 50):
        transfer.hand(1)
        assert verdict(transfer, limits, now) is None


def test_the_time_for_a_datastream_starts_anew_with_each() -> None:
    clock = Clock()
    transfer = running(clock)
    limits = Deadlines(datastream=10)
    for number in range(3):
        clock.now += 9
        transfer.enter(entry(str(number), b""))
        assert verdict(transfer, limits, clock.now + 9) is None
    assert isinstance(verdict(transfer, limits, clock.now + 10), DeliveryOverdue)
    transfer.leave()
    assert verdict(transfer, limits, clock.now + 10) is None


def test_the_time_for_a_package_counts_from_its_beginning() -> None:
    transfer = running(Clock())
    limits = Deadlines(package=30)
    assert verdict(transfer, limits, 1029) is None
    assert isinstance(verdict(transfer, limits, 1030), DeliveryOverdue)


def test_without_deadlines_nothing_is_ever_cut() -> None:
    transfer = running(Clock())
    transfer.enter(entry("a", b""))
    assert verdict(transfer, NONE, 10**9) is None


def test_its_thread_cuts_a_stalled_transfer_and_ends_when_nothing_runs() -> None:
    watcher = Watcher(lambda: Deadlines(stall=0.2))
    with connected(paused=True) as (connection, receiver):
        transfer = Transfer(connection, total=100)
        watcher.register(transfer)
        wait_until(lambda: isinstance(transfer.error, DeliveryStalled))
        with pytest.raises(BrokenPipeError):
            connection.send(b"more")
        receiver.resume.set()
    watcher.forget(transfer)
    wait_until(lambda: watcher._thread is None)
    again = Transfer(None, total=1)
    watcher.register(again)
    wait_until(lambda: again.error is not None)
    watcher.forget(again)


@pytest.mark.parametrize(("limit", "cut"), [(0, False), (25, True)])
def test_a_process_that_lost_its_lease_ends_what_it_sends_where_that_is_switched_on(limit: float, cut: bool) -> None:
    ages = [24.9, 25.0]
    watcher = Watcher(lambda: Deadlines(lease=limit), lease_age=lambda: ages.pop(0))
    transfer, free = Transfer(None, total=1), Transfer(None, total=1)
    watcher._transfers |= {transfer, free}
    watcher.lease(transfer)
    watcher.look()
    assert transfer.error is None
    watcher.look()
    assert (transfer.error is not None) is cut
    assert free.error is None, "what holds no slot loses none"


def test_a_process_that_is_full_says_when_to_come_again() -> None:
    clock = Clock()
    watcher = Watcher(lambda: NONE, clock=clock)
    watcher.serve(threads=10, grace=30, stopping=lambda: False)
    held = [running(clock), running(clock)]
    for transfer in held:
        watcher.register(transfer)
    held[0].hand(25)
    clock.now += 10  # 25 of 100 octets in 10 s: 30 s to go
    with pytest.raises(TooManyDeliveries) as caught:
        watcher.register(running(clock))
    assert (caught.value.retry_after, caught.value.facts["limit"]) == (30, 2)
    watcher.forget(held[1])
    watcher.register(running(clock))


def test_the_time_to_come_again_is_held_to_5_to_300_seconds() -> None:
    clock = Clock()
    slow, fast = running(clock, 10**9), running(clock)
    assert soonest([running(clock)], clock.now) == 300
    clock.now += 1
    slow.hand(1)
    assert soonest([slow], clock.now) == 300
    fast.hand(99)
    assert soonest([slow, fast], clock.now) == 5


def test_there_is_room_for_one_delivery_however_few_the_threads() -> None:
    watcher = Watcher(lambda: NONE)
    watcher.serve(threads=1, grace=30, stopping=lambda: False)
    first = running(Clock())
    watcher.register(first)
    with pytest.raises(TooManyDeliveries):
        watcher.register(running(Clock()))
    watcher.forget(first)


def test_a_transfer_that_everybody_lost_holds_no_place() -> None:
    watcher = Watcher(lambda: NONE)
    watcher.serve(threads=9, grace=30, stopping=lambda: False)
    watcher.register(running(Clock()))
    gc.collect()
    wait_until(lambda: not watcher._transfers)
    kept = running(Clock())
    watcher.register(kept)
    watcher.forget(kept)


def test_a_stopping_server_lets_deliveries_run_until_a_little_before_its_kill() -> None:
    clock, stopping = Clock(), False
    watcher = Watcher(lambda: NONE, clock=clock)
    watcher.serve(threads=72, grace=30, stopping=lambda: stopping)
    transfer = running(clock)
    watcher.register(transfer)
    clock.now += 500
    watcher.look()
    assert transfer.error is None
    stopping = True
    watcher.look()
    clock.now += 30 - STOP_MARGIN - 1
    watcher.look()
    assert transfer.error is None
    clock.now += 1
    watcher.look()
    with pytest.raises(DeliveryShutDown):
        transfer.check()
    watcher.forget(transfer)


def test_a_server_told_to_stop_at_once_cuts_everything() -> None:
    watcher = Watcher(lambda: NONE)
    transfer = running(Clock())
    watcher.register(transfer)
    watcher.stop()
    assert isinstance(transfer.error, DeliveryShutDown)
    watcher.forget(transfer)


def test_a_delivery_that_only_begins_when_all_were_cut_is_cut_too() -> None:
    watcher = Watcher(lambda: NONE)
    watcher.serve(threads=72, grace=30, stopping=lambda: True)
    watcher.stop()
    transfer = Transfer(None, total=1)
    watcher.register(transfer)
    watcher.look()
    assert isinstance(transfer.error, DeliveryShutDown)
    watcher.forget(transfer)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 and later warn of what this tests
def test_a_forked_process_watches_its_own_transfers_alone() -> None:
    from getapi.services.watcher import watcher

    parents = running(Clock())
    watcher.register(parents)
    pid = os.fork()
    if pid == 0:
        own = Transfer(None, total=1)
        watcher.register(own)
        alive = watcher._thread is not None and watcher._thread.is_alive()
        os._exit(0 if alive and list(watcher._transfers) == [own] else 1)
    watcher.forget(parents)
    end = time.monotonic() + 30
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    assert ended == (pid, 0)


def test_a_failure_of_one_look_ends_no_watching(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("getapi.services.watcher.INTERVAL", 0.01)
    looks: list[None] = []

    def deadlines() -> Deadlines:
        looks.append(None)
        if len(looks) == 1:
            raise RuntimeError("unforeseen")
        return Deadlines(package=0.001)

    watching = Watcher(deadlines)
    transfer = Transfer(None, total=1)
    watching.register(transfer)
    wait_until(lambda: isinstance(transfer.error, DeliveryOverdue))
    watching.forget(transfer)
    assert "goes on" in caplog.text


def places(watcher: Watcher, reader: str, most: int = 100) -> list[Transfer]:
    """As many as the reader gets."""
    got: list[Transfer] = []
    for _ in range(most):
        transfer = Transfer(None, total=1)
        try:
            watcher.register(transfer, reader)
        except TooManyDeliveries:
            break
        got.append(transfer)
    return got


def test_a_reader_with_very_many_connections_leaves_as_many_places_as_he_has(configure: Configure) -> None:
    configure()
    watcher = Watcher(lambda: NONE)
    watcher.serve(threads=72, grace=30, stopping=lambda: False)
    first = places(watcher, "first")
    assert len(first) == 32
    second = places(watcher, "second")
    assert len(second) == 16
    for number in range(10):
        assert places(watcher, f"another {number}", 1), "there is a place for whoever comes"
    assert not places(watcher, "first")
    for transfer in first:
        watcher.forget(transfer)
    assert places(watcher, "first")


def test_a_reader_who_may_have_more_downloads_has_more_connections(configure: Configure) -> None:
    configure("[limits]\nper_reader = 60")
    watcher = Watcher(lambda: NONE)
    watcher.serve(threads=72, grace=30, stopping=lambda: False)
    assert len(held := places(watcher, "first")) == 60
    assert len(places(watcher, "second")) == 4
    assert held


def test_a_page_of_twenty_pictures_is_not_throttled(configure: Configure) -> None:
    configure()
    watcher = Watcher(lambda: NONE)
    watcher.serve(threads=72, grace=30, stopping=lambda: False)
    downloads = [places(watcher, f"{number}", 1) for number in range(20)]
    assert len(places(watcher, "reader", 20)) == 20
    assert all(downloads)
