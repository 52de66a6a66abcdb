"""What gunicorn's hooks do for each process of a node: a place among the counters, somebody who tidies up, and an end."""

import signal
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from getapi.services.housekeeping import Housekeeping
from getapi.services.watcher import watcher
from getapi.tally import SLOTS, Tally
from packaging_service import gunicorn
from packaging_service.worker import Worker


def a_process(**facts: Any) -> Any:
    return SimpleNamespace(pid=1, alive=True, cfg=SimpleNamespace(threads=72, graceful_timeout=30), **facts)


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    fresh = Tally(slots=4)
    monkeypatch.setattr(gunicorn, "tally", fresh)
    return fresh


@pytest.mark.parametrize(("taken", "expected"), [([], 0), ([0, 1], 2), ([1, 2], 0), ([0, 2], 1), (range(SLOTS), None)])
def test_a_new_process_gets_the_first_place_that_no_living_one_has(taken: Iterable[int], expected: int | None) -> None:
    server, worker = SimpleNamespace(WORKERS={pid: a_process(slot=slot) for pid, slot in enumerate(taken)}), a_process()
    gunicorn.pre_fork(server, worker)
    assert worker.slot == expected


@pytest.mark.parametrize("slot", [2, None])
def test_it_counts_there_tidies_up_and_is_watched(monkeypatch: pytest.MonkeyPatch, tally: Tally, slot: int | None) -> None:
    started, watched = list[Housekeeping](), dict[str, Any]()

    def start(keeper: Housekeeping) -> None:
        started.append(keeper)

    monkeypatch.setattr(Housekeeping, "start", start)
    monkeypatch.setattr(watcher, "serve", watched.update)
    gunicorn.post_worker_init(a_process(slot=slot))
    assert len(started) == 1
    assert (watched["threads"], watched["grace"], watched["stopping"]()) == (72, 30, False)
    assert tally.of_living("delivery_slots") == ({} if slot is None else {2: 64})


def test_a_dead_one_s_place_is_free_and_what_it_counted_stays(tally: Tally) -> None:
    tally.take(3)
    tally.add("requests")
    (pid,) = tally.living().values()
    dead = a_process(slot=3)
    dead.pid = pid
    gunicorn.child_exit(None, dead)
    assert tally.living() == {}
    assert tally.sums() == {("requests",): 1}
    gunicorn.child_exit(None, a_process(slot=None))


def test_one_that_is_told_to_stop_at_once_does_while_it_hands_a_request_to_a_thread() -> None:
    """The signal comes between any two steps of its main thread, which can give up nothing that it holds before the signal is seen to."""
    ended, told = list[Any](), list[Any]()
    process = Worker.__new__(Worker)
    process.booted, process.alive, process.tpool = True, True, ThreadPoolExecutor(1)
    process.cfg = SimpleNamespace(worker_int=told.append)

    def stop() -> None:
        try:
            process.handle_quit(signal.SIGQUIT, None)
        except SystemExit as end:
            ended.append(end.code)

    stopping = threading.Thread(target=stop, daemon=True)
    with process.tpool._shutdown_lock:  # as ``submit`` does, while it starts a thread
        stopping.start()
        stopping.join(20)
        assert (ended, told, process.alive) == ([0], [process], False)
