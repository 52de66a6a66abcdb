import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from getapi.core.access import AccessRules
from getapi.core.division import Division, Pointer
from getapi.core.errors import (
    AmbiguousName,
    ContentMissing,
    FixityMismatch,
    MapTooDeep,
    MapTooLarge,
    ObjectUnreadable,
    SizeUnknown,
    SourceUnavailable,
    TooManyBytes,
    TooManyFiles,
)
from getapi.core.ledger import Examination
from getapi.core.limits import Allowance, Limits
from getapi.core.notice import Caveat, NoticeCode
from getapi.core.plan import STAGED, Plan
from getapi.core.planner import PlanningRules, Sender, plan_package
from getapi.core.request import PackageRequest, parse_request
from getapi.core.restriction import Ground, Restriction
from getapi.core.source import ControlGroup, DatastreamRecord, State
from tests.core.fakes import CREATED, FakeContent, FakeRepository, UnsizedContent, managed

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
RULES = PlanningRules(
    access=AccessRules(),
    limits=Limits(package=Allowance(files=1000, octets=10**11), map_depth=32, map_nodes=100_000),
    structmaps=("SMAP-PRES", "SMAP*", "STRUCT*", "structMetadata", "METS"),
    algorithm="sha256",
    sender=Sender(source_organization="A Library", software_agent="tests"),
)


def ask(files: str = "", maps: str = "", name: str | None = None) -> PackageRequest:
    return parse_request(files=files, maps=maps, name=name, formats=frozenset({"tar"}), max_text=2**20, max_entries=1000)


def plan(repository: FakeRepository, files: str = "", maps: str = "", **rules: Any) -> Plan:
    return plan_package(ask(files, maps), repositories=repository, rules=replace(RULES, **rules), now=NOW)


def names(plan: Plan) -> list[tuple[str, str]]:
    return [(entry.datastream.pid, entry.datastream.dsid) for entry in plan.entries]


def paths(plan: Plan) -> list[str]:
    return [entry.path for entry in plan.entries]


def told(plan: Plan) -> set[tuple[str, str, str]]:
    return {(notice.pid, notice.dsid, str(notice.code)) for notice in plan.notices}


def mets(*divisions: str, label: str = "") -> bytes:
    root = f'<mets:div LABEL="{label}">' if label else "<mets:div>"
    return (
        '<mets:mets xmlns:mets="http://www.loc.gov/METS/"><mets:structMap>'
        + root
        + "".join(divisions)
        + "</mets:div></mets:structMap></mets:mets>"
    ).encode()


def div(label: str, *pointers: str, inner: str = "") -> str:
    return (
        f'<mets:div LABEL="{label}">'
        + "".join(f'<mets:fptr CONTENTIDS="info:fedora/{each}"/>' for each in pointers)
        + inner
        + "</mets:div>"
    )


@pytest.fixture
def repository() -> FakeRepository:
    """The two objects of the packaging paper's sample request."""
    made = FakeRepository()
    made.add("rutgers-lib:1234", {"MODS": b"<mods/>", "DC": b"<dc/>", "ARCH1": b"master", "RELS-EXT": b"<rdf/>"})
    made.add("rutgers-lib:5678", {"PDF-1": b"%PDF", "JPEG-1": b"jpeg", "ARCH1": b"master", "XML-1": b"<x/>"})
    return made


def test_the_papers_sample_request_gives_what_the_paper_describes(repository: FakeRepository) -> None:
    made = plan(repository, "rutgers-lib:1234/mods;rutgers-lib:5678/pdf-1;rutgers-lib:5678/jpeg-1;rutgers-lib:1234")
    assert names(made) == [
        ("rutgers-lib:1234", "MODS"),
        ("rutgers-lib:1234", "DC"),
        ("rutgers-lib:5678", "PDF-1"),
        ("rutgers-lib:5678", "JPEG-1"),
    ]
    assert paths(made)[0] == "data/rutgers-lib-1234_MODS"
    assert made.notices == ()
    assert made.name.startswith("package-")
    assert len(made.name) == len("package-") + 12


def test_a_package_of_one_object_bears_its_pid(repository: FakeRepository) -> None:
    assert plan(repository, "rutgers-lib:1234").name == "rutgers-lib-1234"


