"""METS structLink: the pages that a division without pointers of its own has in another structural map (Kitodo, DFG)."""

from collections.abc import Callable, Iterator
from itertools import takewhile

from lxml import etree

from getapi.core.mets import METS, XLINK, Mets, divisions

Step = Callable[[], None]
"""Called for each step of work; raises when there were too many."""


def follow_links(mets: Mets, chosen: etree._Element, step: Step) -> dict[str, list[etree._Element]]:
    """By name of a division in ``chosen``: the divisions of the other maps that it is linked to, in those maps' order.

    A link to a division means all that lies below it too. Where several divisions are linked to one page the deepest has it, since
    the whole is usually linked to every page as well.
    """
    sources = {name: depth for div, depth in _walk(chosen, step) for name in names(div)}
    pages = [each for other in mets.maps if other is not chosen for each in _walk(other, step)]
    places = {name: place for place, (div, _) in enumerate(pages) for name in names(div)}
    owners: dict[int, str] = {}
    for start, end in _links(mets):
        if start not in sources or end not in places:
            continue
        for place in _below(pages, places[end]):
            step()
            if place not in owners or sources[owners[place]] < sources[start]:
                owners[place] = start
    owned: dict[str, list[etree._Element]] = {}
    for place, name in sorted(owners.items()):
        owned.setdefault(name, []).append(pages[place][0])
    return owned


def names(div: etree._Element) -> list[str]:
    """What a link may call a division: its ID, or its xlink:label as METS's schema has it."""
    return [name for name in (div.get("ID"), div.get(f"{XLINK}label")) if name]


def _walk(structmap: etree._Element, step: Step) -> Iterator[tuple[etree._Element, int]]:
    """All divisions with their depth, parents first."""
    pending = [(div, 1) for div in reversed(divisions(structmap))]
    while pending:
        div, depth = pending.pop()
        step()
        yield div, depth
        pending.extend((child, depth + 1) for child in reversed(divisions(div)))


def _below(pages: list[tuple[etree._Element, int]], place: int) -> Iterator[int]:
    """The place itself and those of all divisions below it."""
    yield place
    depth = pages[place][1]
    yield from takewhile(lambda other: pages[other][1] > depth, range(place + 1, len(pages)))


def _links(mets: Mets) -> Iterator[tuple[str, str]]:
    for link in mets.root.iterfind(f"{METS}structLink/{METS}smLink"):
        yield link.get(f"{XLINK}from", "").removeprefix("#"), link.get(f"{XLINK}to", "").removeprefix("#")
