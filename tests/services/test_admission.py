"""Slots are rows of what runs: across processes and machines, while their holders live, and not a moment longer for those who resume."""

import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django import db
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from getapi.core.errors import DatabaseUnavailable, TooManyDeliveries
from getapi.models import Delivery, Key
from getapi.services import admission as admitting
from getapi.services import patience, process
from getapi.services.admission import Admission, reader_of
from getapi.services.record import Record
from getapi.services.recorder import Recorder
from getapi.services.rounds import Rounds
from getapi.transport.transfer import Transfer
from tests.conftest import Configure
from tests.services.test_keys import at_once

ELSEWHERE = "another-machine:1/17/4"
"""A process that cannot be looked at from here."""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure('[limits]\nconcurrent = 3\nper_key = 2\nper_reader = 2\nactive_bytes = "1 MB"')


@pytest.fixture
def recorder() -> Recorder:
    rounds = Rounds()
    rounds.in_background = False
    return Recorder(rounds)


@pytest.fixture
def admission(recorder: Recorder) -> Admission:
    return Admission(recorder, grace=0)


def package_id(number: int) -> str:
    return f"{number:032x}"


def record(number: int = 1, *, reader: str = "192.0.2.1", first: int = 0, stop: int = 1000, key_id: int | None = None) -> Record:
    facts = {
        "package": package_id(number),
        "item": None,
        "etag": "",
        "name": "bag",
        "key_id": key_id,
        "started": timezone.now(),
        "first": first,
        "stop": stop,
        "reader": reader_of(reader),
        "address": "",
        "user_agent": "",
    }
    return Record(facts, layout=None, transfer=Transfer(None, total=stop - first))


def elsewhere(number: int = 1, *, reader: str = "192.0.2.1", silent: float = 0, of: str = ELSEWHERE, **facts: Any) -> Delivery:
    """A row that another process keeps, whose last sign of life was ``silent`` seconds ago."""
    made = record(number, reader=reader)
    row = Delivery(**{**made.facts, **facts}, uid=uuid.uuid4(), process=of)
    row.renewed = Now() - timedelta(seconds=silent)
    row.save()
    return row


def end(recorder: Recorder, made: Record) -> None:
    made.end(ended=timezone.now(), outcome=Delivery.Outcome.DONE, reason="")
    recorder.end(made)


def which(admission: Admission, made: Record) -> object:
    with pytest.raises(TooManyDeliveries) as caught:
        admission.take(made)
    return caught.value.facts["which"]


def test_a_slot_is_the_row_of_what_runs_and_is_there_before_the_first_octet(admission: Admission, recorder: Recorder) -> None:
    made = record()
    admission.take(made)
    row = Delivery.objects.get()
    assert (row.uid, row.outcome, row.reader, row.process) == (made.uid, "running", reader_of("192.0.2.1"), process.identity())
    assert row.renewed is not None
    assert recorder.sends(made.uid)


def test_each_limit_is_held_and_named(admission: Admission) -> None:
    key = Key.objects.create(label="portal", prefix="p", digest="d")
    admission.take(record(1, key_id=key.pk))
    admission.take(record(2, key_id=key.pk))
    assert which(admission, record(3)) == "limits.per_reader"
    assert which(admission, record(3, reader="192.0.2.2", key_id=key.pk)) == "limits.per_key"
    assert which(admission, record(3, reader="192.0.2.2", stop=10**6)) == "limits.active_bytes"
    admission.take(record(3, reader="192.0.2.2"))
    assert which(admission, record(4, reader="192.0.2.3")) == "limits.concurrent"


