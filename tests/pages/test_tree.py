"""A package's files as folders."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from getapi.pages.tree import MOST_LINES, Folder, grow

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


def shown(folder: Folder) -> int:
    """Lines below it that are seen once it is open."""
    return folder.lines + sum(shown(below) for below in folder.below if below.is_open)


@given(st.lists(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=3), max_size=300))
def test_no_more_is_unfolded_at_once_than_a_page_can_show(steps: list[list[str]]) -> None:
    top = grow("bag", [row("/".join([*above, f"file-{number}"]), 1) for number, above in enumerate(steps)])
    for folder in everything(top):
        if folder is top or not folder.is_open:
            assert shown(folder) <= max(MOST_LINES, folder.lines)


def test_what_is_small_is_open_from_the_start() -> None:
    top = grow("bag", [row(f"one/two/{n}", 1) for n in range(40)] + [row("three/1", 1)])
    assert all(folder.is_open for folder in everything(top))


def test_of_many_files_the_folders_that_hold_them_are_seen_and_not_the_files() -> None:
    top = grow("bag", [row(f"Atlas/Volume {n // 125}/{n}", 1) for n in range(1000)])
    assert {folder.name: folder.is_open for folder in everything(top)} == {
        "bag": True,
        "Atlas": True,
        **{f"Volume {n}": False for n in range(8)},
    }


def test_a_thousand_files_in_no_folder_are_closed_and_what_is_below_a_large_folder_opens_with_it() -> None:
    assert not grow("bag", [row(f"{n}", 1) for n in range(1000)]).is_open
    top = grow("bag", [row(f"Sheets {m}/Sheet {n}/file", 1) for m in range(3) for n in range(45)])
    assert [top.is_open, *(below.is_open for below in top.below)] == [True, True, True, False]
    assert all(sheet.is_open for sheet in top.folders["Sheets 2"].below)


def test_files_and_folders_stand_in_the_package_s_own_order() -> None:
    top = grow("bag", [row("1_first", 1), row("2_second/a", 1), row("3_third", 1), row("2_second/b", 1)])
    assert [each.name for each in top.contents] == ["1_first", "2_second", "3_third"]
    assert [each.is_folder for each in top.contents] == [False, True, False]
