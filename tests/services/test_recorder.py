"""What this process sends is on record while it is sent, whatever the database does meanwhile."""

import logging
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django import db
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.core.errors import PackageCanceled
from getapi.core.layout import lay_out
from getapi.models import Delivery, Download, Key, Package
from getapi.services import coverage, shelf
from getapi.services import recorder as recording
from getapi.services.record import Record
from getapi.services.recorder import Recorder
from getapi.services.rounds import Rounds
from getapi.transport.transfer import Transfer
from tests.conftest import Configure
from tests.core.packages import plan_of

PACKAGE = f"{1:032x}"
PLAN = plan_of({"data/a": b"a" * 4000}, known=True)
LAYOUT = lay_out(PLAN)
SIZE = LAYOUT.length

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rounds() -> Rounds:
    made = Rounds()
    made.in_background = False
    return made


@pytest.fixture
def recorder(rounds: Rounds, clock: Clock) -> Recorder:
    return Recorder(rounds, clock=clock)


def record(
    *, first: int = 0, package: str = PACKAGE, key_id: int | None = None, name: str = "bag", stop: int = SIZE, size: int | None = None
) -> Record:
    item = None if package else {"pid": "test:1", "dsid": "a", "version": "", "bytes": size or stop}
    facts = {
        "package": package,
        "item": item,
        "etag": "" if package else "e",
        "name": name,
        "key_id": key_id,
        "started": timezone.now(),
        "first": first,
        "stop": stop,
        "address": "192.0.2.0",
        "user_agent": "curl/8",
    }
    return Record(facts, layout=LAYOUT if package else None, transfer=Transfer(None, total=stop - first))


def start(recorder: Recorder, made: Record) -> None:
    """As a large one does, which was admitted."""
    made.row(started=True).save(force_insert=True)
    recorder.hold(made)
    recorder.begin(made)


def end(made: Record, outcome: Delivery.Outcome = Delivery.Outcome.DONE) -> None:
    made.transfer.hand(made.transfer.total - made.transfer.handed)
    made.end(ended=timezone.now(), outcome=outcome, reason="")


def finish(recorder: Recorder, made: Record, outcome: Delivery.Outcome = Delivery.Outcome.DONE) -> None:
    end(made, outcome)
    recorder.end(made)


