"""Bytes that were not verified lately leave at once, but for the last of a member, which wait for what one reading finds."""

import hashlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from getapi.core.errors import ContentChanged, ContentMissing, FixityMismatch, PackageCanceled, SourceUnavailable
from getapi.core.layout import Extent, Layout, lay_out, lay_out_entry
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.core.source import ControlGroup
from getapi.transport import ahead, assurance
from getapi.transport.assurance import Doubt, vet
from getapi.transport.reading import HELD
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from getapi.transport.verifier import Verifier
from tests.transport.material import Held, Receiver, Store, connected, doubt, entry, no_doubt, plan, wait_until, whole

OCTETS = bytes(range(256)) * 4096  # 1 MiB
ROTTEN = OCTETS[:1000] + b"?" + OCTETS[1001:]
AFTER = b"after"


def stored(folder: Path, octets: bytes = OCTETS) -> Store:
    (folder / "a").write_bytes(octets)
    (folder / "b").write_bytes(AFTER)
    return Store({"data/a": partial(Held, octets, path=folder / "a"), "data/b": partial(Held, AFTER, path=folder / "b")})


def laid_out(*entries: Entry, serialization: str = "tar") -> Layout:
    return lay_out(replace(plan(*entries), format=serialization))


def member(layout: Layout) -> int:
    """Where the first member's octets begin."""
    return next(offset for segment, offset in zip(layout.segments, layout.offsets, strict=True) if isinstance(segment, Extent))


def serve(layout: Layout, store: Store, start: int, stop: int, doubt: Doubt, *, zero_copy: bool = True) -> tuple[bytes, list[bytes]]:
    """What arrived, and the items that the server had to write. Raises what the sender does, with what arrived as its note."""
    items: list[bytes] = []
    with connected() as (connection, receiver):
        transfer = Transfer(connection if zero_copy else None, total=stop - start)
        try:
            for item in send(layout, start=start, stop=stop, open_entry=store.open, transfer=transfer, doubt=doubt):
                connection.sendall(item)
                items.append(item)
        except Exception as error:
            error.args = (*error.args, _ended(connection, receiver))
            raise
        return _ended(connection, receiver), items


def _ended(connection: object, receiver: Receiver) -> bytes:
    connection.close()  # type: ignore[attr-defined] # a socket
    return receiver.result()


@pytest.mark.parametrize("serialization", ["tar", "zip"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9999])
def test_a_doubted_file_arrives_whole_and_never_passes_through_the_server(tmp_path: Path, serialization: str, part: float) -> None:
    one, two = entry("a", OCTETS, declared=("md5",)), entry("b", AFTER)
    layout, store = laid_out(one, two, serialization=serialization), stored(tmp_path)
    start = round(part * (member(layout) + len(OCTETS)))
    arrived, items = serve(layout, store, start, layout.length, doubt(one, two))
    assert arrived == whole(layout, {"data/a": OCTETS, "data/b": AFTER})[start:]
    assert sum(map(len, items)) < layout.length - start - min(len(OCTETS), layout.length - start) + 30_000
    wait_until(lambda: all(held.closed for held in store.opened))  # the background reading lets go of its file after its word


@pytest.mark.parametrize("zero_copy", [True, False], ids=["zero-copy", "chunks"])
@pytest.mark.parametrize("serialization", ["tar", "zip"])
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
@pytest.mark.parametrize("first", [0, 500_000, len(OCTETS) - HELD - 1, len(OCTETS) - HELD, len(OCTETS) - 1])
def test_of_a_damaged_member_the_last_octets_never_leave_whatever_the_start(
    tmp_path: Path, zero_copy: bool, serialization: str, algorithm: str, first: int
) -> None:
    sound = entry("a", OCTETS, known=algorithm == "sha256", declared=(algorithm,))
    bad = replace(sound, checksum=zlib.crc32(OCTETS))
    layout, store = laid_out(bad, entry("b", AFTER), serialization=serialization), stored(tmp_path, ROTTEN)
    start = member(layout) + first
    with pytest.raises(FixityMismatch) as caught:
        serve(layout, store, start, layout.length, doubt(bad), zero_copy=zero_copy)
    arrived = caught.value.args[-1]
    assert len(arrived) <= max(0, len(OCTETS) - HELD - first)
    wait_until(lambda: all(held.closed for held in store.opened))  # the background reading lets go of its file after its word


