"""What another thread brings is taken in order, and whoever takes it can always leave."""

import threading
import time
from collections.abc import Generator

import pytest

from getapi.core.errors import PreparationStalled, PreparationStopped, SourceUnavailable
from getapi.services.supply import AHEAD, Supply, bring
from getapi.sources.waiting import waiting
from tests.transport.material import wait_until


def nothing() -> None:
    """Nobody looks."""


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "supply"]


def numbers(count: int) -> Generator[int, None, None]:
    yield from range(count)


def test_all_comes_in_order_and_then_the_end() -> None:
    with Supply(lambda: numbers(100), patience=5, stalled=PreparationStalled) as supply:
        assert list(supply.items(nothing)) == list(range(100))
    assert bring(lambda: 7, nothing, patience=5, stalled=PreparationStalled) == 7
    assert bring(lambda: None, nothing, patience=5, stalled=PreparationStalled) is None


def test_what_goes_wrong_there_goes_wrong_here() -> None:
    def breaks() -> Generator[int, None, None]:
        yield 1
        raise SourceUnavailable("r")

    with Supply(breaks, patience=5, stalled=PreparationStalled) as supply:
        items = supply.items(nothing)
        assert next(items) == 1
        with pytest.raises(SourceUnavailable):
            next(items)
    with pytest.raises(ZeroDivisionError):
        bring(lambda: 1 // 0, nothing, patience=5, stalled=PreparationStalled)
    wait_until(lambda: not threads())


def test_whoever_looks_may_leave_though_it_hangs_and_its_thread_ends_when_it_can() -> None:
    hangs, looks = threading.Event(), [0]

    def look() -> None:
        looks[0] += 1
        if looks[0] == 3:
            raise PreparationStopped

    began = time.monotonic()
    with pytest.raises(PreparationStopped):
        bring(lambda: hangs.wait(30), look, patience=0, stalled=PreparationStalled)
    assert time.monotonic() - began < 20
    assert threads()
    hangs.set()
    wait_until(lambda: not threads())


def test_what_nobody_takes_is_brought_no_further_and_closed() -> None:
    made, closed = [0], threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                made[0] += 1
                yield made[0]
        finally:
            closed.set()

    with Supply(endless, patience=5, stalled=PreparationStalled) as supply:
        next(supply.items(nothing))
        wait_until(lambda: made[0] >= AHEAD + 2)
        time.sleep(0.05)
        assert made[0] == AHEAD + 2  # the queue's, the one that was taken, and the one in hand
    assert closed.wait(20)


def test_what_brings_nothing_for_too_long_is_stalled_and_how_long_its_taker_is_busy_does_not_count() -> None:
    hangs, now, passes = threading.Event(), [0.0], [0.0]

    def drips() -> Generator[int, None, None]:
        yield 1
        time.sleep(0.4)  # longer than between two looks
        yield 2
        hangs.wait(30)

    def look() -> None:
        now[0] += passes[0]

    with Supply(drips, patience=50, stalled=PreparationStalled, clock=lambda: now[0]) as supply:
        items = supply.items(look)
        assert next(items) == 1
        now[0] += 80
        assert next(items) == 2
        passes[0] = 20
        with pytest.raises(PreparationStalled):
            next(items)
    assert 130 <= now[0] <= 160
    hangs.set()
    wait_until(lambda: not threads())


def test_a_server_that_goes_on_answering_is_no_stall_and_is_asked_no_more_when_nobody_waits() -> None:
    asked, now, left = [0], [0.0], threading.Event()

    def asks() -> Generator[int, None, None]:
        while True:
            with waiting("r"):
                time.sleep(0.2)
                now[0] += 20
                asked[0] += 1
            if asked[0] == 6:
                yield 1
                left.wait(30)

    with Supply(asks, patience=50, stalled=PreparationStalled, clock=lambda: now[0]) as supply:
        assert next(supply.items(nothing)) == 1
    left.set()
    wait_until(lambda: not threads())
    assert asked[0] == 6
