import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import XmlRefused, XmlTooDeep
from getapi.core.xml import parse

BOMB = (
    b'<!DOCTYPE a [<!ENTITY a0 "lol">'
    + b"".join(b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 12))
    + b"]><a>&a11;</a>"
)


def test_comments_and_instructions_are_dropped() -> None:
    assert [child.tag for child in parse(b"<a><!-- no --><?no way?><b/></a>")] == ["b"]


def test_utf_16_is_read() -> None:
    assert parse('<?xml version="1.0" encoding="utf-16"?><ä/>'.encode("utf-16")).tag == "ä"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a",
        b"\x00",
        b"<a>&nothing;</a>",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><a/>',
        BOMB,
    ],
)
def test_what_is_not_well_formed_or_declares_a_dtd_is_refused_at_once(document: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(XmlRefused):
        parse(document)
    assert time.monotonic() - begun < 2


def test_nesting_is_bounded() -> None:
    with pytest.raises(XmlTooDeep):
        parse(b"<a>" * 100_000)
    assert parse(b"<a>" * 200 + b"</a>" * 200).tag == "a"


def test_size_is_bounded() -> None:
    with pytest.raises(XmlRefused, match="larger than 10 octets"):
        parse(b"<aaaaaaaaaaa/>", max_octets=10)


def test_markup_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getapi.core.xml.MAX_MARKUP", 3)
    assert parse(b"<a><b/></a>").tag == "a"
    with pytest.raises(XmlRefused, match="markup"):
        parse(b"<a><b/><b/></a>")


@given(st.binary(max_size=200))
def test_no_octets_raise_anything_else(document: bytes) -> None:
    try:
        parse(document)
    except XmlRefused:
        return
