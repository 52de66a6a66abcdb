import time
import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from getapi.core.paths import Folder, Leaf, Placed, assign_paths

BAG = "rutgers-lib-1234"
Tree = Folder[int] | Leaf[int]


def leaf(name: str, key: int = 0, *, ordered: bool = True) -> Leaf[int]:
    return Leaf(key=key, name=name, ordered=ordered)


def folder(label: str, *children: Tree, ordered: bool = True) -> Folder[int]:
    return Folder(label=label, children=children, ordered=ordered)


def place(*children: Tree, bag_name: str = BAG) -> list[Placed[int]]:
    return assign_paths(folder("not used", *children), bag_name=bag_name)


def paths(*children: Tree, bag_name: str = BAG) -> list[str]:
    return [each.path for each in place(*children, bag_name=bag_name)]


def fits_a_plain_tar_header(path: str, bag_name: str) -> bool:
    octets = f"{bag_name}/{path}".encode()
    splits = [place for place, octet in enumerate(octets) if octet == ord("/")]
    return len(octets) <= 255 and (len(octets) <= 100 or any(at <= 155 and len(octets) - at - 1 <= 100 for at in splits))


def leaves(*children: Tree) -> list[int]:
    pending, keys = [*reversed(children)], []
    while pending:
        node = pending.pop()
        if isinstance(node, Leaf):
            keys.append(node.key)
        else:
            pending.extend(reversed(node.children))
    return keys


def test_folders_become_directories_and_the_root_the_prefix() -> None:
    tree: list[Tree] = [
        folder("Volume", folder("Part 1", leaf("a.jpg"), leaf("b.jpg")), folder("Part 2", leaf("a.jpg"))),
        leaf("dc.xml", ordered=False),
    ]
    assert paths(*tree) == ["data/Volume/Part 1/a.jpg", "data/Volume/Part 1/b.jpg", "data/Volume/Part 2/a.jpg", "data/dc.xml"]
    assert assign_paths(folder("", leaf("x")), bag_name="b", prefix="data/deep")[0].path == "data/deep/x"


def test_an_empty_tree_has_no_paths() -> None:
    assert paths() == []
    assert paths(folder("a", folder("b"), folder("c", folder("d")))) == []


def test_a_folder_without_a_file_takes_no_name_and_no_number() -> None:
    assert paths(folder("b", folder("x")), folder("b", leaf("1")), folder("a", leaf("2"))) == ["data/1_b/1", "data/2_a/2"]


def test_a_file_and_a_folder_never_share_a_name() -> None:
    assert paths(leaf("Cover"), folder("cover", leaf("x"))) == ["data/Cover", "data/cover_2/x"]


def test_siblings_out_of_order_are_numbered_and_that_is_no_renaming() -> None:
    placed = place(folder("Preface", leaf("x")), folder("Chapter", leaf("y")))
    assert [each.path for each in placed] == ["data/1_Preface/x", "data/2_Chapter/y"]
    assert not any(each.renamed for each in placed)


def test_a_colon_is_no_renaming_and_a_slash_is() -> None:
    first, second = place(folder("recto:verso", leaf("a:1_DC.xml")), leaf("s/t.xml"))
    assert (first.path, first.renamed) == ("data/recto-verso/a-1_DC.xml", False)
    assert (second.path, second.renamed, second.wanted) == ("data/s_t.xml", True, "data/s/t.xml")


def test_a_renamed_folder_is_told_once_at_its_first_file() -> None:
    placed = place(folder("What?", folder("in", leaf("a"), leaf("b")), leaf("k")), leaf("d", ordered=False))
    assert [each.wanted for each in placed] == ["data/What?/in/a", "", "", ""]
    assert placed[0].path == "data/What_/in/a"


def test_what_was_wished_is_bounded_and_prints() -> None:
    (placed,) = place(folder("x\n\x00" * 1000, leaf("y?")))
    assert placed.wanted.isprintable()
    assert len(placed.wanted) < 200
    (deep,) = place(nest(40, "?", leaf("x")))
    assert deep.wanted.startswith("…/?/")
    assert deep.wanted.count("/") == 32


def nest(levels: int, label: str, *children: Tree) -> Folder[int]:
    tree = folder(label, *children)
    for _ in range(levels - 1):
        tree = folder(label, tree)
    return tree


def test_long_labels_stay_whole_while_a_plain_header_holds_them() -> None:
    label, name = "Chapter 3. Of the history of everything, 1850 to 1900", "rutgers-lib-1234_JPEG-1.jpg"
    assert paths(nest(3, label, leaf(name))) == [f"data/{label}/{label}/{label}/{name}"]


def test_over_long_branches_share_what_there_is_and_others_stay_as_they_are() -> None:
    long, short = "Chapter 3. Of the history of everything, 1850 to 1900", "B. Short"
    found = paths(nest(5, long, leaf("page.jpg")), folder(short, leaf("page.jpg")))
    assert found[1] == "data/B. Short/page.jpg" or found[1] == "data/2_B. Short/page.jpg"
    assert found[0].count("/") == 6
    assert found[0].endswith("/page.jpg")
    assert fits_a_plain_tar_header(found[0], BAG)


