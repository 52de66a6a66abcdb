"""Structural maps: what a METS document says of an object's parts and their order (fedora.md 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from lxml import etree

from getapi.core.division import Division
from getapi.core.errors import MapTooDeep, MapTooLarge, XmlTooDeep
from getapi.core.mets import DIV, Mets, Target, choose_map, divisions, has_pointer, label, read_mets, targets
from getapi.core.pointer import Pointer, Surroundings, fit_to_tell, resolve
from getapi.core.source import DatastreamRecord, State
from getapi.core.structlink import follow_links, names
from getapi.core.wildcards import any_of

__all__ = ["Division", "Pointer", "StructuralMap", "presentation_map", "read_structmap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuralMap:
    """``unresolved`` are pointers that name no object and no datastream, in order, fit to be shown."""

    root: Division
    unresolved: tuple[str, ...]


@dataclass(slots=True)
class _Frame:
    """A division that is being read."""

    label: str
    rest: Iterator[etree._Element]
    children: list[Division | Pointer] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """What one reading of a map has met so far."""

    mets: Mets
    here: Surroundings
    max_depth: int
    max_nodes: int
    seen: set[Pointer]
    linked: dict[str, list[etree._Element]] = field(default_factory=dict)
    unresolved: dict[str, None] = field(default_factory=dict)
    nodes: int = 0

    def step(self) -> None:
        self.nodes += 1
        if self.nodes > self.max_nodes:
            raise MapTooLarge(limit=self.max_nodes, count=self.nodes)


def read_structmap(
    document: bytes, *, pid: str, dsid: str, datastreams: Sequence[DatastreamRecord], max_depth: int, max_nodes: int
) -> StructuralMap:
    """The structural map that a datastream ``dsid`` of object ``pid`` holds; ``datastreams`` are that object's.

    Each pointer stands at its first mention only; the map itself is not among them. Reading stops at the limits, so that the errors'
    counts are how far it came. Raises XmlRefused (not well-formed, a DOCTYPE, no structural map), MapTooDeep, MapTooLarge.
    """
    try:
        mets = read_mets(document)
    except XmlTooDeep as error:
        raise MapTooDeep(limit=max_depth, count=error.limit + 1) from None
    _check_size(mets, max_nodes)
    itself = Pointer(pid=pid, dsid=dsid)
    reading = _Reading(mets, Surroundings.of(pid, datastreams), max_depth, max_nodes, {itself})
    chosen = choose_map(mets)
    if not has_pointer(mets, chosen):
        reading.linked = follow_links(mets, chosen, reading.step)
    return StructuralMap(root=_read(reading, chosen), unresolved=tuple(reading.unresolved))


def presentation_map(datastreams: Sequence[DatastreamRecord], patterns: Sequence[str]) -> DatastreamRecord | None:
    """The Active datastream whose DSID matches the earliest pattern (``*`` and ``?``, without regard to case), if there is one."""
    matches = any_of(patterns).match
    maps = [each for each in datastreams if matches(each.dsid.casefold()) and each.state is State.ACTIVE]
    return next((each for pattern in patterns for each in maps if any_of((pattern,)).match(each.dsid.casefold())), None) if maps else None


def _check_size(mets: Mets, limit: int) -> None:
    """Counts divisions before anything costlier is done with them, of all the document's maps together."""
    count = sum(1 for _ in islice((div for each in mets.maps for div in each.iter(DIV)), limit + 1))
    if count > limit:
        raise MapTooLarge(limit=limit, count=count)


def _read(reading: _Reading, chosen: etree._Element) -> Division:
    """The tree, depth first and without recursion; several divisions at the top get a root of their own."""
    top = divisions(chosen)
    stack = [_open(reading, top[0])] if len(top) == 1 else [_Frame(label(chosen), iter(top))]
    while True:
        frame = stack[-1]
        child = next(frame.rest, None)
        if child is not None:
            if len(stack) >= reading.max_depth:
                raise MapTooDeep(limit=reading.max_depth, count=len(stack) + 1)
            stack.append(_open(reading, child))
            continue
        division = Division(label=frame.label, children=tuple(frame.children))
        stack.pop()
        if not stack:
            return division
        stack[-1].children.append(division)


def _open(reading: _Reading, div: etree._Element) -> _Frame:
    reading.step()
    pages = chain.from_iterable(reading.linked.get(name, ()) for name in names(div))
    found = chain.from_iterable(_resolve(reading, targets(reading.mets, each)) for each in (div, *pages))
    frame = _Frame(label(div), iter(divisions(div)))
    for pointer in found:
        if pointer not in reading.seen:
            reading.seen.add(pointer)
            frame.children.append(pointer)
    return frame


def _resolve(reading: _Reading, wanted: Iterator[Target]) -> list[Pointer]:
    found, missed = [], []
    for target in wanted:
        reading.step()
        pointer = next(filter(None, (resolve(name, reading.here) for name in target.names)), None)
        if pointer is not None:
            found.append(pointer)
        else:
            missed.append(target)
    told = [target for target in missed if not (target.weak and found)]
    reading.unresolved.update((fit_to_tell(target.names[-1]), None) for target in told)
    return found
