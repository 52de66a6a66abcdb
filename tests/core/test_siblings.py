import time

from hypothesis import given
from hypothesis import strategies as st

from getapi.core.safename import fold_name, safe_segment
from getapi.core.siblings import Sibling, name_siblings


def siblings(*names: str, octets: int = 100, ordered: bool = True, directory: bool = False) -> list[Sibling]:
    return [Sibling(segment=safe_segment(name), octets=octets, directory=directory, ordered=ordered) for name in names]


def names(members: list[Sibling]) -> list[str]:
    return [each.name for each in name_siblings(members)]


def test_names_that_sort_as_they_stand_are_left_alone() -> None:
    assert names(siblings("a.jpg", "b.jpg", "漢.jpg")) == ["a.jpg", "b.jpg", "漢.jpg"]


def test_equal_names_get_a_count_before_the_extension() -> None:
    assert names(siblings("Leaf.jpg", "leaf.JPG", "Leaf.jpg", ordered=False)) == ["Leaf.jpg", "leaf_2.JPG", "Leaf_3.jpg"]


def test_a_directory_has_no_extension_to_keep() -> None:
    assert names(siblings("Vol.1", "Vol.1", directory=True)) == ["Vol.1", "Vol.1_2"]


def test_a_count_that_is_taken_is_passed_over() -> None:
    assert names(siblings("x", "x_2", "x", "x", ordered=False)) == ["x", "x_2", "x_3", "x_4"]


def test_names_that_would_sort_otherwise_are_numbered_with_zeros() -> None:
    pages = [f"page {number}" for number in range(1, 11)]
    assert names(siblings(*pages))[::9] == ["01_page 1", "10_page 10"]
    assert names(siblings("B", "a")) == ["1_B", "2_a"]
    assert names(siblings("a", "B")) == ["1_a", "2_B"]


def test_a_number_makes_equal_names_different_so_that_no_count_is_needed() -> None:
    assert names(siblings("recto", "front", "recto")) == ["1_recto", "2_front", "3_recto"]


def test_only_members_whose_place_means_something_are_numbered() -> None:
    members = [*siblings("z", "y"), *siblings("b", "a", "1_z", ordered=False)]
    assert names(members) == ["1_z", "2_y", "b", "a", "1_z_2"]


def test_a_number_is_told_apart_from_the_name() -> None:
    given = name_siblings(siblings("z", "y"))[1]
    assert (given.number, given.plain) == ("2_", "y")


def test_many_equal_names_take_one_pass() -> None:
    """One after the other they would try two hundred million names."""
    members = siblings("x", ordered=False) * 20_000
    start = time.process_time()
    assert len(set(names(members))) == 20_000
    assert time.process_time() - start < 4


MEMBER = st.builds(
    Sibling,
    segment=st.text(max_size=5).map(safe_segment) | st.sampled_from(["a", "A", "a_2", "1_a", "a.x", "ß", "ss", "long" * 20]),
    octets=st.integers(16, 100),
    directory=st.booleans(),
    ordered=st.booleans(),
)


@given(st.lists(MEMBER, max_size=8))
def test_names_are_unique_within_their_octets_and_sort_as_they_stand(members: list[Sibling]) -> None:
    found = names(members)
    assert len({fold_name(name) for name in found}) == len(members)
    assert all(len(name.encode()) <= member.octets for name, member in zip(found, members, strict=True))
    ordered = [name for name, member in zip(found, members, strict=True) if member.ordered]
    assert ordered == sorted(ordered) == sorted(ordered, key=str.casefold)