def test_a_window_that_ends_before_the_last_octets_waits_for_nothing(tmp_path: Path) -> None:
    """Of the members of a large package that is fetched in parts each is read by who takes its end."""
    one = entry("a", OCTETS, declared=("md5",))
    layout, store = laid_out(one), stored(tmp_path, ROTTEN)
    stop = member(layout) + len(OCTETS) - HELD
    asked = doubt(one)
    arrived, _ = serve(layout, store, 0, stop, asked)
    assert arrived == whole(layout, {"data/a": ROTTEN})[:stop]
    assert (len(store.opened), asked.verifier.octets) == (1, 0)


def test_what_is_not_doubted_is_not_read(tmp_path: Path) -> None:
    one = entry("a", OCTETS, declared=("md5",))
    layout, store, trusting = laid_out(one), stored(tmp_path), no_doubt()
    serve(layout, store, 0, layout.length, trusting)
    assert (len(store.opened), trusting.verifier.octets) == (1, 0)


def test_all_who_take_a_member_at_once_wait_for_one_reading(tmp_path: Path) -> None:
    one = entry("a", OCTETS, known=False, declared=("md5",))
    layout, go, readings = laid_out(one), threading.Event(), list[int]()
    path = tmp_path / "a"
    path.write_bytes(OCTETS)

    def open_entry(_entry: Entry, start: int = 0) -> Held:
        if threading.current_thread().name == "verifier":
            readings.append(1)
            assert go.wait(10)
        return Held(OCTETS, path=path, start=start)

    verifier, arrived = Verifier(remember=lambda: 60), list[bytes]()

    def take() -> None:
        transfer = Transfer(None, total=layout.length)
        asked = Doubt(verifier=verifier, paths=frozenset({one.path}))
        arrived.append(b"".join(send(layout, start=0, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=asked)))

    threads = [threading.Thread(target=take) for _ in range(10)]
    for thread in threads:
        thread.start()
    wait_until(lambda: bool(readings))
    go.set()
    for thread in threads:
        thread.join(10)
    assert arrived == [whole(layout, {"data/a": OCTETS})] * 10
    assert len(readings) == 1


def test_a_manifests_digest_is_taken_from_the_reading_and_held_against_what_the_plan_says(tmp_path: Path) -> None:
    wrong = entry("a", OCTETS, declared=("md5",))
    wrong = replace(wrong, digest=hashlib.sha256(ROTTEN).hexdigest())
    layout = laid_out(wrong)
    with pytest.raises(FixityMismatch, match="sha256"):
        serve(layout, stored(tmp_path), 0, layout.length, doubt(wrong))


def test_the_end_of_a_package_alone_reads_every_member_whose_digest_it_tells(tmp_path: Path) -> None:
    entries = [entry("a", OCTETS, known=False), entry("b", AFTER, known=False)]
    layout = laid_out(*entries)
    start = layout.length - 9000
    arrived, _ = serve(layout, stored(tmp_path), start, layout.length, no_doubt())
    assert arrived == whole(layout, {"data/a": OCTETS, "data/b": AFTER})[start:]


@pytest.mark.parametrize("octets", [OCTETS[:-1], OCTETS + b"more"], ids=["shrunk", "grown"])
def test_a_file_that_is_not_what_it_was_is_found_by_the_reading(tmp_path: Path, octets: bytes) -> None:
    one = entry("a", OCTETS, declared=("md5",))
    (tmp_path / "a").write_bytes(octets)
    layout = laid_out(one)
    store = Store({"data/a": partial(Held, OCTETS, path=tmp_path / "a")})
    with pytest.raises(ContentChanged):
        serve(layout, store, 0, layout.length, doubt(one))


@pytest.mark.parametrize(("error", "expected"), [(OSError(5, "I/O"), SourceUnavailable), (ContentMissing("x:1", "A"), ContentMissing)])
def test_what_cannot_be_read_for_its_verdict_ends_the_connection(tmp_path: Path, error: Exception, expected: type[Exception]) -> None:
    one = entry("a", OCTETS, declared=("md5",))
    layout, store = laid_out(one), stored(tmp_path)

    def open_entry(found: Entry, start: int = 0) -> Held:
        if threading.current_thread().name == "verifier":
            raise error
        return store.open(found, start)

    transfer = Transfer(None, total=layout.length)
    with pytest.raises(expected):
        list(send(layout, start=0, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=doubt(one)))
    assert transfer.handed <= member(layout) + len(OCTETS) - HELD


