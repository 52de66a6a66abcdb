"""Each object of the demonstration repository is what fixtures/README.md says it is for, read by the product itself."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from fixtures import Repository, build
from fixtures.objects import OBJECTS
from fixtures.store import akubra_path
from getapi.core.access import AccessRules, Allowed, decide
from getapi.core.errors import AmbiguousName, SourceError
from getapi.core.limits import Allowance, Limits
from getapi.core.plan import Plan
from getapi.core.planner import PlanningRules, Sender, plan_package
from getapi.core.request import parse_request
from getapi.core.source import Content, ControlGroup, DatastreamRecord, ObjectRecord, Source, State
from getapi.sources.akubra import AkubraLayout
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.legacy import LegacyLayout

NOW = datetime(2024, 6, 3, 12, tzinfo=UTC)
TOP = Path(__file__).parent.parent
WHOLE = ("SMAP-PRES", "SMAP*", "STRUCT*", "structMetadata", "METS")
PIDS = [thing.pid for thing in OBJECTS]


class ScannedIndex:
    """All tokens of a repository, by a walk through its stores."""

    def __init__(self, made: Repository) -> None:
        layout = LegacyLayout() if made.layout == "legacy" else AkubraLayout()
        self.paths: dict[str, str] = {}
        for root in (made.objects, made.datastreams):
            for path in filter(Path.is_file, root.rglob("*")):
                token = layout.token(path.name)
                assert token is not None, path.name
                self.paths[token] = str(path.relative_to(root))

    def path(self, token: str, *, gone: str = "") -> str | None:
        return self.paths.get(token)

    def pids(self, folded: str) -> Sequence[str]:
        return [token for token in self.paths if "+" not in token and token.casefold() == folded]


class Single:
    """One source as all the repositories."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def describe(self, pid: str) -> ObjectRecord:
        return self._source.describe(pid)

    def describe_ahead(self, pids: Sequence[str], repository: str | None = None) -> Mapping[str, ObjectRecord | SourceError]:
        return {}

    def by_name(self, name: str) -> Source:
        assert name == self._source.name
        return self._source


def open_source(made: Repository) -> Fedora3Source:
    return Fedora3Source(
        name="demo", objects=made.objects, datastreams=made.datastreams, layout=made.layout, object_pattern=made.object_pattern,
        datastream_pattern=made.datastream_pattern, index=ScannedIndex(made),
    )  # fmt: skip


