"""IIIF Presentation API 2.0 and 2.1: sequences, canvases, images; ranges that name each other by their addresses."""

from collections.abc import Iterator, Mapping
from typing import Any

from getapi.core.division import Division
from getapi.core.iiif.canvas import Body, Canvas, bounded, make_canvas
from getapi.core.iiif.image import find_service
from getapi.core.iiif.label import read_label
from getapi.core.iiif.outline import MAX_RANGES, Outline, Range
from getapi.core.jsontext import mapping, members, text


def read_canvases(facts: Mapping[str, Any], pid: str) -> tuple[Canvas, ...]:
    """Those of the first sequence: others are only other orders (5.2)."""
    sequence = mapping(next(iter(members(facts.get("sequences"))), None))
    found = bounded(members(sequence.get("canvases")), pid)
    return tuple(_canvas(number, mapping(each)) for number, each in enumerate(found, 1))


def _canvas(number: int, facts: Mapping[str, Any]) -> Canvas:
    return make_canvas(number, text(facts.get("@id")), read_label(facts.get("label")), _bodies(facts))


def _bodies(facts: Mapping[str, Any]) -> Iterator[Body]:
    for annotation in members(facts.get("images")):
        resource = mapping(mapping(annotation).get("resource"))
        if text(resource.get("@type")) == "oa:Choice":
            resource = mapping(resource.get("default"))
        if text(resource.get("@type")) == "oa:SpecificResource":
            resource = mapping(resource.get("full"))
        yield Body(
            url=text(resource.get("@id")),
            type=text(resource.get("@type")) or "dctypes:Image",
            mime=text(resource.get("format")),
            service=find_service(resource.get("service")),
        )


def read_ranges(facts: Mapping[str, Any]) -> Division | None:
    """None where there are none, or none that make folders."""
    found: dict[str, Range] = {}
    tops: list[str] = []
    for each in members(facts.get("structures"))[: MAX_RANGES + 1]:
        told = mapping(each)
        name = text(told.get("@id"))
        found.setdefault(name, Range(label=read_label(told.get("label")), parts=tuple(_parts(told))))
        if text(told.get("viewingHint")) == "top":
            tops.append(name)
    return Outline(ranges=found, top=tops[0] if tops else None).division()


def _parts(told: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Whether each part is a range, and its address."""
    for member in members(told.get("members")):
        yield text(mapping(member).get("@type")) == "sc:Range", text(mapping(member).get("@id"))
    yield from ((False, text(each)) for each in members(told.get("canvases")))
    yield from ((True, text(each)) for each in members(told.get("ranges")))
