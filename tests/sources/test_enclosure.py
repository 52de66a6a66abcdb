"""A path that leaves its store by a link is none of the store's, whatever was there a moment ago."""

from pathlib import Path

import pytest

from getapi.core.errors import ContentChanged, ObjectUnreadable
from getapi.sources import enclosure
from getapi.sources.enclosure import LATELY, Enclosure
from getapi.sources.fedora3 import Fedora3Source
from tests.sources.stores import DC, BuiltStore, datastream, foxml, inline, managed, version

PID, TOKEN = "demo:5", "demo:5+IMG+IMG.0"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store/a/b").mkdir(parents=True)
    (tmp_path / "elsewhere/b").mkdir(parents=True)
    return tmp_path / "store"


@pytest.mark.parametrize("path", ["file", "a/file", "a/b/file", "a/b"])
def test_plain_folders_hold(root: Path, path: str) -> None:
    assert Enclosure(root).holds(path)
    assert Enclosure(root).held_lately(path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../elsewhere/file", "a/../../elsewhere/file", "out/file", "out/b/file", "a/out/file"])
def test_what_leads_elsewhere_does_not_however_often_it_is_asked(root: Path, path: str) -> None:
    (root / "out").symlink_to(root.parent / "elsewhere")
    (root / "a/out").symlink_to(root.parent)
    each = Enclosure(root)
    assert each.held_lately("file")
    assert not any((each.holds(path), each.held_lately(path), each.held_lately(path)))


def test_a_link_within_the_store_holds(root: Path) -> None:
    (root / "within").symlink_to(root / "a")
    assert Enclosure(root).held_lately("within/b/file")


def test_a_folder_that_is_not_there_is_told(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Enclosure(root).held_lately("none/file")


def test_a_description_may_rest_on_a_look_of_a_second_ago_and_opening_on_none(root: Path) -> None:
    clock = Clock()
    each = Enclosure(root, clock=clock)
    assert each.held_lately("a/b/file")
    (root / "a").rename(root / "moved")
    (root / "a").symlink_to(root.parent / "elsewhere")
    clock.now = LATELY - 0.01
    assert (each.held_lately("a/b/other"), each.holds("a/b/other")) == (True, False)
    clock.now = LATELY
    assert not each.held_lately("a/b/other")


def test_only_so_many_folders_are_remembered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosure, "_MOST", 3)
    for number in range(10):
        (root / str(number)).mkdir()
    each = Enclosure(root, clock=lambda: 0.0)
    for number in range(10):
        assert each.held_lately(f"{number}/file")
        assert len(each._until) <= 3  # its size shows in nothing else


def test_no_byte_leaves_by_a_link_that_came_after_the_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosure, "LATELY", 60.0)
    store = BuiltStore(root=tmp_path / "store")
    store.put(PID, foxml(PID, managed(PID, "IMG")))
    store.put(TOKEN, b"image")
    source = Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, layout=store.layout, index=store.index)
    (image,) = source.describe(PID).datastreams
    folder = store.path(TOKEN).parent
    folder.rename(tmp_path / "outside")
    folder.symlink_to(tmp_path / "outside")
    assert source.describe(PID).datastreams == (image,), "it is the very same file"
    with pytest.raises(ContentChanged):
        source.open(image)


@pytest.mark.parametrize("dsid", ["DC", "IMG"])
def test_what_was_described_by_a_link_that_came_a_moment_ago_does_not_stay_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsid: str
) -> None:
    monkeypatch.setattr(enclosure, "LATELY", 60.0)
    store = BuiltStore(root=tmp_path / "store", layout="legacy")
    for pid in (PID, "demo:6"):
        store.put(pid, foxml(pid, datastream("DC", "X", version("DC.0", inline(DC))), managed(pid, "IMG")))
        store.put(f"{pid}+IMG+IMG.0", b"image")
    source = Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, layout="legacy", index=store.index)
    source.describe(PID)
    for folder in (store.path(PID).parent, store.path(TOKEN).parent):
        folder.rename(tmp_path / folder.parts[-5])
        folder.symlink_to(tmp_path / folder.parts[-5])
    found = {each.dsid: each for each in source.describe("demo:6").datastreams}
    with pytest.raises(ContentChanged):
        source.open(found[dsid])
    for each in (source._objects, source._datastreams):  # a second later
        each._enclosure._until.clear()
    with pytest.raises(ObjectUnreadable):
        source.describe("demo:6")
