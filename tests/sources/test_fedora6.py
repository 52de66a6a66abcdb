"""Fedora 6 resources in OCFL: binaries alone, active ones alone, and those alone that everybody may read."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.fedora6 import ACL, ROOT, Binary, archival_group, atomic_binary, grant, header, state
from fixtures.ocfl import OcflStore, Version
from getapi.core.access import AccessRules, Allowed, decide
from getapi.core.errors import ContentMissing, ObjectNotFound, ObjectUnreadable
from getapi.core.source import ControlGroup, DatastreamRecord, ObjectRecord, State
from getapi.sources.ocfl import OcflSource
from tests.sources.contract import drain
from tests.sources.stores import KnownPaths
from tests.sources.test_ocfl import SHARED, needs_shared, records, source_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AG, OTHER, COLLECTION = "info:fedora/demo:5", "info:fedora/demo:6", "info:fedora/collection"
STAFF = "http://example.org/staff"
TWO = {"a.txt": Binary(octets=b"text", filename="A text.txt"), "x/b.tif": Binary(octets=b"image", mime="image/tiff")}
BOTH = ["a.txt", "x%2Fb.tif"]


@pytest.fixture
def store(tmp_path: Path) -> OcflStore:
    return OcflStore(root=tmp_path / "root", specification="1.0")


@pytest.fixture
def source(store: OcflStore) -> OcflSource:
    return source_of(store.root)


def leaving(record: ObjectRecord) -> list[str]:
    """What everybody may have of an object."""
    return [each.dsid for each in record.datastreams if isinstance(decide(record, each, AccessRules(), NOW), Allowed) and not each.fault]


def put(store: OcflStore, source: OcflSource, version: Version, identifier: str = AG, pid: str = "demo:5") -> list[str]:
    store.put(identifier, version)
    return leaving(source.describe(pid))


def without(version: Version, *paths: str) -> Version:
    return {path: octets for path, octets in version.items() if path not in paths}


def changed(version: Version, key: str, **facts: Any) -> Version:
    path = f".fcrepo/{key}.json"
    return {**version, path: json.dumps(json.loads(version[path]) | facts).encode()}


def found(store: OcflStore, source: OcflSource, version: Version) -> Mapping[str, DatastreamRecord]:
    store.put(AG, version)
    return records(source.describe("demo:5"))


class TestBinaries:
    def test_an_archival_groups_binaries_are_its_datastreams_and_nothing_else_is(self, store: OcflStore, source: OcflSource) -> None:
        rdf = f'<{AG}> <http://purl.org/dc/terms/title> "A group" .\n'
        told = found(store, source, archival_group(AG, TWO, acl=grant(AG), containers={"x": ("", None)}, rdf=rdf))
        assert source.describe("demo:5").label == "A group"
        assert list(told) == BOTH
        text = told["a.txt"]
        assert (text.mime, text.label, text.size, text.declared_size) == ("text/plain", "A text.txt", 4, 4)
        assert text.created == datetime(2024, 6, 3, 9, 30, 0, 123456, tzinfo=UTC)
        assert leaving(source.describe("demo:5")) == BOTH
        with source.open(told["x%2Fb.tif"]) as content:
            assert drain(content) == b"image"

    def test_an_atomic_binary_is_an_object_of_one_datastream(self, store: OcflStore, source: OcflSource) -> None:
        identifier = "info:fedora/a/image.tiff"
        store.put("info:fedora/a", archival_group("info:fedora/a", {}))
        version = atomic_binary(identifier, Binary(octets=b"image", mime="image/tiff", filename="scan.tif"), parent="info:fedora/a")
        assert put(store, source, version, identifier, "fedora:a%2Fimage.tiff") == ["image.tiff"]
        assert source.describe("fedora:a%2Fimage.tiff").label == "scan.tif"

    def test_a_container_has_no_datastream(self, store: OcflStore, source: OcflSource) -> None:
        assert put(store, source, archival_group(AG, {})) == []

    def test_a_deleted_binary_is_not_there_and_a_deleted_object_neither(self, store: OcflStore, source: OcflSource) -> None:
        assert list(found(store, source, archival_group(AG, {**TWO, "gone": Binary(deleted=True)}))) == BOTH
        store.put("info:fedora/gone", {".fcrepo/fcr-root.json": header("info:fedora/gone", "x", deleted=True), "a.txt": b"left"})
        record = source.describe("fedora:gone")
        assert (record.state, record.datastreams) == (State.DELETED, ())

    def test_a_migrated_object_may_have_its_bare_pid_as_its_id(self, store: OcflStore, source: OcflSource) -> None:
        assert put(store, source, archival_group(AG, TWO), "demo:5") == BOTH

    def test_a_title_in_the_description_is_the_label(self, store: OcflStore, source: OcflSource) -> None:
        rdf = f'<{AG}/a.txt> <http://purl.org/dc/terms/title> "The label" .\n<{AG}/a.txt> <http://purl.org/dc/terms/title> <a:b> .'
        assert found(store, source, archival_group(AG, {"a.txt": Binary(octets=b"x", filename="f", rdf=rdf)}))["a.txt"].label == "The label"

    @pytest.mark.parametrize(("handling", "group"), [("proxy", "E"), ("redirect", "R"), ("copy", "R"), ("", "R")])
    def test_what_is_kept_elsewhere_is_external_or_a_redirect(
        self, store: OcflStore, source: OcflSource, handling: str, group: str
    ) -> None:
        binary = Binary(url="https://media.example.org/a.mp4", handling=handling, mime="video/mp4")
        told = found(store, source, archival_group(AG, {"a.mp4": binary}))["a.mp4"]
        assert (told.control_group, told.location, told.size, told.fault) == (ControlGroup(group), binary.url, None, None)
        assert leaving(source.describe("demo:5")) == []
        rules = AccessRules(external_hosts=frozenset({"media.example.org"}))
        assert isinstance(decide(source.describe("demo:5"), told, rules, NOW), Allowed) == (group == "E")
        with pytest.raises(ContentMissing):
            source.open(told)

    def test_rights_statements_of_a_migrated_object_count(self, store: OcflStore, source: OcflSource) -> None:
        rights = b'<rightsMetadata xmlns="http://hydra-collab.stanford.edu/schemas/rightsMetadata/v1"/>'
        assert put(store, source, archival_group(AG, {**TWO, "rightsMetadata": Binary(octets=rights)})) == []

    def test_always_wants_headers_and_auto_takes_plain_objects(self, store: OcflStore, source: OcflSource) -> None:
        store.put("demo:plain", {"a": b"a"})
        assert leaving(source.describe("demo:plain")) == ["a"]
        with pytest.raises(ObjectUnreadable, match="headers"):
            source_of(store.root, headers_required=True).describe("demo:plain")


class TestStates:
    @pytest.mark.parametrize(
        "value",
        ["A", "Active", "<http://fedora.info/definitions/1/0/access/ObjState#Active>", "<info:fedora/fedora-system:def/model#Active>"],
    )
    def test_active_is_active_in_all_its_words(self, store: OcflStore, source: OcflSource, value: str) -> None:
        version = archival_group(AG, {"a": Binary(octets=b"a", rdf=state(f"{AG}/a", value))}, rdf=state(AG, value))
        assert put(store, source, version) == ["a"]

    @pytest.mark.parametrize(
        "value", ["I", "D", "Inactive", "<http://fedora.info/definitions/1/0/access/ObjState#Deleted>", "", "Aktiv", "<a:A>"]
    )
    def test_anything_else_closes(self, store: OcflStore, source: OcflSource, value: str) -> None:
        assert put(store, source, archival_group(AG, TWO, rdf=state(AG, value))) == []
        one = archival_group(OTHER, {**TWO, "c": Binary(octets=b"c", rdf=state(f"{OTHER}/c", value) + state(f"{OTHER}/c", "A"))})
        assert put(store, source, one, OTHER, "demo:6") == BOTH

    def test_fedora_3s_own_word_for_a_state_counts_too(self, store: OcflStore, source: OcflSource) -> None:
        rdf = f'<{AG}> <info:fedora/fedora-system:def/model#state> "Inactive" .\n'
        assert put(store, source, archival_group(AG, TWO, rdf=rdf)) == []

    def test_a_container_within_closes_what_is_in_it(self, store: OcflStore, source: OcflSource) -> None:
        assert put(store, source, archival_group(AG, TWO, containers={"x": (state(f"{AG}/x", "I"), None)})) == ["a.txt"]

    def test_a_deleted_container_closes_what_is_left_in_it(self, store: OcflStore, source: OcflSource) -> None:
        version = changed(archival_group(AG, TWO, containers={"x": ("", None)}), "x", deleted=True)
        assert put(store, source, version) == ["a.txt"]

    def test_an_atomic_binarys_description_tells_its_state(self, store: OcflStore, source: OcflSource) -> None:
        identifier = "info:fedora/a"
        version = atomic_binary(identifier, Binary(octets=b"x", rdf=state(identifier, "I")))
        assert put(store, source, version, identifier, "fedora:a") == []


class TestAccess:
    @pytest.mark.parametrize(
        ("own", "group", "reads"),
        [
            (None, None, True),
            (None, grant(AG), True),
            (None, grant(AG, agent=STAFF), False),
            (None, grant(AG, reach=("accessTo",)), False),
            (grant(f"{AG}/a"), grant(AG, agent=STAFF), True),
            (grant(f"{AG}/a", agent=STAFF), grant(AG), False),
            (grant(f"{AG}/a", mode="Write"), None, False),
            ("", None, False),
            ("broken", None, False),
            (None, "broken", False),
        ],
    )
    def test_the_nearest_access_list_decides(
        self, store: OcflStore, source: OcflSource, own: str | None, group: str | None, reads: bool
    ) -> None:
        version = archival_group(AG, {"a": Binary(octets=b"a", acl=own)}, acl=group)
        assert put(store, source, version) == (["a"] if reads else [])

    def test_a_container_within_hands_its_own_down(self, store: OcflStore, source: OcflSource) -> None:
        within = {"x": ("", grant(f"{AG}/x", agent=STAFF))}
        assert put(store, source, archival_group(AG, TWO, acl=grant(AG), containers=within)) == ["a.txt"]
        version = archival_group(OTHER, TWO, acl=grant(OTHER, agent=STAFF), containers={"x": ("", grant(f"{OTHER}/x"))})
        assert put(store, source, version, OTHER, "demo:6") == ["x%2Fb.tif"]

    @pytest.mark.parametrize(
        ("acl", "reads"), [(grant, True), (lambda it: grant(it, agent=STAFF), False), (lambda _: "", False), (lambda _: None, True)]
    )
    def test_an_atomic_binarys_own_list_counts(
        self, store: OcflStore, source: OcflSource, acl: Callable[[str], str | None], reads: bool
    ) -> None:
        version = atomic_binary("info:fedora/b", Binary(octets=b"x", acl=acl("info:fedora/b")))
        assert put(store, source, version, "info:fedora/b", "fedora:b") == (["b"] if reads else [])

    @pytest.mark.parametrize(
        ("collection", "root", "reads"),
        [
            (None, None, True),
            (grant(COLLECTION), grant(ROOT, agent=STAFF), True),
            (grant(COLLECTION, agent=STAFF), grant(ROOT), False),
            (grant(COLLECTION, reach=("accessTo",)), grant(ROOT), False),
            (None, grant(ROOT, agent=STAFF), False),
            (None, grant(ROOT), True),
            (None, "broken", False),
        ],
    )
    def test_objects_above_are_asked_up_to_the_root(
        self, store: OcflStore, source: OcflSource, collection: str | None, root: str | None, reads: bool
    ) -> None:
        store.put(ROOT, archival_group(ROOT, {}, acl=root, parent=ROOT))
        store.put(COLLECTION, archival_group(COLLECTION, {}, acl=collection, parent=f"{ROOT}/"))
        assert put(store, source, archival_group(AG, TWO, parent=COLLECTION)) == (BOTH if reads else [])

    def test_a_list_that_is_set_above_closes_what_was_open_before(self, store: OcflStore, source: OcflSource) -> None:
        """Also where there was no root object at all: what a record rests on may be that something is not there."""
        assert put(store, source, archival_group(AG, TWO)) == BOTH
        assert source.describe("demo:5") is source.describe("demo:5")
        store.put(ROOT, archival_group(ROOT, {}, acl=grant(ROOT, agent=STAFF), parent=ROOT))
        assert leaving(source.describe("demo:5")) == []

    def test_without_a_computed_place_an_absent_root_is_looked_for_each_time(self, store: OcflStore) -> None:
        store.put(AG, archival_group(AG, TWO))
        index = KnownPaths({"demo:5": store.place(AG)})
        source = source_of(store.root, layout="index", index=index)
        assert leaving(source.describe("demo:5")) == BOTH
        store.put(ROOT, archival_group(ROOT, {}, acl=grant(ROOT, agent=STAFF), parent=ROOT))
        index.paths["info:fedora"] = store.place(ROOT)
        assert leaving(source.describe("demo:5")) == []

    @pytest.mark.parametrize("parent", ["info:fedora/none", "", AG, "info:fedora/gone", "info:fedora/broken", "info:fedora/plain"])
    def test_those_above_that_cannot_be_read_close(self, store: OcflStore, source: OcflSource, parent: str) -> None:
        store.put("info:fedora/gone", {".fcrepo/fcr-root.json": header("info:fedora/gone", "x", deleted=True)})
        store.put("info:fedora/plain", {"a": b"a"})
        folder = store.put("info:fedora/broken", archival_group("info:fedora/broken", {}))
        (folder / "inventory.json").write_bytes(b"{}")
        assert put(store, source, archival_group(AG, TWO, parent=parent)) == []

    def test_a_circle_of_parents_closes(self, store: OcflStore, source: OcflSource) -> None:
        store.put(COLLECTION, archival_group(COLLECTION, {}, parent="info:fedora/other"))
        store.put("info:fedora/other", archival_group("info:fedora/other", {}, parent=COLLECTION))
        assert put(store, source, archival_group(AG, TWO, parent=COLLECTION)) == []

    def test_a_deleted_list_is_none(self, store: OcflStore, source: OcflSource) -> None:
        version = without(archival_group(AG, TWO, acl=grant(AG, agent=STAFF)), "fcr-container~fcr-acl.nt")
        deleted = header(f"{AG}/fcr:acl", ACL, parent=AG, deleted=True)
        assert put(store, source, {**version, ".fcrepo/fcr-root~fcr-acl.json": deleted}) == BOTH

    def test_a_list_without_a_header_or_a_header_without_a_list_closes(self, store: OcflStore, source: OcflSource) -> None:
        version = archival_group(AG, TWO, acl=grant(AG))
        assert put(store, source, without(version, ".fcrepo/fcr-root~fcr-acl.json")) == []
        version = archival_group(OTHER, TWO, acl=grant(OTHER))
        assert put(store, source, without(version, "fcr-container~fcr-acl.nt"), OTHER, "demo:6") == []


class TestFailsClosed:
    def test_headers_of_another_resource_are_not_believed(self, store: OcflStore, source: OcflSource) -> None:
        version = archival_group(AG, TWO, acl=grant(AG))
        assert put(store, source, changed(version, "fcr-root~fcr-acl", id="info:fedora/other")) == []
        store.put(OTHER, version)
        with pytest.raises(ObjectUnreadable, match="another"):
            source.describe("demo:6")

    @pytest.mark.parametrize(
        "facts",
        [
            {"id": f"{AG}/other"},
            {"contentPath": "none"},
            {"contentPath": None},
            {"contentPath": 3},
            {"contentPath": "x/b.tif"},
            {"contentPath": "fcr-container.nt", "digests": []},
            {"contentPath": "x/b.tif~fcr-desc.nt", "digests": []},
            {"contentPath": ".fcrepo/fcr-root.json", "digests": []},
            {"deleted": "no"},
            {"digests": {}},
            {"digests": [f"urn:sha-512:{'a' * 128}"]},
            {"digests": ["urn:md5:" + "a" * 32, "urn:sha512:" + "b" * 128]},
            {"externalUrl": "https://example.org/x"},
            {"mimeType": ["text/plain"]},
        ],
    )
    def test_a_binarys_header_that_says_what_cannot_be_closes_that_binary(
        self, store: OcflStore, source: OcflSource, facts: dict[str, Any]
    ) -> None:
        assert put(store, source, changed(archival_group(AG, TWO), "a.txt", **facts)) == ["x%2Fb.tif"]

    @pytest.mark.parametrize("octets", [b"", b"[", b"[]", b"[" * 100_000, b"\xff", b" " * (4 * 2**20 + 1)])
    def test_a_header_that_is_none_closes(self, store: OcflStore, source: OcflSource, octets: bytes) -> None:
        assert put(store, source, {**archival_group(AG, TWO), ".fcrepo/a.txt.json": octets}) == ["x%2Fb.tif"]
        store.put(OTHER, {**archival_group(OTHER, TWO), ".fcrepo/fcr-root.json": octets})
        with pytest.raises(ObjectUnreadable, match="headers"):
            source.describe("demo:6")

    def test_rdf_whose_bytes_are_not_those_of_the_inventory_is_not_believed(self, store: OcflStore, source: OcflSource) -> None:
        folder = store.put(AG, archival_group(AG, {"a": Binary(octets=b"a", acl=grant(f"{AG}/a", agent=STAFF))}))
        (folder / "v1" / "content" / "a~fcr-acl.nt").write_text(grant(f"{AG}/a"))
        assert leaving(source.describe("demo:5")) == []

    @pytest.mark.parametrize("above", [False, True])
    def test_what_could_not_be_read_once_is_read_again(self, store: OcflStore, source: OcflSource, tmp_path: Path, above: bool) -> None:
        folder = store.put(COLLECTION, archival_group(COLLECTION, {}, acl=grant(COLLECTION)))
        own = store.put(AG, archival_group(AG, TWO, parent=COLLECTION))
        path = (folder if above else own) / "v1" / "content" / ("fcr-container~fcr-acl.nt" if above else "fcr-container.nt")
        path.rename(tmp_path / "away")
        assert leaving(source.describe("demo:5")) == []
        (tmp_path / "away").rename(path)
        assert leaving(source.describe("demo:5")) == BOTH

    @pytest.mark.parametrize("lost", ["a.txt~fcr-desc.nt", ".fcrepo/a.txt~fcr-desc.json"])
    def test_a_binary_without_its_description_is_closed(self, store: OcflStore, source: OcflSource, lost: str) -> None:
        assert put(store, source, without(archival_group(AG, {**TWO, "c": Binary(rdf=" ")}), lost)) == ["c", "x%2Fb.tif"]

    def test_an_object_without_its_rdf_is_closed(self, store: OcflStore, source: OcflSource) -> None:
        assert put(store, source, without(archival_group(AG, TWO), "fcr-container.nt")) == []
        assert put(store, source, {**archival_group(OTHER, TWO), "fcr-container.nt": b"no triples"}, OTHER, "demo:6") == []

    def test_a_container_whose_header_is_broken_closes_what_is_in_it(self, store: OcflStore, source: OcflSource) -> None:
        version = archival_group(AG, TWO, containers={"x": ("", None)})
        assert put(store, source, {**version, ".fcrepo/x.json": b"{"}) == ["a.txt"]

    def test_an_atomic_binary_has_nothing_beside_it(self, store: OcflStore, source: OcflSource) -> None:
        version = {**atomic_binary(AG, Binary(octets=b"x")), **{k: v for k, v in archival_group(AG, TWO).items() if "fcr-" not in k}}
        assert put(store, source, version) == ["demo:5"]

    def test_files_without_headers_are_no_datastreams(self, store: OcflStore, source: OcflSource) -> None:
        assert put(store, source, {**archival_group(AG, TWO), "smuggled.txt": b"secret", "x/fcr-container.nt": b""}) == BOTH


class TestRealStores:
    @needs_shared
    def test_an_archival_group_with_a_deleted_datastream(self) -> None:
        source = source_of(SHARED / "f6-deleted-ds-ocfl-root")
        record = source.describe("fixture:deleted-datastream-1")
        assert list(records(record)) == ["AUDIT", "DC"]
        # Fedora's audit trail is reserved as it is with Fedora 3.
        assert leaving(record) == ["DC"]
        told = records(record)["DC"]
        assert (told.mime, told.size, told.version) == ("text/xml", 394, "v1")
        with source.open(told) as content:
            assert drain(content).lstrip().startswith(b"<")

    @needs_shared
    def test_a_deleted_object(self) -> None:
        record = source_of(SHARED / "f6-deleted-object-ocfl-root").describe("fixture:deleted-datastream-1")
        assert (record.state, record.datastreams) == (State.DELETED, ())

    @needs_shared
    def test_a_store_with_a_binary_without_its_description(self) -> None:
        source = source_of(SHARED / "f6-native-ocfl-root-invalid")
        assert source.describe("info:fedora").datastreams == ()
        with pytest.raises(ObjectUnreadable, match="sidecar"):
            source.describe("fedora:test")
        record = source.describe("fedora:binary")
        assert leaving(record) == []
        assert [told.fault for told in record.datastreams] == ["malformed"]

    @needs_shared
    def test_resources_that_are_not_packed_into_ocfl_are_not_there(self) -> None:
        with pytest.raises(ObjectNotFound):
            source_of(SHARED / "f6-native-ocfl-root-invalid").describe("fedora:archival-group")