@pytest.fixture(scope="module", params=["akubra", "legacy"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fedora3Source:
    return open_source(build(tmp_path_factory.mktemp("store"), layout=request.param))


def datastream(source: Source, name: str) -> DatastreamRecord:
    pid, _, dsid = name.rpartition("/")
    return next(each for each in source.describe(pid).datastreams if each.dsid == dsid)


def read(content: Content) -> bytes:
    with content:
        return b"".join(iter(lambda: content.read(65536), b""))


def content(source: Source, name: str) -> bytes:
    return read(source.open(datastream(source, name)))


def readable(source: Source, pid: str) -> set[str]:
    record = source.describe(pid)
    return {each.dsid for each in record.datastreams if isinstance(decide(record, each, AccessRules(), NOW), Allowed)}


def plan(source: Source, *, files: str | None = None, maps: str | None = None) -> Plan:
    rules = PlanningRules(
        access=AccessRules(), structmaps=WHOLE, algorithm="sha256", sender=Sender(source_organization="Demo", software_agent="test"),
        limits=Limits(package=Allowance(files=1000, octets=10**11), map_depth=32, map_nodes=100_000),
    )  # fmt: skip
    request = parse_request(files=files, maps=maps, max_text=2**20, max_entries=1000)
    return plan_package(request, repositories=Single(source), rules=rules, now=NOW)


def test_readme_tells_of_every_object() -> None:
    told = set(re.findall(r"`([^`/ ]+:[^`/ ]+)`", (TOP / "fixtures" / "README.md").read_text(encoding="utf-8")))
    assert set(PIDS) <= told


@pytest.mark.parametrize("pid", PIDS)
def test_every_object_is_read_with_all_its_datastreams(source: Fedora3Source, pid: str) -> None:
    thing = next(each for each in OBJECTS if each.pid == pid)
    record = source.describe(pid)
    assert record.pid == pid
    assert record.label == thing.label
    assert [each.dsid for each in record.datastreams] == [each.dsid for each in thing.datastreams]
    for each in record.datastreams:
        if each.control_group is ControlGroup.INLINE:
            etree.fromstring(read(source.open(each)))


def test_the_papers_files_request_gives_the_papers_package(source: Fedora3Source) -> None:
    made = plan(source, files="rutgers-lib:1234/mods;rutgers-lib:5678/pdf-1;rutgers-lib:5678/jpeg-1;rutgers-lib:1234")
    assert [(entry.datastream.pid[-4:], entry.datastream.dsid) for entry in made.entries] == [
        ("1234", "JPEG-1"), ("1234", "MODS"), ("5678", "PDF-1"), ("5678", "JPEG-1"),
        ("1234", "DC"), ("1234", "SMAP-PRES"), ("1234", "THUMBJPEG-1"), ("1234", "TXT-1"),
    ]  # fmt: skip
    assert made.notices == ()


def test_the_papers_map_request_gives_what_the_map_names_and_may_leave(source: Fedora3Source) -> None:
    made = plan(source, maps="rutgers-lib:1234/SMAP-PRES")
    assert [(entry.datastream.pid[-4:], entry.datastream.dsid) for entry in made.entries] == [
        ("1234", "JPEG-1"), ("1234", "MODS"), ("1235", "JPEG-1"), ("1235", "TXT-1"),
        ("1236", "DC"), ("1236", "MODS"), ("1236", "JPEG-1"), ("1236", "TXT-1"), ("5678", "PDF-1"), ("5678", "JPEG-1"),
    ]  # fmt: skip
    assert made.name == "rutgers-lib-1234"


def test_the_current_mods_is_neither_first_nor_last_in_its_file(source: Fedora3Source) -> None:
    assert datastream(source, "rutgers-lib:1234/MODS").version == "MODS.1"
    assert b"<mods:title>The high water of 1903: an album</mods:title>" in content(source, "rutgers-lib:1234/MODS")


def test_the_current_jpeg_is_the_revised_one(source: Fedora3Source) -> None:
    assert datastream(source, "rutgers-lib:5678/JPEG-1").version == "JPEG-1.1"


def test_deleted_and_inactive_parts_are_there_and_closed(source: Fedora3Source) -> None:
    assert datastream(source, "rutgers-lib:1234/JPEG-2").state is State.DELETED
    assert datastream(source, "rutgers-lib:1234/NOTES-1").state is State.INACTIVE
    assert readable(source, "rutgers-lib:1234") == {"DC", "MODS", "SMAP-PRES", "JPEG-1", "THUMBJPEG-1", "TXT-1"}


def test_the_book_is_ordered_by_its_map_and_its_paths_are_unique(source: Fedora3Source) -> None:
    made = plan(source, files="rutgers-lib:2001")
    images = [entry.datastream.dsid for entry in made.entries if entry.datastream.dsid.startswith("JPEG")]
    assert images == [f"JPEG-{number}" for number in (13, 1, 2, 3, 7, 8, 4, 5, 6, 9, 10, 11, 12)]
    assert len({entry.path.casefold() for entry in made.entries}) == len(made.entries) == 44


def test_a_recording_that_its_map_names_twice_is_packaged_once(source: Fedora3Source) -> None:
    assert [entry.datastream.dsid for entry in plan(source, maps="rutgers-lib:3001/SMAP1").entries] == ["WAV-1", "TXT-1"]


def test_a_bare_map_without_files_orders_the_sides(source: Fedora3Source) -> None:
    made = plan(source, maps="rutgers-lib:3002/structMetadata")
    assert [entry.datastream.dsid for entry in made.entries] == ["sideA", "sideB", "TXT-1"]


THESIS = {"DC", "MODS", "PDF", "FULL_TEXT"}
HYDRA = {"DC", "descMetadata", "rightsMetadata", "masterImage", "deliverableImage", "pageOcr"}
NEGATIVE = {"DC", "MODS", "OBJ", "TN"}
OPEN: dict[str, set[str]] = {
    "rutgers-etd:100": set(),
    "rutgers-etd:101": THESIS - {"PDF"},
    "rutgers-etd:102": THESIS,
    "rutgers-etd:103": set(),
    "rutgers-etd:104": set(),
    "rutgers-etd:105": set(),
    "hydra:public": HYDRA,
    "hydra:campus": set(),
    "hydra:embargoed": set(),
    "hydra:released": HYDRA,
    "hydra:lease-over": set(),
    "hydra:lease-running": HYDRA,
    "islandora:viewers": set(),
    "islandora:viewers-one-file": NEGATIVE - {"OBJ"},
    "islandora:managers": NEGATIVE,
    "islandora:policy-cut-short": set(),
    "rutgers-lib:4001": set(),
    "rutgers-lib:4002": set(),
    "rutgers-lib:4003": {"DC", "MODS", "TXT-2"},
}


@pytest.mark.parametrize(("pid", "dsids"), OPEN.items())
def test_each_closed_object_is_closed_as_the_readme_says(source: Fedora3Source, pid: str, dsids: set[str]) -> None:
    assert readable(source, pid) == dsids


def test_no_archival_master_is_readable(source: Fedora3Source) -> None:
    masters = [pid for pid in PIDS if any(each.dsid == "ARCH1" for each in source.describe(pid).datastreams)]
    assert masters == ["rutgers-lib:1235", "rutgers-lib:1236", "rutgers-lib:5678"]
    assert not any("ARCH1" in readable(source, pid) for pid in masters)


def test_digests_of_every_spelling_are_those_of_the_bytes_or_none(source: Fedora3Source) -> None:
    for each in source.describe("rutgers-lib:5001").datastreams:
        octets = read(source.open(each))
        assert all(hashlib.new(digest.algorithm, octets).hexdigest() == digest.value for digest in each.digests)
        assert bool(each.digests) != each.dsid.startswith("NONE")


@pytest.mark.parametrize(("dsid", "matches"), [("TXT-1", True), ("TXT-2", False), ("TXT-3", False)])
def test_what_has_rotted_does_not_match_its_declared_digest(source: Fedora3Source, dsid: str, matches: bool) -> None:
    (digest,) = datastream(source, f"rutgers-lib:5002/{dsid}").digests
    assert (hashlib.new(digest.algorithm, content(source, f"rutgers-lib:5002/{dsid}")).hexdigest() == digest.value) is matches


def test_a_lost_file_is_told_and_its_neighbour_packaged(source: Fedora3Source) -> None:
    made = plan(source, files="rutgers-lib:5003/TXT-1;rutgers-lib:5003/TXT-2")
    assert [entry.datastream.dsid for entry in made.entries] == ["TXT-1"]
    assert [(notice.dsid, notice.code) for notice in made.notices] == [("TXT-2", "content-missing")]


def test_wrong_sizes_are_not_believed(source: Fedora3Source) -> None:
    made = plan(source, files="rutgers-lib:5004")
    assert all(entry.size == len(read(source.open(entry.datastream))) for entry in made.entries)
    assert [notice.dsid for notice in made.notices if notice.code == "size-differs"] == ["TXT-1", "TXT-2"]


def test_a_prefix_declared_on_the_root_alone_is_carried_into_the_inline_xml(source: Fedora3Source) -> None:
    root = etree.fromstring(content(source, "rutgers-lib:6002/MODS-2"))
    assert root.xpath("//@xlink:href", namespaces={"xlink": "http://www.w3.org/1999/xlink"}) == ["info:fedora/rutgers-lib:6001"]


@pytest.mark.parametrize("asked", ["TWIN:POEM.1", "twin:poem.1"])
def test_a_third_spelling_of_the_twins_is_ambiguous(source: Fedora3Source, asked: str) -> None:
    with pytest.raises(AmbiguousName):
        source.describe(asked)


def test_another_spelling_is_found_by_the_index(source: Fedora3Source) -> None:
    assert source.describe("mixed-case:POEM.1").pid == "Mixed-Case:Poem.1"


def test_managed_content_is_as_old_as_its_version(tmp_path: Path) -> None:
    made = build(tmp_path, datastream_pattern="")
    path = made.datastreams / akubra_path("rutgers-lib:5678+JPEG-1+JPEG-1.1", "")
    assert path.stat().st_mtime_ns == int(datetime(2013, 2, 19, 9, 30, tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(("objects", "datastreams"), [("#/##/##", "##/##"), ("", "")])
def test_other_hash_patterns_are_found_by_computing(tmp_path: Path, objects: str, datastreams: str) -> None:
    source = open_source(build(tmp_path, object_pattern=objects, datastream_pattern=datastreams))
    source._index.paths.clear()  # type: ignore[attr-defined] # so that only computed paths can be found
    assert content(source, "rutgers-lib:5678/PDF-1").startswith(b"%PDF")
