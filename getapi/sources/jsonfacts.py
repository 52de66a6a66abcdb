"""What another server says in JSON, believed no further than its shape goes."""

import json
from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]
MAX_PIECES = 4_000_000
"""Commas and brackets of one document: in memory each may be as much as a hundred octets."""


class Misshapen(Exception):
    """It is not JSON, or not of the shape that it should have."""


def read_object(octets: bytes) -> Facts:
    """Raises Misshapen."""
    return as_object(_load(octets))


def read_objects(octets: bytes) -> list[Facts]:
    """A list of objects. Raises Misshapen."""
    found = _load(octets)
    if not isinstance(found, list):
        raise Misshapen
    return [as_object(each) for each in found]


def as_object(value: object) -> Facts:
    if not isinstance(value, dict):
        raise Misshapen
    return value


def text(facts: Facts, name: str) -> str:
    """ "" where there is none, or where it is no text."""
    value = facts.get(name)
    return value if isinstance(value, str) else ""


def number(facts: Facts, name: str) -> int | None:
    """A whole number that is not negative, as a number or as its digits."""
    value = facts.get(name)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) <= 18:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def inside(facts: Facts, name: str) -> Facts:
    """An object in an object; {} where there is none."""
    value = facts.get(name)
    return value if isinstance(value, dict) else {}


def _load(octets: bytes) -> object:
    if sum(map(octets.count, (b",", b"[", b"{"))) > MAX_PIECES:
        raise Misshapen
    try:
        return json.loads(octets)
    except (ValueError, RecursionError):
        raise Misshapen from None
