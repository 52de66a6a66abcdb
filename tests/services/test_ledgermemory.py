"""What a process remembers of the ledger is what it would read there."""

import sys
from collections.abc import Iterable, Mapping

import pytest
from django.test.utils import CaptureQueriesContext

from getapi.core.ledger import Examination
from getapi.core.source import DatastreamRecord
from getapi.services import fixity, ledgermemory
from getapi.services.ledgermemory import LASTS, Key, LedgerMemory
from tests.core.fakes import managed
from tests.services.test_fixity import NOW, kept, ledger, sound

DATASTREAM, OTHER = managed("x:1", "A", b"a"), managed("x:1", "B", b"b")
SEEN = Examination(identity=DATASTREAM.identity, size=1, verified=NOW)


class Asked:
    """Knows the first datastream alone, and writes down what it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.clock = 0.0
        self.memory = LedgerMemory(clock=lambda: self.clock)

    def __call__(self, _repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[Key, Examination]:
        found = list(datastreams)
        self.calls.append([each.dsid for each in found])
        return {(each.pid, each.dsid): SEEN for each in found if each.dsid == "A"}

    def look_up(self, *datastreams: DatastreamRecord, revision: str = "1", repository: str = "main") -> dict[Key, Examination]:
        return self.memory.look_up(repository, revision, datastreams, self)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_what_was_read_is_not_read_again_whether_it_is_known_or_not(asked: Asked) -> None:
    for _ in range(3):
        assert asked.look_up(DATASTREAM, OTHER) == {("x:1", "A"): SEEN}
    assert asked.calls == [["A", "B"]]


def test_of_several_only_those_that_are_new_are_read(asked: Asked) -> None:
    asked.look_up(OTHER)
    assert asked.look_up(DATASTREAM, OTHER) == {("x:1", "A"): SEEN}
    assert asked.calls == [["B"], ["A"]]


def test_another_revision_another_repository_another_record_and_another_minute_are_read(asked: Asked) -> None:
    asked.look_up(DATASTREAM)
    asked.look_up(DATASTREAM, revision="2")
    asked.look_up(DATASTREAM, revision="1")
    asked.look_up(DATASTREAM, repository="other")
    asked.look_up(managed("x:1", "A", b"a"))
    assert len(asked.calls) == 5
    asked.clock = LASTS
    asked.look_up(managed("x:1", "A", b"a"))
    assert len(asked.calls) == 6


def test_more_than_it_may_hold_is_read_each_time(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgermemory, "MOST", 1)
    for _ in range(2):
        assert asked.look_up(DATASTREAM, OTHER) == {("x:1", "A"): SEEN}
    assert asked.calls == [["A", "B"], ["A", "B"]]


def test_of_a_repository_that_nobody_asks_for_any_more_nothing_stays(asked: Asked) -> None:
    before = sys.getrefcount(DATASTREAM)
    asked.look_up(DATASTREAM, repository="other")
    assert sys.getrefcount(DATASTREAM) > before
    asked.clock = LASTS
    asked.look_up(OTHER)
    assert sys.getrefcount(DATASTREAM) == before


@pytest.mark.django_db
def test_where_nothing_is_forgotten_nothing_is_written(django_assert_num_queries: CaptureQueriesContext) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator] # pytest-django's own fixture
        fixity.forget("main", "x:1", set())


@pytest.mark.django_db
def test_what_is_written_is_seen_at_once() -> None:
    datastream = kept()
    assert ledger().look_up("main", [datastream]) == {}
    fixity.record("main", [(datastream, sound())])
    assert ledger().look_up("main", [datastream]) == {("x:1", "A"): sound()}
    fixity.record("main", [(datastream, sound(mismatch="md5"))])
    assert ledger().look_up("main", [datastream])["x:1", "A"].mismatch == "md5"
    fixity.forget("main", "x:1", ["A"])
    assert ledger().look_up("main", [datastream]) == {}


@pytest.mark.django_db
def test_where_nothing_was_written_one_small_question_is_asked(django_assert_num_queries: CaptureQueriesContext) -> None:
    datastreams = [kept(), kept("B")]
    fixity.record("main", [(each, sound()) for each in datastreams])
    fixity.record("other", [(kept(), sound())])
    found = ledger().look_up("main", datastreams)
    fixity.record("other", [(kept(), sound(mismatch="md5"))])
    with django_assert_num_queries(1):  # type: ignore[operator] # pytest-django's own fixture
        assert ledger().look_up("main", datastreams) == found


@pytest.mark.django_db
def test_of_inline_xml_nothing_is_asked(django_assert_num_queries: CaptureQueriesContext) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator] # pytest-django's own fixture
        assert ledger().look_up("main", [kept(identity="")]) == {}
