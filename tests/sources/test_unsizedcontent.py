"""A body without a length: where its connection goes, and that it cannot be put by."""

import io
from collections.abc import Callable

import pytest

from getapi.core.errors import ContentChanged
from getapi.core.source import DatastreamRecord
from getapi.sources.unsizedcontent import UnsizedContent

OCTETS = bytes(range(256)) * 4
DATASTREAM = DatastreamRecord(pid="a:1", dsid="E", version="E.0")


class Body:
    def __init__(self, octets: bytes) -> None:
        self._octets = io.BytesIO(octets)

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        return self._octets.read(amt)


def content(octets: bytes, told: list[str], name: str, again: Callable[[], UnsizedContent] | None = None) -> UnsizedContent:
    told.append(f"open {name}")
    return UnsizedContent(Body(octets), DATASTREAM, repository="r", again=again, release=lambda: told.append(f"close {name}"))


def test_its_place_is_free_before_it_is_asked_for_again() -> None:
    """Of a server that gives one place only, the second reading would wait for the first for ever."""
    told: list[str] = []
    with content(OCTETS, told, "first", lambda: content(OCTETS, told, "second")) as first:
        assert b"".join(iter(lambda: first.read(100), b"")) == OCTETS
    assert told == ["open first", "close first", "open second", "close second"]


def test_what_comes_otherwise_the_second_time_is_not_believed_and_both_are_closed() -> None:
    told: list[str] = []
    with content(OCTETS, told, "first", lambda: content(OCTETS[1:], told, "second")) as first, pytest.raises(ContentChanged):
        list(iter(lambda: first.read(100), b""))
    assert sorted(told) == ["close first", "close second", "open first", "open second"]


def test_it_keeps_its_place_until_it_is_read() -> None:
    told: list[str] = []
    held = content(OCTETS, told, "only")
    before = held.used
    assert held.park() is False
    held.read(1)
    assert held.used >= before
    held.close()
    held.close()
    assert told == ["open only", "close only"]
