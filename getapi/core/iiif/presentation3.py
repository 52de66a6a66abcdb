"""IIIF Presentation API 3.0: items, annotation pages, annotations and their bodies; ranges that hold each other."""

from collections.abc import Iterator, Mapping
from typing import Any

from getapi.core.division import Division
from getapi.core.iiif.canvas import Body, Canvas, bounded, make_canvas
from getapi.core.iiif.image import find_service
from getapi.core.iiif.label import read_label
from getapi.core.iiif.outline import MAX_DEPTH, MAX_RANGES, Outline, Range
from getapi.core.jsontext import mapping, members, text


def read_canvases(facts: Mapping[str, Any], pid: str) -> tuple[Canvas, ...]:
    found = bounded(members(facts.get("items")), pid)
    return tuple(_canvas(number, mapping(each)) for number, each in enumerate(found, 1))


def _canvas(number: int, facts: Mapping[str, Any]) -> Canvas:
    return make_canvas(number, text(facts.get("id")), read_label(facts.get("label")), _bodies(facts))


def _bodies(facts: Mapping[str, Any]) -> Iterator[Body]:
    for page in members(facts.get("items")):
        for annotation in members(mapping(page).get("items")):
            told = mapping(annotation)
            if "painting" in {text(each) for each in members(told.get("motivation"))}:
                yield from (_body(mapping(each)) for each in members(told.get("body")))


def _body(facts: Mapping[str, Any]) -> Body:
    """Of a choice the first is what a viewer shows (5.7)."""
    if text(facts.get("type")) == "Choice":
        facts = mapping(next(iter(members(facts.get("items"))), None))
    if text(facts.get("type")) == "SpecificResource":
        facts = mapping(facts.get("source"))
    return Body(
        url=text(facts.get("id")),
        type=text(facts.get("type")),
        mime=text(facts.get("format")),
        service=find_service(facts.get("service")),
    )


def read_ranges(facts: Mapping[str, Any]) -> Division | None:
    """None where there are none, or none that make folders."""
    found: dict[str, Range] = {}
    pending = [(mapping(each), f"{place}", 1) for place, each in enumerate(members(facts.get("structures")))]
    while pending:
        told, name, depth = pending.pop()
        if len(found) > MAX_RANGES or depth > MAX_DEPTH:
            return None
        parts: list[tuple[bool, str]] = []
        for place, item in enumerate(members(told.get("items"))):
            inner = mapping(item)
            if text(inner.get("type")) == "Range":
                pending.append((inner, f"{name}/{place}", depth + 1))
                parts.append((True, f"{name}/{place}"))
            else:
                parts.append((False, _canvas_address(inner)))
        found[name] = Range(label=read_label(told.get("label")), parts=tuple(parts))
    return Outline(ranges=dict(sorted(found.items(), key=lambda each: _place(each[0]))), top=None).division()


def _place(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split("/")))


def _canvas_address(facts: Mapping[str, Any]) -> str:
    if text(facts.get("type")) == "SpecificResource":
        source = facts.get("source")
        return text(source) or text(mapping(source).get("id"))
    return text(facts.get("id"))
