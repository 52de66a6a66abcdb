"""A storage root walked through, and what check_sources says of it."""

from pathlib import Path

import pytest

from fixtures.ocfl import OcflStore
from getapi.sources.ocflstores import OcflStore as Holdings
from getapi.sources.ocflstores import examine_root
from tests.sources.test_ocfl import SHARED, needs_shared, rewrite


@pytest.fixture
def store(tmp_path: Path) -> OcflStore:
    made = OcflStore(root=tmp_path / "root", config={})
    for identifier in ("demo:1", "info:fedora/demo:2", "object-01"):
        made.put(identifier, {"f": b"f", "deep/g": b"g"}, {"f": b"h"})
    return made


def tokens(root: Path) -> dict[str, str]:
    held = Holdings(name="main", root=root)
    assert (list(held.roots), held.dated) == (["objects"], False)
    return {token: path for folder in held.walk("objects") for token, path in held.tokens("objects", folder).items()}


def test_every_object_has_its_pid_and_nothing_in_it_is_walked_through(store: OcflStore) -> None:
    ids = {"demo:1": "demo:1", "demo:2": "info:fedora/demo:2", "ocfl:object-01": "object-01"}
    assert tokens(store.root) == {pid: store.place(identifier) for pid, identifier in ids.items()}
    walked = [folder.path for folder in Holdings(name="main", root=store.root).walk("objects")]
    assert not any("content" in path.split("/") or path.startswith("extensions/") for path in walked)
    assert [folder.path for folder in Holdings(name="main", root=store.root).walk("objects", walked[3])] == walked[4:]


def test_an_object_that_will_be_refused_is_indexed_so_that_it_can_be_said_why(store: OcflStore) -> None:
    rewrite(store.path("demo:1"), lambda facts: facts.update(head="v9"))
    assert "demo:1" in tokens(store.root)
    (store.path("demo:1") / "inventory.json").write_bytes(b"{")
    assert "demo:1" not in tokens(store.root)
    (store.path("demo:1") / "inventory.json").unlink()
    assert "demo:1" not in tokens(store.root)


def test_an_id_without_a_pid_is_left_out(store: OcflStore) -> None:
    rewrite(store.path("demo:1"), lambda facts: facts.update(id="x" * 300))
    assert sorted(tokens(store.root)) == ["demo:2", "ocfl:object-01"]


class TestExamineRoot:
    def test_says_that_all_lies_where_it_should(self, store: OcflStore) -> None:
        assert examine_root("main", store.root, "auto") == (None, 3)
        assert examine_root("main", store.root, "index") == (None, 3)

    def test_names_objects_that_do_not_lie_where_the_layout_says(self, store: OcflStore) -> None:
        trouble, seen = examine_root("main", store.root, "0002")
        assert seen == 3
        assert "does not lie where the layout 0002-flat-direct-storage-layout says" in (trouble or "")
        assert "3 of 3 objects" in (trouble or "")

    def test_names_what_is_wrong_with_an_object(self, store: OcflStore) -> None:
        rewrite(store.path("demo:1"), lambda facts: facts.update(head="v9"))
        trouble, _ = examine_root("main", store.root, "auto")
        assert trouble == f"{store.place('demo:1')}: its head is not its last version"
        rewrite(store.path("demo:1"), lambda facts: facts.update(head="v2", id="x" * 300))
        assert "too long" in (examine_root("main", store.root, "auto")[0] or "")

    def test_notices_what_is_no_storage_root_is_missing_or_empty(self, store: OcflStore, tmp_path: Path) -> None:
        assert "No such file" in (examine_root("main", tmp_path / "missing", "auto")[0] or "")
        assert "is no OCFL storage root" in (examine_root("main", tmp_path, "auto")[0] or "")
        assert examine_root("main", OcflStore(root=tmp_path / "empty").root, "auto") == ("holds no OCFL object", 0)

    @pytest.mark.parametrize("said", ['{"extension": "0012-x"}', '{"extension": "0006-flat-omit-prefix-storage-layout"}', "["])
    def test_says_that_a_layout_cannot_be_computed(self, store: OcflStore, said: str) -> None:
        (store.root / "ocfl_layout.json").write_text(said)
        trouble, _ = examine_root("main", store.root, "auto")
        assert "ocfl_layout.json" in (trouble or "")
        assert 'layout = "index"' in (trouble or "")

    @needs_shared
    def test_real_stores(self) -> None:
        assert examine_root("main", SHARED / "f6-deleted-ds-ocfl-root", "auto") == (None, 1)
        assert "sidecar" in (examine_root("main", SHARED / "f6-native-ocfl-root-invalid", "auto")[0] or "")
