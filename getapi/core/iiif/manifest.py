"""A presentation manifest as an object: its canvases' pictures, sound and films, and the folders that its ranges make."""

from collections.abc import Mapping
from dataclasses import dataclass

from getapi.core.division import Division, Pointer
from getapi.core.errors import ObjectUnreadable
from getapi.core.iiif import presentation2, presentation3
from getapi.core.iiif.canvas import Canvas
from getapi.core.iiif.label import read_label
from getapi.core.jsontext import mapping, members, read_json, text

MAX_OCTETS = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``structure`` names each canvas's contents by their DSIDs, in the manifest's order, in folders where its ranges are of use."""

    label: str
    canvases: tuple[Canvas, ...]
    structure: Division


def read_manifest(octets: bytes, pid: str) -> Manifest:
    """Presentation 2 and 3. Raises ObjectUnreadable for anything else, and for one with more canvases than are read."""
    facts = mapping(read_json(octets, pid))
    if _is_third(facts):
        canvases, ranges = presentation3.read_canvases(facts, pid), presentation3.read_ranges(facts)
    elif text(facts.get("@type")) == "sc:Manifest":
        canvases, ranges = presentation2.read_canvases(facts, pid), presentation2.read_ranges(facts)
    else:
        raise ObjectUnreadable(pid, "it is no IIIF manifest")
    return Manifest(label=read_label(facts.get("label")), canvases=canvases, structure=_arrange(pid, canvases, ranges))


def _is_third(facts: Mapping[str, object]) -> bool:
    named = any("presentation/3" in text(each) for each in members(facts.get("@context")))
    return text(facts.get("type")) == "Manifest" and (named or isinstance(facts.get("items"), list))


def _arrange(pid: str, canvases: tuple[Canvas, ...], ranges: Division | None) -> Division:
    """The ranges with the canvases' contents in the place of their addresses; what no range names lies beside them, in order."""
    pointers = {canvas.id: tuple(Pointer(pid=pid, dsid=content.dsid) for content in canvas.contents) for canvas in reversed(canvases)}
    flat = tuple(Pointer(pid=pid, dsid=content.dsid) for canvas in canvases for content in canvas.contents)
    named = () if ranges is None else _point(ranges, pointers)
    return Division(label="", children=(*named, *flat))


def _point(division: Division, pointers: Mapping[str, tuple[Pointer, ...]]) -> tuple[Division | Pointer, ...]:
    children: list[Division | Pointer] = []
    for child in division.children:
        if isinstance(child, Pointer):
            children.extend(pointers.get(child.pid, ()))
        else:
            children.extend(_point(child, pointers))
    if not division.label:
        return tuple(children)
    return (Division(label=division.label, children=tuple(children)),) if children else ()
