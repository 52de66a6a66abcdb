"""Folders to be: how a structural map, or a repository itself, arranges datastreams."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A datastream, or a whole object where ``dsid`` is None; the map's own object and its datastreams in their true spelling."""

    pid: str
    dsid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A folder to be: its own pointers first, then the divisions below it, in structural order. ``label`` is as written, or ""."""

    label: str
    children: "tuple[Division | Pointer, ...]"
