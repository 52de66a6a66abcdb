"""What is counted of responses that broke off, were killed, or came in parts."""

import uuid
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django import db
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.core.layout import Layout, lay_out
from getapi.models import Delivery, Download, Package
from getapi.services import coverage, process, shelf
from getapi.services.coverage import Outcome
from getapi.services.responses import DIED, LEASE, responses
from getapi.services.statistics import Item, Recipient
from tests.conftest import Configure
from tests.core.packages import plan_of

PACKAGE = f"{1:032x}"
READER = Recipient(key_id=None, address="192.0.2.0", user_agent="curl/8")
NOW = timezone.now()
SECOND = timedelta(seconds=1)
PLAN = plan_of({"data/a": b"a" * 4000, "data/empty": b"", "data/b": b"b" * 4000}, known=True)
LAYOUT = lay_out(PLAN)
SIZE = LAYOUT.length
ELSEWHERE = "elsewhere/1/2"
DEAD = process.identity().rpartition("/")[0] + "/1"

END = {"package": PACKAGE, "name": "bag", "started": NOW, "first": SIZE, "stop": SIZE, "address": "192.0.2.0", "user_agent": "curl/8"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure()


def put() -> None:
    row = Package(id=PACKAGE, created=NOW, format="tar", name="bag", size=SIZE, files=3, etag=PLAN.etag)
    shelf.put(row, PLAN)


def response(first: int, sent: int, *, handed: int | None = None, stop: int = SIZE, **known: Any) -> Delivery:
    """One that broke off, unless ``known`` says something else."""
    facts = {"started": NOW, "renewed": NOW, "ended": NOW, "outcome": Outcome.CLIENT_GONE, "process": ELSEWHERE, **known}
    return Delivery.objects.create(
        uid=uuid.uuid4(),
        package=known.get("package", PACKAGE),
        name="bag",
        address=READER.address,
        user_agent=READER.user_agent,
        first=first,
        stop=stop,
        sent=sent,
        handed=sent if handed is None else handed,
        **{name: value for name, value in facts.items() if name != "package"},
    )


def running(first: int, sent: int, **known: Any) -> Delivery:
    return response(first, sent, **{"ended": None, "outcome": Outcome.RUNNING, "process": process.identity(), **known})


def settle(layout: Layout | None = LAYOUT) -> None:
    coverage.settle_package(PACKAGE, layout=layout, recipient=READER, time=timezone.now())


def counted() -> list[str]:
    return sorted(Download.objects.values_list("dsid", flat=True))


def names() -> list[str]:
    return sorted(entry.datastream.dsid for entry in PLAN.entries)


def test_a_resumed_download_is_counted_although_its_first_part_was_not_all_acknowledged() -> None:
    response(0, 2000, handed=5000)
    response(3000, SIZE - 3000, started=NOW + SECOND, outcome=Outcome.DONE)
    settle()
    assert counted() == names()
    settle()
    assert len(counted()) == len(names())


def test_what_the_kernel_never_took_is_not_made_up() -> None:
    member = LAYOUT.offsets[1]
    response(0, member + 100, handed=member + 200)
    response(member + 300, SIZE - member - 300, started=NOW + SECOND, outcome=Outcome.DONE)
    settle()
    assert counted() == names()[1:]
    assert Delivery.objects.get(first=0).sent == member + 100


def test_what_still_runs_is_never_closed() -> None:
    running(0, 2000, handed=5000, renewed=NOW - LEASE * 2)
    response(3000, SIZE - 3000, started=NOW + SECOND, outcome=Outcome.DONE)
    settle()
    assert Delivery.objects.get(first=0).outcome == Outcome.RUNNING
    assert Delivery.objects.get(first=0).sent == 2000


@pytest.mark.parametrize("known", [{"process": DEAD}, {"process": ELSEWHERE, "renewed": NOW - LEASE - SECOND}])
def test_what_a_dead_process_sent_is_closed_where_its_reader_goes_on(known: dict[str, Any]) -> None:
    running(0, 100, started=NOW - LEASE * 2, **known)
    running(3000, 0, started=timezone.now())
    settle()
    row = Delivery.objects.get(first=0)
    assert (row.outcome, row.reason, row.sent) == (Outcome.BROKEN, DIED, 3000)
    assert row.ended is not None


def test_what_began_while_the_dead_process_lived_shows_nothing() -> None:
    running(0, 100, started=NOW - LEASE * 3, process=ELSEWHERE, renewed=NOW - LEASE * 2)
    running(3000, 0, started=NOW - LEASE * 3 + SECOND)
    settle()
    assert Delivery.objects.get(first=0).sent == 100


def test_another_machine_is_given_its_time() -> None:
    running(0, 100, process=ELSEWHERE, renewed=timezone.now())
    coverage.sweep()
    assert Delivery.objects.get().outcome == Outcome.RUNNING


def test_a_dead_process_is_swept_also_when_nobody_comes_again() -> None:
    put()
    running(0, LAYOUT.offsets[2], process=DEAD)
    coverage.sweep()
    row = Delivery.objects.get()
    assert (row.outcome, row.reason, row.sent) == (Outcome.BROKEN, DIED, LAYOUT.offsets[2])
    assert counted() == names()[:1]
    coverage.sweep()
    assert len(counted()) == 1


def test_what_a_process_wrote_down_but_was_killed_before_it_counted_is_counted_by_another_one() -> None:
    put()
    row = response(0, SIZE, outcome=Outcome.DONE, process=DEAD)
    coverage.sweep()
    assert counted() == names()
    row.refresh_from_db()
    assert (row.outcome, row.process) == (Outcome.DONE, "")
    Download.objects.all().delete()
    coverage.sweep()
    assert counted() == []


def test_what_is_settled_is_left_alone_and_what_still_runs_is_not_marked() -> None:
    put()
    done, still = response(0, SIZE, outcome=Outcome.DONE, process=DEAD), running(0, 10)
    coverage.mark_settled([each.uid for each in (done, still) if each.uid])
    coverage.sweep()
    assert counted() == []
    still.refresh_from_db()
    assert still.process == process.identity()


def test_a_package_that_is_kept_no_longer_costs_the_sweep_nothing_else() -> None:
    running(0, SIZE, process=DEAD)
    coverage.sweep()
    assert Delivery.objects.get().outcome == Outcome.BROKEN
    assert counted() == []


def test_whoever_asks_for_what_lies_behind_the_end_has_all_of_it() -> None:
    put()
    running(0, 10, process=DEAD, renewed=NOW - SECOND)
    coverage.note_end(END)
    assert counted() == names()
    assert Package.objects.get().delivered is not None
    coverage.note_end(END)
    assert Delivery.objects.count() == 2


def test_it_counts_too_where_the_process_was_not_yet_known_to_be_dead() -> None:
    put()
    row = running(0, 10, renewed=NOW - SECOND)
    for _ in range(2):
        coverage.note_end(END)
    assert counted() == []
    Delivery.objects.filter(pk=row.pk).update(process=DEAD)
    coverage.sweep()
    assert counted() == names()
    assert Delivery.objects.count() == 2


def test_whoever_goes_on_before_the_process_is_known_to_be_dead_shows_it_all_the_same() -> None:
    row = running(0, 100, renewed=NOW - SECOND / 2)
    response(3000, SIZE - 3000, outcome=Outcome.DONE)
    settle()
    assert Delivery.objects.get(first=0).sent == 100
    Delivery.objects.filter(pk=row.pk).update(process=DEAD)
    settle()
    assert Delivery.objects.get(first=0).sent == 3000
    assert counted() == names()


def test_a_database_that_is_away_fails_no_answer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def away(*_: object, **__: object) -> None:
        raise db.OperationalError("away")

    put()
    running(0, 10)
    monkeypatch.setattr(Delivery, "save", away)
    coverage.note_end(END)
    assert "could not be noted" in caplog.text


def test_a_package_is_delivered_when_all_of_it_has_arrived() -> None:
    put()
    response(0, SIZE - 1)
    settle()
    assert Package.objects.get().delivered is None
    response(SIZE - 1, 1, outcome=Outcome.DONE)
    settle(None)
    assert Package.objects.get().delivered is not None


def test_the_state_of_a_package_is_that_of_its_responses() -> None:
    def state() -> tuple[int, str]:
        found = coverage.progress(PACKAGE, SIZE)
        return found.sent, found.state

    assert state() == (0, "ready")
    row = running(0, 10)
    assert state() == (10, "sending")
    Delivery.objects.filter(pk=row.pk).update(outcome=Outcome.CLIENT_GONE)
    assert state() == (10, "broken")
    response(20, 10, stop=30, outcome=Outcome.DONE)
    assert state() == (20, "ready")
    lost = running(40, 1, process=DEAD)
    assert state() == (21, "broken")
    lost.delete()
    response(0, SIZE, outcome=Outcome.DONE)
    assert state() == (SIZE, "done")


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_whatever_breaks_and_is_killed_a_reader_that_has_all_is_counted_once_for_each_datastream(data: st.DataObject) -> None:
    """Each response reaches the reader further than was recorded, and breaks or is killed; the next one begins where the reader is."""
    Delivery.objects.all().delete()
    Download.objects.all().delete()
    position, moment = 0, NOW - timedelta(hours=1)
    while position < SIZE:
        got = data.draw(st.integers(min(SIZE // 8, SIZE - position), SIZE - position))
        is_last = position + got == SIZE
        known = got if is_last else data.draw(st.integers(0, got))
        moment += timedelta(seconds=5)
        if is_last:
            response(position, known, started=moment, outcome=Outcome.DONE)
        elif data.draw(st.booleans()):
            response(position, known, started=moment, handed=data.draw(st.integers(got, SIZE - position)))
        else:
            running(position, known, started=moment, renewed=moment + SECOND, process=DEAD)
        if data.draw(st.booleans()):
            settle()
        position += got
    settle()
    settle()
    assert counted() == names()


def test_of_very_many_ranges_each_settling_looks_at_few_and_forgets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    put()
    monkeypatch.setattr(coverage, "MOST_FOLDED", 120)
    long_ago, edges = NOW - timedelta(minutes=5), list(range(0, SIZE - 50, SIZE // 400))
    for first, stop in pairwise(edges):
        response(first, stop - first, stop=stop, outcome=Outcome.DONE, started=long_ago, ended=long_ago)
    for _ in range(5):
        settle()
    assert Delivery.objects.filter(counted=False).count() < coverage.MANY
    assert coverage.progress(PACKAGE, SIZE) == coverage.Progress(sent=edges[-1], state="ready", rate=None)
    response(edges[-1], SIZE - edges[-1], outcome=Outcome.DONE)
    settle()
    assert counted() == names()
    assert Package.objects.get().delivered is not None


def test_of_very_many_responses_of_a_package_the_latest_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "MOST_TOGETHER", 10)
    put()
    response(0, 2000, handed=5000)
    for _ in range(10):
        response(0, 10)
    assert coverage.progress(PACKAGE, SIZE).sent == 10


def test_without_a_kept_package_nothing_is_folded() -> None:
    long_ago = NOW - timedelta(minutes=5)
    for first in range(coverage.MANY + 1):
        response(first, 1, stop=first + 1, outcome=Outcome.DONE, started=long_ago, ended=long_ago)
    settle()
    assert not Delivery.objects.filter(counted=True).exists()


class TestSingle:
    ITEM = Item(pid="test:1", dsid="a", version="a.0", bytes=100)

    def part(self, first: int, stop: int, *, sent: int | None = None, etag: str = "e", **known: Any) -> Delivery:
        facts = {"pid": "test:1", "dsid": "a", "version": "a.0", "bytes": 100}
        count = stop - first if sent is None else sent
        row = response(first, count, stop=stop, package="", item=facts, etag=etag, **{"outcome": Outcome.DONE, **known})
        coverage.settle_single(row, time=timezone.now())
        return row

    def test_ranges_of_one_reader_count_once_when_they_are_all_of_it(self) -> None:
        self.part(0, 40)
        self.part(60, 100)
        assert counted() == []
        last = self.part(40, 60)
        assert counted() == ["a"]
        coverage.settle_single(last, time=timezone.now())
        assert counted() == ["a"]

    def test_who_takes_it_twice_counts_twice_and_no_part_counts_for_both(self) -> None:
        for _ in range(2):
            self.part(0, 50)
            self.part(50, 100)
        assert counted() == ["a", "a"]
        self.part(50, 100)
        assert counted() == ["a", "a"]

    def test_a_whole_response_counts_by_itself_and_leaves_the_parts_alone(self) -> None:
        self.part(0, 50)
        self.part(0, 100)
        self.part(0, 100)
        assert counted() == ["a", "a"]
        self.part(50, 100)
        assert counted() == ["a", "a", "a"]

    @pytest.mark.parametrize("other", [{"etag": "f"}, {"started": NOW - timedelta(hours=25)}], ids=["another version", "long ago"])
    def test_parts_of_something_else_make_nothing_whole(self, other: dict[str, Any]) -> None:
        self.part(0, 50, **other)
        self.part(50, 100)
        assert counted() == []

    @pytest.mark.parametrize("parts", [1, 2, 4])
    def test_what_another_process_counts_at_this_very_moment_is_not_counted_twice(
        self, monkeypatch: pytest.MonkeyPatch, parts: int
    ) -> None:
        """On PostgreSQL both see the same rows, since neither has changed them yet."""
        size, item = 100 // parts, asdict(self.ITEM)
        for first in range(0, 100, size):
            response(first, size, stop=first + size, package="", etag="e", outcome=Outcome.DONE, item=item)
        seen = responses(Delivery.objects.all())
        monkeypatch.setattr(coverage, "_survey", lambda _: seen)
        last = Delivery.objects.latest("pk")
        Delivery.objects.exclude(pk=last.pk).update(counted=True)
        if parts == 1:
            Delivery.objects.update(counted=True)
        coverage.settle_single(last, time=NOW)
        assert counted() == []
        assert Delivery.objects.filter(counted=False).count() == (parts > 1)

    def test_a_whole_response_that_is_not_counted_yet_is_no_part_of_another_download(self) -> None:
        item = asdict(self.ITEM)
        whole = response(0, 100, stop=100, package="", etag="e", outcome=Outcome.DONE, item=item)
        self.part(0, 50)
        self.part(50, 100)
        coverage.settle_single(whole, time=NOW)
        assert counted() == ["a", "a"]

    def test_of_very_many_parts_the_latest_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(coverage, "MOST_TOGETHER", 10)
        self.part(0, 50)
        for _ in range(9):
            self.part(0, 1)
        self.part(50, 100)
        assert counted() == []
        self.part(0, 50)
        assert counted() == ["a"]

    def test_what_a_dead_process_left_of_one_reader_is_looked_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for first in range(0, 100, 10):
            response(first, 10, stop=first + 10, package="", etag="e", outcome=Outcome.DONE, process=DEAD, item=asdict(self.ITEM))
        settled, real = list[Delivery](), coverage.settle_single

        def settle_one(row: Delivery, **named: Any) -> None:
            settled.append(row)
            real(row, **named)

        monkeypatch.setattr(coverage, "settle_single", settle_one)
        coverage.sweep()
        assert counted() == ["a"]
        assert len(settled) == 1

    def test_of_very_many_that_a_dead_process_left_some_are_counted_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are counted in a round of a living process, whose own downloads must be kept alive; and one query can name so many only."""
        monkeypatch.setattr(coverage, "MOST_LEFT", 2)
        for _ in range(5):
            response(0, 100, stop=100, package="", etag="e", outcome=Outcome.DONE, process=DEAD, item=asdict(self.ITEM))
        assert [coverage.sweep() for _ in range(3)] == [True, True, False]
        assert counted() == ["a"] * 5
        assert not Delivery.objects.exclude(process="").exists()

    def test_where_no_address_is_kept_only_a_whole_response_counts(self) -> None:
        for first, stop, expected in ((0, 50, 0), (50, 100, 0), (0, 100, 1)):
            row = response(first, stop - first, stop=stop, package="", etag="e", outcome=Outcome.DONE,
                           item={"pid": "test:1", "dsid": "a", "version": "", "bytes": 100})  # fmt: skip
            Delivery.objects.filter(pk=row.pk).update(address="")
            coverage.settle_single(Delivery.objects.get(pk=row.pk), time=NOW)
            assert len(counted()) == expected

    def test_one_that_a_dead_process_had_sent_whole_is_counted_by_the_sweep(self) -> None:
        row = self.part(0, 100, sent=0, outcome=Outcome.RUNNING, process=process.identity())
        Delivery.objects.filter(pk=row.pk).update(sent=100, process=DEAD)
        coverage.sweep()
        assert counted() == ["a"]

    def test_who_asks_for_what_lies_behind_its_end_has_all_of_it(self) -> None:
        row = self.part(0, 100, sent=0, outcome=Outcome.RUNNING, process=process.identity())
        Delivery.objects.filter(pk=row.pk).update(process=DEAD, renewed=NOW - SECOND)
        for _ in range(2):
            coverage.note_end({**END, "package": "", "etag": "e", "item": row.item, "first": 100, "stop": 100})
        assert counted() == ["a"]
        assert Delivery.objects.count() == 2

    def test_an_empty_one_is_whole_with_its_headers(self) -> None:
        row = response(0, 0, stop=0, package="", etag="e", outcome=Outcome.DONE,
                       item={"pid": "test:1", "dsid": "a", "version": "", "bytes": 0})  # fmt: skip
        coverage.settle_single(row, time=NOW)
        assert counted() == ["a"]