class Away:
    """A database that does not take rows, until it is back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_away = False
        self.real = recording._upsert
        monkeypatch.setattr(recording, "_upsert", self.upsert)

    def upsert(self, rows: list[Delivery]) -> None:
        if self.is_away:
            raise db.OperationalError("away")
        self.real(rows)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(monkeypatch)


def test_a_large_response_is_on_record_from_its_start_and_each_second(recorder: Recorder, clock: Clock) -> None:
    made = record()
    start(recorder, made)
    row = Delivery.objects.get()
    assert (row.outcome, row.sent, row.ended) == (Delivery.Outcome.RUNNING, 0, None)
    assert row.renewed is not None
    made.transfer.hand(77)
    clock.now += 1
    assert recorder.write()
    again = Delivery.objects.get()
    assert (again.pk, again.sent, again.handed) == (row.pk, 77, 77)
    finish(recorder, made)
    assert Delivery.objects.get().outcome == Delivery.Outcome.DONE
    assert Download.objects.count() == 1
    assert not recorder.write()


def test_a_small_one_is_one_row_with_its_end_or_with_the_next_second(recorder: Recorder, clock: Clock) -> None:
    small, longer = record(package=""), record(package="")
    recorder.begin(small)
    recorder.begin(longer)
    assert not Delivery.objects.exists()
    clock.now += 1
    recorder.write()
    assert Delivery.objects.count() == 2
    finish(recorder, small)
    assert Download.objects.count() == 1


def test_what_was_cancelled_is_cut_and_nothing_else(recorder: Recorder, clock: Clock) -> None:
    for number in (1, 2):
        row = Package(id=f"{number:032x}", created=timezone.now(), format="tar", name="bag", size=SIZE, files=1, etag=PLAN.etag)
        shelf.put(row, PLAN)
    held = [record(), record(), record(package=f"{2:032x}"), record(package="")]
    for made in held:
        start(recorder, made)
    shelf.cancel(PACKAGE)
    clock.now += 1
    recorder.write()
    assert [type(made.transfer.error) for made in held] == [PackageCanceled, PackageCanceled, type(None), type(None)]
    assert Package.objects.get(pk=f"{2:032x}").last_sent is not None


def test_a_database_that_is_away_loses_and_doubles_nothing(
    recorder: Recorder, rounds: Rounds, clock: Clock, away: Away, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = record()
    start(recorder, before)
    away.is_away = True
    during, single = record(package=f"{2:032x}"), record(package="")
    with caplog.at_level(logging.WARNING):
        recorder.begin(during)
        recorder.begin(single)
        for made in (before, during, single):
            finish(recorder, made)
        clock.now += 10
        assert rounds.go()
        assert recorder.lease_age == 0  # it sends nothing any more
        assert Download.objects.count() == 0
        away.is_away = False
        assert not rounds.go()
        assert not rounds.go()
    assert Delivery.objects.filter(outcome=Delivery.Outcome.DONE).count() == 3
    assert Download.objects.count() == 3
    assert [line.getMessage() for line in caplog.records if line.name == "getapi.rounds"] == [
        "the database does not answer: what is to be written waits in memory",
        "the database answers again",
    ]


@given(steps=st.lists(st.sampled_from(["begin", "end", "go", "away", "back", "doubt", "second"]), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_whenever_the_database_goes_and_comes_each_response_is_one_row_and_counted_once(
    monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    """``doubt``: the rows were written, and the connection was lost before anybody could say so."""
    Delivery.objects.all().delete()
    Download.objects.all().delete()
    rounds, clock = Rounds(), Clock()
    rounds.in_background = False
    recorder = Recorder(rounds, clock=clock)
    with monkeypatch.context() as patched:
        away, number, running = Away(patched), 0, list[Record]()
        for step in steps:
            if step == "begin":
                number += 1
                running.append(record(package=f"{number:032x}" if number % 2 else ""))
                recorder.begin(running[-1])
            elif step == "end" and running:
                finish(recorder, running.pop(0))
            elif step in {"away", "back"}:
                away.is_away = step == "away"
            elif step == "doubt":
                real = away.real

                def lost(rows: list[Delivery], real: Callable[[list[Delivery]], None] = real) -> None:
                    real(rows)
                    raise db.OperationalError("lost")

                away.real = lost
                rounds.go()
                away.real = real
            else:
                clock.now += step == "second"
                rounds.go()
        away.is_away = False
        for made in running:
            finish(recorder, made)
        assert not rounds.go()
    assert Delivery.objects.filter(outcome=Delivery.Outcome.DONE).count() == Delivery.objects.count() == number
    assert Download.objects.count() == number


def test_what_is_too_much_for_memory_is_in_the_log_in_full(
    recorder: Recorder, rounds: Rounds, away: Away, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 3)
    monkeypatch.setattr(recording, "MOST_LAYOUTS", 2)
    away.is_away = True
    held = [record(package=f"{number:032x}", name=f"bag-{number}") for number in range(1, 6)]
    for made in held:
        recorder.begin(made)
        finish(recorder, made)
    lost = [line.__dict__ for line in caplog.records if line.getMessage() == "delivery not recorded"]
    assert [line["download"] for line in lost] == ["bag-1", "bag-2"]
    assert (lost[0]["sent"], lost[0]["outcome"]) == (SIZE, "done")
    assert f"{1:032x}" not in caplog.text
    assert [made.layout is None for made in held] == [False, False, True, True, True]
    away.is_away = False
    assert not rounds.go()
    assert Delivery.objects.count() == 3


def test_what_began_in_the_middle_and_was_too_much_costs_no_other_its_count(
    recorder: Recorder, rounds: Rounds, clock: Clock, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 1)
    away.is_away = True
    lost, kept = record(package="", first=10), record(package="")
    for made in (lost, kept):
        recorder.begin(made)
        finish(recorder, made)
    away.is_away = False
    clock.now += 1
    rounds.go()
    assert Delivery.objects.get().uid == kept.uid
    assert Download.objects.count() == 1
    assert not Delivery.objects.exclude(process="").exists()


def test_a_row_that_cannot_be_written_costs_no_other(recorder: Recorder, rounds: Rounds, caplog: pytest.LogCaptureFixture) -> None:
    wrong, right = record(name="\ud800", package=f"{2:032x}"), record()
    recorder.begin(wrong)
    recorder.begin(right)
    for made in (wrong, right):
        made.end(ended=timezone.now(), outcome=Delivery.Outcome.DONE, reason="")
    recorder._running.clear()
    recorder._ended |= {made.uid: made for made in (wrong, right)}
    assert not rounds.go()
    assert Delivery.objects.get().uid == right.uid
    assert "delivery not recorded" in caplog.text
    assert not rounds.is_away


def test_statistics_that_cannot_be_written_are_in_the_log(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise db.DataError("wrong")

    monkeypatch.setattr("getapi.services.coverage.record_downloads", failing)
    made = record()
    start(recorder, made)
    finish(recorder, made)
    assert "delivery not recorded" in caplog.text
    assert Delivery.objects.get().outcome == Delivery.Outcome.DONE


def test_parts_that_end_together_are_looked_at_once(recorder: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is at all of the reader's parts: he could keep the database's one thread from all others with nothing but small ranges."""
    settled, real = list[Delivery](), coverage.settle_single

    def settle(row: Delivery, *, time: datetime) -> None:
        settled.append(row)
        real(row, time=time)

    monkeypatch.setattr(coverage, "settle_single", settle)
    held = [record(package="", first=first, stop=first + 40, size=SIZE) for first in range(0, SIZE, 40)]
    whole = [record(package="") for _ in range(2)]
    for made in (*held, *whole):
        end(made)
    recorder._ended |= {made.uid: made for made in (*held, *whole)}
    recorder.write()
    assert {row.uid for row in settled} == {held[-1].uid, *(made.uid for made in whole)}
    assert Download.objects.count() == 3
    assert not Delivery.objects.exclude(process="").exists()


