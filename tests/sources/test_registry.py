"""Which repository is asked."""

import threading
from dataclasses import dataclass, field

import pytest

from getapi.core.errors import AmbiguousName, ObjectNotFound, PackagingError, SourceUnavailable
from getapi.core.plan import Entry
from getapi.core.source import Content, DatastreamRecord, ObjectRecord
from getapi.sources.content import BytesContent
from getapi.sources.registry import Registry, RoutedSource

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass
class Answers:
    """A source that has some PIDs, or fails in one way for all others."""

    name: str
    pids: tuple[str, ...] = ()
    failure: PackagingError | None = None
    asked: list[str] = field(default_factory=list)

    def describe(self, pid: str) -> ObjectRecord:
        self.asked.append(pid)
        if pid in self.pids:
            return ObjectRecord(pid=pid, repository=self.name)
        raise self.failure or ObjectNotFound(pid)

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        return BytesContent(b"", datastream, start=start)


def test_those_that_claim_a_namespace_are_asked_before_those_that_claim_none() -> None:
    first, theses, other = Answers("first"), Answers("theses", ("etd:1",)), Answers("other")
    registry = Registry([RoutedSource(source=first), RoutedSource(source=theses, namespaces=("ETD",)), RoutedSource(source=other)])
    assert [source.name for source in registry.source_for("etd:1")] == ["theses", "first", "other"]
    assert [source.name for source in registry.source_for("demo:1")] == ["first", "other"]
    assert registry.describe("etd:1").repository == "theses"
    assert not first.asked


def test_the_first_that_has_the_object_answers() -> None:
    first, second, third = Answers("first"), Answers("second", ("demo:1",)), Answers("third", ("demo:1",))
    registry = Registry([RoutedSource(source=source) for source in (first, second, third)])
    assert registry.describe("demo:1").repository == "second"
    assert not third.asked
    with pytest.raises(ObjectNotFound):
        registry.describe("demo:2")
    with pytest.raises(ObjectNotFound):
        Registry([]).describe("demo:2")


def test_a_source_that_does_not_answer_ends_the_search() -> None:
    first = Answers("first", failure=SourceUnavailable("first"))
    registry = Registry([RoutedSource(source=first), RoutedSource(source=Answers("second", ("demo:1",)))])
    with pytest.raises(SourceUnavailable):
        registry.describe("demo:1")


@dataclass
class Folding(Answers):
    """A source that finds its first PID however it is spelled."""

    def describe(self, pid: str) -> ObjectRecord:
        return super().describe(self.pids[0] if pid.lower() == self.pids[0].lower() else pid)


def test_an_exact_pid_wins_over_one_that_is_alike_in_an_earlier_repository() -> None:
    exact = Answers("exact", ("Demo:1",))
    for earlier in (Folding("alike", ("demo:1",)), Answers("unsure", failure=AmbiguousName("Demo:1"))):
        registry = Registry([RoutedSource(source=earlier), RoutedSource(source=exact)])
        assert registry.describe("Demo:1").repository == "exact"


def test_pids_alike_in_several_repositories_are_ambiguous_unless_they_are_the_same() -> None:
    alike = Folding("alike", ("demo:1",))
    same = Registry([RoutedSource(source=alike), RoutedSource(source=Folding("again", ("demo:1",)))])
    assert same.describe("DEMO:1").repository == "alike"
    for other in (Folding("other", ("dEMO:1",)), Answers("unsure", failure=AmbiguousName("DEMO:1"))):
        with pytest.raises(AmbiguousName):
            Registry([RoutedSource(source=alike), RoutedSource(source=other)]).describe("DEMO:1")


def test_names_are_unique_and_lead_to_their_sources() -> None:
    source = Answers("main")
    assert Registry([RoutedSource(source=source)]).by_name("main") is source
    with pytest.raises(SourceUnavailable):
        Registry([RoutedSource(source=source)]).by_name("gone")
    with pytest.raises(ValueError, match="same name"):
        Registry([RoutedSource(source=source), RoutedSource(source=Answers("main"))])


