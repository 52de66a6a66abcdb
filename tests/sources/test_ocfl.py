"""An OCFL storage root as a repository: its own objects, the specification's fixtures, and hostile ones."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.ocfl import HASHED, MUTABLE, OcflStore, hashed
from getapi.core.errors import AmbiguousName, ContentChanged, ContentMissing, ObjectNotFound, ObjectUnreadable, SourceUnavailable
from getapi.core.restriction import Ground
from getapi.core.source import ControlGroup, DatastreamRecord, Digest, ObjectRecord
from getapi.sources import ocflroot
from getapi.sources.ocfl import OcflSource
from getapi.sources.ocflinventory import read_inventory
from getapi.sources.ocflnames import spell_pid
from tests.sources.contract import SourceContract, drain
from tests.sources.stores import KnownPaths, Sample

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ocfl"
FIXTURES = SHARED / "ocfl-fixtures-1.1"
ID, PID = "ark:/12345/bcd987", "ark:%2F12345%2Fbcd987"
IMAGE, TEXT, EMPTY = b"\xff\xd8image" * 99, b"some text", b""

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/ocfl is not there")


def source_of(root: Path, **options: Any) -> OcflSource:
    return OcflSource(name="main", root=root, **({"index": KnownPaths()} | options))


def records(record: ObjectRecord) -> dict[str, DatastreamRecord]:
    return {found.dsid: found for found in record.datastreams}


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object], algorithm: str = "sha512") -> None:
    """Changes an inventory, and its sidecar with it: it lies, but it lies consistently."""
    facts = json.loads((folder / "inventory.json").read_bytes())
    change(facts)
    document = json.dumps(facts).encode()
    (folder / "inventory.json").write_bytes(document)
    (folder / f"inventory.json.{algorithm}").write_text(f"{hashlib.new(algorithm, document).hexdigest()} inventory.json\n")


@pytest.fixture(params=["1.0", "1.1"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OcflStore:
    made = OcflStore(root=tmp_path / "root", specification=request.param)
    made.put(
        ID,
        {"image.jpg": IMAGE, "old": b"old"},
        {"image.jpg": IMAGE, "x/text file.txt": TEXT, "x/copy": TEXT, "empty": EMPTY},
        fixity=["md5", "sha256"],
    )
    return made


def _flat(identifier: str) -> str:
    return f"somewhere/{identifier.replace(':', '_')}"


class TestOcflIsASource(SourceContract):
    @pytest.fixture(params=["layout", "index", "mutable"])
    def sample(self, request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
        by_name = request.param == "index"
        store = OcflStore(root=tmp_path / "root", layout=None if by_name else HASHED, place=_flat if by_name else hashed)
        files = {"IMG": IMAGE, "a/TXT": TEXT, "DATA": bytes(range(256))}
        if request.param == "mutable":
            store.put("demo:Object-1", {}, mutable=[{"IMG": IMAGE}, files])
        else:
            store.put("demo:Object-1", {"IMG": b"old"}, files)
        store.put("demo:Twin", {})
        store.put("demo:TWIN", {})
        paths = {identifier: store.place(identifier) for identifier in ("demo:Twin", "demo:TWIN", "demo:Object-1")}
        source = source_of(store.root, index=KnownPaths(paths), layout="index" if request.param == "index" else "auto")
        contents = {"IMG": IMAGE, "a%2FTXT": TEXT, "DATA": bytes(range(256))}
        return Sample(source=source, pid="demo:Object-1", contents=contents, unknown="demo:unknown", ambiguous="DEMO:tWIN")

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        self.file(sample, dsid).write_bytes(octets)

    def remove(self, sample: Sample, dsid: str) -> None:
        self.file(sample, dsid).unlink()

    def file(self, sample: Sample, dsid: str) -> Path:
        assert isinstance(sample.source, OcflSource)
        return sample.source._root.root / sample.datastream(dsid).location


def test_a_file_of_the_head_version_is_a_datastream(store: OcflStore) -> None:
    record = source_of(store.root).describe(PID)
    assert (record.pid, record.repository, record.restrictions) == (PID, "main", ())
    assert list(records(record)) == ["empty", "image.jpg", "x%2Fcopy", "x%2Ftext file.txt"]
    found = records(record)["x%2Ftext file.txt"]
    status = (store.path(ID) / "v2" / "content" / "x" / "text%20file.txt").stat()
    assert (found.control_group, found.mime, found.label, found.version) == (ControlGroup.MANAGED, "text/plain", "x/text file.txt", "v2")
    assert (found.size, found.identity) == (len(TEXT), f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}")
    assert found.created == datetime(2024, 6, 2, 8, tzinfo=UTC)
    digests = {name: hashlib.new(name, TEXT).hexdigest() for name in ("sha512", "md5", "sha256")}
    assert {digest.algorithm: digest.value for digest in found.digests} == digests
    assert records(record)["image.jpg"].version == "v1"
    assert records(record)["x%2Fcopy"].location == found.location
    assert str(store.root) not in repr(record)


def test_the_same_record_is_given_until_a_file_changes(store: OcflStore) -> None:
    source = source_of(store.root)
    first = source.describe(PID)
    assert source.describe(PID) is first
    os.utime(store.root / records(first)["empty"].location, ns=(1, 1))
    second = source.describe(PID)
    assert second is not first
    rewrite(store.path(ID), lambda facts: facts["versions"]["v2"]["state"].pop(hashlib.sha512(IMAGE).hexdigest()))
    assert "image.jpg" not in records(source.describe(PID))


def test_a_mutable_head_that_comes_and_goes_is_seen(store: OcflStore) -> None:
    source = source_of(store.root)
    assert "new" not in records(source.describe(PID))
    other = OcflStore(root=store.root.parent / "other", specification=store.specification)
    with_head = other.put(
        ID,
        {"image.jpg": IMAGE, "old": b"old"},
        {"image.jpg": IMAGE, "x/text file.txt": TEXT, "x/copy": TEXT, "empty": EMPTY},
        fixity=["md5", "sha256"],
        mutable=[{"new": b"new"}],
    )
    shutil.copytree(with_head / "extensions", store.path(ID) / "extensions")
    found = records(source.describe(PID))
    assert list(found) == ["new"]
    assert (found["new"].version, found["new"].size) == ("v3-r1", 3)
    shutil.rmtree(store.path(ID) / "extensions")
    assert "new" not in records(source.describe(PID))


def test_a_mutable_head_of_another_version_is_refused(store: OcflStore) -> None:
    folder = store.put("demo:m", {"a": b"a"}, mutable=[{"a": b"b"}])
    rewrite(folder, lambda facts: facts["versions"]["v1"].update(message="changed"))
    with pytest.raises(ObjectUnreadable, match="mutable head"):
        source_of(store.root).describe("demo:m")
    (folder / MUTABLE / "root-inventory.json.sha512").unlink()
    with pytest.raises(ObjectUnreadable, match="sidecar"):
        source_of(store.root).describe("demo:m")


def test_an_object_is_found_by_fedoras_id_by_its_own_and_by_what_a_pid_may_mean(tmp_path: Path) -> None:
    store = OcflStore(root=tmp_path)
    for identifier in ("info:demo:5", "demo:6", "object-01", "demo:a%2Fb", "demo:low"):
        store.put(identifier, {"f": b"f"})
    source = source_of(tmp_path)
    assert source.describe("demo:6").pid == "demo:6"
    assert source.describe("ocfl:demo%3A6").pid == "demo:6"
    assert source.describe("ocfl:object-01").pid == "ocfl:object-01"
    assert source.describe("demo:a%252Fb").pid == source.describe("demo:a%2Fb").pid == "demo:a%252Fb"
    assert source.describe("DEMO:LOW").pid == source.describe("DEMO:low").pid == "demo:low"


def test_two_ids_that_share_a_pid_are_ambiguous(tmp_path: Path) -> None:
    store = OcflStore(root=tmp_path)
    store.put("demo:6", {"f": b"f"})
    store.put("info:fedora/demo:6", {"f": b"f"})
    with pytest.raises(AmbiguousName):
        source_of(tmp_path).describe("demo:6")


def test_what_is_no_pid_or_not_there_is_not_found(store: OcflStore) -> None:
    for pid in ("nonsense", "demo:none", "demo:%FF", "ocfl:..", "ocfl:%00", "fedora:..%2F..%2Fx"):
        with pytest.raises(ObjectNotFound):
            source_of(store.root).describe(pid)


@pytest.mark.parametrize(
    ("layout", "config", "place"),
    [
        ("0002-flat-direct-storage-layout", None, lambda identifier: identifier),
        (
            "0003-hash-and-id-n-tuple-storage-layout",
            {"tupleSize": 2, "numberOfTuples": 1},
            lambda identifier: f"{hashlib.sha256(identifier.encode()).hexdigest()[:2]}/{identifier.replace(':', '%3a')}",
        ),
        ("0006-flat-omit-prefix-storage-layout", {"delimiter": ":"}, lambda identifier: identifier.rpartition(":")[2]),
        (
            "0007-n-tuple-omit-prefix-storage-layout",
            {"delimiter": ":"},
            lambda identifier: f"000/000/{identifier.rpartition(':')[2].rjust(9, '0')[6:]}/{identifier.rpartition(':')[2]}",
        ),
    ],
)
def test_the_storage_root_says_how_objects_lie(tmp_path: Path, layout: str, config: Any, place: Callable[[str], str]) -> None:
    store = OcflStore(root=tmp_path, layout=layout, config=config, place=place)
    store.put("demo:77", {"f": b"f"})
    assert source_of(tmp_path).describe("demo:77").pid == "demo:77"
    assert source_of(tmp_path, layout=layout[:4]).describe("demo:77").pid == "demo:77"
    with pytest.raises(ObjectNotFound):
        source_of(tmp_path, layout="index").describe("demo:77")
    if layout[:4] in {"0006", "0007"}:
        with pytest.raises(ObjectNotFound):
            source_of(tmp_path).describe("other:77")


@pytest.mark.parametrize(
    "said", ["[", "[]", '{"extension": "0012-x"}', '{"extension": "0006-flat-omit-prefix-storage-layout"}', "[" * 20000]
)
def test_a_layout_that_cannot_be_computed_leaves_the_index(tmp_path: Path, said: str) -> None:
    store = OcflStore(root=tmp_path)
    store.put("demo:1", {"f": b"f"})
    (tmp_path / "ocfl_layout.json").write_text(said)
    with pytest.raises(ObjectNotFound):
        source_of(tmp_path).describe("demo:1")
    index = KnownPaths({"demo:1": str(store.path("demo:1").relative_to(tmp_path))})
    assert source_of(tmp_path, index=index).describe("demo:1").pid == "demo:1"


def test_an_indexed_object_that_moved_is_looked_for_again(tmp_path: Path) -> None:
    store = OcflStore(root=tmp_path, layout=None, place=lambda _: "new/place")
    store.put("demo:1", {"f": b"f"})
    index = KnownPaths({"demo:1": "old/place", "demo:2": "new/place"})
    index.moved["demo:1"] = "new/place"
    assert source_of(tmp_path, index=index).describe("demo:1").pid == "demo:1"
    with pytest.raises(ObjectNotFound):
        source_of(tmp_path, index=index).describe("demo:2")


def test_a_root_that_is_not_mounted_is_no_empty_repository(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SourceUnavailable):
            source_of(root).describe("demo:1")
    store = OcflStore(root=tmp_path / "root")
    store.put("demo:1", {"f": b"f"})
    source = source_of(store.root)
    source.describe("demo:1")
    store.root.rename(tmp_path / "away")
    with pytest.raises(SourceUnavailable):
        source.describe("demo:1")
    (tmp_path / "away").rename(store.root)
    assert source.describe("demo:1").pid == "demo:1"


def test_a_rights_statement_closes_what_it_closes(store: OcflStore) -> None:
    until = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="info:fedora/demo:7">'
        '<s:embargo-until xmlns:s="info:islandora/islandora-system:def/scholar#">2999-01-31</s:embargo-until></rdf:Description></rdf:RDF>'
    )
    folder = store.put("demo:7", {"RELS-EXT": until.encode(), "PDF": b"pdf"})
    source = source_of(store.root)
    assert [found.ground for found in source.describe("demo:7").restrictions] == [Ground.EMBARGO]
    (folder / "v1" / "content" / "RELS-EXT").write_text(until.replace("2999", "1999"))
    assert [found.ground for found in source.describe("demo:7").restrictions] == [Ground.UNREADABLE]
    (folder / "v1" / "content" / "RELS-EXT").unlink()
    assert [found.ground for found in source.describe("demo:7").restrictions] == [Ground.UNREADABLE]


class TestFaults:
    def test_a_sidecar_that_does_not_match_refuses_the_object(self, store: OcflStore) -> None:
        path = store.path(ID) / "inventory.json"
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(ObjectUnreadable, match="sidecar"):
            source_of(store.root).describe(PID)

    def test_an_object_that_is_given_a_version_meanwhile_is_read_again(self, store: OcflStore, monkeypatch: pytest.MonkeyPatch) -> None:
        real, calls = read_inventory, list[int]()

        def interrupt(document: bytes, *, mutable: bool = False) -> Any:
            calls.append(1)
            if len(calls) == 1:
                rewrite(store.path(ID), lambda facts: facts["versions"]["v2"].update(message="meanwhile"))
            return real(document, mutable=mutable)

        monkeypatch.setattr(ocflroot, "read_inventory", interrupt)
        assert source_of(store.root).describe(PID).pid == PID
        assert len(calls) == 2

    def test_an_object_without_an_inventory_is_refused(self, store: OcflStore) -> None:
        (store.path(ID) / "inventory.json").unlink()
        with pytest.raises(ObjectUnreadable, match="no inventory"):
            source_of(store.root).describe(PID)

    def test_an_inventory_of_another_object_is_refused(self, store: OcflStore) -> None:
        rewrite(store.path(ID), lambda facts: facts.update(id="demo:other"))
        with pytest.raises(ObjectUnreadable, match="another object"):
            source_of(store.root).describe(PID)

    @pytest.mark.parametrize("name", ["0=ocfl_object_1.0", "0=ocfl_object_2.0", "0=ocfl_object_1.1"])
    def test_a_declaration_that_is_not_the_inventorys_is_refused(self, store: OcflStore, name: str) -> None:
        folder, own = store.path(ID), f"0=ocfl_object_{store.specification}"
        (folder / own).unlink()
        (folder / name).write_text("ocfl_object_9\n" if name == own else f"{name[2:]}\n")
        with pytest.raises(ObjectUnreadable):
            source_of(store.root).describe(PID)

    def test_two_declarations_are_refused_and_none_is_no_object(self, store: OcflStore) -> None:
        (store.path(ID) / "0=ocfl_object_3.0").write_text("ocfl_object_3.0\n")
        with pytest.raises(ObjectUnreadable):
            source_of(store.root).describe(PID)
        for path in store.path(ID).glob("0=*"):
            path.unlink()
        with pytest.raises(ObjectNotFound):
            source_of(store.root).describe(PID)

    def test_content_that_is_not_there_is_told_and_the_rest_readable(self, store: OcflStore) -> None:
        source = source_of(store.root)
        (store.root / records(source.describe(PID))["image.jpg"].location).unlink()
        found = records(source.describe(PID))
        assert (found["image.jpg"].fault, found["image.jpg"].size, found["empty"].fault) == ("content-missing", None, None)
        with pytest.raises(ContentMissing):
            source.open(found["image.jpg"])
        assert source.describe(PID) is not source.describe(PID)

    def test_a_copy_that_is_not_there_is_held_against_the_other(self, store: OcflStore) -> None:
        rewrite(store.path(ID), lambda facts: facts["manifest"][hashlib.sha512(IMAGE).hexdigest()].append("v1/content/copy.jpg"))
        assert records(source_of(store.root).describe(PID))["image.jpg"].fault == "content-missing"

    @pytest.mark.parametrize("depth", ["file", "folder", "version", "object", "tuple", "inventory"])
    def test_no_link_is_followed_anywhere(self, store: OcflStore, tmp_path: Path, depth: str) -> None:
        folder = store.path(ID)
        place = {
            "file": folder / "v2" / "content" / "x" / "text%20file.txt",
            "folder": folder / "v2" / "content" / "x",
            "version": folder / "v2",
            "object": folder,
            "tuple": folder.parent,
            "inventory": folder / "inventory.json",
        }[depth]
        source = source_of(store.root)
        planned = records(source.describe(PID))["x%2Ftext file.txt"]
        place.rename(tmp_path / "outside")
        place.symlink_to(tmp_path / "outside")
        source = source_of(store.root)
        if depth in {"file", "folder", "version"}:
            found = records(source.describe(PID))["x%2Ftext file.txt"]
            assert (found.fault, found.size) == ("content-missing", None)
        else:
            with pytest.raises(ObjectUnreadable):
                source.describe(PID)
        if depth == "file":
            with pytest.raises(ContentChanged):
                source.open(planned)

    def test_a_folder_or_a_pipe_in_a_files_place_is_not_read(self, store: OcflStore) -> None:
        source = source_of(store.root)
        found = records(source.describe(PID))
        for dsid, make in (("image.jpg", Path.mkdir), ("empty", os.mkfifo)):
            path = store.root / found[dsid].location
            path.unlink()
            make(path)
        assert {records(source.describe(PID))[dsid].fault for dsid in ("image.jpg", "empty")} == {"content-missing"}

    def test_a_pipe_in_an_inventorys_place_does_not_hang(self, store: OcflStore) -> None:
        path = store.path(ID) / "inventory.json"
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ObjectUnreadable):
            source_of(store.root).describe(PID)

    def test_an_index_that_names_what_is_not_below_the_root_is_not_believed(self, store: OcflStore, tmp_path: Path) -> None:
        other = OcflStore(root=tmp_path / "other")
        other.put("demo:9", {"f": b"f"})
        for path in (f"../other/{other.place('demo:9')}", str(other.path("demo:9")), ""):
            with pytest.raises((ObjectUnreadable, ObjectNotFound)):
                source_of(store.root, index=KnownPaths({"demo:9": path})).describe("demo:9")

    def test_a_disk_that_fails_is_told_as_that(self, store: OcflStore, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any, **__: Any) -> Iterator[Any]:
            raise OSError(5, "Input/output error")

        source = source_of(store.root)
        monkeypatch.setattr(os, "open", fail)
        with pytest.raises(SourceUnavailable):
            source.describe(PID)


def fixture_objects(kind: str) -> list[Path]:
    return sorted((FIXTURES / kind).iterdir()) if FIXTURES.is_dir() else []


def fixture_source(folder: Path) -> tuple[OcflSource, str]:
    """A source of the folder in which a fixture lies, where it lies; no storage root of OCFL is around these."""
    pid = spell_pid(json.loads((folder / "inventory.json").read_bytes())["id"])
    assert pid
    return source_of(folder.parent, layout="index", index=KnownPaths({pid: folder.name})), pid


@pytest.fixture(autouse=True)
def undeclared(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "folder" in request.fixturenames:
        monkeypatch.setattr(ocflroot.StorageRoot, "check", lambda _: None)


@needs_shared
@pytest.mark.parametrize("folder", [*fixture_objects("good-objects"), *fixture_objects("warn-objects")], ids=lambda path: path.name)
def test_good_and_warning_fixtures_are_read_whole(folder: Path) -> None:
    source, pid = fixture_source(folder)
    record = source.describe(pid)
    facts = json.loads((folder / "inventory.json").read_bytes())
    state = facts["versions"][facts["head"]]["state"]
    assert sorted(each.label for each in record.datastreams) == sorted(path for paths in state.values() for path in paths)
    by_path = {path: digest.lower() for digest, paths in state.items() for path in paths}
    for datastream in record.datastreams:
        # The largest file of one fixture was left out of the shared data: then it is told as that, and as nothing else.
        if not (folder.parent / datastream.location).exists():
            assert (folder.name, datastream.fault) == ("updates_all_actions", "content-missing")
            continue
        assert datastream.fault is None
        with source.open(datastream) as content:
            octets = drain(content)
        assert datastream.digests[0] == Digest(algorithm=facts["digestAlgorithm"], value=by_path[datastream.label])
        assert all(hashlib.new(each.algorithm, octets).hexdigest() == each.value for each in datastream.digests)


BAD = {
    "E040_wrong_head_doesnt_exist": "head",
    "E053_E052_invalid_logical_paths": "logical path",
    "E060_E064_root_inventory_digest_mismatch": "sidecar",
    "E095_conflicting_logical_paths": "also a folder",
    "E100_E099_manifest_invalid_content_paths": "content path",
}


@needs_shared
@pytest.mark.parametrize("folder", fixture_objects("bad-objects"), ids=lambda path: path.name)
def test_bad_fixtures_are_refused_and_say_why(folder: Path) -> None:
    source, pid = fixture_source(folder)
    if folder.name in BAD:
        with pytest.raises(ObjectUnreadable, match=BAD[folder.name]):
            source.describe(pid)
        return
    (datastream,) = source.describe(pid).datastreams
    if folder.name == "E092_E093_content_path_does_not_exist":
        assert datastream.fault == "content-missing"
        return
    # Only who reads the bytes can see that they are wrong; transport compares every declared digest before the last block leaves.
    assert folder.name == "E092_content_file_digest_mismatch"
    with source.open(datastream) as content:
        assert hashlib.sha512(drain(content)).hexdigest() != datastream.digest("sha512")
