import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from getapi.core.errors import ContentMissing, FixityMismatch
from getapi.core.ledger import Examination
from getapi.core.plan import Entry
from getapi.transport import crew
from getapi.transport import verifier as module
from getapi.transport.examination import Checks
from getapi.transport.verifier import Reading, Verifier
from tests.transport.material import Held, Store, entry, wait_until

OCTETS = bytes(range(256)) * 4096
ONE = entry("a", OCTETS, known=False, declared=("md5",))
LEARN = Checks(learn=frozenset({"sha256"}), expected={digest.algorithm: digest.value for digest in ONE.declared}, checksum=False)


class Gate:
    """A store whose contents are opened, and read, only once it is open."""

    def __init__(self, octets: bytes = OCTETS) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()
        self.store = Store({f"data/{name}": partial(Held, octets) for name in "abcdefgh"})

    def open_entry(self, entry: Entry, start: int = 0) -> Held:
        self.reached.set()
        assert self.open.wait(10)
        return self.store.open(entry, start)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def end_of(reading: Reading) -> Examination:
    assert reading.wait(10)
    return reading.result()


def test_all_who_ask_meanwhile_wait_for_one_reading(gate: Gate) -> None:
    told: list[tuple[Entry, Examination]] = []
    verifier = Verifier(tell=lambda *found: told.append(found))
    readings = [verifier.ask(ONE, gate.open_entry, LEARN) for _ in range(20)]
    assert not readings[0].wait(0)
    gate.open.set()
    found = {id(reading): end_of(reading) for reading in readings}
    assert len(found) == len(gate.store.opened) == 1
    assert told == [(ONE, *found.values())]
    assert verifier.octets == len(OCTETS)


def test_who_wants_more_than_is_being_read_has_a_reading_of_its_own(gate: Gate) -> None:
    verifier = Verifier()
    first, second = verifier.ask(ONE, gate.open_entry, LEARN), verifier.ask(ONE, gate.open_entry, replace(LEARN, checksum=True))
    third = verifier.ask(ONE, gate.open_entry, LEARN)
    gate.open.set()
    assert (end_of(first).crc32 is None, end_of(second).crc32 is None) == (True, False)
    assert third is second


def test_other_bytes_under_the_same_name_are_another_reading(gate: Gate) -> None:
    verifier = Verifier()
    other = replace(ONE, datastream=replace(ONE.datastream, identity="another file"))
    assert verifier.ask(ONE, gate.open_entry, LEARN) is not verifier.ask(other, gate.open_entry, LEARN)


@pytest.mark.parametrize(("later", "is_known"), [(59, True), (60, False)])
def test_what_was_found_answers_who_asks_a_little_later(gate: Gate, later: float, is_known: bool) -> None:
    now = [1000.0]
    verifier = Verifier(remember=lambda: 60, clock=lambda: now[0])
    gate.open.set()
    reading = verifier.ask(ONE, gate.open_entry, LEARN)
    end_of(reading)
    now[0] += later
    assert (verifier.ask(ONE, gate.open_entry, LEARN) is reading) is is_known


def test_nothing_is_remembered_where_each_delivery_is_to_be_verified(gate: Gate) -> None:
    verifier = Verifier()
    gate.open.set()
    for _ in range(2):
        end_of(verifier.ask(ONE, gate.open_entry, LEARN))
    assert len(gate.store.opened) == 2


