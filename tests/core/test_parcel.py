"""A package of parcels is the very one that the general way would make, or is made by that."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from getapi.core import planner
from getapi.core.access import AccessRules
from getapi.core.errors import PackagingError
from getapi.core.ledger import Examination
from getapi.core.limits import Allowance, Limits
from getapi.core.notice import Caveat, NoticeCode
from getapi.core.plan import Plan
from getapi.core.planner import PlanningRules, Sender, plan_package
from getapi.core.request import parse_request
from getapi.core.restriction import Ground, Restriction
from getapi.core.source import ControlGroup, Digest, State
from tests.core.fakes import FakeRepository, managed
from tests.core.test_planner import FakeLedger

NOW = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
PIDS = ("a:1", "A:1", "a:1_b", "con:1", "b:2")
DSIDS = ("DC", "dc", "b_DC", "PDF.pdf", "ü", "POLICY", "x" * 101)
FACTS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"fault": NoticeCode.CONTENT_MISSING},
    {"caveat": Caveat(code=NoticeCode.SIZE_DIFFERS, text="so it is")},
    {"created": None},
    {"size": None},
    {"declared_size": 2},
    {"declared_size": 999},
    {"digests": ()},
    {"digests": (Digest(algorithm="md5", value="0" * 32),)},
    {"control_group": ControlGroup.INLINE},
    {"control_group": ControlGroup.REDIRECT},
    {"state": State.INACTIVE},
    {"mime": "application/pdf"},
)
RESTRICTIONS = ((), (), (), (Restriction(ground=Ground.POLICY),), (Restriction(ground=Ground.EMBARGO, dsid="DC"),))


@st.composite
def repositories(draw: st.DrawFn) -> FakeRepository:
    made = FakeRepository()
    for pid in draw(st.lists(st.sampled_from(PIDS), min_size=1, unique=True)):
        dsids = draw(st.lists(st.sampled_from(DSIDS), unique=True))
        records = [managed(pid, dsid, b"of", **draw(st.sampled_from(FACTS))) for dsid in dsids]
        made.add(pid, dict.fromkeys(dsids, b"of"), records=records, restrictions=draw(st.sampled_from(RESTRICTIONS)))
    return made


@st.composite
def ledgers(draw: st.DrawFn) -> FakeLedger | None:
    keys = draw(st.lists(st.tuples(st.sampled_from(PIDS), st.sampled_from(DSIDS)), unique=True, max_size=3))
    mismatch = draw(st.sampled_from(["", "", "sha256"]))
    seen = Examination(identity="any", size=2, digests={"sha256": "f" * 64}, verified=NOW, mismatch=mismatch)
    return draw(st.sampled_from([None, FakeLedger(dict.fromkeys(keys, seen))]))


Outcome = Plan | tuple[type, object]


def plan(repository: FakeRepository, files: str, ledger: FakeLedger | None, now: datetime, rules: PlanningRules) -> Outcome:
    request = parse_request(files=files, maps=None, max_text=10**6, max_entries=1000)
    try:
        return plan_package(request, repositories=repository, rules=rules, now=now, ledger=ledger)
    except PackagingError as error:
        return type(error), error.facts


def rules(algorithm: str = "sha256", files: int = 100) -> PlanningRules:
    return PlanningRules(
        access=AccessRules(),
        limits=Limits(package=Allowance(files=files, octets=10**9), map_depth=32, map_nodes=1000),
        structmaps=("SMAP*",),
        algorithm=algorithm,
        sender=Sender(source_organization="Rutgers", software_agent="test"),
    )


def lead_to_the_same(repository: FakeRepository, files: str, ledger: FakeLedger | None, now: datetime, given: PlanningRules) -> bool:
    """The short way, where it can be gone, and the long one."""
    found = plan(repository, files, ledger, now, given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "parcel_of", lambda *_: None)
        return plan(repository, files, ledger, now, given) == found


@settings(max_examples=2 * settings().max_examples)
@given(repositories(), ledgers(), st.data())
def test_the_short_way_leads_where_the_long_one_does(repository: FakeRepository, ledger: FakeLedger | None, data: st.DataObject) -> None:
    named = st.one_of(st.sampled_from(PIDS), st.tuples(st.sampled_from(PIDS), st.sampled_from(DSIDS)).map("/".join))
    for _ in range(2):
        files = ";".join(data.draw(st.lists(named, min_size=1, max_size=5)))
        now = NOW + timedelta(days=data.draw(st.integers(0, 1)))
        given = rules(data.draw(st.sampled_from(["sha256", "md5"])), data.draw(st.sampled_from([1, 100])))
        assert lead_to_the_same(repository, files, ledger, now, given)


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("restrictions", RESTRICTIONS)
@pytest.mark.parametrize("mismatch", [None, "", "sha256"])
def test_whatever_is_to_be_said_of_one_datastream_is_said(
    facts: dict[str, Any], restrictions: tuple[Restriction, ...], mismatch: str | None
) -> None:
    repository = FakeRepository()
    repository.add("a:1", dict.fromkeys(["DC", "PDF"], b"of"), records=[managed("a:1", "DC", b"of", **facts)], restrictions=restrictions)
    seen = Examination(identity="any", size=2, digests={"sha256": "f" * 64}, verified=NOW, mismatch=mismatch or "")
    ledger = None if mismatch is None else FakeLedger({("a:1", "DC"): seen})
    for algorithm in ("sha256", "md5", "sha256"):
        for days in (0, 1):
            assert lead_to_the_same(repository, "a:1", ledger, NOW + timedelta(days=days), rules(algorithm))


def test_objects_that_nothing_is_to_be_said_of_go_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = FakeRepository()
    for pid in ("a:1", "b:2"):
        repository.add(pid, {"DC": b"dc", "PDF": b"pdf"})
    monkeypatch.setattr(planner, "_settle", None)
    made = plan(repository, "a:1;b:2", FakeLedger({}), NOW, rules(files=4))
    assert isinstance(made, Plan)
    assert [entry.path for entry in made.entries] == ["data/a-1_DC", "data/a-1_PDF", "data/b-2_DC", "data/b-2_PDF"]


def test_names_that_are_alike_go_the_long_way() -> None:
    repository = FakeRepository()
    for pid in ("a:1", "A:1"):
        repository.add(pid, {"DC": b"dc"})
    made = plan(repository, "a:1;A:1", None, NOW, rules())
    assert isinstance(made, Plan)
    assert len({entry.path.lower() for entry in made.entries}) == 2
    assert lead_to_the_same(repository, "a:1;A:1", None, NOW, rules())
