"""Who finds all planning slots taken waits for a moment; nobody waits on a thread that tokens and health need."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from getapi.core.errors import TooManyDeliveries, TooManyPlans
from getapi.services.planning import RETRY_AFTER, PlanningSlots
from getapi.services.watcher import KEPT_THREADS, Deadlines, Watcher
from getapi.transport.transfer import Transfer
from tests.transport.material import wait_until


def slots(limit: int = 2, room: float = 100, wait: float = 5.0) -> PlanningSlots:
    return PlanningSlots(lambda: limit, lambda: room, wait=wait)


def begin(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_as_many_plan_at_once_as_may_and_the_others_follow_in_their_order() -> None:
    gate, order, most = slots(limit=1), list[int](), list[int]()

    def plan(number: int) -> None:
        with gate.slot():
            most.append(gate._planning)
            order.append(number)

    with gate.slot():
        threads = []
        for number in range(8):
            threads.append(begin(lambda number=number: plan(number)))  # type: ignore[misc] # bound where it stands
            wait_until(lambda number=number: gate.held == number + 2)  # type: ignore[misc] # likewise
    for thread in threads:
        thread.join(10)
    assert (order, set(most), gate.held) == (list(range(8)), {1}, 0)


def test_who_waits_too_long_is_told_when_to_come_again() -> None:
    gate = slots(limit=1, wait=0.05)
    with gate.slot(), pytest.raises(TooManyPlans) as caught, gate.slot():
        raise AssertionError("two of one")
    assert (caught.value.retry_after, caught.value.facts["limit"]) == (RETRY_AFTER, 1)
    with gate.slot():
        assert gate.held == 1


def test_where_no_thread_is_left_to_wait_in_nobody_waits() -> None:
    gate = slots(limit=1, room=1, wait=60)
    with gate.slot(), pytest.raises(TooManyPlans), gate.slot():
        raise AssertionError("it would have waited for a minute")


def test_even_where_there_is_no_room_as_many_plan_as_may() -> None:
    gate = slots(limit=3, room=0)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(gate.slot())
        with pytest.raises(TooManyPlans), gate.slot():
            pass


def test_a_planning_that_fails_gives_its_slot_back() -> None:
    gate = slots(limit=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.slot():
            raise ZeroDivisionError
    assert gate.held == 0


def test_deliveries_and_those_who_wait_leave_threads_for_tokens_whoever_came_first() -> None:
    watcher = Watcher(Deadlines)
    gate = PlanningSlots(lambda: 4, lambda: watcher.spare)
    watcher.count_also(lambda: gate.held)
    watcher.serve(threads=20, grace=30, stopping=lambda: False)
    deliveries, planning = list[Transfer](), ExitStack()
    with planning:
        for _ in range(4):
            planning.enter_context(gate.slot())
        for number in range(20 - KEPT_THREADS - gate.held):
            deliveries.append(Transfer(None, total=1))
            watcher.register(deliveries[-1], f"{number}")
        with pytest.raises(TooManyDeliveries):
            watcher.register(Transfer(None, total=1), "one more")
        assert watcher.spare >= 4
