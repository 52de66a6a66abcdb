"""Members that are slow to open are open, and their first octets there, when their turn comes."""

import itertools
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from getapi.core.errors import PackageCanceled, SourceUnavailable
from getapi.core.layout import Extent, Layout, lay_out, lay_out_entry
from getapi.core.plan import Entry
from getapi.core.source import ControlGroup
from getapi.transport import openings
from getapi.transport.begun import Begun
from getapi.transport.openings import MEMBERS, Openings
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.transport.material import Held, Store, entry, no_doubt, plan, wait_until, whole

OCTETS = bytes(range(256)) * 1000


def remote(name: str, octets: bytes = OCTETS) -> Entry:
    made = entry(name, octets)
    return replace(made, datastream=replace(made.datastream, control_group=ControlGroup.EXTERNAL, remote=True))


class Recording(Store):
    """Says in which thread what was opened."""

    def __init__(self, contents: dict[str, Callable[..., Held]]) -> None:
        super().__init__(contents)
        self.by: list[tuple[str, str]] = []

    def open(self, entry: Entry, start: int = 0) -> Held:
        self.by.append((entry.datastream.dsid, threading.current_thread().name))
        return super().open(entry, start)


def store_of(*names: str) -> Recording:
    return Recording({f"data/{name}": partial(Held, OCTETS) for name in names})


def blocks_of(layout: Layout, open_entry: Callable[..., Held], *, start: int = 0) -> Generator[bytes]:
    transfer = Transfer(None, total=layout.length - start)
    return send(layout, start=start, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=no_doubt())


def test_what_arrives_is_the_layout_and_each_member_is_opened_once_ahead_of_its_turn() -> None:
    names = [str(number) for number in range(12)]
    layout, store = lay_out(plan(*map(remote, names))), store_of(*names)
    arrived = b"".join(blocks_of(layout, store.open))
    assert arrived == whole(layout, {f"data/{name}": OCTETS for name in names})
    assert sorted(name for name, _ in store.by) == sorted(names)
    assert {thread for _, thread in store.by} == {"opening"}
    assert all(held.closed for held in store.opened)


@pytest.mark.parametrize("start", [100, 700, 90_000, 256_511, 256_512, 300_000])
def test_a_window_that_begins_anywhere_is_that_part_of_the_whole(start: int) -> None:
    layout, store = lay_out(plan(remote("a"), remote("b"))), store_of("a", "b")
    assert b"".join(blocks_of(layout, store.open, start=start)) == whole(layout, {"data/a": OCTETS, "data/b": OCTETS})[start:]
    assert all(held.closed for held in store.opened)


def test_while_one_member_is_sent_the_next_are_there() -> None:
    layout, store = lay_out(plan(*map(remote, "abcdefgh"))), store_of(*"abcdefgh")
    blocks = blocks_of(layout, store.open)
    next(blocks), next(blocks)
    wait_until(lambda: sum(held.largest_read > 0 for held in store.opened) >= MEMBERS)
    assert sum(not held.closed for held in store.opened) <= MEMBERS + 1
    blocks.close()
    wait_until(lambda: all(held.closed for held in store.opened))


def test_what_is_far_away_is_not_opened_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "NEAR", 1000)
    layout, store = lay_out(plan(remote("a"), remote("b"))), store_of("a", "b")
    blocks = blocks_of(layout, store.open)
    next(blocks), next(blocks)
    wait_until(lambda: bool(store.by))
    assert [name for name, _ in store.by] == ["a"]
    assert len(b"".join(blocks)) < layout.length
    assert [name for name, _ in store.by] == ["a", "b"]


def test_files_are_opened_when_their_turn_comes(tmp_path: Path) -> None:
    layout, store = lay_out(plan(entry("a", OCTETS), remote("b"))), store_of("a", "b")
    list(blocks_of(layout, store.open))
    assert dict(store.by)["a"] != "opening"
    assert dict(store.by)["b"] == "opening"


def test_many_slow_members_take_far_less_time_than_one_after_the_other() -> None:
    names = [str(number) for number in range(12)]
    layout, store = lay_out(plan(*map(remote, names))), store_of(*names)
    together, most = [0], [0]
    lock, all_there = threading.Lock(), threading.Event()

    def slow(entry: Entry, start: int = 0) -> Held:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
            if together[0] >= MEMBERS:
                all_there.set()
        assert all_there.wait(10)
        with lock:
            together[0] -= 1
        return store.open(entry, start)

    assert b"".join(blocks_of(layout, slow)) == whole(layout, {f"data/{name}": OCTETS for name in names})
    assert most[0] >= MEMBERS


