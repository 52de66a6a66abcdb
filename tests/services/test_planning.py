"""Who finds all planning slots taken waits for a moment; nobody waits on a thread that tokens and health need."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from getapi.core.errors import TooManyDeliveries, TooManyPlans
from getapi.services.planning import RETRY_AFTER, PlanningSlots
from getapi.services.watcher import KEPT_THREADS, Deadlines, Watcher
from getapi.sources.waiting import waiting
from getapi.transport.transfer import Transfer
from tests.transport.material import wait_until


def slots(limit: int = 2, room: float = 100, wait: float = 60.0) -> PlanningSlots:
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
        thread.join(30)
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


class Busy:
    """Who works by himself at this moment, and how many did so at once at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    @contextmanager
    def working(self) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


Step = tuple[str, float]
"""What is done next, and for how many seconds."""

steps = st.tuples(st.sampled_from(["work", "wait", "wait", "fail", "fail waiting"]), st.floats(0, 0.003))


@settings(max_examples=40, deadline=None)
@given(limit=st.integers(1, 3), courses=st.lists(st.lists(steps, max_size=5), min_size=1, max_size=10))
def test_however_they_come_and_go_no_more_plan_than_may_and_all_come_to_their_end(limit: int, courses: list[list[Step]]) -> None:
    gate, busy, ends = slots(limit=limit, wait=30), Busy(), list[str]()

    def follow(course: list[Step]) -> None:
        try:
            with gate.slot():
                for kind, seconds in course:
                    take(kind, seconds)
        except ZeroDivisionError:
            ends.append("failed")
        else:
            ends.append("done")

    def take(kind: str, seconds: float) -> None:
        if kind.endswith("waiting") or kind == "wait":
            with waiting("a server"):
                time.sleep(seconds)
                if kind != "wait":
                    raise ZeroDivisionError
        with busy.working():
            time.sleep(seconds)
            if kind == "fail":
                raise ZeroDivisionError

    threads = [begin(partial(follow, course)) for course in courses]
    for thread in threads:
        thread.join(30)
    assert len(ends) == len(courses)
    assert busy.most <= limit
    assert (gate.held, gate._planning) == (0, 0)


class Server:
    """Answers those who wait for it one by one, when it is told to."""

    def __init__(self) -> None:
        self._answers: dict[str, threading.Event] = {}

    def ask(self, name: str) -> None:
        self._answers[name] = threading.Event()
        with waiting("a server"):
            assert self._answers[name].wait(20)

    def answer(self, name: str) -> None:
        wait_until(lambda: name in self._answers)
        self._answers[name].set()


def test_who_comes_back_is_before_those_who_have_not_begun_and_they_come_in_their_order() -> None:
    gate, server, order = slots(limit=1, wait=20), Server(), list[str]()

    def plan(name: str) -> None:
        with gate.slot():
            server.ask(name)
            order.append(name)

    def come(name: str) -> None:
        with gate.slot():
            order.append(name)

    threads = []
    for number, name in enumerate("abc", 1):
        threads.append(begin(partial(plan, name)))
        wait_until(lambda number=number: gate._aside["a server"] == number)  # type: ignore[misc] # bound where it stands
    with gate.slot():
        threads.append(begin(partial(come, "new")))
        wait_until(lambda: len(gate._line) == 1)
        for number, name in enumerate("bca", 1):
            server.answer(name)
            wait_until(lambda number=number: len(gate._returning) == number)  # type: ignore[misc] # likewise
    for thread in threads:
        thread.join(30)
    assert (order, gate.held) == (["b", "c", "a", "new"], 0)


def test_whoever_hangs_with_his_turn_holds_up_as_many_who_come_back_as_plan_beside_him() -> None:
    """A disk may hang. Half of a plan is of no use: they go on after a while, and there are never more than twice as many as may plan."""
    gate, server, order, hangs = slots(limit=2, wait=0.2), Server(), list[str](), threading.Event()

    def plan(name: str) -> None:
        with gate.slot():
            server.ask(name)
            order.append(name)
            hangs.wait(20)

    def hang() -> None:
        with gate.slot():
            hangs.wait(20)

    threads = []
    for number, name in enumerate("abc", 1):
        threads.append(begin(partial(plan, name)))
        wait_until(lambda number=number: gate._aside["a server"] == number)  # type: ignore[misc] # bound where it stands
    threads += [begin(hang), begin(hang)]
    wait_until(lambda: gate._planning == 2)
    for name in "abc":
        server.answer(name)
        wait_until(lambda: bool(gate._returning) or bool(order))
    wait_until(lambda: gate._planning == 4 and len(order) == 2)
    time.sleep(0.5)
    assert (len(order), gate._planning, len(gate._returning)) == (2, 4, 1)
    with pytest.raises(TooManyPlans), gate.slot():
        raise AssertionError("a fifth")
    hangs.set()
    for thread in threads:
        thread.join(30)
    assert (sorted(order), gate.held) == (["a", "b", "c"], 0)


def test_no_server_has_more_wait_for_it_than_it_leaves_to_all_others_and_who_is_refused_gives_his_slot_back() -> None:
    gate, server = slots(limit=1, room=6), Server()
    refused = list[TooManyPlans]()

    def plan(name: str) -> None:
        try:
            with gate.slot():
                server.ask(name)
        except TooManyPlans as error:
            refused.append(error)

    threads = [begin(partial(plan, "0"))]
    wait_until(lambda: gate._aside["a server"] == 1)
    threads.append(begin(partial(plan, "1")))
    wait_until(lambda: gate._aside["a server"] == 2)
    threads.append(begin(partial(plan, "2")))
    wait_until(lambda: gate._aside["a server"] == 3)
    plan("3")
    assert [error.retry_after for error in refused] == [RETRY_AFTER]
    assert (gate._planning, gate.held) == (0, 3)
    with gate.slot(), waiting("another server"):  # which nobody waits for
        assert gate.held == 4
    with pytest.raises(TooManyPlans), gate.waiting_for("a server"):
        raise AssertionError("one more than it leaves")
    with gate.waiting_for("a third"):
        assert gate.held == 4
    for name in "012":
        server.answer(name)
    for thread in threads:
        thread.join(30)
    assert gate.held == 0
    assert not gate._aside


def test_every_way_out_of_waiting_for_somebody_gives_the_place_back() -> None:
    gate = slots()
    for error in (ZeroDivisionError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), gate.waiting_for("a server"):
            raise error
        with pytest.raises(error), gate.slot(), waiting("a server"):
            raise error
        with pytest.raises(error), gate.slot(), waiting("a server"), waiting("the same, within"):
            raise error
    assert (gate.held, gate._planning, dict(gate._aside)) == (0, 0, {})
