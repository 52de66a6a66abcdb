"""Ranges by their names, on the way to folders."""

from collections.abc import Mapping
from dataclasses import dataclass

from getapi.core.division import Division, Pointer

MAX_RANGES = 20_000
MAX_DEPTH = 32
MAX_PARTS = 200_000
"""Of all ranges together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """``parts`` are in order: whether each is a range, and its name; else it is the address of a canvas, or of a part of one."""

    label: str
    parts: tuple[tuple[bool, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """``top`` is the range that holds all others, where the manifest says so."""

    ranges: Mapping[str, Range]
    top: str | None

    def division(self) -> Division | None:
        """Divisions with a pointer for each canvas, whose ``pid`` is the canvas's address.

        None where the ranges cannot be folders: none, too many, too deep, or within themselves. Then the canvases' own order is all.
        """
        if not 0 < len(self.ranges) <= MAX_RANGES or sum(len(each.parts) for each in self.ranges.values()) > MAX_PARTS:
            return None
        inner = {name for each in self.ranges.values() for is_range, name in each.parts if is_range}
        roots = [self.top] if self.top is not None else [name for name in self.ranges if name not in inner]
        used: set[str] = set()
        children = [self._grow(name, used, 1) for name in roots]
        if not children or None in children:
            return None
        found = [child for child in children if child is not None]
        # One that holds all others is the table of contents itself, and no folder in it.
        only = found[0] if len(found) == 1 and any(isinstance(child, Division) for child in found[0].children) else None
        return Division(label="", children=only.children if only is not None else tuple(found))

    def _grow(self, name: str, used: set[str], depth: int) -> Division | None:
        """None for one that comes twice, also within itself, or lies too deep."""
        if name in used or depth > MAX_DEPTH:
            return None
        used.add(name)
        told = self.ranges[name]
        children: list[Division | Pointer] = []
        for is_range, part in told.parts:
            if not is_range:
                children.append(Pointer(pid=part.partition("#")[0], dsid=None))
            elif part in self.ranges:
                child = self._grow(part, used, depth + 1)
                if child is None:
                    return None
                children.append(child)
        return Division(label=told.label, children=tuple(children))
