"""A stored plan is sent only while all of it may leave and is as it was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.access import AccessRules
from getapi.core.errors import (
    AmbiguousName,
    ObjectNotFound,
    ObjectUnreadable,
    PackageChanged,
    PackageClosed,
    PackagingError,
    SourceUnavailable,
)
from getapi.core.ledger import Examination
from getapi.core.limits import Allowance, Limits
from getapi.core.plan import Plan, own_identity, staged_identity
from getapi.core.planner import PlanningRules, Sender, plan_package
from getapi.core.request import PackageRequest, parse_request
from getapi.core.restriction import Ground, Restriction
from getapi.core.review import review
from getapi.core.source import ControlGroup, DatastreamRecord, Digest, ObjectRecord, State
from tests.core.fakes import FakeRepository, managed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = AccessRules(external_hosts=frozenset({"media.example"}))


@pytest.fixture
def repository() -> FakeRepository:
    found = FakeRepository()
    found.add("demo:1", {"PDF": b"one", "TXT": b"two"})
    found.add("demo:2", {"PDF": b"three", "ARCH1": b"master"})
    return found


def plan_of(repository: FakeRepository, files: str = "demo:1;demo:2", rules: AccessRules = RULES, algorithm: str = "sha256") -> Plan:
    return plan_package(
        request_of(files),
        repositories=repository,
        rules=PlanningRules(
            access=rules,
            limits=Limits(package=Allowance(files=100, octets=10**9), map_depth=8, map_nodes=100),
            structmaps=(),
            algorithm=algorithm,
            sender=Sender(source_organization="Library", software_agent="tests"),
        ),
        now=NOW,
    )


def request_of(files: str) -> PackageRequest:
    return parse_request(files=files, maps=None, format="tar", name=None, formats=frozenset({"tar"}), max_text=10**6, max_entries=100)


def change(repository: FakeRepository, pid: str, dsid: str, **facts: object) -> None:
    """What the repository says of one datastream from now on."""
    record = repository.objects[pid]
    datastreams = tuple(replace(each, **facts) if each.dsid == dsid else each for each in record.datastreams)  # type: ignore[arg-type] # any facts
    repository.objects[pid] = replace(record, datastreams=datastreams)


def test_an_unchanged_repository_has_nothing_against_it_and_is_asked_for_each_object_once(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    repository.described.clear()
    review(plan, repositories=repository, rules=RULES, now=NOW)
    assert repository.described == ["demo:1", "demo:2"]
    assert len(plan.entries) == 3


def test_an_empty_package_can_always_be_had(repository: FakeRepository) -> None:
    plan = plan_of(repository, "nobody:1")
    review(plan, repositories=FakeRepository(errors={"nobody:1": SourceUnavailable("fake")}), rules=RULES, now=NOW)


@pytest.mark.parametrize(
    "facts",
    [
        {"version": "PDF.1"},
        {"identity": "3-2-1"},
        {"size": 4},
        {"location": "elsewhere"},
        {"control_group": ControlGroup.INLINE},
        {"fault": "content-missing"},
        {"digests": (Digest(algorithm="sha256", value="0" * 64),)},
        {"digests": (Digest(algorithm="md5", value="0" * 32),)},
        {"state": State.INACTIVE},
        {"state": State.DELETED},
    ],
)
def test_what_is_another_than_was_planned_is_never_sent(repository: FakeRepository, facts: dict[str, object]) -> None:
    plan = plan_of(repository)
    change(repository, "demo:2", "PDF", **facts)
    with pytest.raises(PackageChanged) as caught:
        review(plan, repositories=repository, rules=RULES, now=NOW)
    assert caught.value.facts == {"pid": "demo:2", "dsid": "PDF"}


@pytest.mark.parametrize(
    "facts",
    [{"label": "Another"}, {"mime": "text/plain"}, {"digests": ()}, {"size": None}, {"declared_size": 99}, {"alternate_ids": ("x",)}],
)
def test_what_no_byte_depends_on_may_change(repository: FakeRepository, facts: dict[str, object]) -> None:
    plan = plan_of(repository)
    change(repository, "demo:2", "PDF", **facts)
    change(repository, "demo:2", "ARCH1", version="ARCH1.1", state=State.DELETED)
    review(plan, repositories=repository, rules=RULES, now=NOW)


def test_what_planning_learned_is_no_difference(repository: FakeRepository) -> None:
    """Inline XML gets its SHA-512 at planning, and an external datastream its size."""
    inline = managed("demo:3", "DC", b"<dc/>", control_group=ControlGroup.INLINE)
    external = managed(
        "demo:3",
        "VIDEO",
        b"12345",
        control_group=ControlGroup.EXTERNAL,
        location="https://media.example/v",
        size=None,
        digests=(),
        identity="",
    )
    repository.add("demo:3", {"DC": b"<dc/>", "VIDEO": b"12345"}, records=(inline, external))
    plan = plan_of(repository, "demo:3", algorithm="sha512")
    assert [entry.size for entry in plan.entries] == [5, 5]
    review(plan, repositories=repository, rules=RULES, now=NOW)
    change(repository, "demo:3", "VIDEO", location="https://media.example/other")
    with pytest.raises(PackageChanged):
        review(plan, repositories=repository, rules=RULES, now=NOW)


def test_what_lies_on_another_host_has_its_identity_when_it_is_opened(repository: FakeRepository) -> None:
    plan = plan_of(repository, "demo:1")
    other = replace(plan.entries[0].datastream, identity='"one"|Tue, 01 Jan 2030 00:00:00 GMT', remote=True)
    plan = replace(plan, entries=(replace(plan.entries[0], datastream=other),))
    dsid = other.dsid
    change(repository, "demo:1", dsid, identity="", size=None, remote=True)
    review(plan, repositories=repository, rules=RULES, now=NOW)
    for facts in ({"identity": "another"}, {"identity": "", "size": other.size}, {"identity": "", "remote": False}):
        change(repository, "demo:1", dsid, **{"size": None, "remote": True, **facts})
        with pytest.raises(PackageChanged):
            review(plan, repositories=repository, rules=RULES, now=NOW)


def test_what_was_put_aside_has_an_identity_of_which_its_source_knows_nothing(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    (entry,) = (entry for entry in plan.entries if (entry.datastream.pid, entry.datastream.dsid) == ("demo:1", "PDF"))
    staged = replace(entry, datastream=replace(entry.datastream, identity=staged_identity("0" * 64, "")))
    assert (staged.is_staged, entry.is_staged) == (True, False)
    held = replace(plan, entries=(staged,))
    change(repository, "demo:1", "PDF", size=None, identity="")
    review(held, repositories=repository, rules=RULES, now=NOW)
    for facts in ({"identity": "3-1-1"}, {"version": "PDF.1"}, {"location": "elsewhere"}):
        before = repository.objects["demo:1"]
        change(repository, "demo:1", "PDF", **facts)
        with pytest.raises(PackageChanged):
            review(held, repositories=repository, rules=RULES, now=NOW)
        repository.objects["demo:1"] = before


def test_what_was_put_aside_must_have_the_identity_that_its_source_gives_still(repository: FakeRepository) -> None:
    plan = plan_of(repository, "demo:1/PDF")
    (entry,) = plan.entries
    own = entry.datastream.identity
    held = replace(plan, entries=(replace(entry, datastream=replace(entry.datastream, identity=staged_identity("0" * 64, own))),))
    change(repository, "demo:1", "PDF", size=None)
    review(held, repositories=repository, rules=RULES, now=NOW)
    for other in ("", "a:b:c"):
        change(repository, "demo:1", "PDF", identity=other)
        with pytest.raises(PackageChanged):
            review(held, repositories=repository, rules=RULES, now=NOW)


@pytest.mark.parametrize("own", ["", "3-1-1", "etag:W/x:y"])
def test_a_sources_own_identity_is_never_lost(own: str) -> None:
    assert own_identity(staged_identity("ab", own)) == own
    assert own_identity(own) == own


@pytest.mark.parametrize("identity", ["", "3-1-1"])
def test_what_was_not_put_aside_must_have_its_own_identity(repository: FakeRepository, identity: str) -> None:
    plan = plan_of(repository)
    change(repository, "demo:1", "PDF", identity=identity and "other")
    with pytest.raises(PackageChanged):
        review(plan, repositories=repository, rules=RULES, now=NOW)


@pytest.mark.parametrize("ends", [None, date(2026, 3, 1), datetime(2026, 3, 1, 13, tzinfo=UTC)])
@pytest.mark.parametrize("dsid", [None, "pdf"])
def test_an_embargo_that_began_since_closes_it_with_its_date(repository: FakeRepository, ends: date | None, dsid: str | None) -> None:
    plan = plan_of(repository)
    embargo = Restriction(ground=Ground.EMBARGO, dsid=dsid, ends=ends)
    repository.objects["demo:1"] = replace(repository.objects["demo:1"], restrictions=(embargo,))
    with pytest.raises(PackageClosed, match=r"Closed until (further notice|2026-03-01)") as caught:
        review(plan, repositories=repository, rules=RULES, now=NOW)
    assert caught.value.facts == {"pid": "demo:1", "dsid": "PDF"}
    if ends:
        review(plan, repositories=repository, rules=RULES, now=datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rules", "refusal"),
    [
        (AccessRules(denied=frozenset({"demo:1"})), PackageClosed),
        (AccessRules(denied=frozenset({"demo:2/PDF"})), PackageClosed),
        (AccessRules(reserved=("TXT",)), PackageChanged),
        (AccessRules(public=("PDF",)), PackageChanged),
    ],
)
def test_the_administrator_s_rules_of_today_decide(repository: FakeRepository, rules: AccessRules, refusal: type[PackagingError]) -> None:
    plan = plan_of(repository)
    with pytest.raises(refusal):
        review(plan, repositories=repository, rules=rules, now=NOW)


def test_a_datastream_that_was_purged_is_gone(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    repository.add("demo:1", {"pdf": b"one", "TXT": b"two"})
    with pytest.raises(PackageChanged):
        review(plan, repositories=repository, rules=RULES, now=NOW)


def test_an_object_that_is_no_longer_active_is_gone(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    repository.objects["demo:1"] = replace(repository.objects["demo:1"], state=State.INACTIVE)
    with pytest.raises(PackageChanged):
        review(plan, repositories=repository, rules=RULES, now=NOW)


@pytest.mark.parametrize("failure", [ObjectNotFound("demo:2"), AmbiguousName("demo:2"), ObjectUnreadable("demo:2", "it is empty")])
def test_an_object_that_cannot_be_had_is_gone(repository: FakeRepository, failure: PackagingError) -> None:
    plan = plan_of(repository)
    repository.errors["demo:2"] = failure
    with pytest.raises(PackageChanged):
        review(plan, repositories=repository, rules=RULES, now=NOW)


def test_another_object_alike_but_for_case_is_not_the_planned_one(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    repository.objects["DEMO:2"] = replace(repository.objects.pop("demo:2"), pid="DEMO:2")
    with pytest.raises(PackageChanged):
        review(plan, repositories=repository, rules=RULES, now=NOW)


def test_a_repository_that_does_not_answer_is_waited_for(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    repository.errors["demo:2"] = SourceUnavailable("fake")
    with pytest.raises(SourceUnavailable):
        review(plan, repositories=repository, rules=RULES, now=NOW)


def test_a_file_that_cannot_be_looked_at_for_a_moment_is_waited_for(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    record = repository.objects["demo:2"]
    silent = tuple(replace(each, size=None, identity="") for each in record.datastreams)
    repository.objects["demo:2"] = replace(record, datastreams=silent)
    with pytest.raises(SourceUnavailable):
        review(plan, repositories=repository, rules=RULES, now=NOW)


class Unconfigured(FakeRepository):
    def by_name(self, name: str) -> "Unconfigured":
        raise SourceUnavailable(name)


def test_a_repository_that_is_no_longer_configured_is_not(repository: FakeRepository) -> None:
    with pytest.raises(PackageChanged):
        review(plan_of(repository), repositories=Unconfigured(objects=repository.objects), rules=RULES, now=NOW)


@dataclass
class FakeLedger:
    seen: dict[tuple[str, str], Examination] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def look_up(self, repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[tuple[str, str], Examination]:
        self.asked.append(repository)
        known = {(each.pid, each.dsid) for each in datastreams}
        return {key: examination for key, examination in self.seen.items() if key in known}


def test_what_was_found_damaged_since_is_not_sent(repository: FakeRepository) -> None:
    plan, ledger = plan_of(repository), FakeLedger()
    sound = Examination(identity="3-1-1", size=3, verified=NOW)
    ledger.seen = {("demo:1", "PDF"): sound, ("demo:9", "PDF"): replace(sound, mismatch="md5")}
    review(plan, repositories=repository, rules=RULES, now=NOW, ledger=ledger)
    assert ledger.asked == ["fake"]
    ledger.seen["demo:1", "TXT"] = replace(sound, mismatch="md5")
    with pytest.raises(PackageChanged) as caught:
        review(plan, repositories=repository, rules=RULES, now=NOW, ledger=ledger)
    assert caught.value.facts == {"pid": "demo:1", "dsid": "TXT"}


RECORDS = st.sampled_from([State.ACTIVE, State.INACTIVE])


@given(st.lists(st.tuples(RECORDS, st.booleans(), st.booleans()), min_size=1, max_size=5))
def test_it_is_sent_again_exactly_when_it_would_be_planned_again(facts: list[tuple[State, bool, bool]]) -> None:
    """For whatever becomes of its datastreams: new version, state, deny list."""
    repository = FakeRepository()
    repository.add("demo:1", {f"DS-{number}": b"x" for number in range(len(facts))})
    before = plan_of(repository, "demo:1")
    for number, (state, renewed, _) in enumerate(facts):
        change(repository, "demo:1", f"DS-{number}", state=state, version="2" if renewed else f"DS-{number}.0")
    rules = AccessRules(denied=frozenset(f"demo:1/DS-{number}" for number, (_, _, denied) in enumerate(facts) if denied))
    after = plan_of(repository, "demo:1", rules)
    try:
        review(before, repositories=repository, rules=rules, now=NOW)
    except (PackageChanged, PackageClosed):
        assert after.fingerprint != before.fingerprint
    else:
        assert after.fingerprint == before.fingerprint


def test_a_record_of_another_repository_under_the_same_pid_does_not_count(repository: FakeRepository) -> None:
    plan = plan_of(repository, "demo:1")
    other = ObjectRecord(pid="demo:1", repository="other")

    class Routed(FakeRepository):
        def describe(self, pid: str) -> ObjectRecord:
            return other

        def by_name(self, name: str) -> FakeRepository:  # type: ignore[override] # the planned one
            return repository.by_name(name)

    review(plan, repositories=Routed(), rules=RULES, now=NOW)


def test_what_its_source_tells_ahead_is_not_asked_again(repository: FakeRepository) -> None:
    plan = plan_of(repository)
    repository.ahead, repository.described = frozenset({"demo:2"}), []
    review(plan, repositories=repository, rules=RULES, now=NOW)
    assert sorted(repository.described) == ["demo:1", "demo:2"]
    assert repository.announced[-1] == (("demo:1", "demo:2"), "fake")
    repository.errors["demo:2"] = SourceUnavailable("fake")
    with pytest.raises(SourceUnavailable):
        review(plan, repositories=repository, rules=RULES, now=NOW)


@dataclass
class ChoosingRepository(FakeRepository):
    """It takes one of several files of a thing: ``given`` is what it says of those that were chosen before."""

    given: bool | PackagingError | None = True
    asked: list[DatastreamRecord] = field(default_factory=list)

    def still_gives(self, planned: Sequence[DatastreamRecord]) -> list[bool | None]:
        self.asked = list(planned)
        if isinstance(self.given, PackagingError):
            raise self.given
        return [self.given for _ in planned]


class TestWhatWasChosen:
    @pytest.fixture
    def choosing(self) -> ChoosingRepository:
        found = ChoosingRepository()
        found.add("demo:1", {"PDF": b"one", "TXT": b"two"})
        return found

    def test_a_source_is_asked_after_those_alone_that_it_tells_otherwise(self, choosing: ChoosingRepository) -> None:
        plan = plan_of(choosing, "demo:1")
        review(plan, repositories=choosing, rules=RULES, now=NOW)
        assert choosing.asked == []
        change(choosing, "demo:1", "TXT", location="another", identity="another", fault="source-unavailable")
        review(plan, repositories=choosing, rules=RULES, now=NOW)
        assert choosing.asked == [plan.entries[1].datastream]

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            (False, PackageChanged),
            (None, SourceUnavailable),
            (ObjectNotFound("demo:1"), PackageChanged),
            (SourceUnavailable("fake"), SourceUnavailable),
        ],
    )
    def test_what_is_not_there_is_changed_and_what_nobody_can_say_is_waited_for(
        self, choosing: ChoosingRepository, given: bool | PackagingError | None, error: type[PackagingError]
    ) -> None:
        plan = plan_of(choosing, "demo:1")
        change(choosing, "demo:1", "TXT", location="another")
        choosing.given = given
        with pytest.raises(error):
            review(plan, repositories=choosing, rules=RULES, now=NOW)

    def test_what_was_put_aside_is_asked_after_by_its_own_identity_and_waits_for_nobody(self, choosing: ChoosingRepository) -> None:
        plan = plan_of(choosing, "demo:1")
        own = plan.entries[1].datastream
        staged = replace(plan.entries[1], datastream=replace(own, identity=staged_identity("0" * 64, own.identity)))
        plan = replace(plan, entries=(plan.entries[0], staged))
        change(choosing, "demo:1", "TXT", location="another")
        choosing.given = None
        review(plan, repositories=choosing, rules=RULES, now=NOW)
        assert choosing.asked == [own]
        choosing.given = False
        with pytest.raises(PackageChanged):
            review(plan, repositories=choosing, rules=RULES, now=NOW)

    def test_what_may_not_leave_is_not_asked_after(self, choosing: ChoosingRepository) -> None:
        plan = plan_of(choosing, "demo:1")
        change(choosing, "demo:1", "TXT", location="another")
        with pytest.raises(PackageClosed):
            review(plan, repositories=choosing, rules=AccessRules(denied=frozenset({"demo:1/TXT"})), now=NOW)
        assert choosing.asked == []