def test_a_slot_that_ended_is_free_at_once_even_while_the_database_knows_it_not_yet(
    admission: Admission, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [record(number, reader=f"192.0.2.{number}") for number in range(3)]
    for made in held:
        admission.take(made)

    def away(_rows: object) -> None:
        raise db.OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr("getapi.services.recorder._save", away)
        end(recorder, held[0])
        assert Delivery.objects.filter(outcome="running").count() == 3
        admission.take(record(9, reader="192.0.2.9"))


def test_a_reader_of_ipv6_is_his_64_and_no_address_is_kept() -> None:
    assert reader_of("2001:db8:1:2::1") == reader_of("2001:db8:1:2:ffff::2") != reader_of("2001:db8:1:3::1")
    assert reader_of("::ffff:192.0.2.1") == reader_of("192.0.2.1") != reader_of("192.0.2.2")
    assert "192" not in reader_of("192.0.2.1")
    assert len(reader_of("192.0.2.1")) == 32


def test_what_another_machine_sends_counts_until_it_was_silent_for_the_lease(admission: Admission) -> None:
    for number in (1, 2, 3):
        elsewhere(number, reader=f"192.0.2.{number}", silent=20 if number == 3 else 1)
    assert which(admission, record(4, reader="192.0.2.4")) == "limits.concurrent"
    Delivery.objects.update(renewed=Now() - timedelta(seconds=31))
    admission.take(record(4, reader="192.0.2.4"))


def test_a_dead_process_of_this_machine_holds_nothing(admission: Admission) -> None:
    machine, pid, _ = process.identity().split("/")
    for number in (1, 2, 3):
        elsewhere(number, reader=f"192.0.2.{number}", of=f"{machine}/{pid}/1")  # it has our number, and began before us
    admission.take(record(4, reader="192.0.2.4"))


def test_who_resumes_is_never_refused_for_his_own_dead_connections(admission: Admission) -> None:
    """All slots are taken, and his package's sixteen connections were cut with another machine that cannot be looked at."""
    elsewhere(8, reader="192.0.2.8")
    elsewhere(9, reader="192.0.2.9")
    for _ in range(16):
        elsewhere(1, silent=3)
    for _ in range(16):
        admission.take(record(1))
    assert which(admission, record(2, reader="192.0.2.2")) == "limits.concurrent"


def test_one_dead_connection_is_no_hindrance_however_lately_it_was_alive(admission: Admission, configure: Configure) -> None:
    configure('[limits]\nconcurrent = 1\nper_reader = 1\nactive_bytes = "1 kB"')
    elsewhere(1, silent=0)
    admission.take(record(1, first=100))


def test_sixteen_that_died_just_now_are_waited_for_until_it_shows(recorder: Recorder, configure: Configure) -> None:
    configure("[limits]\nconcurrent = 1\nper_reader = 1")
    for _ in range(16):
        elsewhere(1, silent=1.5)
    Admission(recorder).take(record(1))


def test_who_has_just_finished_a_download_is_not_refused_the_next(recorder: Recorder, configure: Configure) -> None:
    """The other process has not written down yet that it ended."""
    configure("[limits]\nper_reader = 1")
    row = elsewhere(1)

    def write_down() -> None:
        time.sleep(0.3)
        Delivery.objects.filter(pk=row.pk).update(outcome="done", reader="")
        connection.close()

    thread = threading.Thread(target=write_down)
    thread.start()
    Admission(recorder, grace=20).take(record(2))
    thread.join(10)


def test_of_one_reader_one_request_waits_and_those_of_others_are_told_at_once(recorder: Recorder) -> None:
    for number in range(3):
        elsewhere(number)
    admission = Admission(recorder, grace=20)
    began = time.monotonic()
    assert which(admission, record(9, reader="192.0.2.9")) == "limits.concurrent"
    assert time.monotonic() - began < 10, "he has nothing that could end"
    admission._graced.add(reader_of("192.0.2.1"))
    assert which(admission, record(8)) == "limits.per_reader"
    assert time.monotonic() - began < 15


def test_the_process_does_not_forget_who_waited(recorder: Recorder) -> None:
    admission = Admission(recorder, grace=0.15)
    for number in range(3):
        elsewhere(number)
    assert which(admission, record(8)) == "limits.per_reader"
    assert not admission._graced


def test_a_database_that_fails_is_an_answer_and_leaves_no_slot(
    admission: Admission, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record()

    def lost(_row: object, **_: object) -> None:
        raise db.OperationalError("the connection was lost")

    with monkeypatch.context() as patched:
        patched.setattr(Delivery, "save", lost)
        with pytest.raises(DatabaseUnavailable):
            admission.take(made)
    assert made.is_held, "it may have been written: whoever asked must withdraw it"
    recorder.withdraw(made)
    assert not Delivery.objects.exists()
    assert not admission._turn.locked()


def test_who_does_not_get_his_turn_is_told_so(admission: Admission, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.02)
    with admission._turn, pytest.raises(DatabaseUnavailable):
        admission.take(record())


def test_a_database_that_somebody_locks_is_waited_for_and_not_for_long(admission: Admission, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    locked, done = threading.Event(), threading.Event()

    def lock() -> None:
        with admitting.exclusive():
            locked.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=lock)
    thread.start()
    assert locked.wait(10)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        admission.take(record())
    assert 0.2 < time.monotonic() - began < 15
    done.set()
    thread.join(10)
    admission.take(record())


def test_a_key_that_is_deleted_at_this_very_moment_costs_no_download(admission: Admission) -> None:
    admission.take(record(key_id=987_654))
    assert Delivery.objects.get().key is None


def test_of_many_threads_as_many_are_admitted_as_may(admission: Admission, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 30.0)  # SQLite is not fair to those who wait

    def work(number: int) -> bool:
        try:
            admission.take(record(number, reader=f"192.0.2.{number}"))
        except TooManyDeliveries:
            return False
        finally:
            connection.close()
        return True

    assert sum(at_once(24, work)) == 3
    assert Delivery.objects.count() == 3


def test_of_many_processes_as_many_are_admitted_as_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a recorder of its own, and none the others' turn."""
    monkeypatch.setattr(patience, "PATIENCE", 30.0)  # SQLite is not fair to those who wait

    def work(number: int) -> bool:
        rounds = Rounds()
        rounds.in_background = False
        try:
            Admission(Recorder(rounds), grace=0).take(record(number, reader=f"192.0.2.{number}"))
        except TooManyDeliveries:
            return False
        finally:
            connection.close()
        return True

    Delivery.objects.all().delete()
    real = process.identity
    try:
        process.identity = lambda: f"machine:1/{threading.get_ident()}/1"  # as if each thread were one
        assert sum(at_once(24, work)) == 3
    finally:
        process.identity = real


def test_who_begins_in_the_middle_is_no_sign_of_what_those_beside_him_had_sent(admission: Admission) -> None:
    """They are alive then: a process of this machine, and this one itself. Of whom nobody knows that nothing is written."""
    mine = elsewhere(silent=1, of=process.identity())
    unknown = elsewhere(silent=1)
    another = elsewhere(2, silent=1, of=process.identity())
    before = {row.pk: row.renewed for row in Delivery.objects.all()}
    made = record(first=500)
    admission.take(made)
    after = {row.pk: row.renewed for row in Delivery.objects.filter(pk__in=before)}
    assert {pk for pk, renewed in after.items() if renewed != before[pk]} == {mine.pk}
    renewed = after[mine.pk]
    assert renewed is not None
    assert renewed >= made.facts["started"]
    assert {unknown.pk, another.pk} < set(before)


def test_who_begins_at_the_beginning_shows_nothing_and_writes_nothing_more(admission: Admission) -> None:
    elsewhere(silent=1, of=process.identity())
    before = Delivery.objects.get().renewed
    admission.take(record())
    assert Delivery.objects.earliest("pk").renewed == before