def test_an_object_is_packaged_once_however_its_pid_is_spelled(repository: FakeRepository) -> None:
    made = plan(repository, "rutgers-lib:5678/PDF-1;RUTGERS-LIB:5678/jpeg-1;info:fedora/rutgers-lib%3A5678/pdf-1")
    assert names(made) == [("rutgers-lib:5678", "PDF-1"), ("rutgers-lib:5678", "JPEG-1")]


def test_a_bare_pid_under_another_spelling_absorbs_specific_entries(repository: FakeRepository) -> None:
    for files in ("rutgers-lib:5678/ARCH1;RUTGERS-LIB:5678", "RUTGERS-LIB:5678;rutgers-lib:5678/ARCH1"):
        made = plan(repository, files)
        assert [dsid for _, dsid in names(made)] == ["PDF-1", "JPEG-1", "XML-1"]
        assert made.notices == ()


def test_datastreams_come_in_the_objects_order_whatever_order_was_asked(repository: FakeRepository) -> None:
    made = plan(repository, "rutgers-lib:5678/JPEG-1;rutgers-lib:5678/PDF-1")
    assert [dsid for _, dsid in names(made)] == ["PDF-1", "JPEG-1"]


def test_a_reserved_datastream_is_dropped_with_a_notice_where_it_was_asked_for(repository: FakeRepository) -> None:
    made = plan(repository, "rutgers-lib:1234/arch1;rutgers-lib:1234/MODS")
    assert names(made) == [("rutgers-lib:1234", "MODS")]
    assert told(made) == {("rutgers-lib:1234", "ARCH1", "restricted")}


def test_an_object_that_does_not_exist_gives_an_empty_package_with_its_notice(repository: FakeRepository) -> None:
    made = plan(repository, "rutgers-lib:404")
    assert made.entries == ()
    assert told(made) == {("rutgers-lib:404", "", "object-not-found")}
    assert made.name == "rutgers-lib-404"
    assert b"Payload-Oxum: 0.0\n" in made.bag_info
    assert b"External-Identifier: rutgers-lib:404\n" in made.bag_info


def test_a_datastream_that_does_not_exist_is_dropped_with_its_notice(repository: FakeRepository) -> None:
    assert told(plan(repository, "rutgers-lib:1234/PDF-9")) == {("rutgers-lib:1234", "PDF-9", "datastream-not-found")}


def test_a_malformed_entry_is_a_notice(repository: FakeRepository) -> None:
    made = plan(repository, "nonsense;rutgers-lib:1234/\x01;rutgers-lib:1234/MODS")
    assert names(made) == [("rutgers-lib:1234", "MODS")]
    assert told(made) == {("nonsense", "", "malformed"), ("rutgers-lib:1234/\ufffd", "", "malformed")}
    assert {notice.text for notice in made.notices} == {"This is not a PID or PID/DSID"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AmbiguousName("x:1"), "ambiguous"),
        (ObjectUnreadable("x:1", "broken"), "malformed"),
        (SourceUnavailable("fake"), "source-unavailable"),
        (FixityMismatch("x:1", "A", "md5"), "source-unavailable"),
    ],
)
def test_an_object_that_cannot_be_had_costs_only_itself(repository: FakeRepository, error: Any, code: str) -> None:
    repository.errors["x:1"] = error
    made = plan(repository, "x:1;x:1/A;rutgers-lib:1234/MODS")
    assert names(made) == [("rutgers-lib:1234", "MODS")]
    assert told(made) == {("x:1", "", code)}
    assert repository.described.count("x:1") == 1


def test_datastreams_alike_but_for_case_are_ambiguous_unless_one_is_exact(repository: FakeRepository) -> None:
    repository.add("x:1", {"Pdf": b"1", "PDF": b"2"})
    assert names(plan(repository, "x:1/Pdf")) == [("x:1", "Pdf")]
    assert told(plan(repository, "x:1/pdf")) == {("x:1", "pdf", "ambiguous")}


def test_an_inactive_object_is_told_and_gives_nothing(repository: FakeRepository) -> None:
    repository.add("x:1", {"A": b"1"}, state=State.INACTIVE)
    made = plan(repository, "x:1")
    assert made.entries == ()
    assert told(made) == {("x:1", "", "inactive")}