def test_however_much_is_to_be_counted_what_runs_is_kept_alive(recorder: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, held = record(), [record(package=f"{number:032x}") for number in range(2, 32)]
    start(recorder, runs)

    def slow(*_: Any, **__: Any) -> None:
        clock.now += 1

    monkeypatch.setattr(coverage, "settle_package", slow)
    for made in held:
        end(made)
    recorder._ended |= {made.uid: made for made in held}
    ages = list[float]()
    while recorder._uncounted or recorder._ended:
        assert recorder.write()
        ages.append(recorder.lease_age)
    assert len(ages) > 5
    assert max(ages) < 5
    assert not Delivery.objects.exclude(uid=runs.uid).exclude(process="").exists()


def test_a_key_that_was_deleted_meanwhile_costs_no_record(recorder: Recorder, clock: Clock) -> None:
    key = Key.objects.create(label="portal", prefix="p", digest="d")
    made = record(key_id=key.pk)
    start(recorder, made)
    key.delete()
    clock.now += 1
    recorder.write()
    finish(recorder, made)
    assert Delivery.objects.get().key is None
    assert Download.objects.get().key is None


def test_the_age_of_the_lease_is_that_of_the_last_word_to_the_database(
    recorder: Recorder, rounds: Rounds, clock: Clock, away: Away
) -> None:
    assert recorder.lease_age == 0
    made = record()
    start(recorder, made)
    away.is_away = True
    clock.now += 25
    rounds.go()
    assert recorder.lease_age == 25
    away.is_away = False
    rounds.go()
    assert recorder.lease_age == 0


def test_all_that_runs_is_renewed_by_one_statement(
    recorder: Recorder, clock: Clock, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for _ in range(30):
        recorder.begin(record(package=""))
    clock.now += 1
    recorder.write()
    clock.now += 1
    with django_assert_max_num_queries(4):  # the rows, within a transaction
        recorder.write()


def test_what_was_withdrawn_leaves_no_row_whatever_the_database_does_meanwhile(
    recorder: Recorder, rounds: Rounds, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdrawn, abandoned, kept = record(), record(), record()
    for made in (withdrawn, abandoned, kept):
        made.row(started=True).save(force_insert=True)
        recorder.hold(made)
    recorder.begin(kept)

    def away(_recorder: Recorder) -> None:
        raise db.OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "_take_back", away)
        recorder.withdraw(withdrawn)
        recorder.abandon(abandoned)
        recorder.abandon(kept)  # it has begun: nothing happens
        assert rounds.is_away
    assert not recorder.sends(withdrawn.uid)
    clock.now += 1
    assert rounds.go()
    assert Delivery.objects.get().uid == kept.uid
    assert not recorder.sends(abandoned.uid)


def test_what_was_withdrawn_and_cannot_be_deleted_yet_is_later(recorder: Recorder, rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    made = record()
    made.row(started=True).save(force_insert=True)
    recorder.hold(made)
    with monkeypatch.context() as patched:

        def away(*_: Any, **__: Any) -> None:
            raise db.OperationalError("away")

        patched.setattr("django.db.models.query.QuerySet.delete", away)
        recorder.withdraw(made)
    assert Delivery.objects.exists()
    assert not rounds.go()
    assert not Delivery.objects.exists()


def test_how_fast_each_goes_is_on_record_while_it_runs(
    recorder: Recorder, rounds: Rounds, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record()
    start(recorder, made)
    assert Delivery.objects.get().rate is None
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: made.transfer.started + 2))
    made.transfer.hand(100)
    clock.now += 1
    rounds.go()
    assert Delivery.objects.get().rate == 50
    finish(recorder, made)
    row = Delivery.objects.get()
    assert (row.rate, row.reader) == (None, "")


def finish_one(recorder: Recorder, *, first: int) -> None:
    made = record(first=first)
    start(recorder, made)
    finish(recorder, made)


def test_after_a_reader_went_on_the_dead_are_looked_for_once_more(
    recorder: Recorder, rounds: Rounds, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps: list[float] = []
    monkeypatch.setattr("getapi.services.coverage.sweep", lambda: sweeps.append(clock.now))
    finish_one(recorder, first=10)
    clock.now += 1
    assert not rounds.go()
    clock.now += 5
    recorder.note_end(record(first=SIZE).facts)
    clock.now += 1
    assert not rounds.go()
    finish_one(recorder, first=0)
    assert not rounds.go()
    assert sweeps == [1000, 1001, 1007]
