"""Which datastreams a request means, and of which it is silent."""

from datetime import UTC, datetime

import pytest

from getapi.core.access import AccessRules, Allowed, Denied
from getapi.core.errors import AmbiguousName, DatastreamNotFound
from getapi.core.limits import Allowance, Limits
from getapi.core.planner import PlanningRules, Sender, plan_package
from getapi.core.request import parse_request
from getapi.core.restriction import Ground, Restriction
from getapi.core.selection import Catalogue, Notices, find_record
from getapi.core.source import State
from tests.core.fakes import FakeRepository, managed

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


def catalogue(repository: FakeRepository, *denied: str) -> Catalogue:
    return Catalogue(repository, AccessRules(denied=frozenset(denied)), NOW)


def test_a_datastream_is_found_exactly_else_as_the_only_one_alike(repository: FakeRepository) -> None:
    record = repository.add("x:1", {"Pdf": b"1", "PDF": b"2", "DC": b"3"})
    made = catalogue(repository)
    assert made.match(record, "Pdf").dsid == "Pdf"
    assert made.match(record, "dc").dsid == "DC"
    with pytest.raises(AmbiguousName):
        made.match(record, "pdf")
    with pytest.raises(DatastreamNotFound):
        made.match(record, "MODS")


def test_restrictions_of_the_object_and_of_the_datastream_in_any_case_close_it_and_others_do_not(repository: FakeRepository) -> None:
    record = repository.add("x:1", {"A": b"1", "B": b"2"}, restrictions=(Restriction(ground=Ground.POLICY, dsid="a"),))
    made = catalogue(repository)
    closed, opened = (made.decide(record, datastream) for datastream in record.datastreams)
    assert isinstance(closed, Denied)
    assert isinstance(opened, Allowed)
    record = repository.add("x:2", {"A": b"1"}, restrictions=(Restriction(ground=Ground.POLICY),))
    assert isinstance(made.decide(record, record.datastreams[0]), Denied)


def test_thousands_of_restrictions_and_pointers_cost_no_more_than_their_sum(repository: FakeRepository) -> None:
    """Each datastream against each restriction would be 100 million comparisons: some twenty seconds."""
    count = 10_000
    names = [f"D{number}" for number in range(count)]
    closed = tuple(Restriction(ground=Ground.EMBARGO, dsid=name) for name in names)
    record = repository.add("x:1", {}, records=[managed("x:1", name, b"1") for name in names], restrictions=closed)
    made = catalogue(repository)
    begun = datetime.now(UTC)
    assert all(isinstance(made.decide(record, made.match(record, name.lower())), Denied) for name in names)
    assert (datetime.now(UTC) - begun).total_seconds() < 10


@pytest.mark.parametrize("direct", [True, False])
def test_an_inactive_object_is_told_only_where_it_was_named(repository: FakeRepository, direct: bool) -> None:
    repository.add("x:1", {"A": b"1"}, state=State.DELETED)
    notices = Notices()
    assert find_record(catalogue(repository), "x:1", notices, direct=direct) is None
    assert [notice.code for notice in notices] == (["inactive"] if direct else [])


@pytest.mark.parametrize("direct", [True, False])
def test_an_object_on_the_deny_list_is_told_always(repository: FakeRepository, direct: bool) -> None:
    repository.add("x:1", {"A": b"1"})
    notices = Notices()
    assert find_record(catalogue(repository, "X:1"), "x:1", notices, direct=direct) is None
    assert [notice.code for notice in notices] == ["restricted"]


def test_a_map_is_silent_of_inactive_objects_and_of_reserved_and_inactive_datastreams(repository: FakeRepository) -> None:
    pointers = "".join(f'<div CONTENTIDS="info:fedora/{name}"/>' for name in ("x:2", "x:2/A", "x:3/ARCH1", "x:3/C", "x:3/A"))
    repository.add("x:1", {"M": f'<structMap xmlns="http://www.loc.gov/METS/"><div>{pointers}</div></structMap>'.encode()})
    repository.add("x:2", {"A": b"1"}, state=State.INACTIVE)
    repository.add("x:3", {"A": b"1", "ARCH1": b"2"}, records=[managed("x:3", "C", b"3", state=State.DELETED)])
    limits = Limits(package=Allowance(files=10, octets=100), map_depth=9, map_nodes=99)
    sender = Sender(source_organization="A Library", software_agent="tests")
    rules = PlanningRules(access=AccessRules(), limits=limits, structmaps=(), algorithm="sha256", sender=sender)
    plan = plan_package(parse_request(files="", maps="x:1/M", max_text=100, max_entries=9), repositories=repository, rules=rules, now=NOW)
    assert [entry.datastream.pid for entry in plan.entries] == ["x:3"]
    assert plan.notices == ()