def test_a_blanket_request_tells_of_embargo_but_not_of_reserved_or_inactive(repository: FakeRepository) -> None:
    repository.add(
        "x:1",
        {"A": b"1", "B": b"2", "ARCH1": b"3"},
        records=[managed("x:1", "C", b"4", state=State.DELETED)],
        restrictions=(Restriction(ground=Ground.EMBARGO, dsid="B", ends=date(2030, 1, 1)),),
    )
    made = plan(repository, "x:1")
    assert names(made) == [("x:1", "A")]
    assert told(made) == {("x:1", "B", "embargoed")}
    assert "2030-01-01" in made.notices[0].text


def test_faults_of_the_store_are_notices(repository: FakeRepository) -> None:
    repository.add(
        "x:1",
        {"A": b"1"},
        records=[managed("x:1", "B", b"", fault="content-missing"), managed("x:1", "C", b"", fault="malformed")],
    )
    assert told(plan(repository, "x:1")) == {("x:1", "B", "content-missing"), ("x:1", "C", "malformed")}


def test_a_recorded_size_that_differs_is_told_and_the_true_one_used(repository: FakeRepository) -> None:
    repository.add("x:1", {}, records=[managed("x:1", "A", b"1234", declared_size=7), managed("x:1", "B", b"12", declared_size=2)])
    made = plan(repository, "x:1")
    assert [entry.size for entry in made.entries] == [4, 2]
    assert told(made) == {("x:1", "A", "size-differs")}


def test_an_unknown_size_is_learned_by_opening(repository: FakeRepository) -> None:
    repository.add("x:1", {"A": b"12345"}, records=[managed("x:1", "A", b"", size=None, digests=())])
    made = plan(repository, "x:1")
    assert made.entries[0].size == 5
    assert made.entries[0].digest is None
    assert all(content.closed for content in repository.opened)


def test_what_cannot_be_opened_to_learn_its_size_is_a_notice(repository: FakeRepository) -> None:
    repository.add("x:1", {}, records=[managed("x:1", "A", b"", size=None)])
    made = plan(repository, "x:1")
    assert made.entries == ()
    assert told(made) == {("x:1", "A", "content-missing")}


def test_inline_xml_is_hashed_at_planning_in_the_packages_algorithm(repository: FakeRepository) -> None:
    repository.add("x:1", {"DC": b"<dc/>"}, records=[managed("x:1", "DC", b"<dc/>", control_group=ControlGroup.INLINE)])
    made = plan(repository, "x:1", algorithm="sha512")
    assert made.entries[0].digest == hashlib.sha512(b"<dc/>").hexdigest()
    assert all(content.closed and content.confirmed for content in repository.opened)


def test_a_digest_of_another_algorithm_is_compared_but_not_in_the_manifest(repository: FakeRepository) -> None:
    repository.add("x:1", {"A": b"1"})
    made = plan(repository, "x:1", algorithm="sha512")
    assert made.entries[0].digest is None
    assert [digest.algorithm for digest in made.entries[0].declared] == ["sha256"]


def test_limits_refuse_instead_of_shortening(repository: FakeRepository) -> None:
    limits = replace(RULES.limits, package=Allowance(files=3, octets=10**9))
    with pytest.raises(TooManyFiles) as files:
        plan(repository, "rutgers-lib:1234;rutgers-lib:5678", limits=limits)
    assert files.value.facts == {"limit": 3, "count": 5}
    limits = replace(RULES.limits, package=Allowance(files=100, octets=5))
    with pytest.raises(TooManyBytes) as octets:
        plan(repository, "rutgers-lib:1234", limits=limits)
    assert octets.value.facts == {"limit": 5, "count": 12}


def test_what_cannot_be_packed_anyway_does_not_count(repository: FakeRepository) -> None:
    repository.add("x:1", {"A": b"1"}, records=[managed("x:1", "B", b"", fault="content-missing")])
    assert names(plan(repository, "x:1", limits=replace(RULES.limits, package=Allowance(files=1, octets=10)))) == [("x:1", "A")]


def test_a_repositorys_own_limit_holds_for_what_comes_from_it(repository: FakeRepository) -> None:
    limits = replace(RULES.limits, repositories={"fake": Allowance(files=1, octets=10**9), "other": Allowance(files=0, octets=0)})
    with pytest.raises(TooManyFiles):
        plan(repository, "rutgers-lib:1234", limits=limits)