def test_what_could_not_be_opened_ahead_is_tried_again_and_then_fails_where_it_is_heard() -> None:
    layout, left = lay_out(plan(remote("a"))), itertools.count()

    def flaky(entry: Entry, start: int = 0) -> Held:
        if next(left) == 0:
            raise SourceUnavailable("store")
        return Held(OCTETS, start=start)

    assert b"".join(blocks_of(layout, flaky)) == whole(layout, {"data/a": OCTETS})

    def never(entry: Entry, start: int = 0) -> Held:
        raise SourceUnavailable("store")

    with pytest.raises(SourceUnavailable):
        list(blocks_of(layout, never))


def test_what_cannot_be_read_ahead_is_closed() -> None:
    store = Store({"data/a": partial(Held, OCTETS, fail_at=(0, OSError(5, "I/O")))})
    with pytest.raises(SourceUnavailable):
        list(blocks_of(lay_out_entry(remote("a")), store.open))
    assert all(held.closed for held in store.opened)


def test_what_waited_too_long_is_opened_anew() -> None:
    now, store = [0.0], store_of("a")
    found = Openings(lay_out_entry(remote("a")), 0, len(OCTETS), open_entry=store.open, clock=lambda: now[0])
    found.approach(0)
    opening = found.take(0)
    assert opening is not None
    assert opening.wait(10)
    now[0] = openings.FRESH + 1
    assert opening.take() is None
    assert [held.closed for held in store.opened] == [True]


def test_a_reader_who_is_cut_does_not_wait_for_what_is_being_opened() -> None:
    go, store = threading.Event(), store_of("a")

    def slow(entry: Entry, start: int = 0) -> Held:
        assert go.wait(10)
        return store.open(entry, start)

    layout = lay_out(plan(remote("a")))
    transfer = Transfer(None, total=layout.length)
    blocks = send(layout, start=0, stop=layout.length, open_entry=slow, transfer=transfer, doubt=no_doubt())
    assert next(blocks) != b""
    assert next(blocks) == b""
    transfer.cut(PackageCanceled())
    with pytest.raises(PackageCanceled):
        next(blocks)
    go.set()
    wait_until(lambda: len(store.opened) == 1 and store.opened[0].closed)


def test_where_no_thread_is_free_members_are_opened_when_their_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "_free", threading.BoundedSemaphore(1))
    openings._free.acquire()
    layout, store = lay_out(plan(*map(remote, "abc"))), store_of(*"abc")
    assert b"".join(blocks_of(layout, store.open)) == whole(layout, {f"data/{name}": OCTETS for name in "abc"})
    assert {thread for _, thread in store.by} == {threading.current_thread().name}


def test_begun_content_is_the_content_from_its_first_octet() -> None:
    held = Held(OCTETS)
    with Begun(held, held.read(1000)) as begun:
        pieces = [begun.read(400), begun.read(4000), begun.read(10**6), begun.read(1)]
        begun.confirm()
        assert (begun.size, begun.descriptor(), [len(piece) for piece in pieces]) == (len(OCTETS), None, [400, 600, len(OCTETS) - 1000, 0])
    assert b"".join(pieces) == OCTETS
    assert (held.confirmed, held.closed) == (1, True)


def test_threads_are_given_back() -> None:
    layout, store = lay_out(plan(*map(remote, "abcdefgh"))), store_of(*"abcdefgh")
    for _ in range(openings.MOST_THREADS // 4):
        list(blocks_of(layout, store.open))
    end = time.monotonic() + 10
    while openings._free._value < openings.MOST_THREADS:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_of_what_lies_in_a_file_by_now_nothing_is_read_beforehand() -> None:
    """A member from elsewhere that was put aside leaves by zero-copy, from its first octet on."""

    class Aside(Held):
        def descriptor(self) -> int | None:
            return 0

    held, extent = Aside(OCTETS), lay_out_entry(remote("a")).segments[0]
    assert isinstance(extent, Extent)
    openings._free.acquire()
    opening = openings.Opening(lambda *_: held, extent, time.monotonic)
    assert opening.wait(10)
    assert opening.take() is held
    assert held.largest_read == 0