def test_a_remote_member_is_hashed_where_it_is_sent_and_read_once() -> None:
    one = entry("a", OCTETS, known=False, declared=("md5",))
    layout = laid_out(one)
    store = Store({"data/a": partial(Held, OCTETS)})
    arrived, _ = serve(layout, store, 0, layout.length, no_doubt())
    assert arrived == whole(layout, {"data/a": OCTETS})
    assert len(store.opened) == 1


def test_a_single_datastream_is_held_against_what_it_was_before(tmp_path: Path) -> None:
    one = entry("a", OCTETS)
    asked = Doubt(verifier=Verifier(), algorithm="sha256", paths={one.path})
    assert serve(lay_out_entry(one), stored(tmp_path), 0, len(OCTETS), asked)[0] == OCTETS
    with pytest.raises(FixityMismatch):
        serve(lay_out_entry(one), stored(tmp_path, ROTTEN), 0, len(OCTETS), asked)


def elsewhere(entry: Entry) -> Entry:
    return replace(entry, datastream=replace(entry.datastream, control_group=ControlGroup.EXTERNAL, remote=True))


@pytest.mark.parametrize("first", [1, 500_000, len(OCTETS) - HELD, len(OCTETS) - 1])
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_nor_do_the_last_octets_of_a_remote_one_whose_beginning_the_window_does_not_hold(first: int, algorithm: str) -> None:
    one = elsewhere(entry("a", OCTETS, known=algorithm == "sha256", declared=(algorithm,)))
    layout = laid_out(one)
    rotten, right = Store({"data/a": partial(Held, ROTTEN)}), Store({"data/a": partial(Held, OCTETS)})
    start = member(layout) + first
    with pytest.raises(FixityMismatch) as caught:
        serve(layout, rotten, start, layout.length, no_doubt())
    assert len(caught.value.args[-1]) <= max(0, len(OCTETS) - HELD - first)
    arrived, _ = serve(layout, right, start, layout.length, no_doubt())
    assert arrived == whole(layout, {"data/a": OCTETS})[start:]


@pytest.mark.parametrize("first", [1, 500_000, len(OCTETS) - HELD, len(OCTETS) - 1])
@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_answers_ranges_wrongly_is_not_vouched_for_by_its_whole_answer(first: int, known: bool) -> None:
    """The very bytes that leave are compared, and not only others of the same name."""
    one = elsewhere(entry("a", OCTETS, known=known, declared=("md5",) if known else ()))
    layout = laid_out(one)

    def open_entry(found: Entry, start: int = 0) -> Held:
        return Held(OCTETS if not start else ROTTEN[:start] + b"?" + ROTTEN[start + 1 :], start=start)

    start = member(layout) + first
    transfer = Transfer(None, total=layout.length - start)
    arrived: list[bytes] = []
    with pytest.raises(ContentChanged):
        arrived.extend(send(layout, start=start, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=no_doubt()))
    assert transfer.handed <= max(0, len(OCTETS) - HELD - first)


def noting() -> tuple[Doubt, list[tuple[str, Examination]]]:
    told: list[tuple[str, Examination]] = []
    return Doubt(verifier=Verifier(tell=lambda entry, found: told.append((entry.path, found)))), told


def test_what_was_learned_while_it_was_sent_is_told_where_it_is_new() -> None:
    identified = elsewhere(entry("a", OCTETS, known=False, declared=("md5",)))
    identified = replace(identified, datastream=replace(identified.datastream, identity="one"))
    for one, expected in ((identified, 1), (replace(identified, digest=hashlib.sha256(OCTETS).hexdigest()), 0), (entry("a", OCTETS), 0)):
        asked, told = noting()
        layout = laid_out(one)
        serve(layout, Store({"data/a": partial(Held, OCTETS)}), 0, layout.length, asked)
        assert len(told) == expected
        for path, found in told:
            assert (path, found.identity, found.size, found.mismatch) == ("data/a", "one", len(OCTETS), "")
            assert found.digests == {name: hashlib.new(name, OCTETS).hexdigest() for name in ("md5", "sha256")}