def test_the_days_date_is_that_of_the_configured_zone_and_undated_content_bears_it(repository: FakeRepository) -> None:
    repository.add("x:1", {}, records=[managed("x:1", "A", b"1", created=None), managed("x:1", "B", b"1")])
    made = plan(repository, "x:1", access=AccessRules(zone=ZoneInfo("Asia/Tokyo")))
    assert made.bagging_date == date(2026, 11, 21)
    assert [entry.mtime for entry in made.entries] == [int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()), int(CREATED.timestamp())]


def test_the_same_request_on_the_same_day_has_the_same_tag_and_another_day_another(repository: FakeRepository) -> None:
    first, again = (plan_package(ask("rutgers-lib:1234"), repositories=repository, rules=RULES, now=NOW) for _ in range(2))
    later = plan_package(ask("rutgers-lib:1234"), repositories=repository, rules=RULES, now=NOW.replace(day=22))
    assert first.etag == again.etag
    assert first.etag != later.etag
    assert first.payload_size == 12


def test_a_size_that_nobody_knows_ends_planning_unless_a_gauge_settles_it(repository: FakeRepository) -> None:
    class Gauge:
        def recall(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord | None:
            return None

        def settle(self, repository: str, datastream: DatastreamRecord) -> DatastreamRecord:
            return replace(datastream, size=4, identity=STAGED + "ab")

    unsized = managed("x:1", "A", b"", size=None, digests=(), identity="")
    repository.add("x:1", {}, records=[unsized])
    repository.open = lambda *_: UnsizedContent(b"1234")  # type: ignore[method-assign] # a test's own
    with pytest.raises(SizeUnknown):
        plan(repository, "x:1")
    made = plan_package(ask("x:1"), repositories=repository, rules=RULES, now=NOW, gauge=Gauge())
    assert [(entry.size, entry.is_staged) for entry in made.entries] == [(4, True)]


def test_a_changed_source_changes_the_tag(repository: FakeRepository) -> None:
    before = plan(repository, "x:1;rutgers-lib:1234").etag
    repository.add("rutgers-lib:1234", {}, records=[managed("rutgers-lib:1234", "MODS", b"<mods/>", identity="7-2-2")])
    assert plan(repository, "x:1;rutgers-lib:1234").etag != before


class TestMaps:
    def test_a_presentation_map_makes_folders_and_the_rest_lies_beside_them(self, repository: FakeRepository) -> None:
        chart = mets(div("Front", "x:1/B"), div("Back", "x:1/A"), label="Book")
        repository.add("x:1", {"A": b"1", "B": b"2", "C": b"3", "SMAP-PRES": chart})
        made = plan(repository, "x:1")
        assert paths(made) == [
            "data/Book/1_Front/x-1_B",
            "data/Book/2_Back/x-1_A",
            "data/x-1_C",
            "data/x-1_SMAP-PRES",
        ]

    def test_a_root_without_a_label_is_no_folder(self, repository: FakeRepository) -> None:
        repository.add(
            "x:1", {"A": b"1", "SMAP1": b'<structMap xmlns="http://www.loc.gov/METS/"><div><fptr FILEID="A"/></div></structMap>'}
        )
        assert paths(plan(repository, "x:1/A")) == ["data/x-1_A"]

    def test_an_inner_division_without_a_label_is_no_folder_either_and_no_renaming(self, repository: FakeRepository) -> None:
        chart = mets("<mets:div>" + div("One", "x:1/B") + div("", "x:1/A") + "</mets:div>", label="Book")
        repository.add("x:1", {"A": b"1", "B": b"2", "SMAP-PRES": chart})
        made = plan(repository, "x:1/A;x:1/B")
        assert paths(made) == ["data/Book/One/x-1_B", "data/Book/x-1_A"]
        assert made.notices == ()

    def test_a_named_objects_map_places_what_is_requested_and_adds_nothing(self, repository: FakeRepository) -> None:
        repository.add("x:1", {"A": b"1", "SMAP-PRES": mets(div("One", "x:1/a", "x:2"), div("Two", "x:3/Q", "x:1/B"))})
        repository.add("x:2", {"P": b"2", "Q": b"3"})
        assert paths(plan(repository, "x:1/A")) == ["data/One/x-1_A"]
        assert paths(plan(repository, "x:1/A;x:2/Q")) == ["data/One/x-1_A", "data/One/x-2_Q"]

    def test_several_mapped_objects_have_folders_of_their_own(self, repository: FakeRepository) -> None:
        for pid in ("x:1", "x:2"):
            repository.add(pid, {"A": b"1", "B": b"2", "SMAP-PRES": mets(div("One", f"{pid}/A"))})
        repository.add("x:3", {"A": b"1"})
        made = plan(repository, "x:1/A;x:1/B;x:2/A;x:3")
        assert paths(made) == ["data/x-1/One/x-1_A", "data/x-1/x-1_B", "data/x-2/One/x-2_A", "data/x-3_A"]

    def test_a_requested_map_brings_all_that_it_names_and_not_itself(self, repository: FakeRepository) -> None:
        repository.add("x:1", {"A": b"1", "SMAP-PRES": mets(div("One", "x:1", "x:2/Q"), div("Two", "x:1/A", "x:404/A", "x:2/ARCH1"))})
        repository.add("x:2", {"P": b"2", "Q": b"3", "ARCH1": b"4"})
        made = plan(repository, maps="x:1/smap-pres")
        assert names(made) == [("x:1", "A"), ("x:2", "Q")]
        assert paths(made) == ["data/One/x-1_A", "data/One/x-2_Q"]
        assert told(made) == {("x:404", "", "object-not-found")}
        assert made.name == "x-1"

    def test_files_and_map_give_the_union(self, repository: FakeRepository) -> None:
        repository.add("x:1", {"A": b"1", "B": b"2", "SMAP2": mets(div("One", "x:1/A"))})
        made = plan(repository, "x:1/B;rutgers-lib:1234/MODS", "x:1/SMAP2")
        assert paths(made) == ["data/One/x-1_A", "data/x-1_B", "data/rutgers-lib-1234_MODS"]

    def test_a_reserved_map_is_read_but_an_embargoed_or_deleted_one_is_not(self, repository: FakeRepository) -> None:
        chart = mets(div("One", "x:1/A"))
        repository.add("x:1", {"A": b"1", "ARCH-MAP": chart})
        assert paths(plan(repository, maps="x:1/ARCH-MAP")) == ["data/One/x-1_A"]
        repository.add("x:1", {"A": b"1", "M": chart}, restrictions=(Restriction(ground=Ground.EMBARGO, dsid="M"),))
        assert told(plan(repository, maps="x:1/M")) == {("x:1", "M", "embargoed")}
        repository.add("x:1", {"A": b"1"}, records=[managed("x:1", "SMAP1", chart, state=State.DELETED)])
        assert told(plan(repository, maps="x:1/SMAP1")) == {("x:1", "SMAP1", "inactive")}
        assert paths(plan(repository, "x:1/A")) == ["data/x-1_A"]

    def test_a_closed_presentation_map_leaves_the_layout_flat(self, repository: FakeRepository) -> None:
        closed = (Restriction(ground=Ground.EMBARGO, dsid="SMAP-PRES"),)
        repository.add("x:1", {"A": b"1", "SMAP-PRES": mets(div("One", "x:1/A"))}, restrictions=closed)
        assert paths(plan(repository, "x:1/A")) == ["data/x-1_A"]

    @pytest.mark.parametrize("document", [b"<a", b"<!DOCTYPE a><a/>", b"<html/>", b""])
    def test_an_unusable_map_is_a_notice(self, repository: FakeRepository, document: bytes) -> None:
        repository.add("x:1", {"A": b"1", "SMAP-PRES": document})
        assert told(plan(repository, maps="x:1/SMAP-PRES")) == {("x:1", "SMAP-PRES", "map-unusable")}
        made = plan(repository, "x:1/A")
        assert paths(made) == ["data/x-1_A"]
        assert told(made) == {("x:1", "SMAP-PRES", "map-unusable")}

    def test_a_whole_object_is_no_map_and_the_notice_says_what_is(self, repository: FakeRepository) -> None:
        notice = plan(repository, maps="rutgers-lib:1234").notices[0]
        assert (notice.code, notice.text) == (NoticeCode.MALFORMED, "A map is named by its PID/DSID")

    def test_a_map_that_is_not_there_is_a_notice(self, repository: FakeRepository) -> None:
        made = plan(repository, maps="x:404/M;rutgers-lib:1234/M")
        assert told(made) == {("x:404", "", "object-not-found"), ("rutgers-lib:1234", "M", "datastream-not-found")}

    def test_a_map_whose_bytes_are_lost_or_too_many_is_a_notice(self, repository: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
        repository.add("x:1", {}, records=[managed("x:1", "M", b"")])
        assert told(plan(repository, maps="x:1/M")) == {("x:1", "M", "map-unusable")}
        repository.add("x:1", {"M": mets(div("One", "x:1/A"))})
        monkeypatch.setattr("getapi.core.content.MAX_OCTETS", 10)
        assert told(plan(repository, maps="x:1/M")) == {("x:1", "M", "map-unusable")}

    def test_pointers_that_name_nothing_are_counted_in_a_notice(self, repository: FakeRepository) -> None:
        pointers = b'<fptr FILEID="nowhere"/><fptr CONTENTIDS="info:fedora/x:1/A"/>'
        chart = b'<structMap xmlns="http://www.loc.gov/METS/"><div>' + pointers + b"</div></structMap>"
        repository.add("x:1", {"A": b"1", "M": chart})
        made = plan(repository, maps="x:1/M")
        assert names(made) == [("x:1", "A")]
        assert told(made) == {("x:1", "M", "map-unusable")}

    def test_a_map_beyond_the_limits_is_refused_where_asked_for_and_told_where_not(self, repository: FakeRepository) -> None:
        deep = mets("<mets:div>" * 40 + "</mets:div>" * 40)
        repository.add("x:1", {"A": b"1", "SMAP-PRES": deep})
        with pytest.raises(MapTooDeep):
            plan(repository, maps="x:1/SMAP-PRES")
        assert told(plan(repository, "x:1/A")) == {("x:1", "SMAP-PRES", "map-unusable")}
        repository.add("x:1", {"A": b"1", "SMAP-PRES": mets("<mets:div/>" * 30)})
        with pytest.raises(MapTooLarge):
            plan(repository, maps="x:1/SMAP-PRES", limits=replace(RULES.limits, map_nodes=20))

    def test_objects_alike_but_for_case_are_placed_each_by_its_own_pointer(self, repository: FakeRepository) -> None:
        chart = mets(div("One", "x:b/A"), div("Two", "x:B"), div("Three", "X:b/A", "X:B"))
        repository.add("y:1", {"SMAP-PRES": chart, "C": b"1"})
        for pid in ("x:B", "x:b"):
            repository.add(pid, {"A": b"1"})
        made = plan(repository, "y:1/C;x:B;x:b")
        assert {(path, *name) for path, name in zip(paths(made), names(made), strict=True)} == {
            ("data/One/x-b_A", "x:b", "A"),
            ("data/Two/x-B_A", "x:B", "A"),
            ("data/y-1_C", "y:1", "C"),
        }
        repository.add("y:1", {"SMAP-PRES": mets(div("Three", "X:b/A", "X:B")), "C": b"1"})
        assert paths(plan(repository, "y:1/C;x:B;x:b")) == ["data/y-1_C", "data/x-B_A", "data/x-b_A_2"]

    def test_a_pointer_alike_to_two_datastreams_places_neither(self, repository: FakeRepository) -> None:
        repository.add("x:1", {"Pdf": b"1", "PDF": b"2", "SMAP-PRES": mets(div("One", "x:1/pdf"))})
        assert paths(plan(repository, "x:1/Pdf;x:1/PDF")) == ["data/x-1_Pdf", "data/x-1_PDF_2"]


def test_names_that_had_to_change_are_told(repository: FakeRepository) -> None:
    repository.add("x:1", {"a*b": b"1", "CON": b"2"})
    made = plan(repository, "x:1")
    assert paths(made) == ["data/x-1_a_b", "data/x-1_CON"]
    assert told(made) == {("x:1", "a*b", str(NoticeCode.RENAMED))}


def test_the_tag_files_tell_what_is_in_the_package(repository: FakeRepository) -> None:
    made = plan(repository, "rutgers-lib:1234;rutgers-lib:404")
    assert b"Source-Organization: A Library\n" in made.bag_info
    assert b"External-Identifier: rutgers-lib:1234\n" in made.bag_info
    assert b"Bagging-Date: 2026-11-20\n" in made.bag_info
    assert b"Payload-Oxum: 12.2\n" in made.bag_info
    assert b"rutgers-lib:404\tobject-not-found\t" in made.notices_text


def test_what_a_source_cannot_open_while_it_is_hashed_is_a_notice(repository: FakeRepository) -> None:
    repository.add("x:1", {}, records=[managed("x:1", "DC", b"<dc/>", control_group=ControlGroup.INLINE, digests=())])
    assert told(plan(repository, "x:1")) == {("x:1", "DC", ContentMissing.code)}


class FakeLedger:
    """A ledger in memory (core.ledger.Ledger) that writes down what it was asked."""

    def __init__(self, known: dict[tuple[str, str], Examination]) -> None:
        self.known = known
        self.asked: list[tuple[str, list[str]]] = []

    def look_up(self, repository: str, datastreams: Iterable[DatastreamRecord]) -> Mapping[tuple[str, str], Examination]:
        self.asked.append((repository, [f"{datastream.pid}/{datastream.dsid}" for datastream in datastreams]))
        return self.known


def seen(mismatch: str = "") -> Examination:
    return Examination(identity="1-1-1", size=1, digests={"sha256": "5e" * 32, "md5": "ab"}, verified=NOW, mismatch=mismatch)


def with_ledger(repository: FakeRepository, ledger: FakeLedger | None) -> Plan:
    return plan_package(ask("x:1;x:2;x:1/A"), repositories=repository, rules=RULES, now=NOW, ledger=ledger)


@pytest.fixture
def undeclared() -> FakeRepository:
    made = FakeRepository()
    made.add("x:1", {"A": b"1"}, records=[managed("x:1", "B", b"1", digests=()), managed("x:1", "C", b"1", digests=())])
    made.add("x:2", {"A": b"1"}, records=[managed("x:2", "D", b"", fault="content-missing")])
    made.contents |= {("x:1", "B"): b"1", ("x:1", "C"): b"1"}
    return made


def test_the_ledger_gives_digests_that_the_repository_does_not_declare(undeclared: FakeRepository) -> None:
    made = with_ledger(undeclared, FakeLedger({("x:1", "A"): seen(), ("x:1", "B"): seen()}))
    digests = {f"{entry.datastream.pid}/{entry.datastream.dsid}": entry.digest for entry in made.entries}
    declared = hashlib.sha256(b"1").hexdigest()
    assert digests == {"x:1/A": declared, "x:1/B": "5e" * 32, "x:1/C": None, "x:2/A": declared}


def test_what_the_ledger_learned_changes_no_octet_and_no_entity_tag(undeclared: FakeRepository) -> None:
    known, unknown = with_ledger(undeclared, FakeLedger({("x:1", "B"): seen()})), with_ledger(undeclared, None)
    assert known.etag == unknown.etag
    assert known.entries != unknown.entries


def test_what_the_ledger_found_wrong_is_left_out_with_its_notice(undeclared: FakeRepository) -> None:
    made = with_ledger(undeclared, FakeLedger({("x:1", "B"): seen("md5"), ("x:2", "D"): seen("md5")}))
    assert names(made) == [("x:1", "A"), ("x:1", "C"), ("x:2", "A")]
    assert [(notice.dsid, notice.code, notice.text) for notice in made.notices] == [
        ("B", "fixity", "The content does not match its recorded checksum"),
        ("D", "fixity", "The content does not match its recorded checksum"),
    ]
    assert made.etag != with_ledger(undeclared, None).etag


def test_the_ledger_is_asked_once_for_a_repository(undeclared: FakeRepository) -> None:
    ledger = FakeLedger({})
    with_ledger(undeclared, ledger)
    assert ledger.asked == [("fake", ["x:1/A", "x:1/B", "x:1/C", "x:2/A", "x:2/D"])]


def test_where_no_repository_answers_there_is_no_package(repository: FakeRepository) -> None:
    repository.errors |= {pid: SourceUnavailable("fake") for pid in ("away:1", "away:2")}
    for files, maps in (
        ("away:1", ""),
        ("away:1;away:2/A", ""),
        ("", "away:1/MAP"),
        ("away:2", "away:1/MAP"),
        ("away:1;nonsense", "nonsense"),
    ):
        with pytest.raises(SourceUnavailable):
            plan(repository, files, maps)


def test_where_something_can_be_said_a_repository_that_is_away_is_a_notice(repository: FakeRepository) -> None:
    repository.errors["away:1"] = SourceUnavailable("fake")
    for files in ("away:1;none:1", "away:1;rutgers-lib:1234"):
        assert ("away:1", "", "source-unavailable") in told(plan(repository, files))


def test_content_that_does_not_answer_and_nothing_else_is_no_package_either(repository: FakeRepository) -> None:
    class Silent(FakeRepository):
        def open(self, datastream: DatastreamRecord, start: int = 0) -> FakeContent:
            raise SourceUnavailable(self.name)

    silent = Silent()
    silent.add("test:9", {}, records=[managed("test:9", "EXT", b"", size=None)])
    with pytest.raises(SourceUnavailable):
        plan(silent, "test:9")


def test_what_takes_a_while_is_asked_for_together_and_once() -> None:
    repository = FakeRepository(ahead=frozenset({"demo:1", "DEMO:2", "demo:3", "demo:4"}))
    repository.add("demo:1", {"PDF": b"one"})
    repository.add("demo:2", {"PDF": b"two"})
    repository.add("demo:4", {"SMAP-1": METS.replace(b"PID", b"demo:1")})
    repository.errors["demo:3"] = SourceUnavailable("fake")
    made = plan(repository, "demo:1;DEMO:2;demo:3", "demo:4/SMAP-1")
    assert sorted(names(made)) == [("demo:1", "PDF"), ("demo:2", "PDF")]
    assert told(made) == {("demo:3", "", "source-unavailable")}
    assert repository.announced == [(("demo:1", "DEMO:2", "demo:3", "demo:4"), None), ((), None)]
    assert sorted(repository.described) == ["DEMO:2", "demo:1", "demo:3", "demo:4"]


METS = b"""<mets:structMap xmlns:mets="http://www.loc.gov/METS/">
<mets:div><mets:div CONTENTIDS="info:fedora/PID"/></mets:div></mets:structMap>"""


def test_a_repositorys_own_order_makes_the_folders_where_the_object_has_no_map() -> None:
    repository = FakeRepository()
    page = Division(label="Pages", children=(Pointer(pid="demo:1", dsid="B"), Pointer(pid="demo:1", dsid="A")))
    structure = Division(label="", children=(page,))
    repository.add("demo:1", {"A": b"a", "B": b"b", "C": b"c"}, structure=structure)
    assert paths(plan(repository, "demo:1")) == ["data/Pages/1_demo-1_B", "data/Pages/2_demo-1_A", "data/demo-1_C"]
    repository.add("demo:1", {"A": b"a", "STRUCT": METS.replace(b"PID", b"demo:1/A")}, structure=structure)
    assert paths(plan(repository, "demo:1")) == ["data/demo-1_A", "data/demo-1_STRUCT"]


def test_a_file_has_its_repositorys_name_where_it_gives_one() -> None:
    repository = FakeRepository()
    repository.add("demo:1", {"A": b"a"}, records=[managed("demo:1", "A", b"a", name="IM1.dcm", mime="application/dicom")])
    assert paths(plan(repository, "demo:1")) == ["data/IM1.dcm"]


class TestCaveats:
    """What a repository has to say of a datastream that it gives, or of one that it cannot give."""

    def caveat(self, repository: FakeRepository, code: NoticeCode, fault: NoticeCode | None = None) -> Plan:
        found = repository.objects["rutgers-lib:1234"]
        changed = [
            replace(each, caveat=Caveat(code=code, text="Another form of it is here"), fault=fault) if each.dsid == "DC" else each
            for each in found.datastreams
        ]
        repository.objects["rutgers-lib:1234"] = replace(found, datastreams=changed)
        return plan(repository, "rutgers-lib:1234")

    def test_are_told_of_what_is_in_the_package(self, repository: FakeRepository) -> None:
        made = self.caveat(repository, NoticeCode.EXTERNAL)
        assert ("rutgers-lib:1234", "DC") in names(made)
        assert [(notice.dsid, notice.code, notice.text) for notice in made.notices] == [
            ("DC", NoticeCode.EXTERNAL, "Another form of it is here")
        ]

    def test_stand_for_a_faults_own_sentence_where_they_have_its_code(self, repository: FakeRepository) -> None:
        made = self.caveat(repository, NoticeCode.MALFORMED, NoticeCode.MALFORMED)
        assert [notice.text for notice in made.notices] == ["Another form of it is here"]

    def test_of_another_code_leave_the_faults_own_sentence(self, repository: FakeRepository) -> None:
        made = self.caveat(repository, NoticeCode.EXTERNAL, NoticeCode.SOURCE_UNAVAILABLE)
        assert [notice.text for notice in made.notices] == ["The repository cannot be read at the moment"]
