import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import (
    ContentChanged,
    ContentMissing,
    DeliveryError,
    DeliveryStalled,
    FixityMismatch,
    PackagingError,
    SourceUnavailable,
)
from getapi.core.layout import Layout, lay_out, lay_out_entry
from getapi.core.plan import Entry
from getapi.transport.reading import CHUNK, HELD, LAST
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.transport.material import Held, Receiver, Store, connected, entry, no_doubt, plan, wait_until, whole

BIG = bytes(range(256)) * 4096 * 3  # 3 MiB: several blocks of sendfile


def on_disk(folder: Path, contents: dict[str, bytes]) -> Store:
    opened: dict[str, Callable[[], Held]] = {}
    for number, (name, octets) in enumerate(contents.items()):
        path = folder / str(number)
        path.write_bytes(octets)
        opened[name] = partial(Held, octets, path=path)
    return Store(opened)


def in_memory(contents: dict[str, bytes]) -> Store:
    return Store({name: partial(Held, octets) for name, octets in contents.items()})


def serve(layout: Layout, store: Store, connection: socket.socket, *, transfer: Transfer | None = None) -> list[bytes]:
    """Writes a whole layout as gunicorn does, each item before the next is asked for; gives the items."""
    items = []
    transfer = transfer or Transfer(connection, total=layout.length)
    for item in send(layout, start=0, stop=layout.length, open_entry=store.open, transfer=transfer, doubt=no_doubt()):
        connection.sendall(item)
        items.append(item)
    return items


def ended(connection: socket.socket, receiver: Receiver) -> bytes:
    connection.shutdown(socket.SHUT_WR)
    return receiver.result()


CONTENTS = {"data/a": BIG, "data/b": b"", "data/c": b"x" * HELD, "data/d": b"y" * (HELD + 1)}


@pytest.mark.parametrize("known", [True, False], ids=["declared", "learned"])
def test_what_arrives_is_the_layout_octet_for_octet(tmp_path: Path, known: bool) -> None:
    layout = lay_out(plan(*(entry(name.removeprefix("data/"), octets, known=known) for name, octets in CONTENTS.items())))
    store = on_disk(tmp_path, CONTENTS)
    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=layout.length)
        serve(layout, store, connection, transfer=transfer)
        assert ended(connection, receiver) == whole(layout, CONTENTS)
        assert transfer.handed == layout.length
        assert transfer.error is None
    assert all(held.closed for held in store.opened)


def test_files_with_a_declared_digest_never_pass_through_the_process(tmp_path: Path) -> None:
    layout = lay_out(plan(entry("a", BIG)))
    store = on_disk(tmp_path, {"data/a": BIG})
    with connected() as (connection, receiver):
        items = serve(layout, store, connection)
        assert len(items) == 1  # behind the server's headers; the rest needs no server
        assert ended(connection, receiver) == whole(layout, {"data/a": BIG})
    assert [held.largest_read for held in store.opened] == [0]


def test_a_window_that_begins_with_a_file_yields_an_item_first_so_that_headers_precede_it(tmp_path: Path) -> None:
    layout = lay_out_entry(entry("a", BIG))
    store = on_disk(tmp_path, {"data/a": BIG})
    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=layout.length)
        blocks = send(layout, start=0, stop=layout.length, open_entry=store.open, transfer=transfer, doubt=no_doubt())
        assert next(blocks) == b""
        assert transfer.handed == 0
        connection.sendall(b"headers:")
        assert list(blocks) == []
        assert ended(connection, receiver) == b"headers:" + BIG


def test_a_file_system_that_cannot_splice_is_read_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "sendfile", refuse)
    layout = lay_out(plan(entry("a", BIG)))
    with connected() as (connection, receiver):
        serve(layout, on_disk(tmp_path, {"data/a": BIG}), connection)
        assert ended(connection, receiver) == whole(layout, {"data/a": BIG})