def test_no_more_is_remembered_than_there_is_room_for(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    verifier = Verifier(remember=lambda: 60)
    gate.open.set()
    entries = [entry(name, OCTETS, known=False) for name in "abc"]
    readings = [verifier.ask(each, gate.open_entry, Checks()) for each in entries]
    for reading in readings:
        end_of(reading)
    assert [verifier.ask(each, gate.open_entry, Checks()) in readings for each in entries].count(True) == 2


def test_damage_is_told_to_each_who_waits_and_to_the_record() -> None:
    told: list[Examination] = []
    verifier = Verifier(tell=lambda _entry, found: told.append(found))
    damaged = Store({"data/a": partial(Held, OCTETS[:-1] + b"?")})
    readings = [verifier.ask(ONE, damaged.open, LEARN) for _ in range(2)]
    for reading in readings:
        with pytest.raises(FixityMismatch) as caught:
            end_of(reading)
        assert (caught.value.facts["dsid"], caught.value.algorithm) == ("a", "md5")
    assert {found.mismatch for found in told} == {"md5"}


def test_what_cannot_be_read_is_neither_wrong_nor_right_and_is_tried_again() -> None:
    told: list[Examination] = []
    verifier = Verifier(tell=lambda _entry, found: told.append(found), remember=lambda: 60)
    with pytest.raises(ContentMissing):
        end_of(verifier.ask(ONE, Store({}).open, LEARN))
    assert told == []
    assert end_of(verifier.ask(ONE, Store({"data/a": partial(Held, OCTETS)}).open, LEARN)).mismatch == ""


def test_a_record_that_fails_keeps_nobody_waiting(gate: Gate) -> None:
    def refuse(_entry: Entry, _found: Examination) -> None:
        raise RuntimeError("no record")

    verifier = Verifier(tell=refuse)
    gate.open.set()
    reading = verifier.ask(ONE, gate.open_entry, LEARN)
    assert reading.wait(10)


def test_the_result_of_a_reading_that_goes_on_is_not_to_be_had(gate: Gate) -> None:
    with pytest.raises(RuntimeError):
        Verifier().ask(ONE, gate.open_entry, LEARN).result()


class Slow(Held):
    """A large one, of which the first few slices are read once ``begins``, and all else once ``goes_on``."""

    size = 16 << 20

    def __init__(self, *, start: int = 0, begins: threading.Event, goes_on: threading.Event) -> None:
        super().__init__(bytes(Slow.size), start=start)
        self._begins, self._goes_on = begins, goes_on

    def read(self, count: int) -> bytes:
        assert (self._goes_on if self._position >= 4 << 20 else self._begins).wait(30)
        return super().read(count)


@dataclass(frozen=True, kw_only=True)
class Large:
    """Nobody is so quick that all of it is read before the test has looked."""

    entry: Entry
    begins: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def store(self, content: type[Slow] = Slow) -> Store:
        made = partial(content, begins=self.begins, goes_on=self.goes_on)
        return Store({"data/large": made, "data/a": partial(Held, OCTETS), "data/small": partial(Held, OCTETS)})


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[Large]:
    monkeypatch.setattr(module, "SLICE", 1 << 20)
    made = Large(entry=entry("large", bytes(Slow.size), known=False))
    yield made
    made.begins.set()
    made.goes_on.set()


def begun(large: Large, verifier: Verifier, store: Store) -> Reading:
    """Its reading, of which nobody waits for the rest: it is left, and goes no further than the next slice."""
    reading = verifier.ask(large.entry, store.open, Checks(learn=frozenset({"sha256"})))
    large.begins.set()
    wait_until(lambda: reading.octets > 0)
    verifier.leave(reading)
    large.goes_on.set()
    return reading


def test_a_small_datastream_does_not_wait_for_all_of_a_large_one(large: Large) -> None:
    small, store = entry("small", OCTETS, known=False), large.store()
    verifier = Verifier(threads=1)
    first, second = (verifier.ask(each, store.open, Checks(learn=frozenset({"sha256"}))) for each in (large.entry, small))
    large.begins.set()
    end_of(second)
    assert not first.is_done
    large.goes_on.set()
    assert end_of(first).size == Slow.size


def test_a_reading_that_nobody_waits_for_stops_and_goes_on_for_who_comes_back(large: Large) -> None:
    entry, store = large.entry, large.store()
    verifier = Verifier(threads=1)
    reading = begun(large, verifier, store)
    wait_until(lambda: not reading.is_running)
    read = reading.octets
    assert 0 < read < Slow.size
    assert verifier.ask(entry, store.open, Checks(learn=frozenset({"sha256"}))) is reading
    assert end_of(reading).size == Slow.size
    assert len(store.opened) == 1


def test_a_reading_that_nobody_comes_back_for_is_given_up(large: Large, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LINGER", 0.02)
    entry, store = large.entry, large.store()
    now = [1000.0]
    verifier = Verifier(threads=1, clock=lambda: now[0])
    reading = begun(large, verifier, store)
    wait_until(lambda: not reading.is_running)
    assert not store.opened[0].closed
    now[0] += module.PATIENCE
    wait_until(lambda: store.opened[0].closed)
    assert not reading.is_done
    assert verifier.ask(entry, store.open, Checks(learn=frozenset({"sha256"}))) is not reading


def test_only_so_many_readings_wait_for_who_may_come_back(large: Large, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAUSED", 0)
    store = large.store()
    reading = begun(large, Verifier(threads=1), store)
    wait_until(lambda: store.opened[0].closed)
    assert not reading.is_done


def test_threads_are_few_and_end_when_there_is_nothing_to_read(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LINGER", 0.01)

    others = set(threading.enumerate())

    def running() -> int:
        return sum(thread.name == "verifier" and thread not in others for thread in threading.enumerate())

    verifier = Verifier(threads=3)
    readings = [verifier.ask(entry(name, OCTETS, known=False), gate.open_entry, Checks()) for name in "abcdefgh"]
    assert running() == 3
    gate.open.set()
    for reading in readings:
        end_of(reading)
    wait_until(lambda: running() == 0)
    end_of(verifier.ask(ONE, gate.open_entry, LEARN))


def test_a_process_that_was_forked_begins_with_nothing(gate: Gate) -> None:
    verifier = Verifier(threads=1)
    lost = verifier.ask(ONE, gate.open_entry, LEARN)
    assert gate.reached.wait(10)
    verifier.reset()
    found = verifier.ask(ONE, gate.open_entry, LEARN)
    assert found is not lost
    gate.open.set()
    end_of(found)


def test_a_disk_that_fails_at_a_closing_too_costs_no_thread(large: Large, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAUSED", 0)

    class Failing(Slow):
        def close(self) -> None:
            super().close()
            raise OSError(5, "I/O")

    verifier, store = Verifier(threads=1), large.store(Failing)
    begun(large, verifier, store)
    wait_until(lambda: store.opened[0].closed)
    assert end_of(verifier.ask(ONE, store.open, LEARN)).mismatch == ""


def test_who_waits_sees_its_own_reading_while_it_is_read_and_all_others_before(gate: Gate) -> None:
    verifier = Verifier(threads=1)
    held = verifier.ask(ONE, gate.open_entry, LEARN)
    assert gate.reached.wait(10)
    waiting = verifier.ask(entry("b", OCTETS, known=False), gate.open_entry, Checks())
    before = verifier.progress(held), verifier.progress(waiting)
    verifier.octets += 1000  # another one is read
    assert verifier.progress(held) == before[0]
    assert verifier.progress(waiting) != before[1]


def test_a_thousand_ask_at_once_and_each_is_answered() -> None:
    verifier, store = Verifier(threads=2), Store({f"data/{name}": partial(Held, OCTETS) for name in range(50)})
    entries = [entry(str(number), OCTETS, known=False) for number in range(50)]
    answered: list[Examination] = []

    def ask(part: int) -> None:
        for each in entries[part:] + entries[:part]:
            reading = verifier.ask(each, store.open, LEARN)
            answered.append(end_of(reading))
            verifier.leave(reading)

    threads = [threading.Thread(target=ask, args=(part,)) for part in range(20)]
    _run(threads)
    assert len(answered) == 1000


def _run(threads: list[threading.Thread], end: Callable[[], float] = lambda: time.monotonic() + 60) -> None:
    for thread in threads:
        thread.start()
    last = end()
    for thread in threads:
        thread.join(max(0.0, last - time.monotonic()))
        assert not thread.is_alive()
