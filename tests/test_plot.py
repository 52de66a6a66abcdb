"""Bar charts: well-formed, to scale, and told to who cannot see them."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from getapi.plot import HEIGHT, INNER_HEIGHT, LEFT, RIGHT, TOP, WIDTH, Bar, bars
from getapi.views.plots import octets

values = st.lists(st.integers(0, 2**60), max_size=400)


def drawn(numbers: list[int]) -> Any:
    found = [Bar(label=f"<{number}>", value=number, told=f"{number} & more") for number in numbers]
    return etree.fromstring(bars("x", 'A "title" <of>', found, shown=lambda value: f"{value} <B>"))


def rectangles(picture: Any) -> list[dict[str, float]]:
    return [{name: float(each.get(name)) for name in ("x", "y", "width", "height")} for each in picture.iter("rect")]


@given(values)
def test_every_bar_lies_within_the_picture_and_stands_on_its_axis(numbers: list[int]) -> None:
    for each in rectangles(drawn(numbers)):
        assert each["x"] >= LEFT - 0.1
        assert each["x"] + each["width"] <= WIDTH - RIGHT + 0.1
        assert each["y"] >= TOP - 0.1
        assert each["y"] + each["height"] == pytest.approx(TOP + INNER_HEIGHT, abs=0.11)


@given(values.filter(any))
def test_heights_are_to_scale_and_the_highest_fills_most_of_it(numbers: list[int]) -> None:
    found, seen = [each["height"] for each in rectangles(drawn(numbers))], [number for number in numbers if number]
    assert len(found) == len(seen)
    largest = max(seen)
    assert INNER_HEIGHT * 0.45 <= max(found) <= INNER_HEIGHT
    for height, number in zip(found, seen, strict=True):
        assert height == pytest.approx(max(found) * number / largest, abs=0.11)


@given(values)
def test_lines_are_few_and_labels_do_not_overlap(numbers: list[int]) -> None:
    picture = drawn(numbers)
    assert 1 <= len(picture.findall("line[@class='grid']")) <= 5
    below = [float(each.get("x")) for each in picture.findall("text") if float(each.get("y")) > HEIGHT - 20]
    assert all(after - before > 50 for before, after in itertools.pairwise(below))


def test_it_is_told_in_words() -> None:
    picture = drawn([1, 7, 3])
    assert [picture.findtext("title"), picture.findtext("desc")] == ['A "title" <of>', "3 bars. The highest: 7 & more."]
    assert drawn([]).findtext("desc") == drawn([0, 0]).findtext("desc") == "Nothing to show."


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (45_600, "45.6 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (2**60, "1.15 EB"),
    ],
)
def test_octets_are_told_with_three_digits(count: int, told: str) -> None:
    assert octets(count) == told.replace(" ", "\N{NO-BREAK SPACE}")
