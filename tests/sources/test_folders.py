"""Walks of a store that can be taken up again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.sources import folders as module
from getapi.sources.folders import walk_folders


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    for path in ("top", "a/1", "a/b/2", "a/b/c/3", "a/b/c/4", "a-b/5", "d/6", "d/e/f/7", "2015/0430/16/01/8"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    (root / "link").symlink_to(root / "a")
    (root / "d" / "dangling").symlink_to("nowhere")
    return root


def test_each_folder_comes_before_those_in_it_and_links_do_not(root: Path) -> None:
    paths = [folder.path for folder in walk_folders(root)]
    assert paths == ["", "2015", "2015/0430", "2015/0430/16", "2015/0430/16/01", "a", "a/b", "a/b/c", "a-b", "d", "d/e", "d/e/f"]
    assert [folder.names for folder in walk_folders(root) if folder.names] == [
        ("top",),
        ("8",),
        ("1",),
        ("2",),
        ("3", "4"),
        ("5",),
        ("6",),
        ("7",),
    ]


@given(number=st.integers(0, 11))
def test_a_walk_goes_on_after_any_folder(root: Path, number: int) -> None:
    whole = list(walk_folders(root))
    assert list(walk_folders(root, after=whole[number].path)) == whole[number + 1 :]


def test_a_walk_goes_on_after_a_folder_that_is_gone_or_never_was(root: Path) -> None:
    assert [folder.path for folder in walk_folders(root, after="a/bb/x")] == ["a-b", "d", "d/e", "d/e/f"]
    assert [folder.path for folder in walk_folders(root, after="2015/0430")][:2] == ["2015/0430/16", "2015/0430/16/01"]


def test_a_root_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk_folders(tmp_path / "nowhere"))


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_a_folder_that_vanishes_or_is_kept_from_us_is_left_out(root: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]) -> None:
    read = module._read

    def fail(folder: Path) -> tuple[tuple[str, ...], list[str]]:
        if folder.name == "b":
            raise error
        return read(folder)

    monkeypatch.setattr(module, "_read", fail)
    assert [folder.path for folder in walk_folders(root)][5:8] == ["a", "a-b", "d"]


def test_a_disk_that_fails_ends_the_walk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = module._read

    def fail(folder: Path) -> tuple[tuple[str, ...], list[str]]:
        if folder.name == "b":
            raise OSError(5, "Input/output error")
        return read(folder)

    monkeypatch.setattr(module, "_read", fail)
    with pytest.raises(OSError, match="Input"):
        list(walk_folders(root))


def test_names_that_are_no_unicode_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"")
    with (tmp_path / b"\xff".decode("utf-8", "surrogateescape")).open("wb"):
        pass
    assert next(walk_folders(tmp_path)).names == ("good",)
