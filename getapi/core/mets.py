"""METS as repositories write it: which structural map counts, what a division is called, and what its pointers say (fedora.md 5)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from lxml import etree

from getapi.core.errors import XmlRefused
from getapi.core.reference import parse_pid
from getapi.core.xml import parse

METS = "{http://www.loc.gov/METS/}"
XLINK = "{http://www.w3.org/1999/xlink}"
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_MAX_LABEL = 1000
_MAX_NAMES = 8
"""As many addresses of one thing are tried; a thousand would be an attack."""

_MAP = f"{METS}structMap"
_FILE = f"{METS}file"
DIV = f"{METS}div"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing that a division points to, by all the names it has there, best first; a file's ID is the last.

    ``weak``: an identifier of the division itself, which need not be a datastream where the division points to something else as well.
    """

    names: tuple[str, ...]
    weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mets:
    """A parsed document: its structural maps in order, and its files in order, each by all its names, its ID last.

    ``places``: which of ``files`` an ID means: a file's one, a group's or a container's all.
    """

    root: etree._Element
    maps: list[etree._Element]
    files: list[tuple[str, ...]]
    places: dict[str, range]

    def find_files(self, name: str) -> list[tuple[str, ...]]:
        place = self.places.get(name, range(0))
        return self.files[place.start : place.stop]


def read_mets(document: bytes) -> Mets:
    """A METS document, or a structural map alone. Raises XmlRefused, XmlTooDeep."""
    root = parse(document)
    if root.tag not in {_MAP, f"{METS}mets"}:
        raise XmlRefused("it is not METS")
    maps = [each for each in ([root] if root.tag == _MAP else root.findall(_MAP)) if each.find(DIV) is not None]
    if not maps:
        raise XmlRefused("it holds no structural map")
    files, places = _index_files(root)
    return Mets(root=root, maps=maps, files=files, places=places)


def _index_files(root: etree._Element) -> tuple[list[tuple[str, ...]], dict[str, range]]:
    """In one pass, so that a group of a million files that is pointed to a thousand times is walked once."""
    files: list[tuple[str, ...]] = []
    places: dict[str, range] = {}
    starts: list[int] = []
    for section in root.iterchildren(f"{METS}fileSec"):
        for event, element in etree.iterwalk(section, events=("start", "end"), tag=(_FILE, f"{METS}fileGrp")):
            if event == "start":
                starts.append(len(files))
                files.extend(_names(element))
                continue
            start = starts.pop()
            whole = element.tag != _FILE or not _addresses(element)
            places.setdefault(element.get("ID", ""), range(start, len(files) if whole else start + 1))
    return files, places


def _names(element: etree._Element) -> list[tuple[str, ...]]:
    """None for a group, nor for a container that is nowhere itself: what is inside stands for it."""
    addresses = _addresses(element)
    if element.tag != _FILE or not (addresses or element.find(_FILE) is None):
        return []
    names = tuple(filter(None, [*addresses, element.get("ID", "")]))
    return [names] if names else []


def _addresses(file: etree._Element) -> list[str]:
    locations = islice(file.iterchildren(f"{METS}FLocat"), _MAX_NAMES)
    return list(filter(None, (each.get(f"{XLINK}href", "").strip() for each in locations)))


def choose_map(mets: Mets) -> etree._Element:
    """The presentation map; else the physical one, else the first, that points to anything; else the physical one, else the first."""
    named = sorted(((each.get("TYPE", "").lower(), each) for each in mets.maps), key=lambda pair: pair[0] != "physical")
    for kind, each in named:
        if "presentation" in kind:
            return each
    return next((each for _, each in named if has_pointer(mets, each)), named[0][1])


def has_pointer(mets: Mets, structmap: etree._Element) -> bool:
    return any(True for div in structmap.iter(DIV) for _ in targets(mets, div))


def divisions(element: etree._Element) -> list[etree._Element]:
    """The divisions right below, by ORDER; one without an integer there keeps its place, so that the numbered move around it."""
    found = element.findall(DIV)
    numbers = [int(text) if _INTEGER.fullmatch(text) else None for text in (div.get("ORDER", "").strip() for div in found)]
    numbered = sorted((number, place) for place, number in enumerate(numbers) if number is not None)
    ordered = (found[place] for _, place in numbered)
    return [div if number is None else next(ordered) for div, number in zip(found, numbers, strict=True)]


def label(element: etree._Element) -> str:
    """A folder's name for a division (or a map of several): LABEL, else ORDERLABEL, else TYPE and ORDER, else ID; "" if it has none."""
    kind, order = element.get("TYPE", ""), element.get("ORDER", "")
    for text in (element.get("LABEL", ""), element.get("ORDERLABEL", ""), f"{kind} {order}" if kind else "", element.get("ID", ""), order):
        words = " ".join(text[: 2 * _MAX_LABEL].split())
        if words:
            return words[:_MAX_LABEL]
    return ""


def targets(mets: Mets, div: etree._Element) -> Iterator[Target]:
    """What a division itself points to, in METS's order: fptr, mptr, its own CONTENTIDS; else, without anything below, a PID as its ID."""
    silent = True
    for target in _pointed(mets, div):
        silent = False
        yield target
    if silent and div.find(DIV) is None and parse_pid(div.get("ID", "")):
        yield Target(names=(div.get("ID", ""),))


def _pointed(mets: Mets, div: etree._Element) -> Iterator[Target]:
    for fptr in div.iterchildren(f"{METS}fptr"):
        yield from _file_targets(mets, fptr)
    for mptr in div.iterchildren(f"{METS}mptr"):
        yield from _address_targets(mets, [mptr.get(f"{XLINK}href", ""), *mptr.get("CONTENTIDS", "").split()])
    for name in div.get("CONTENTIDS", "").split():
        yield Target(names=(name,), weak=True)


def _address_targets(mets: Mets, names: list[str]) -> Iterator[Target]:
    """One thing by its addresses; ``#ID`` may be a file of this document."""
    names = [name for name in map(str.strip, names) if name][:_MAX_NAMES]
    files = mets.find_files(names[0][1:]) if names and names[0].startswith("#") else []
    if files:
        yield from (Target(names=each) for each in files)
    elif names:
        yield Target(names=tuple(names))


def _file_targets(mets: Mets, fptr: etree._Element) -> Iterator[Target]:
    """By FILEID of the pointer and of its areas, however nested in par and seq; CONTENTIDS name the same, or stand alone."""
    pointers = [fptr, *fptr.iter(f"{METS}area")]
    ids = list(filter(None, dict.fromkeys(pointer.get("FILEID", "").strip().removeprefix("#") for pointer in pointers)))
    aliases = [name for pointer in pointers for name in pointer.get("CONTENTIDS", "").split()]
    for file_id in ids:
        files = mets.find_files(file_id) or [(file_id,)]
        more = aliases[:_MAX_NAMES] if len(ids) == len(files) == 1 else []
        yield from (Target(names=(*names[:-1], *more, names[-1])) for names in files)
    if not ids:
        yield from (Target(names=(name,)) for name in aliases)
