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


@pytest.mark.parametrize("pad", [0, 2**20], ids=["at once", "in pieces"])
@pytest.mark.parametrize(
    "wrong",
    [
        b"<p:b/>",
        b'<b p:c="1"/>',
        b'<b xmlns:p="u:p" xmlns:q="u:p" p:c="1" q:c="2"/>',
        b'<b xmlns:p=""/>',
        b'<b xmlns:xml="u:p"/>',
        b'<p:b:c xmlns:p="u:p"/>',
    ],
)
def test_a_wrong_name_is_refused_whatever_is_only_questionable_behind_it(wrong: bytes, pad: int) -> None:
    """Of what the parser has found lxml looks at the last alone, and a namespace that is no absolute URI is but a warning."""
    for rest in (b"", b'<d xmlns="relative"/>'):
        with pytest.raises(XmlRefused):
            parse(b"<a>" + wrong + rest + b" " * pad + b"</a>")


@pytest.mark.parametrize("pad", [0, 2**20], ids=["at once", "in pieces"])
def test_what_is_only_questionable_is_read(pad: int) -> None:
    assert parse(b'<a><d xmlns="relative"/>' + b" " * pad + b"</a>").tag == "a"


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