def test_folders_without_room_for_a_name_are_left_out_and_told() -> None:
    first, second = place(nest(31, "Of the history of everything", leaf("a.jpg", 1), leaf("b.jpg", 2)))
    assert 4 < first.path.count("/") < 31
    assert second.path == first.path.replace("a.jpg", "b.jpg")
    assert (first.renamed, second.renamed) == (True, False)
    assert fits_a_plain_tar_header(first.path, BAG)


def test_members_of_a_folder_that_is_left_out_keep_their_order_and_stay_apart() -> None:
    inner = folder("x" * 30, leaf("a", 1), leaf("c", 2)), leaf("b", 3), leaf("A", 4)
    found = place(nest(20, "Of the history of everything", *inner), bag_name="b" * 100)
    assert [each.key for each in found] == [1, 2, 3, 4]
    assert [each.path.rpartition("/")[2] for each in found] == ["1_a", "2_c", "3_b", "4_A"]


def test_ten_thousand_levels_end_quickly() -> None:
    assert len(paths(nest(10_000, "level", leaf("x"), leaf("y")))) == 2


@pytest.mark.parametrize("label", ["page", "long label " * 12])
def test_ten_thousand_files_take_no_time(label: str) -> None:
    """The largest folder is as wide as all of it: whoever compares each name with each needs half a minute."""
    alike = [leaf("a.jpg")] * 8_000
    start = time.process_time()
    found = paths(nest(31, "level", folder(label, *alike), *(folder(label, *alike[:100]) for _ in range(20))))
    assert len(set(found)) == 10_000
    assert time.process_time() - start < 2


LABEL = (
    st.text(max_size=6)
    | st.sampled_from(["a", "A", "ß", "ss", "é", "e\u0301", "a.x", "A.X", "1_a", "a_2", "CON", "x~", "..", "a/b", "p:q"])
    | st.builds(str.__mul__, st.sampled_from(["a", "é", "漢", "aé漢"]), st.integers(10, 150))
)
Row = tuple[int, bool, bool, int, int]


def plant(labels: list[str], rows: list[Row]) -> list[Tree]:
    """Trees of few names, so that the same ones meet: a row climbs out of some folders, opens one or not, and puts files there."""
    grown: list[tuple[str, bool, list[Tree]]] = [("", True, [])]

    def climb(folders: int) -> None:
        for _ in range(min(folders, len(grown) - 1)):
            label, ordered, children = grown.pop()
            grown[-1][2].append(folder(label, *children, ordered=ordered))

    for folders, opens, ordered, place, files in rows:
        names = labels[place % len(labels) :] + labels[: place % len(labels)]
        climb(folders)
        if opens:
            grown.append((names[0], ordered, []))
        grown[-1][2].extend(leaf(name, ordered=ordered) for name in (names * files)[:files])
    climb(len(grown))
    return grown[0][2]


ROW = st.tuples(st.integers(0, 3), st.booleans(), st.booleans(), st.integers(0, 7), st.integers(0, 6))
TREES = st.builds(plant, st.lists(LABEL, min_size=1, max_size=8), st.lists(ROW, min_size=1, max_size=10))
DEEP = st.builds(lambda levels, label, inner, beside: [nest(levels, label, *inner), *beside], st.integers(1, 40), LABEL, TREES, TREES)


def number(tree: Tree) -> Tree:
    """The same tree with the leaves' places as their keys."""
    count = iter(range(10_000))

    def copy(node: Tree) -> Tree:
        if isinstance(node, Leaf):
            return Leaf(key=next(count), name=node.name, ordered=node.ordered)
        return Folder(label=node.label, children=tuple(map(copy, node.children)), ordered=node.ordered)

    return copy(tree)


@given(TREES | DEEP, st.sampled_from(["b", BAG, "b" * 100]))
@example([folder("x" * 90, leaf("a" * 100)), folder("x" * 90 + "?", leaf("b"))], "b" * 100)
def test_paths_of_any_tree_are_in_order_unique_always_the_same_and_fit_everywhere(trees: list[Tree], bag_name: str) -> None:
    root = number(folder("", *trees))
    assert isinstance(root, Folder)
    placed = assign_paths(root, bag_name=bag_name)
    assert placed == assign_paths(root, bag_name=bag_name)
    assert [each.key for each in placed] == leaves(root)
    found = [each.path for each in placed]
    folders = {path.rsplit("/", count)[0] for path in found for count in range(1, path.count("/") + 1)}
    for fold in (str.casefold, lambda path: unicodedata.normalize("NFC", path.casefold())):
        assert not [name for name, count in Counter(map(fold, [*found, *folders])).items() if count > 1]
    assert all(path.startswith("data/") and unicodedata.is_normalized("NFC", path) for path in found)
    assert all(fits_a_plain_tar_header(path, bag_name) for path in found)
    assert all(0 < len(part.encode()) <= 100 and part not in {".", ".."} for path in found for part in path.split("/"))