def test_what_was_wrong_when_it_was_sent_is_read_again_and_told() -> None:
    one = elsewhere(entry("a", OCTETS, declared=("md5",)))
    asked, told = noting()
    layout = laid_out(one)
    with pytest.raises(FixityMismatch):
        serve(layout, Store({"data/a": partial(Held, ROTTEN)}), 0, layout.length, asked)
    wait_until(lambda: bool(told))
    assert [(path, found.mismatch) for path, found in told] == [("data/a", "md5")]


def test_nor_what_a_window_holds_of_a_remote_one_from_its_beginning_but_not_to_its_end() -> None:
    one = elsewhere(entry("a", OCTETS, declared=("md5",)))
    layout = laid_out(one)
    with pytest.raises(FixityMismatch):
        serve(layout, Store({"data/a": partial(Held, ROTTEN)}), 0, member(layout) + len(OCTETS) - 1, no_doubt())


@pytest.mark.parametrize("first", [0, len(OCTETS) - HELD])
def test_what_was_sent_while_a_file_seemed_wrong_is_not_completed_when_it_is_found_right(tmp_path: Path, first: int) -> None:
    """A page that is wrong in memory and right on the disk."""
    one = entry("a", OCTETS, declared=("md5",))
    layout, store = laid_out(one), stored(tmp_path)
    (tmp_path / "cached").write_bytes(ROTTEN)
    readings: list[Path] = []

    def open_entry(found: Entry, start: int = 0) -> Held:
        if threading.current_thread().name != "verifier":
            return store.open(found, start)
        readings.append(tmp_path / ("a" if readings else "cached"))
        return Held(OCTETS, path=readings[-1], start=start)

    start = member(layout) + first
    transfer = Transfer(None, total=layout.length - start)
    blocks = send(layout, start=start, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=doubt(one))
    if first == 0:
        with pytest.raises(ContentChanged):
            list(blocks)
    else:
        assert b"".join(blocks) == whole(layout, {"data/a": OCTETS})[start:]
    assert len(readings) == 2


@pytest.mark.parametrize("how", ["leaves", "cut"])
def test_who_leaves_while_a_verdict_is_waited_for_is_noticed(tmp_path: Path, how: str) -> None:
    """Nothing is written meanwhile that could fail."""
    one, go, store = entry("a", OCTETS, declared=("md5",)), threading.Event(), stored(tmp_path)
    layout = laid_out(one)

    def open_entry(found: Entry, start: int = 0) -> Held:
        if threading.current_thread().name == "verifier":
            assert go.wait(10)
        return store.open(found, start)

    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=layout.length)
        blocks = send(layout, start=0, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=doubt(one))
        connection.sendall(next(blocks))
        wait_until(lambda: next(blocks) == b"" and transfer.handed >= member(layout) + len(OCTETS) - HELD)
        if how == "leaves":
            receiver.connection.shutdown(socket.SHUT_WR)
        else:
            transfer.cut(PackageCanceled())
        with pytest.raises(BrokenPipeError if how == "leaves" else PackageCanceled):
            list(blocks)
    go.set()


def test_a_zips_header_waits_for_the_checksum_of_its_member_and_of_no_other(tmp_path: Path) -> None:
    entries = [entry("a", OCTETS), entry("b", AFTER)]
    layout, store = laid_out(*entries, serialization="zip"), stored(tmp_path)
    blocked = threading.Event()

    def open_entry(found: Entry, start: int = 0) -> Held:
        if found.path == "data/b":
            assert blocked.wait(10)
        return store.open(found, start)

    transfer = Transfer(None, total=layout.length)
    blocks = send(layout, start=0, stop=layout.length, open_entry=open_entry, transfer=transfer, doubt=no_doubt())
    arrived = b""
    while len(arrived) < member(layout) + len(OCTETS):
        arrived += next(blocks)
    blocked.set()
    assert arrived + b"".join(blocks) == whole(layout, {"data/a": OCTETS, "data/b": AFTER})


