"""What is remembered with an unchanged record is never another answer than a fresh one."""

import gc
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from getapi.core.access import AccessRules
from getapi.core.arrangement import Group, arrange, place_picks
from getapi.core.derived import Deriving
from getapi.core.errors import ObjectUnreadable, PackageClosed
from getapi.core.limits import Allowance, Limits
from getapi.core.names import assign_paths
from getapi.core.notice import NoticeCode
from getapi.core.plan import Plan
from getapi.core.planner import PlanningRules, Sender, plan_package
from getapi.core.request import parse_request
from getapi.core.restriction import Ground, Restriction
from getapi.core.review import review
from getapi.core.selection import Pick
from getapi.core.source import ControlGroup, DatastreamRecord, ObjectRecord, State
from tests.core.fakes import FakeRepository, managed

NOW = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
RULES = PlanningRules(
    access=AccessRules(),
    limits=Limits(package=Allowance(files=100, octets=10**9), map_depth=32, map_nodes=1000),
    structmaps=("SMAP*",),
    algorithm="sha256",
    sender=Sender(source_organization="Rutgers", software_agent="test"),
)


@pytest.fixture
def repository() -> FakeRepository:
    made = FakeRepository()
    made.add("test:1", {"DC": b"dc", "PDF": b"pdf", "ARCH1": b"master"})
    made.add("test:2", {"DC": b"dc", "PDF": b"other"})
    return made


def plan(repository: FakeRepository, files: str = "test:1;test:2", *, now: datetime = NOW, rules: PlanningRules = RULES) -> Plan:
    request = parse_request(files=files, maps=None, max_text=10**6, max_entries=1000)
    return plan_package(request, repositories=repository, rules=rules, now=now)


def forget(repository: FakeRepository) -> FakeRepository:
    """The same facts in records of which nothing was found out yet."""
    objects = {pid: replace(record) for pid, record in repository.objects.items()}
    return FakeRepository(objects=objects, contents=repository.contents)


def with_access(access: AccessRules) -> PlanningRules:
    return replace(RULES, access=access)


@pytest.mark.usefixtures("no_collection")
def test_what_is_forgotten_is_freed_at_once() -> None:
    """A service that goes through millions of objects forgets as many: what knew itself would wait for the garbage collector."""
    repository = FakeRepository()
    for number in range(5):
        repository.add(f"forgotten:{number}", {"DC": b"dc", "PDF": b"pdf"})
    files = ";".join(repository.objects)
    repository.errors["test:9"] = ObjectUnreadable("test:9", "it is not well-formed")
    made = plan(repository, f"{files};test:9;test:10")
    assert [notice.code for notice in made.notices] == [NoticeCode.MALFORMED, NoticeCode.OBJECT_NOT_FOUND]
    review(made, repositories=repository, rules=RULES.access, now=NOW)
    assert known() == 15
    del made, repository
    assert known() == 0


def known() -> int:
    return sum(isinstance(each, ObjectRecord | DatastreamRecord) and each.pid.startswith("forgotten:") for each in gc.get_objects())


def test_a_finding_is_made_once_while_what_it_was_made_from_is_the_same_object() -> None:
    derived, made = Deriving(), list[int]()

    def make(number: int) -> int:
        made.append(number)
        return number

    first, second = AccessRules(), AccessRules()
    assert [derived.derive("x", first, make, 1), derived.derive("x", first, make, 2)] == [1, 1]
    assert derived.derive("y", first, make, 3) == 3
    assert derived.derive("x", second, make, 4) == 4
    assert made == [1, 3, 4]


def test_a_finding_may_be_that_there_is_none() -> None:
    derived = Deriving()
    assert derived.derive("x", None, lambda: None) is None
    assert derived.derive("x", None, lambda: 1) is None


def test_planning_again_gives_the_same_plan_and_the_same_entries(repository: FakeRepository) -> None:
    first, again = plan(repository), plan(repository)
    assert again == first == plan(forget(repository))
    assert all(one is other for one, other in zip(first.entries, again.entries, strict=True))


def test_a_record_of_which_much_was_found_out_is_equal_to_a_fresh_one(repository: FakeRepository) -> None:
    plan(repository)
    assert repository.objects == forget(repository).objects


def test_an_embargo_is_held_against_the_clock_at_each_request(repository: FakeRepository) -> None:
    repository.add("test:1", {"DC": b"dc"}, restrictions=[Restriction(ground=Ground.EMBARGO, ends=date(2026, 3, 31))])
    assert [len(plan(repository, now=NOW + timedelta(hours=hours)).entries) for hours in (0, 2, 0)] == [2, 3, 2]


