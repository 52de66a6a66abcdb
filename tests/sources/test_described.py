"""What a Fedora 3 source remembers of objects: the same record for as long as the files it rests on are the same, and no longer."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest

from getapi.core.errors import ObjectNotFound, SourceUnavailable
from getapi.core.restriction import Ground
from getapi.core.source import DatastreamRecord, ObjectRecord
from getapi.sources import fedora3
from getapi.sources.content import Witness, identity
from getapi.sources.digitalobject import DigitalObject
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.foxml import read_foxml
from tests.sources.stores import DC, BuiltStore, KnownPaths, datastream, foxml, inline, managed, version

PID = "demo:5"
OPEN = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
CLOSED = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:s="info:islandora/islandora-system:def/scholar#">'
    f'<rdf:Description rdf:about="info:fedora/{PID}"><s:embargo-until>2999-01-31</s:embargo-until></rdf:Description></rdf:RDF>'
)
RELATIONS = f"{PID}+RELS-EXT+RELS-EXT.0"
IMAGE = f"{PID}+IMG+IMG.0"


@pytest.fixture(params=["akubra", "legacy"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BuiltStore:
    built = BuiltStore(root=tmp_path, layout=request.param)
    parts = (datastream("DC", "X", version("DC.0", inline(DC))), managed(PID, "RELS-EXT"), managed(PID, "IMG"))
    built.put(PID, foxml(PID, *parts))
    built.put(RELATIONS, OPEN.encode())
    built.put(IMAGE, b"image")
    return built


@pytest.fixture
def source(store: BuiltStore) -> Fedora3Source:
    return Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, layout=store.layout, index=store.index)


def sizes(record: ObjectRecord) -> dict[str, int | None]:
    return {datastream.dsid: datastream.size for datastream in record.datastreams}


def test_what_has_not_changed_is_the_same_record(source: Fedora3Source) -> None:
    assert source.describe(PID) is source.describe(PID)
    assert source.describe("Demo:5") == source.describe(PID)


@pytest.mark.usefixtures("no_collection")
def test_what_is_forgotten_is_freed_at_once_and_not_by_the_garbage_collector(tmp_path: Path) -> None:
    pid = "forgotten:1"
    store = BuiltStore(root=tmp_path)
    store.put(pid, foxml(pid, datastream("DC", "X", version("DC.0", inline(DC))), managed(pid, "IMG")))
    store.put(f"{pid}+IMG+IMG.0", b"image")

    def remembered() -> int:
        return sum(isinstance(each, ObjectRecord | DatastreamRecord) and each.pid == pid for each in gc.get_objects())

    source = Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, index=store.index)
    with source.open(source.describe(pid).datastreams[0]) as content:
        assert content.read(100)
    assert remembered() == 3
    del source, content
    assert remembered() == 0


def test_another_spelling_is_the_same_record_and_reads_nothing_again(source: Fedora3Source, monkeypatch: pytest.MonkeyPatch) -> None:
    known = source.describe(PID)
    monkeypatch.setattr(fedora3, "read_foxml", None)
    assert source.describe("Demo:5") is known
    assert source.describe(PID) is known


@pytest.mark.parametrize("simple", [0, 2**20])
def test_of_a_large_object_only_what_has_changed_is_read_again(
    store: BuiltStore, source: Fedora3Source, monkeypatch: pytest.MonkeyPatch, simple: int
) -> None:
    read: list[str] = []
    monkeypatch.setattr(fedora3, "_SIMPLE", simple)

    def note(document: bytes, pid: str) -> DigitalObject:
        read.append(pid)
        return read_foxml(document, pid)

    monkeypatch.setattr(fedora3, "read_foxml", note)
    source.describe(PID)
    os.utime(store.path(IMAGE), ns=(0, 0))
    assert sizes(source.describe(PID))["IMG"] == 5
    assert read == [PID] * (1 if simple == 0 else 2)


@pytest.mark.parametrize("token", [PID, RELATIONS, IMAGE])
def test_whatever_file_is_touched_is_looked_at_again(store: BuiltStore, source: Fedora3Source, token: str) -> None:
    known = source.describe(PID)
    status = store.path(token).stat()
    os.utime(store.path(token), ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert source.describe(PID) is not known


@pytest.mark.parametrize("token", [PID, RELATIONS, IMAGE])
def test_a_file_replaced_by_its_equal_is_looked_at_again(store: BuiltStore, source: Fedora3Source, token: str) -> None:
    known, path = source.describe(PID), store.path(token)
    status = path.stat()
    (path.parent / "new").write_bytes(path.read_bytes())
    os.utime(path.parent / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (path.parent / "new").rename(path)
    assert source.describe(PID) is not known


def test_a_managed_rights_statement_that_closes_later_is_seen_at_once(store: BuiltStore, source: Fedora3Source) -> None:
    assert source.describe(PID).restrictions == ()
    store.put(RELATIONS, CLOSED.encode())
    assert [restriction.ground for restriction in source.describe(PID).restrictions] == [Ground.EMBARGO]
    store.put(RELATIONS, OPEN.encode())
    assert source.describe(PID).restrictions == ()


def test_content_that_goes_and_comes_back_is_seen(store: BuiltStore, source: Fedora3Source) -> None:
    source.describe(PID)
    store.path(IMAGE).unlink()
    assert sizes(source.describe(PID))["IMG"] is None
    store.put(IMAGE, b"another image")
    assert sizes(source.describe(PID))["IMG"] == 13


@pytest.mark.parametrize("replace", [lambda path: path.symlink_to("elsewhere"), lambda path: path.mkdir()])
def test_a_link_or_a_folder_in_a_files_place_is_no_content(
    store: BuiltStore, source: Fedora3Source, replace: Callable[[Path], object]
) -> None:
    source.describe(PID)
    path = store.path(IMAGE)
    path.unlink()
    replace(path)
    assert sizes(source.describe(PID))["IMG"] is None


def test_a_statement_that_cannot_be_read_closes_only_while_it_cannot(
    store: BuiltStore, source: Fedora3Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", fail)
        assert [restriction.ground for restriction in source.describe(PID).restrictions] == [Ground.UNREADABLE]
    assert source.describe(PID).restrictions == ()


def test_an_object_that_was_purged_is_gone(store: BuiltStore, source: Fedora3Source) -> None:
    source.describe(PID)
    store.path(PID).unlink()
    store.index.paths.clear()
    with pytest.raises(ObjectNotFound):
        source.describe(PID)


def test_a_store_that_is_no_longer_mounted_is_away(store: BuiltStore, source: Fedora3Source) -> None:
    source.describe(PID)
    rmtree(store.objects)
    with pytest.raises(SourceUnavailable):
        source.describe(PID)


def test_a_witness_knows_times_before_1970(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    os.utime(file, ns=(0, -1_500_000_000))
    witness = Witness.of(str(file), identity(file.stat()))
    assert witness.mtime == -1_500_000_000
    assert witness.holds()


@pytest.mark.parametrize("pid", ["demo:none", "DEMO:None"])
def test_an_object_that_is_not_there_costs_the_index_two_questions(store: BuiltStore, source: Fedora3Source, pid: str) -> None:
    asked: list[str] = []

    class Counting(KnownPaths):
        def path(self, token: str, *, gone: str = "") -> str | None:
            asked.append(token)
            return super().path(token, gone=gone)

        def pids(self, folded: str) -> list[str]:
            asked.append(folded)
            return list(super().pids(folded))

    counting = Fedora3Source(
        name="main", objects=store.objects, datastreams=store.datastreams, layout=store.layout, index=Counting(store.index.paths)
    )
    with pytest.raises(ObjectNotFound):
        counting.describe(pid)
    assert asked == [pid, "demo:none"]


def test_a_folder_that_is_not_there_is_an_absent_object_only_while_its_store_is(tmp_path: Path) -> None:
    store = BuiltStore(root=tmp_path)
    source = Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, index=store.index)
    store.put("demo:other", foxml("demo:other"))
    store.path("demo:none").parent.mkdir()
    for _ in range(2):
        with pytest.raises(ObjectNotFound):
            source.describe("demo:none")
        rmtree(store.path("demo:none").parent, ignore_errors=True)
    rmtree(store.objects)
    with pytest.raises(SourceUnavailable):
        source.describe("demo:none")
