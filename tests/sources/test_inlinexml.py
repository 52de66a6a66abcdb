"""Inline XML as stable bytes."""

import hashlib

import pytest
from lxml import etree

from getapi.sources.foxml import read_foxml
from getapi.sources.inlinexml import to_utf8
from tests.sources.stores import datastream, foxml, inline, version


def cut(xml: str, head: str = "") -> bytes:
    value = read_foxml(foxml("demo:1", datastream("DC", "X", version("DC.0", inline(xml))), head=head), "demo:1")
    found = value.datastreams[0]
    assert found.inline is not None
    assert found.inline.sha256 == hashlib.sha256(found.inline.octets).hexdigest()
    return found.inline.octets


@pytest.mark.parametrize(
    "xml",
    [
        "<a/>",
        "<a></a>",
        "<a b=\"1\" c='2'>x<!-- y --><?z?></a>",
        "<a><![CDATA[<b>]]></a>",
        "<!-- before --><a/><!-- after -->",
        "<a>&#x1F600;&amp;</a>",
        '<p:a xmlns:p="urn:p"/>',
        '<a t=">">text</a>',
        "<a/><b/>",
        "<a\n\tb='1'\n/>",
        "<größe/>",
    ],
)
def test_the_depositors_markup_is_left_as_it_is(xml: str) -> None:
    assert cut(f"\r\n \t{xml}\n") == xml.encode()


def test_line_ends_inside_stay() -> None:
    assert cut("<a>\r\nb\r\n</a>\r\n") == b"<a>\r\nb\r\n</a>"


@pytest.mark.parametrize("xml", ["", " \n", "<!-- only this -->", "words"])
def test_without_an_element_there_is_nothing(xml: str) -> None:
    assert cut(xml) == b""


def test_inherited_prefixes_are_declared_on_the_root_in_order() -> None:
    octets = cut('<m><n z:t="1" b:u="2"/></m>', ' xmlns:z="urn:z" xmlns:b="urn:b?x&amp;y" xmlns:unused="urn:unused"')
    assert octets == b'<m xmlns:b="urn:b?x&amp;y" xmlns:z="urn:z"><n z:t="1" b:u="2"/></m>'
    assert etree.fromstring(octets).nsmap == {"b": "urn:b?x&y", "z": "urn:z"}


def test_a_prefix_in_a_value_counts_as_used() -> None:
    assert cut('<a t="xsi:date"/>') == b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" t="xsi:date"/>'


def test_what_the_root_declares_itself_is_not_declared_again() -> None:
    xml = "<a xmlns:xsi='urn:other' xsi:t='1'/>"
    assert cut(xml) == xml.encode()


def test_a_declaration_inside_a_value_declares_nothing() -> None:
    octets = cut("<a t=' xmlns:xsi=\"no\" ' xsi:t='1'/>")
    assert etree.fromstring(octets).nsmap == {"xsi": "http://www.w3.org/2001/XMLSchema-instance"}


def test_an_inherited_default_namespace_is_declared_where_it_is_used() -> None:
    assert cut("<a><b/></a>", ' xmlns="urn:d"') == b'<a xmlns="urn:d"><b/></a>'
    assert cut('<p:a xmlns:p="urn:p"><p:b/></p:a>', ' xmlns="urn:d"') == b'<p:a xmlns:p="urn:p"><p:b/></p:a>'
    assert cut('<a xmlns=""/>', ' xmlns="urn:d"') == b'<a xmlns=""/>'


def test_namespaces_of_the_elements_between_count_too() -> None:
    content = version("DC.0", '<foxml:xmlContent xmlns:q="urn:&gt;" xmlns:r="urn:r"><a q:b="1"/></foxml:xmlContent>')
    found = read_foxml(foxml("demo:1", datastream("DC", "X", content), head=' xmlns:q="urn:outer"'), "demo:1").datastreams[0]
    assert found.inline is not None
    assert found.inline.octets == b'<a xmlns:q="urn:&gt;" q:b="1"/>'.replace(b"&gt;", b">")


def test_foxml_inside_foxml_is_data() -> None:
    nested = foxml("demo:2", datastream("INNER", "X", version("INNER.0", inline("<x/>")))).decode().partition("\n")[2]
    value = read_foxml(foxml("demo:1", datastream("DC", "X", version("DC.0", inline(nested)))), "demo:1")
    assert value.pid == "demo:1"
    assert [found.id for found in value.datastreams] == ["DC"]
    assert cut(nested) == nested.encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252", "utf-8-sig"])
def test_other_encodings_come_out_as_utf_8(encoding: str) -> None:
    named = {"utf-16-le": "utf-16", "utf-16-be": "utf-16", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = foxml("demo:1", datastream("DC", "X", version("DC.0", inline("\n<größe>é</größe>\n")))).decode()
    value = read_foxml(text.replace("UTF-8", named, 1).encode(encoding), "demo:1")
    found = value.datastreams[0]
    assert found.inline is not None
    assert found.inline.octets == "<größe>é</größe>".encode()


@pytest.mark.parametrize("encoding", ["punycode", "rot13", "unicode_escape", "utf-7", "idna", "no-such", "undefined", "utf-16", "hex"])
def test_encodings_that_no_xml_is_in_are_not_tried(encoding: str) -> None:
    with pytest.raises(LookupError):
        to_utf8(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())


def test_many_open_brackets_in_cdata_cost_no_time() -> None:
    # Quadratic behaviour would take minutes here.
    xml = "<p:a xmlns:p='urn:p'><![CDATA[" + "<" * 300_000 + " ]]></p:a>"
    assert cut(xml, ' xmlns="urn:d"') == xml.encode()