def test_other_rules_decide_anew_and_former_ones_again(repository: FakeRepository) -> None:
    strict = with_access(AccessRules(denied=frozenset({"test:1/pdf"}), reserved=("DC",)))
    for rules in (RULES, strict, RULES, strict):
        assert plan(repository, rules=rules) == plan(forget(repository), rules=rules)
    assert [entry.path for entry in plan(repository, rules=strict).entries] == ["data/test-1_ARCH1", "data/test-2_PDF"]


def test_of_several_findings_each_is_replaced_alone() -> None:
    derived, given = Deriving(), [object(), object()]
    for what in ("a", "b", "c"):
        assert derived.derive(what, given[0], str, what) == what
    assert derived.derive("a", given[1], str, "new") == "new"
    for what, known in (("a", given[1]), ("b", given[0]), ("c", given[0])):
        assert derived.derive(what, known, str, "found anew") == ("new" if what == "a" else what)


def test_rules_that_are_replaced_are_not_kept_by_what_was_decided_by_them(repository: FakeRepository) -> None:
    rules = AccessRules(denied=frozenset({"test:2"}))
    assert replace(rules).mark is not rules.mark
    before = sys.getrefcount(rules)
    plan(repository, rules=with_access(rules))
    assert sys.getrefcount(rules) == before


def test_an_object_on_the_deny_list_stays_closed_however_often_it_was_open(repository: FakeRepository) -> None:
    made = plan(repository)
    closed = AccessRules(denied=frozenset({"test:1"}))
    assert {entry.datastream.pid for entry in plan(repository, rules=with_access(closed)).entries} == {"test:2"}
    with pytest.raises(PackageClosed):
        review(made, repositories=repository, rules=closed, now=NOW)


def test_another_algorithm_or_day_is_not_answered_with_a_former_entry(repository: FakeRepository) -> None:
    repository.add("test:3", {}, records=[managed("test:3", "DC", b"dc", created=None)])
    repository.contents["test:3", "DC"] = b"dc"
    files = "test:1;test:3"
    for algorithm in ("sha256", "sha512", "sha256"):
        for days in (0, 1):
            rules, now = replace(RULES, algorithm=algorithm), NOW + timedelta(days=days)
            assert plan(repository, files, rules=rules, now=now) == plan(forget(repository), files, rules=rules, now=now)


def test_another_map_pattern_looks_for_another_map(repository: FakeRepository) -> None:
    repository.add("test:1", {"SMAP1": b"no map", "OTHER": b"no map"})
    for pattern, told in (("SMAP*", "SMAP1"), ("OTHER", "OTHER")):
        assert [notice.dsid for notice in plan(repository, rules=replace(RULES, structmaps=(pattern,))).notices] == [told]


@pytest.mark.parametrize(
    ("pids", "dsids"),
    [
        (["test:1", "Test:1"], ["DC"]),
        (["test:1"], ["DC", "dc", "Dc"]),
        (["test:1"], ["DC", "a b", "ü", "x" * 101]),
        (["con:1", "com1:2", "a.b:1", "-:3"], ["DC", "x."]),
    ],
)
def test_names_are_those_that_the_tree_gives(pids: list[str], dsids: list[str]) -> None:
    repository = FakeRepository()
    records = [repository.add(pid, dict.fromkeys(dsids, b"x")) for pid in pids]
    groups = [
        Group(record=record, picks=[Pick(repository=record.repository, datastream=datastream) for datastream in record.datastreams])
        for record in records
    ]
    for _ in range(2):
        assert place_picks(groups, bag_name="b" * 100) == assign_paths(arrange(groups), bag_name="b" * 100)
        groups = groups[:1]


def test_what_has_to_be_read_is_read_for_each_request(repository: FakeRepository) -> None:
    repository.add("test:1", {"DC": b"dc"}, records=[managed("test:1", "DC", b"dc", control_group=ControlGroup.INLINE, digests=())])
    for _ in range(2):
        assert plan(repository, "test:1").entries[0].digest is not None
    assert len(repository.opened) == 2
    assert all(content.closed for content in repository.opened)


def test_an_inactive_object_is_told_each_time(repository: FakeRepository) -> None:
    repository.add("test:1", {"DC": b"dc"}, state=State.INACTIVE)
    assert [plan(repository, "test:1").notices for _ in range(2)] == [plan(forget(repository), "test:1").notices] * 2