@pytest.mark.parametrize("first", [0, 500_000, len(OCTETS) - HELD - 1, len(OCTETS) - HELD, len(OCTETS) - 1])
@pytest.mark.parametrize("octets", [OCTETS, ROTTEN], ids=["sound", "rotten"])
def test_what_nothing_may_leave_of_before_it_is_found_sound_is_looked_at_first(tmp_path: Path, octets: bytes, first: int) -> None:
    one = entry("a", OCTETS, declared=("md5",))
    layout, store, asked = laid_out(one), stored(tmp_path, octets), doubt(one)
    must_wait = first >= len(OCTETS) - HELD
    start = member(layout) + first
    if octets is ROTTEN and must_wait:
        with pytest.raises(FixityMismatch):
            vet(layout, start, layout.length, open_entry=store.open, doubt=asked)
    else:
        left = vet(layout, start, layout.length, open_entry=store.open, doubt=asked)
        assert (left.paths, left.sound) == ({one.path}, frozenset({one.path} if must_wait else ()))
    assert (asked.verifier.octets > 0) is must_wait


def test_a_window_that_begins_between_members_need_not_be_looked_at(tmp_path: Path) -> None:
    one = entry("a", OCTETS, declared=("md5",))
    layout, asked = laid_out(one), doubt(one)
    assert vet(layout, 0, layout.length, open_entry=Store({}).open, doubt=asked) is asked


def test_nobody_waits_for_an_answer_until_a_large_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assurance, "VETTING", 0.01)
    one, go, store = entry("a", OCTETS, declared=("md5",)), threading.Event(), stored(tmp_path)
    layout, asked = laid_out(one), doubt(one)

    def open_entry(found: Entry, start: int = 0) -> Held:
        if threading.current_thread().name == "verifier":
            assert go.wait(10)
        return store.open(found, start)

    assert vet(layout, member(layout) + len(OCTETS) - 1, layout.length, open_entry=open_entry, doubt=asked) is asked
    go.set()
    wait_until(lambda: all(held.closed for held in store.opened))


SMALL = b"s" * 1000


def many(folder: Path, count: int) -> tuple[list[Entry], Callable[..., Held]]:
    (folder / "s").write_bytes(SMALL)
    return [entry(f"{number:03}", SMALL, declared=("md5",)) for number in range(count)], lambda _entry, start=0: Held(
        SMALL, path=folder / "s", start=start
    )


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many readings a sender holds, whenever it asks for one more."""
    held: list[int] = [0]
    most: list[int] = []

    class Counting(Verifier):
        def ask(self, *arguments: object) -> object:  # type: ignore[override] # whatever it is asked
            held[0] += 1
            most.append(held[0])
            return super().ask(*arguments)  # type: ignore[arg-type]

        def leave(self, reading: object) -> None:
            held[0] -= 1
            super().leave(reading)  # type: ignore[arg-type]

    monkeypatch.setattr("tests.transport.test_assurance.Verifier", Counting)
    yield most
    assert held == [0]


@pytest.mark.parametrize("taken", [None, 1, 40])
def test_members_are_read_ahead_of_the_sender_within_bounds(tmp_path: Path, counted: list[int], taken: int | None) -> None:
    entries, open_entry = many(tmp_path, 100)
    layout = laid_out(*entries)
    asked = Doubt(verifier=Verifier(), paths=frozenset(each.path for each in entries))
    blocks = send(layout, start=0, stop=layout.length, open_entry=open_entry, transfer=Transfer(None, total=layout.length), doubt=asked)
    for _, _ in zip(range(taken or 10**6), blocks, strict=False):
        pass
    blocks.close()
    assert max(counted) <= ahead.MEMBERS + 1
    assert len(counted) == 100 if taken is None else ahead.MEMBERS <= len(counted) <= 2 * ahead.MEMBERS + taken


def test_of_large_members_no_more_is_read_ahead_than_the_next(tmp_path: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "OCTETS", 1500)
    entries, open_entry = many(tmp_path, 20)
    layout = laid_out(*entries)
    asked = Doubt(verifier=Verifier(), paths=frozenset(each.path for each in entries))
    list(send(layout, start=0, stop=layout.length, open_entry=open_entry, transfer=Transfer(None, total=layout.length), doubt=asked))
    assert (max(counted), len(counted)) == (3, 20)


def test_an_entry_that_comes_twice_is_read_once(tmp_path: Path) -> None:
    one = entry("a", OCTETS, declared=("md5",))
    layout, asked = laid_out(one, serialization="zip"), doubt(one)
    arrived, _ = serve(layout, stored(tmp_path), 0, layout.length, asked)
    assert arrived == whole(layout, {"data/a": OCTETS})
    assert asked.verifier.octets == len(OCTETS)
