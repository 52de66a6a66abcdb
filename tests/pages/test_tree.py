"""A package's files as folders."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from getapi.pages.tree import Folder, grow

names = st.sampled_from(["a", "b", "c d"])
paths = st.lists(st.lists(names, min_size=1, max_size=4), max_size=30)


def row(path: str, size: int | None) -> dict[str, Any]:
    return {"pid": "x:1", "dsid": "D", "path": f"data/{path}", "size": size}


def everything(folder: Folder) -> list[Folder]:
    return [folder, *(inner for below in folder.below for inner in everything(below))]


@given(paths, st.integers(0, 10**12))
def test_each_folder_sums_all_that_is_below_it_and_no_file_is_lost(steps: list[list[str]], size: int) -> None:
    rows = [row("/".join([*above, f"file-{number}"]), size + number) for number, above in enumerate(steps)]
    top = grow("bag", rows)
    assert (top.size, top.count) == (sum(each["size"] for each in rows), len(rows))
    for folder in everything(top):
        assert folder.size == sum(file.size or 0 for file in folder.files) + sum(below.size for below in folder.below)
        assert folder.count == len(folder.files) + sum(below.count for below in folder.below)
    assert sum(len(folder.files) for folder in everything(top)) == len(rows)


def test_shares_are_hundredths_of_the_whole_and_unknown_sizes_count_as_nothing() -> None:
    top = grow("bag", [row("a/one", 25), row("two", 75), row("three", None)])
    assert [file.share for folder in everything(top) for file in folder.files] == [75.0, 0.0, 25.0]
    assert top.size == 100
    assert grow("bag", [row("empty", 0)]).files[0].share == 0


def test_large_folders_are_closed_at_first() -> None:
    top = grow("bag", [row(f"many/{n}", 1) for n in range(31)] + [row("few/1", 1)])
    assert {folder.name: folder.is_open for folder in everything(top)} == {"bag": False, "many": False, "few": True}
