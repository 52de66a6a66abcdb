from collections.abc import Iterator

import pytest

from getapi.core.mets import read_mets
from getapi.core.structlink import follow_links

DOCUMENT = """
<mets xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink">
<structMap><div ID="book"><div ID="one"><div ID="deep"/></div><div xlink:label="two"/></div></structMap>
<structMap><div ID="pages"><div ID="p2" ORDER="2"/><div ID="p1" ORDER="1"><div ID="p1a"/></div></div></structMap>
<structMap><div ID="other"/></structMap>
<structLink>{}</structLink></mets>
"""


def follow(*links: str, steps: int = 1000) -> dict[str, list[str]]:
    pairs = (link.split(">") for link in links)
    inner = "".join(f'<smLink xlink:from="{start}" xlink:to="{end}"/>' for start, end in pairs)
    mets = read_mets(DOCUMENT.format(inner).encode())
    left: Iterator[int] = iter(range(steps))
    found = follow_links(mets, mets.maps[0], lambda: _take(left))
    return {name: [page.get("ID", "") for page in pages] for name, pages in found.items()}


def _take(left: Iterator[int]) -> None:
    if next(left, None) is None:
        raise OverflowError


def test_a_link_means_the_page_and_all_below_it_in_their_maps_order() -> None:
    assert follow("book>pages") == {"book": ["pages", "p1", "p1a", "p2"]}
    assert follow("one>#p2", "#one>p1a", "one>other") == {"one": ["p1a", "p2", "other"]}


def test_of_several_divisions_the_deepest_has_the_page_then_the_first() -> None:
    assert follow("book>p2", "one>p2", "two>p2", "deep>p1", "book>p1") == {"one": ["p2"], "deep": ["p1", "p1a"]}


def test_links_to_and_from_nowhere_are_passed_over() -> None:
    assert follow("book>nowhere", "nowhere>p1", "p1>p2", "book>one") == {}


def test_every_division_and_every_page_of_a_link_is_a_step() -> None:
    assert follow("book>pages", steps=13)
    with pytest.raises(OverflowError):
        follow("book>pages", steps=12)