@given(
    sizes=st.lists(st.integers(0, 3 * HELD), max_size=4),
    window=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_every_window_is_that_part_of_the_whole(sizes: list[int], window: tuple[float, float]) -> None:
    contents = {f"data/{number}": bytes([number + 1]) * size for number, size in enumerate(sizes)}
    layout = lay_out(plan(*(entry(str(number), contents[f"data/{number}"]) for number in range(len(sizes)))))
    start, stop = sorted(round(part * layout.length) for part in window)
    blocks = send(
        layout, start=start, stop=stop, open_entry=in_memory(contents).open, transfer=Transfer(None, total=stop - start), doubt=no_doubt()
    )
    assert b"".join(blocks) == whole(layout, contents)[start:stop]


def test_a_window_inside_a_member_that_must_be_hashed_still_learns_its_digest() -> None:
    contents = {"data/a": BIG}
    layout = lay_out(plan(entry("a", BIG, known=False)))
    start = layout.offsets[1] + len(BIG) // 2
    blocks = send(
        layout, start=start, stop=layout.length, open_entry=in_memory(contents).open, transfer=Transfer(None, total=0), doubt=no_doubt()
    )
    assert b"".join(blocks) == whole(layout, contents)[start:]


def test_fewer_octets_than_the_window_says_are_never_ended_politely() -> None:
    transfer = Transfer(None, total=1)
    with pytest.raises(DeliveryError, match="as many as its length"):
        list(send(lay_out_entry(entry("a", b"")), start=0, stop=1, open_entry=in_memory({}).open, transfer=transfer, doubt=no_doubt()))
    assert transfer.error is not None


def test_members_are_opened_one_at_a_time_when_their_turn_comes() -> None:
    contents = {f"data/{number}": b"z" * 1000 for number in range(3)}
    layout = lay_out(plan(*(entry(str(number), b"z" * 1000) for number in range(3))))
    store = in_memory(contents)
    most = 0
    blocks = send(
        layout, start=0, stop=layout.length, open_entry=store.open, transfer=Transfer(None, total=layout.length), doubt=no_doubt()
    )
    next(blocks)
    assert store.opened == []
    for _ in blocks:
        most = max(most, sum(not held.closed for held in store.opened))
    assert (most, len(store.opened)) == (1, 3)


def test_no_more_than_a_chunk_is_read_or_handed_over_at_once() -> None:
    store = in_memory({"data/a": BIG})
    layout = lay_out_entry(entry("a", BIG, known=False, declared=("md5",)))
    sizes = [
        len(block)
        for block in send(layout, start=0, stop=len(BIG), open_entry=store.open, transfer=Transfer(None, total=len(BIG)), doubt=no_doubt())
    ]
    assert max(sizes) == CHUNK
    assert store.opened[0].largest_read <= CHUNK


def test_content_is_closed_when_the_server_stops_asking(tmp_path: Path) -> None:
    store = on_disk(tmp_path, {"data/a": BIG})
    layout = lay_out(plan(entry("a", BIG, known=False)))
    blocks = send(
        layout, start=0, stop=layout.length, open_entry=store.open, transfer=Transfer(None, total=layout.length), doubt=no_doubt()
    )
    next(blocks), next(blocks)
    assert not store.opened[0].closed
    blocks.close()
    assert store.opened[0].closed


def faulty(fault: str, path: Path) -> tuple[Entry, Store, type[PackagingError]]:
    """A member that goes wrong, and what must come of it."""
    path.write_bytes(BIG)
    sound = entry("a", BIG, known=False, declared=("md5", "sha1"))
    match fault:
        case "missing":
            return sound, Store({}), ContentMissing
        case "other size":
            return sound, Store({"data/a": lambda start=0: Held(BIG + b"!")}), ContentChanged
        case "changed before its last octets":
            return sound, Store({"data/a": lambda start=0: Held(BIG, changed=lambda: True)}), ContentChanged
        case "disk fails at once":
            return sound, Store({"data/a": lambda start=0: Held(BIG, fail_at=(0, OSError(errno.EIO, "I/O")))}), SourceUnavailable
        case "disk fails in the middle":
            return sound, Store({"data/a": lambda start=0: Held(BIG, fail_at=(2 << 20, OSError(errno.EIO, "I/O")))}), SourceUnavailable
        case "rotten":
            return sound, Store({"data/a": lambda start=0: Held(BIG[:-1] + b"?")}), FixityMismatch
        case "rotten and remote":
            return entry("a", BIG), Store({"data/a": lambda start=0: Held(BIG[:-1] + b"?")}), FixityMismatch
        case "file changed before its last octets":
            return entry("a", BIG), Store({"data/a": lambda start=0: Held(BIG, path=path, changed=lambda: True)}), ContentChanged
        case "file shorter than it says":
            path.write_bytes(BIG[: 2 << 20])
            return entry("a", BIG), Store({"data/a": lambda start=0: Held(BIG, path=path)}), ContentChanged
    raise AssertionError(fault)


FAULTS = [
    "missing",
    "other size",
    "changed before its last octets",
    "disk fails at once",
    "disk fails in the middle",
    "rotten",
    "rotten and remote",
    "file changed before its last octets",
    "file shorter than it says",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_member_ends_the_connection_short_before_its_last_octets_leave(tmp_path: Path, fault: str) -> None:
    member, store, expected = faulty(fault, tmp_path / "a")
    layout = lay_out(plan(member, entry("b", b"after")))
    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=layout.length)
        with pytest.raises(expected):
            serve(layout, store, connection, transfer=transfer)
        arrived = receiver.result()  # ends only because the connection was shut down before the error left
        assert isinstance(transfer.error, expected)
    assert len(arrived) <= layout.offsets[1] + len(BIG) - (LAST if "file" in fault else HELD)
    assert whole(layout, {"data/a": BIG, "data/b": b"after"}).startswith(arrived)
    assert all(held.closed for held in store.opened)


def test_content_longer_than_planned_is_noticed_where_the_source_itself_does_not() -> None:
    class Longer(Held):
        def __init__(self) -> None:
            super().__init__(BIG + b"more")
            self.size = len(BIG)

    layout = lay_out_entry(entry("a", BIG, known=False))
    with pytest.raises(ContentChanged):
        list(
            send(layout, start=0, stop=len(BIG), open_entry=lambda *_: Longer(), transfer=Transfer(None, total=len(BIG)), doubt=no_doubt())
        )


def test_content_that_ends_early_is_noticed_where_the_source_itself_does_not() -> None:
    class Shorter(Held):
        def __init__(self) -> None:
            super().__init__(BIG[:-1])
            self.size = len(BIG)

    layout = lay_out_entry(entry("a", BIG, known=False))
    with pytest.raises(ContentChanged):
        list(
            send(layout, start=0, stop=len(BIG), open_entry=lambda *_: Shorter(), transfer=Transfer(None, total=len(BIG)), doubt=no_doubt())
        )


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EBADF])
def test_an_error_of_the_file_in_the_middle_of_a_zero_copy_is_the_repositorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real = os.sendfile

    def failing(out: int, source: int, offset: int, count: int) -> int:
        if offset:
            raise OSError(number, os.strerror(number))
        return real(out, source, offset, count)

    monkeypatch.setattr(os, "sendfile", failing)
    layout = lay_out(plan(entry("a", BIG)))
    with connected() as (connection, receiver):
        with pytest.raises(SourceUnavailable):
            serve(layout, on_disk(tmp_path, {"data/a": BIG}), connection)
        assert len(receiver.result()) < layout.length