def test_an_entry_is_opened_in_its_own_repository() -> None:
    datastream = DatastreamRecord(pid="demo:1", dsid="IMG", version="IMG.0", identity=EMPTY)
    entry = Entry(path="data/x", size=0, mtime=0, digest=None, declared=(), repository="second", datastream=datastream)
    registry = Registry([RoutedSource(source=Answers("second"))])
    with registry.open(entry) as content:
        assert content.size == 0
    with pytest.raises(SourceUnavailable):
        Registry([RoutedSource(source=Answers("first"))]).open(entry)


def outcomes(told: object) -> object:
    return type(told) if isinstance(told, PackagingError) else told.pid if isinstance(told, ObjectRecord) else told


@dataclass
class Together(Answers):
    """Answers none before ``number`` are asked for at the same time."""

    number: int = 4
    gate: threading.Barrier = field(init=False)

    def __post_init__(self) -> None:
        self.gate = threading.Barrier(self.number)

    def describe(self, pid: str) -> ObjectRecord:
        self.gate.wait(30)
        return super().describe(pid)


def test_what_takes_a_round_trip_each_is_asked_for_together_and_gives_what_it_would_alone() -> None:
    far, near = Together("far", ("far:1", "far:2", "far:3")), Answers("near", ("far:4", "near:1"))
    registry = Registry([RoutedSource(source=far, namespaces=("far",), at_once=4), RoutedSource(source=near)])
    told = registry.describe_ahead(["far:1", "far:2", "near:1", "far:3", "far:4"])
    assert {pid: outcomes(each) for pid, each in told.items()} == {pid: pid for pid in ("far:1", "far:2", "far:3", "far:4")}
    assert sorted(far.asked) == ["far:1", "far:2", "far:3", "far:4"]
    assert near.asked == ["far:4"]


def test_no_more_are_asked_for_at_once_than_a_source_takes() -> None:
    running, most, lock, several = [0], [0], threading.Lock(), threading.Event()

    class Counting(Answers):
        def describe(self, pid: str) -> ObjectRecord:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
                if running[0] > 1:
                    several.set()
            assert several.wait(30), "one after the other"
            threading.Event().wait(0.005)
            with lock:
                running[0] -= 1
            return super().describe(pid)

    pids = [f"far:{number}" for number in range(40)]
    registry = Registry([RoutedSource(source=Counting("far", tuple(pids)), at_once=5)])
    assert list(registry.describe_ahead(pids)) == pids
    assert 1 < most[0] <= 5


def test_errors_ahead_are_what_is_raised_later_and_near_sources_are_not_asked_ahead() -> None:
    away = Answers("away", failure=SourceUnavailable("away"))
    registry = Registry([RoutedSource(source=away, at_once=2, namespaces=("a",)), RoutedSource(source=Answers("near", ("b:1", "b:2")))])
    told = registry.describe_ahead(["a:1", "a:2", "b:1", "b:2"])
    assert {pid: outcomes(each) for pid, each in told.items()} == {"a:1": SourceUnavailable, "a:2": SourceUnavailable}
    assert registry.describe_ahead(["a:1"]) == {}


def test_one_repository_can_be_asked_alone() -> None:
    far = Answers("far", ("a:1",))
    registry = Registry([RoutedSource(source=Answers("near", ("a:1", "a:2"))), RoutedSource(source=far, at_once=2)])
    told = registry.describe_ahead(["a:1", "a:2"], "far")
    assert {pid: outcomes(each) for pid, each in told.items()} == {"a:1": "a:1", "a:2": ObjectNotFound}
    assert registry.describe_ahead(["a:1", "a:2"], "near") == {}
    with pytest.raises(SourceUnavailable):
        registry.describe_ahead(["a:1", "a:2"], "gone")
