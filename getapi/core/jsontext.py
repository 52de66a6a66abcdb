"""JSON that another server wrote: read strictly as text, and without trust in its shape."""

import json
from collections.abc import Mapping
from typing import Any

from getapi.core.errors import ObjectUnreadable

LONGEST = 4096
"""Characters of a text that is believed to be a label or an address; a longer one is none."""

MAX_PIECES = 1_000_000
"""Commas and brackets of one document: in memory each may be as much as a hundred octets."""

_NOTHING: Mapping[str, Any] = {}


def read_json(octets: bytes, pid: str) -> object:
    """The document that says what the object ``pid`` is. Raises ObjectUnreadable.

    How long it may be is bounded by how much was fetched.
    """
    if sum(map(octets.count, (b",", b"[", b"{"))) > MAX_PIECES:
        raise ObjectUnreadable(pid, f"it has more than {MAX_PIECES} values")
    try:
        return json.loads(octets.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ObjectUnreadable(pid, "it is not JSON") from None


def _refuse(word: str) -> None:
    raise ValueError(word)  # Python's own NaN and Infinity


def mapping(value: object) -> Mapping[str, Any]:
    """An object, or one without members for what is none."""
    return value if isinstance(value, dict) else _NOTHING


def members(value: object) -> list[Any]:
    """A list; what stands alone is a list of one (JSON-LD 1.1, 4.3), and null of none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text(value: object) -> str:
    """A text, "" for what is none or too long to be one."""
    return value if isinstance(value, str) and len(value) <= LONGEST else ""


def whole(value: object) -> int | None:
    """A whole number of octets, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def number(value: object) -> int | None:
    """A number that names something: from 1 on, also where it was written as a text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        value = int(value)
    found = whole(value)
    return found or None
