"""A Fedora 3 repository on disk, in both layouts."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from getapi.core.errors import AmbiguousName, ContentChanged, ContentMissing, ObjectNotFound, ObjectUnreadable, SourceUnavailable
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.core.restriction import Ground, Restriction
from getapi.core.review import review
from getapi.core.rights.rules import EmbargoRule
from getapi.core.source import ControlGroup, DatastreamRecord, Digest, ObjectRecord, State
from getapi.sources import fedora3 as module
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.foxml import read_foxml
from getapi.sources.registry import Registry, RoutedSource
from getapi.sources.statements import MAX_STATEMENT
from tests.core.test_planner import NOW, RULES
from tests.sources.contract import SourceContract, descriptors
from tests.sources.stores import DC, SHARED, BuiltStore, KnownPaths, Sample, datastream, digest, foxml, inline, location, managed, version

PID = "demo:Object-1"
IMAGE, TEXT = b"\xff\xd8image" * 99, b"some text"
RELS = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</rdf:RDF>'
UNTIL = (
    f'<rdf:Description rdf:about="info:fedora/{PID}"><s:embargo-until xmlns:s="info:islandora/islandora-system:def/scholar#">2999-01-31'
    "</s:embargo-until></rdf:Description>"
)


def md5(octets: bytes) -> str:
    return hashlib.new("md5", octets, usedforsecurity=False).hexdigest()


def source_of(store: BuiltStore, **options: Any) -> Fedora3Source:
    merged = {"layout": store.layout, "object_pattern": store.pattern, "datastream_pattern": store.pattern} | options
    return Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, index=store.index, **merged)


@pytest.fixture(params=["akubra", "legacy"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BuiltStore:
    built = BuiltStore(root=tmp_path, layout=request.param)
    image = version(
        "IMG.1",
        digest("MD5", md5(IMAGE)) + location(f"{PID}+IMG+IMG.1"),
        MIMETYPE="image/jpeg",
        LABEL="A picture",
        SIZE="17",
        CREATED="2016-01-01",
    )
    built.put(
        PID,
        foxml(
            PID,
            datastream("AUDIT", "X", version("AUDIT.0", inline("<audit/>"))),
            datastream("DC", "X", version("DC.0", digest("MD5", "a" * 32) + inline(f"\n{DC}\n"), MIMETYPE="", SIZE="999")),
            datastream("IMG", "M", version("IMG.0", location(f"{PID}+IMG+IMG.0"), CREATED="2015-01-01"), image),
            managed(PID, "TXT", state="I"),
            datastream("EXT", "E", version("EXT.0", location("http://files.example.org/x", "URL"))),
            datastream("RED", "R", version("RED.0", location("http://files.example.org/y", "URL"))),
        ),
    )
    built.put(f"{PID}+IMG+IMG.0", b"old")
    built.put(f"{PID}+IMG+IMG.1", IMAGE)
    built.put(f"{PID}+TXT+TXT.0", TEXT)
    return built


@pytest.fixture
def source(store: BuiltStore) -> Fedora3Source:
    return source_of(store)


def records(record: ObjectRecord) -> dict[str, DatastreamRecord]:
    return {found.dsid: found for found in record.datastreams}


def describe(store: BuiltStore, *datastreams: str, **options: Any) -> dict[str, DatastreamRecord]:
    store.put("demo:9", foxml("demo:9", *datastreams))
    return records(source_of(store, **options).describe("demo:9"))


def restrictions(store: BuiltStore, *datastreams: str, rules: tuple[EmbargoRule, ...] = ()) -> tuple[Restriction, ...]:
    store.put(PID, foxml(PID, *datastreams))
    return tuple(source_of(store, rules=rules).describe(PID).restrictions)


class TestFedora3IsASource(SourceContract):
    @pytest.fixture
    def sample(self, store: BuiltStore, source: Fedora3Source) -> Sample:
        for pid in ("demo:Twin", "demo:TWIN"):
            store.put(pid, foxml(pid))
        return Sample(
            source=source, pid=PID, contents={"IMG": IMAGE, "TXT": TEXT, "DC": DC.encode()}, unknown="demo:unknown", ambiguous="DEMO:tWIN"
        )

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        assert isinstance(sample.source, Fedora3Source)
        root = sample.source._datastreams.root.parent
        if dsid == "DC":
            path = next(path for path in (root / "objects").rglob("*") if path.is_file() and b"Object-1" in path.read_bytes())
            path.write_bytes(path.read_bytes().replace(DC.encode(), b"<other/>"))
        else:
            planned = sample.datastream(dsid)
            (root / "datastreams" / planned.location).write_bytes(octets)

    def remove(self, sample: Sample, dsid: str) -> None:
        assert isinstance(sample.source, Fedora3Source)
        root = sample.source._datastreams.root.parent / ("objects" if dsid == "DC" else "datastreams")
        (root / sample.datastream(dsid).location).unlink()


def test_a_managed_datastream_is_its_file(source: Fedora3Source, store: BuiltStore) -> None:
    found = records(source.describe(PID))["IMG"]
    status = store.path(f"{PID}+IMG+IMG.1").stat()
    assert (found.version, found.control_group, found.mime, found.label) == ("IMG.1", ControlGroup.MANAGED, "image/jpeg", "A picture")
    assert (found.size, found.declared_size) == (len(IMAGE), 17)
    assert found.digests == (Digest(algorithm="md5", value=md5(IMAGE)),)
    assert found.identity == f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"
    assert found.created is not None
    assert found.created.date() == date(2016, 1, 1)
    assert str(store.root) not in repr(found)


def test_inline_xml_has_the_size_and_digest_of_its_own_bytes(source: Fedora3Source) -> None:
    found = records(source.describe(PID))["DC"]
    sha256 = hashlib.sha256(DC.encode()).hexdigest()
    assert (found.size, found.declared_size, found.mime) == (len(DC), None, "text/xml")
    assert (found.digests, found.identity) == ((Digest(algorithm="sha256", value=sha256),), f"sha256:{sha256}")


def test_the_audit_trail_is_not_listed_and_all_else_is(source: Fedora3Source) -> None:
    record = source.describe(PID)
    assert list(records(record)) == ["DC", "IMG", "TXT", "EXT", "RED"]
    assert [found.state for found in record.datastreams].count(State.INACTIVE) == 1
    assert (record.label, record.state) == ("An object", State.ACTIVE)


def test_external_and_redirected_datastreams_are_only_addresses(source: Fedora3Source) -> None:
    for dsid, url in (("EXT", "http://files.example.org/x"), ("RED", "http://files.example.org/y")):
        found = records(source.describe(PID))[dsid]
        assert (found.location, found.size, found.fault) == (url, None, None)
        with pytest.raises(ContentMissing):
            source.open(found)


@pytest.mark.parametrize("spelling", ["demo:Object-1", "demo%3AObject-1"])
def test_the_exact_pid_is_tried_first(source: Fedora3Source, spelling: str) -> None:
    assert source.describe(spelling).pid == PID


def test_then_the_namespace_then_the_whole_in_lower_case_then_the_index(store: BuiltStore, source: Fedora3Source) -> None:
    assert source.describe("DEMO:Object-1").pid == PID
    store.put("demo:lower", foxml("demo:lower"))
    assert source.describe("Demo:LOWER").pid == "demo:lower"
    assert source.describe("dEMO:oBJECT-1").pid == PID
    store.index.paths.clear()
    with pytest.raises(ObjectNotFound):
        source.describe("dEMO:oBJECT-1")


def test_a_pid_that_the_index_remembers_and_the_store_lost_makes_nothing_ambiguous(store: BuiltStore, source: Fedora3Source) -> None:
    store.index.paths["demo:OBJECT-1"] = "nowhere"
    assert source.describe("demo:oBJECT-1").pid == PID
    store.put("demo:OBJECT-1", foxml("demo:OBJECT-1"))
    with pytest.raises(AmbiguousName):
        source.describe("demo:oBJECT-1")


@pytest.mark.parametrize(
    "pid", ["", "demo", "demo:", ":1", "demo:1:2", "../../etc:passwd", "demo:a/b", "demo:\0", "d\xe9mo:1", "demo:" + "1" * 90]
)
def test_what_is_no_pid_is_no_object(source: Fedora3Source, pid: str) -> None:
    with pytest.raises(ObjectNotFound):
        source.describe(pid)


def test_a_file_that_describes_another_object_is_unreadable(store: BuiltStore, source: Fedora3Source) -> None:
    store.put("demo:2", foxml("demo:3"))
    with pytest.raises(ObjectUnreadable, match="another object"):
        source.describe("demo:2")


@pytest.mark.parametrize("written", ["info:fedora/demo:a%2Fb", "demo%3Aa%2fb", "demo:a%2fb", ""])
def test_a_pid_may_be_written_otherwise_in_its_own_file(store: BuiltStore, source: Fedora3Source, written: str) -> None:
    store.put("demo:a%2Fb", foxml(written))
    assert source.describe("demo:a%2Fb").pid == "demo:a%2Fb"


def test_objects_are_regular_files_of_the_store(store: BuiltStore, source: Fedora3Source, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_bytes(foxml("demo:2"))
    link = store.put("demo:2", b"")
    link.unlink()
    link.symlink_to(elsewhere / "secret")
    with pytest.raises(ObjectUnreadable, match="regular file"):
        source.describe("demo:2")


def test_a_large_object_is_refused_before_it_is_parsed(store: BuiltStore, source: Fedora3Source, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.put("demo:2", foxml("demo:2")).open("r+b") as file:
        file.truncate(1 << 40)
    monkeypatch.setattr(module, "MAX_OCTETS", 1 << 20)
    monkeypatch.setattr("getapi.sources.foxml.MAX_OCTETS", 1 << 20)
    with pytest.raises(ObjectUnreadable, match="larger"):
        source.describe("demo:2")


def test_a_store_that_is_not_there_is_unavailable_and_not_empty(store: BuiltStore, source: Fedora3Source) -> None:
    store.datastreams.rename(store.root / "away")
    with pytest.raises(SourceUnavailable):
        source.describe(PID)
    (store.root / "away").rename(store.datastreams)
    planned = records(source.describe(PID))["IMG"]
    store.datastreams.rename(store.root / "away")
    with pytest.raises(SourceUnavailable):
        source.open(planned)
    store.objects.rename(store.root / "gone")
    with pytest.raises(SourceUnavailable):
        source.describe("demo:unknown" if store.layout == "akubra" else PID)


@pytest.mark.parametrize("kind", ["objects", "datastreams"])
def test_the_empty_folder_where_a_disk_is_not_mounted_is_no_store(store: BuiltStore, source: Fedora3Source, kind: str) -> None:
    planned = records(source.describe(PID))["IMG"]
    root = store.root / kind
    root.rename(store.root / "away")
    root.mkdir()
    with pytest.raises(SourceUnavailable):
        source.describe(PID)
    if kind == "datastreams":
        with pytest.raises(SourceUnavailable):
            source.open(planned)
    root.rmdir()
    (store.root / "away").rename(root)
    assert records(source.describe(PID))["IMG"] == planned


def failing(path: Path, real: Callable[..., Any]) -> Callable[..., Any]:
    def fail(name: Any, *rest: Any, **more: Any) -> Any:
        if os.fspath(name) == os.fspath(path):
            raise OSError(errno.EIO, "Input/output error")
        return real(name, *rest, **more)

    return fail


def test_a_disk_error_at_an_object_is_the_repositorys(store: BuiltStore, source: Fedora3Source, monkeypatch: pytest.MonkeyPatch) -> None:
    for functions in (("open",), ("lstat", "open")):
        with monkeypatch.context() as patched:
            for function in functions:
                patched.setattr(os, function, failing(store.path(PID), getattr(os, function)))
            with pytest.raises(SourceUnavailable):
                source.describe(PID)


def test_a_disk_error_at_one_datastream_leaves_the_others(
    store: BuiltStore, source: Fedora3Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", failing(store.path(f"{PID}+IMG+IMG.1"), os.lstat))
        found = records(source.describe(PID))
        assert (found["IMG"].size, found["IMG"].fault) == (None, None)
        assert found["TXT"].size == len(TEXT)
        if store.layout == "akubra":
            with pytest.raises(SourceUnavailable):
                source.open(found["IMG"])
    with pytest.raises((ContentChanged, ContentMissing)):
        source.open(found["IMG"])


@pytest.mark.parametrize(
    "reference", ["", "http://127.0.0.1:8080/fedora/get/demo:9/IMG", "uploaded://12", " demo:9+IMG+IMG.0", "info:fedora/demo:9+IMG+IMG.0"]
)
def test_an_internal_id_is_believed_or_rebuilt(store: BuiltStore, reference: str) -> None:
    store.put("demo:9+IMG+IMG.0", IMAGE)
    content = location(reference) if reference else ""
    assert describe(store, datastream("IMG", "M", version("IMG.0", content)))["IMG"].size == len(IMAGE)


def test_an_older_versions_bytes_may_serve_a_newer_one(store: BuiltStore) -> None:
    store.put("demo:9+IMG+IMG.0", IMAGE)
    assert describe(store, datastream("IMG", "M", version("IMG.1", location("demo:9+IMG+IMG.0"))))["IMG"].size == len(IMAGE)


@pytest.mark.parametrize(
    "reference",
    [
        "demo:1+IMG+IMG.0",
        "demo:9+ARCH1+ARCH1.0",
        "demo:9+IMG",
        "demo:9+IMG+IMG.0+x",
        "../../../etc/passwd",
        "/etc/passwd",
        "file:/etc/passwd",
        "demo:9+../..+passwd",
        "demo:9+IMG+",
        "%2e%2e:1+IMG+IMG.0",
    ],
)
def test_another_datastreams_bytes_are_never_taken(store: BuiltStore, reference: str) -> None:
    for token in ("demo:1+IMG+IMG.0", "demo:9+ARCH1+ARCH1.0", "demo:9+IMG+IMG.0"):
        store.put(token, b"secret")
    found = describe(store, datastream("IMG", "M", version("IMG.0", location(reference))))["IMG"]
    assert (found.fault, found.location, found.size) == ("malformed", "", None)
    with pytest.raises(ContentMissing):
        source_of(store).open(found)


@pytest.mark.parametrize("path", ["../objects/secret", "/etc/hostname", "a/../../objects/secret"])
def test_a_path_out_of_the_store_is_not_followed(store: BuiltStore, path: str) -> None:
    (store.objects / "secret").write_bytes(b"secret")
    (store.datastreams / "a").mkdir()
    store.index.paths["demo:9+IMG+IMG.0"] = path
    assert describe(store, managed("demo:9", "IMG"))["IMG"].fault == "malformed"
    planned = replace(records(source_of(store).describe(PID))["IMG"], location=path)
    with pytest.raises(ContentChanged):
        source_of(store).open(planned)


def test_links_and_folders_in_the_store_are_no_content(store: BuiltStore, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"secret")
    link, folder = store.put("demo:9+LINK+LINK.0", b""), store.put("demo:9+DIR+DIR.0", b"")
    link.unlink()
    link.symlink_to(tmp_path / "outside" / "file")
    folder.unlink()
    folder.mkdir()
    (store.datastreams / "away").symlink_to(tmp_path / "outside")
    store.index.paths["demo:9+AWAY+AWAY.0"] = "away/file"
    found = describe(store, *(managed("demo:9", dsid) for dsid in ("LINK", "DIR", "AWAY")))
    assert {one.fault for one in found.values()} == {"malformed"}


def test_a_store_may_itself_be_reached_by_a_link(store: BuiltStore, tmp_path: Path) -> None:
    (tmp_path / "mounted").symlink_to(store.datastreams)
    source = source_of(store)
    linked = Fedora3Source(name="main", objects=store.objects, datastreams=tmp_path / "mounted", layout=store.layout, index=store.index)
    assert linked.describe(PID) == source.describe(PID)


def test_content_that_is_not_there_has_a_fault(store: BuiltStore) -> None:
    found = describe(
        store,
        managed("demo:9", "GONE"),
        datastream("EMPTY", "X", version("EMPTY.0", inline(" \n"))),
        datastream("BARE", "X", version("BARE.0")),
        datastream("EXPORT", "M", version("EXPORT.0", "<foxml:binaryContent>AAAA</foxml:binaryContent>")),
        datastream("NOWHERE", "E", version("NOWHERE.0")),
        datastream("NEVER", "M"),
        datastream("GROUP", "B", version("GROUP.0")),
    )
    assert {dsid: one.fault for dsid, one in found.items()} == {
        "GONE": "content-missing",
        "EMPTY": "content-missing",
        "BARE": "malformed",
        "EXPORT": "malformed",
        "NOWHERE": "malformed",
        "NEVER": "malformed",
        "GROUP": "malformed",
    }


def test_an_inline_digest_of_foxml_is_never_taken(store: BuiltStore) -> None:
    found = describe(store, datastream("X1", "X", version("X1.0", digest("SHA-256", "f" * 64) + inline("<x/>"))))["X1"]
    assert found.digest("sha256") == hashlib.sha256(b"<x/>").hexdigest()


def test_a_purge_between_two_looks_is_seen(store: BuiltStore, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(store)
    real, path = read_foxml, store.path(PID)
    store.put(f"{PID}+IMG+IMG.2", TEXT)
    again = foxml(PID, managed(PID, "IMG", number=2))

    def purge(document: bytes, pid: str) -> Any:
        value = real(document, pid)
        if document != again:
            store.path(f"{PID}+IMG+IMG.1").unlink()
            path.write_bytes(again)
        return value

    monkeypatch.setattr(module, "read_foxml", purge)
    found = records(source.describe(PID))["IMG"]
    assert (found.version, found.size, found.fault) == ("IMG.2", len(TEXT), None)


def test_an_object_that_goes_between_two_looks_is_not_found(
    store: BuiltStore, source: Fedora3Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(name: Any, *_: Any, **__: Any) -> int:
        raise OSError(errno.ENOENT, "No such file")

    planned = records(source_of(store).describe(PID))["DC"]
    monkeypatch.setattr(os, "open", vanish)
    with pytest.raises(ObjectNotFound):
        source.describe(PID)
    with pytest.raises(ContentMissing):
        source.open(planned)


def test_a_managed_file_that_goes_or_changes_between_description_and_opening(store: BuiltStore, source: Fedora3Source) -> None:
    planned = records(source.describe(PID))["TXT"]
    store.put(f"{PID}+TXT+TXT.0", TEXT + b"!")
    with pytest.raises(ContentChanged):
        source.open(planned)
    store.path(f"{PID}+TXT+TXT.0").unlink()
    with pytest.raises(ContentMissing):
        source.open(planned)


def test_a_statement_that_changes_while_it_is_read_closes_the_object(store: BuiltStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.put(f"{PID}+RELS-EXT+RELS-EXT.0", RELS.format("").encode())
    real = os.pread

    def grow(*arguments: int) -> bytes:
        with path.open("ab") as file:
            file.write(b" ")
        return real(*arguments)

    monkeypatch.setattr(os, "pread", grow)
    assert [one.ground for one in restrictions(store, managed(PID, "RELS-EXT"))] == [Ground.UNREADABLE]


def test_an_object_is_parsed_once_and_again_when_its_file_changes(store: BuiltStore, monkeypatch: pytest.MonkeyPatch) -> None:
    source, real, seen = source_of(store), read_foxml, list[str]()

    def count(document: bytes, pid: str) -> Any:
        seen.append(pid)
        return real(document, pid)

    monkeypatch.setattr(module, "read_foxml", count)
    for _ in range(3):
        source.describe(PID)
    assert len(seen) == 1
    store.put(PID, foxml(PID, label="Another label"))
    assert source.describe(PID).label == "Another label"
    assert len(seen) == 2


def test_sizes_are_looked_up_each_time(store: BuiltStore, source: Fedora3Source) -> None:
    assert records(source.describe(PID))["IMG"].size == len(IMAGE)
    store.put(f"{PID}+IMG+IMG.1", b"shorter")
    assert records(source.describe(PID))["IMG"].size == 7


def test_a_version_added_after_planning_changes_inline_xml(store: BuiltStore, source: Fedora3Source) -> None:
    planned = records(source.describe(PID))["DC"]
    store.put(PID, foxml(PID, datastream("DC", "X", version("DC.1", inline("<new/>")))))
    with pytest.raises(ContentChanged):
        source.open(planned)
    store.put(PID, b"broken")
    with pytest.raises(ContentChanged):
        source.open(planned)
    store.put(PID, foxml(PID))
    with pytest.raises(ContentMissing):
        source.open(planned)


def test_a_path_that_moved_is_looked_for_again(tmp_path: Path) -> None:
    store = BuiltStore(root=tmp_path, layout="legacy")
    store.put("demo:9", foxml("demo:9", managed("demo:9", "IMG")))
    path = store.put("demo:9+IMG+IMG.0", IMAGE)
    path.rename(store.datastreams / "moved")
    store.index.moved["demo:9+IMG+IMG.0"] = "moved"
    assert records(source_of(store).describe("demo:9"))["IMG"].location == "moved"


def test_akubra_falls_back_on_the_index(tmp_path: Path) -> None:
    store = BuiltStore(root=tmp_path)
    path = store.put("demo:9", foxml("demo:9"))
    path.rename(store.objects / "misplaced")
    with pytest.raises(ObjectNotFound):
        source_of(store).describe("demo:9")
    store.index.paths["demo:9"] = "misplaced"
    assert source_of(store).describe("demo:9").pid == "demo:9"


@pytest.mark.parametrize("group", ["X", "M"])
@pytest.mark.parametrize("state", ["A", "I", "D"])
def test_an_embargo_holds_wherever_its_statement_is_kept_and_whatever_its_state(store: BuiltStore, group: str, state: str) -> None:
    text = RELS.format(UNTIL)
    store.put(f"{PID}+RELS-EXT+RELS-EXT.0", text.encode())
    statement = inline(text) if group == "X" else location(f"{PID}+RELS-EXT+RELS-EXT.0")
    found = restrictions(store, datastream("RELS-EXT", group, version("RELS-EXT.0", statement), state=state))
    assert found == (Restriction(ground=Ground.EMBARGO, ends=date(2999, 1, 31)),)


def test_without_a_statement_nothing_is_closed(store: BuiltStore) -> None:
    assert restrictions(store, datastream("RELS-EXT", "X", version("RELS-EXT.0", inline(RELS.format(""))))) == ()


@pytest.mark.parametrize(
    "statement",
    [
        datastream("POLICY", "M", version("POLICY.0", location(f"{PID}+POLICY+POLICY.7"))),
        datastream("policy", "E", version("POLICY.0", location("http://example.org/policy", "URL"))),
        datastream("POLICY", "R", version("POLICY.0", location("http://example.org/policy", "URL"))),
        datastream("POLICY", "X", version("POLICY.0")),
        datastream("POLICY", "X", version("POLICY.0", inline(""))),
        datastream("POLICY", "M"),
        datastream("POLICY", "M", version("POLICY.0", location("demo:other+POLICY+POLICY.0"))),
        managed(PID, "LARGE"),
        managed(PID, "ODD"),
        managed(PID, "NONE"),
    ],
)
def test_a_statement_that_cannot_be_read_closes_the_object(store: BuiltStore, statement: str) -> None:
    store.put(f"{PID}+LARGE+LARGE.0", b" " * (MAX_STATEMENT + 1))
    store.put(f"{PID}+ODD+ODD.0", b"not xml")
    store.put(f"{PID}+NONE+NONE.0", b"")
    rules = tuple(EmbargoRule(name=dsid, datastream=dsid.lower(), xpath="//date") for dsid in ("LARGE", "ODD", "NONE"))
    found = restrictions(store, statement, rules=rules)
    assert [(one.ground, one.dsid, one.ends) for one in found] == [(Ground.UNREADABLE, None, None)]


def test_a_managed_statement_is_read_anew_each_time(store: BuiltStore) -> None:
    store.put(PID, foxml(PID, managed(PID, "RELS-EXT")))
    store.put(f"{PID}+RELS-EXT+RELS-EXT.0", RELS.format("").encode())
    source = source_of(store)
    before = descriptors()
    assert source.describe(PID).restrictions == ()
    store.put(f"{PID}+RELS-EXT+RELS-EXT.0", RELS.format(UNTIL).encode())
    assert len(source.describe(PID).restrictions) == 1
    assert descriptors() == before


def test_a_layout_or_pattern_that_is_none_is_refused(store: BuiltStore) -> None:
    with pytest.raises(ValueError, match="layout"):
        source_of(store, layout="flat")
    with pytest.raises(ValueError, match="hash pattern"):
        source_of(store, layout="akubra", datastream_pattern="../##")


needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/foxml is not there")


def shared(name: str, index: dict[str, str] | None = None, **options: Any) -> Fedora3Source:
    root = SHARED / name
    return Fedora3Source(name="real", objects=root / "objects", datastreams=root / "datastreams", index=KnownPaths(index), **options)


@needs_shared
def test_a_real_akubra_store_of_fedoras_own_pattern() -> None:
    record = shared("akubra-deleted-ds").describe("fixture:deleted-datastream-1")
    found = records(record)["props"]
    assert (found.state, found.size, found.fault) == (State.DELETED, 249, None)


@needs_shared
def test_a_real_akubra_store_of_another_pattern() -> None:
    root = SHARED / "akubra-uwdc-inline"
    source = Fedora3Source(
        name="real",
        objects=root / "objects" / "dlmap",
        datastreams=root / "datastreams" / "dlmap",
        object_pattern="#/##/##",
        datastream_pattern="#/##/##",
        index=KnownPaths(),
    )
    found = records(source.describe("1711.dl:Access-policy-open-access-UW-Madison-all"))["XACML"]
    assert found.size == 1440
    with source.open(found) as content:
        assert content.read(2000).startswith(b"<?xml")
    assert source.describe("1711.dl:CModelAudioStream").pid == "1711.dl:CModelAudioStream"
    assert source.describe("fedora-system:ContentModel-3.0").pid == "fedora-system:ContentModel-3.0"


@needs_shared
def test_a_real_legacy_store() -> None:
    index = {"example:1": "2015/0430/16/01/example_1", "example:1+DS2+DS2.0": "2015/0430/16/01/example_1+DS2+DS2.0"}
    source = shared("legacyFS", index, layout="legacy")
    found = records(source.describe("example:1"))
    assert [one.control_group.value for one in found.values()] == ["X", "X", "M", "R", "E"]
    with source.open(found["DS2"]) as content:
        assert md5(content.read(1 << 20)) == found["DS2"].digest("md5") == "d4f18b8b9c64466819ddaad46228fb9b"


def test_a_large_object_is_described_as_a_small_one(store: BuiltStore, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = source_of(store).describe(PID)
    monkeypatch.setattr(module, "_SIMPLE", 10)
    assert source_of(store).describe(PID) == usual


def test_a_file_that_cannot_be_looked_at_for_a_moment_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who resumes is told to come again, and not that the package is gone for good."""
    store = BuiltStore(root=tmp_path)
    store.put("demo:5", foxml("demo:5", managed("demo:5", "PDF")))
    store.put("demo:5+PDF+PDF.0", b"content")
    registry = Registry([RoutedSource(source=source_of(store))])
    request = parse_request(files="demo:5", maps=None, max_text=2**20, max_entries=10)
    plan = plan_package(request, repositories=registry, rules=RULES, now=NOW)
    assert [entry.size for entry in plan.entries] == [7]
    real = os.lstat

    def failing(path: str | Path) -> os.stat_result:
        if "PDF" in str(path):
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "lstat", failing)
        with pytest.raises(SourceUnavailable):
            review(plan, repositories=registry, rules=RULES.access, now=NOW)
    review(plan, repositories=registry, rules=RULES.access, now=NOW)