def test_a_receiver_that_leaves_is_a_broken_pipe_and_no_fault_of_the_source(tmp_path: Path) -> None:
    octets = BIG * 10
    layout = lay_out(plan(entry("a", octets)))
    store = on_disk(tmp_path, {"data/a": octets})
    with connected(paused=True) as (connection, receiver):
        transfer = Transfer(connection, total=layout.length)
        blocks = send(layout, start=0, stop=layout.length, open_entry=store.open, transfer=transfer, doubt=no_doubt())
        connection.sendall(next(blocks))
        receiver.connection.close()
        with pytest.raises(BrokenPipeError):
            list(blocks)
        assert transfer.error is None
        assert transfer.handed < layout.length
    assert store.opened[0].closed


@pytest.mark.parametrize("is_file", [True, False], ids=["inside sendfile", "inside send"])
def test_a_cut_wakes_a_thread_that_waits_for_a_receiver_who_takes_nothing(tmp_path: Path, is_file: bool) -> None:
    octets = BIG * 10
    layout = lay_out(plan(entry("a", octets)))
    store = on_disk(tmp_path, {"data/a": octets}) if is_file else in_memory({"data/a": octets})
    with connected(paused=True) as (connection, receiver):
        transfer = Transfer(connection, total=layout.length)
        raised: list[BaseException] = []

        def run() -> None:
            try:
                serve(layout, store, connection, transfer=transfer)
            except (PackagingError, OSError) as error:
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: transfer.handed > 0 and transfer.idle(time.monotonic()) > 0.2)
        transfer.cut(DeliveryStalled())
        thread.join(20)
        assert not thread.is_alive()
        assert isinstance(raised[0], DeliveryStalled)
        assert len(receiver.result()) < layout.length


def test_a_cut_between_two_chunks_leaves_as_its_own_error() -> None:
    layout = lay_out(plan(entry("a", BIG, known=False)))
    transfer = Transfer(None, total=layout.length)
    blocks = send(layout, start=0, stop=layout.length, open_entry=in_memory({"data/a": BIG}).open, transfer=transfer, doubt=no_doubt())
    next(blocks)
    transfer.cut(DeliveryStalled())
    with pytest.raises(DeliveryStalled):
        next(blocks)


def test_a_manifest_without_a_plan_is_refused() -> None:
    layout = replace(lay_out(plan()), plan=None)
    with pytest.raises(DeliveryError):
        list(
            send(
                layout,
                start=0,
                stop=layout.length,
                open_entry=in_memory({}).open,
                transfer=Transfer(None, total=layout.length),
                doubt=no_doubt(),
            )
        )
