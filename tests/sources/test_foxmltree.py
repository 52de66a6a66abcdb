"""FOXML by lxml is FOXML by expat, octet for octet, or it is left to expat."""

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from getapi.core.errors import ObjectUnreadable
from getapi.sources import foxmltree as module
from getapi.sources.digitalobject import DigitalObject
from getapi.sources.foxml import read_foxml, read_tagwise
from getapi.sources.foxmltree import find_contents, is_plain, read_tree
from tests.sources.stores import DC, SHARED, datastream, digest, foxml, inline, location, managed, version

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RICH = foxml(
    "demo:5",
    datastream("DC", "X", version("DC1.0", inline(DC)), version("DC1.1", inline(f"\n {DC}\n"), CREATED="2016-01-27T19:08:43.701Z")),
    datastream("RELS-EXT", "X", version("RELS-EXT.0", inline('<r xsi:t="x:y" n="&gt;&#10;">été</r>'), LABEL="Büro > 'all'")),
    datastream("IMG", "M", version("IMG.0", digest("SHA-1", "A" * 40) + location("demo:5+IMG+IMG.0"), SIZE="12", ALT_IDS="a b")),
    managed("demo:5", "OLD", state="D"),
    datastream("LINK", "R", version("LINK.0", location("http://example.org/?a=b", "URL"))),
    datastream("B64", "M", version("B64.0", "<foxml:binaryContent>AAAA</foxml:binaryContent>")),
    datastream("NONE", "M"),
    head=' xmlns:x="urn:x" xmlns="urn:default"',
)


def tagwise(document: bytes) -> DigitalObject | str:
    """What expat makes of it, a refusal as its sentence."""
    try:
        return read_tagwise(document, "demo:5")
    except ObjectUnreadable as error:
        return error.why


def agree(document: bytes) -> None:
    found = read_tree(document)
    assert found is None or found == tagwise(document)


def real() -> list[Path]:
    return sorted(path for folder in (SHARED, FIXTURES) for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 2**20)


@pytest.mark.parametrize("path", real(), ids=lambda path: path.name[-40:])
def test_every_real_document_is_read_the_same(path: Path) -> None:
    agree(path.read_bytes())


def test_most_real_documents_are_read_here() -> None:
    whole = [document for path in real() if isinstance(tagwise(document := path.read_bytes()), DigitalObject)]
    assert sum(read_tree(document) is not None for document in whole) > len(whole) / 2


def test_a_rich_document_is_read_here_and_the_same() -> None:
    assert read_tree(RICH) == tagwise(RICH) == read_foxml(RICH, "demo:5")
    assert read_tree(RICH) is not None


def test_the_prefix_that_needs_no_declaration_gets_none_though_the_object_declares_it() -> None:
    """Namespaces in XML 1.0, 3. lxml does not tell that it was declared."""
    head = ' xmlns:xml="http://www.w3.org/XML/1998/namespace"'
    document = foxml("demo:5", datastream("A", "X", version("A.0", inline("<a xml:lang='en'/>"))), head=head)
    assert read_tree(document) == tagwise(document)
    assert read_foxml(document, "demo:5").inline() == {"A": b"<a xml:lang='en'/>"}


@pytest.mark.parametrize(
    "xml", ["<p:a/>", "<a xmlns:p='u:p' xmlns:q='u:p' p:b='' q:b=''/>", "<a xmlns:p=''/>", "<a xmlns:xml='u:p'/>", "<p:a:b xmlns:p='u:p'/>"]
)
def test_a_wrong_name_is_not_read_here_whatever_is_only_questionable_behind_it(xml: str) -> None:
    versions = version("A.0", inline(xml)), version("B.0", inline("<b xmlns='relative'/>"))
    document = foxml("demo:5", datastream("A", "X", versions[0]), datastream("B", "X", versions[1]))
    assert read_tree(document) is None
    assert isinstance(tagwise(document), str)


@pytest.mark.parametrize(
    "xml",
    [
        "<!-- x --><a/>",
        "<a><![CDATA[</foxml:xmlContent>]]></a>",
        "<?z </foxml:xmlContent>?><a/>",
        "<a>]]></a>",
        "<a>\r\n</a>",
        "<größe/>",
        "<a é='1'/>",
        "<\u0133/>",
        "<foxml:xmlContent><a/></foxml:xmlContent>",
        "<z:xmlContent xmlns:z='urn:z'></z:xmlContent>",
        "<a>xmlContent></a>",
        "<a b='xmlContent>'/>",
        "<a>&undeclared;</a>",
        "<a" + "><a" * 300 + ">" + "</a>" * 301,
        "<a",
    ],
)
def test_what_is_not_plain_or_no_good_xml_is_left_to_expat(xml: str) -> None:
    document = foxml("demo:5", datastream("DC", "X", version("DC.0", inline(xml))))
    assert read_tree(document) is None


@pytest.mark.parametrize(
    "document",
    [
        b"\xef\xbb\xbf" + RICH,
        RICH.decode().encode("utf-16"),
        RICH.replace(b'"UTF-8"', b'"ISO-8859-1"'),
        RICH.replace(b'version="1.0"', b'version="1.1"'),
        RICH[:-20],
        RICH + b"<x/>",
        RICH.replace(b"<foxml:digitalObject ", b"<foxml:object ").replace(b"</foxml:digitalObject", b"</foxml:object"),
        RICH.replace(b"foxml:xmlContent>", b"foxml:xmlContent\xc2\xa0>"),
        RICH.replace(b'ID="IMG"', b'ID="DC"'),
        RICH.replace(b'ID="IMG"', b'ID=""'),
        RICH.replace(b'STATE="D"', b'STATE="X"'),
        b"",
        b"<a/>",
    ],
)
def test_other_documents_are_left_to_expat(document: bytes) -> None:
    assert read_tree(document) is None


@pytest.mark.parametrize(
    "content",
    [
        "<foxml:xmlContent x='1'><a/></foxml:xmlContent>",
        "<foxml:xmlContent ><a/></foxml:xmlContent>",
        "<foxml:xmlContent><a/></foxml:xmlContent\n>",
        "<foxml:xmlContent/>",
        "<foxml:xmlContent><a/></foxml:xmlContent><foxml:contentDigest TYPE='MD5' DIGEST='none'/>",
        "<foxml:xmlContent xmlns:z='urn:z'><z:a/></foxml:xmlContent>",
        "<f:xmlContent xmlns:f='info:fedora/fedora-system:def/foxml#'><a/></f:xmlContent>",
        "<foxml:xmlContent><a/></foxml:xmlContent><foxml:datastreamVersion></foxml:datastreamVersion><foxml:xmlContent><b/></foxml:xmlContent>",
        "<foxml:datastreamVersion><foxml:xmlContent><a/></foxml:xmlContent></foxml:datastreamVersion>",
        inline("<z:xmlContent xmlns:z='urn:z'/>"),
        inline("<z:xmlContent xmlns:z='urn:z' a='1'>xmlContent</z:xmlContent >"),
        inline("<a b='xmlContent'/>"),
        inline("<foxml:xmlContent/>"),
        inline("<foxml:xmlContent a='1'></foxml:xmlContent >"),
        inline("<a xmlns:foxml='urn:z'><foxml:xmlContent/></a>"),
        inline("<a xmlns:foxml='urn:z'><foxml:xmlContent></foxml:xmlContent></a>"),
    ],
)
def test_a_content_that_stands_otherwise_than_fedora_writes_it_is_left_to_expat_or_read_the_same(content: str) -> None:
    rest = datastream("MODS", "X", version("MODS.0", inline("<m xsi:a='1'/>")))
    for parts in ((datastream("DC", "X", version("DC.0", content)), rest), (rest, datastream("DC", "X", version("DC.0", content)))):
        agree(foxml("demo:5", *parts))


def test_a_namespace_that_is_declared_for_one_content_alone_is_not_taken_for_all() -> None:
    first = datastream("DC", "X", version("DC.0", inline("<z:a xmlns:z='urn:z'/>"))).replace(
        "<foxml:datastream ", "<foxml:datastream xmlns:y='urn:y' "
    )
    for document in (foxml("demo:5", first, datastream("B", "X", version("B.0", inline("<b c='y:d'/>")))), foxml("demo:5", first)):
        agree(document)
    assert read_tree(foxml("demo:5", datastream("DC", "X", version("DC.0", inline("<z:a xmlns:z='urn:z'/>"))))) is not None


def test_a_version_with_two_contents_and_a_content_elsewhere_are_left_to_expat() -> None:
    twice = foxml("demo:5", datastream("DC", "X", version("DC.0", inline("<a/>") * 2)))
    assert read_tree(twice) is None
    elsewhere = foxml("demo:5", inline("<a/>"), datastream("DC", "X", inline("<c/>"), version("DC.0", inline("<b/>"))))
    assert read_tree(elsewhere) is None
    foreign = foxml("demo:5", "<z:xmlContent xmlns:z='urn:z'>1</z:xmlContent>", datastream("DC", "X", version("DC.0", inline("<b/>"))))
    assert read_tree(foreign) is None


BARE, SPACED = inline("<a/>"), "<foxml:xmlContent ><b/></foxml:xmlContent >"
STRAY = f"<foxml:datastreamVersion>{BARE}</foxml:datastreamVersion>"
OLD, NEW = "2014-01-01T00:00:00.000Z", "2015-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "parts",
    [
        (STRAY, datastream("DC", "X", version("DC.0", inline("<c/>")))),
        (f"<foxml:x>{STRAY}</foxml:x>", datastream("DC", "X", version("DC.0", inline("<c/>")))),
        (datastream("DC", "X", f"<foxml:x>{STRAY}</foxml:x>", version("DC.0", inline("<c/>"))),),
        (datastream("DC", "X", version("DC.0", f"<foxml:x>{STRAY}</foxml:x>", CREATED=NEW), version("DC.1", SPACED, CREATED=OLD)),),
        (datastream("DC", "X", STRAY.replace("Version", "Vision")), datastream("B", "X", version("B.0", inline("<c/>")))),
        (datastream("DC", "X", version("DC.0", SPACED, CREATED=NEW), version("DC.1", BARE, CREATED=OLD)),),
        (datastream("DC", "X", version("DC.0", BARE, CREATED=OLD), version("DC.1", SPACED, CREATED=NEW)),),
        (datastream("DC", "X", version("DC.0", SPACED)), STRAY),
    ],
)
def test_no_content_is_taken_for_another_ones(parts: tuple[str, ...]) -> None:
    agree(foxml("demo:5", *parts))


@pytest.mark.parametrize("newest", range(3))
def test_of_several_versions_the_current_one_has_its_own_content_and_the_next_datastream_too(newest: int) -> None:
    versions = [version(f"DC.{each}", inline(f"<v{each}/>"), CREATED=NEW if each == newest else OLD) for each in range(3)]
    versions.insert(1, version("DC.9", location("demo:5+DC+DC.9"), CREATED=OLD))
    found = read_tree(foxml("demo:5", datastream("DC", "X", *versions), datastream("B", "X", version("B.0", inline("<b/>")))))
    assert found is not None
    assert found.inline() == {"DC": f"<v{newest}/>".encode(), "B": b"<b/>"}


def test_a_large_document_is_left_to_expat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OCTETS", len(RICH) - 1)
    assert read_tree(RICH) is None
    monkeypatch.setattr(module, "MAX_OCTETS", len(RICH))
    assert read_tree(RICH) is not None


@pytest.mark.parametrize(
    "document",
    [
        foxml("demo:5", "é", "<a b='" * 100_000),
        foxml("demo:5", "é", '<a b="' * 100_000),
        foxml("demo:5", "é", "<" * 900_000),
        foxml("demo:5", "é" * 400_000),
        foxml("demo:5", "<xmlContent>" * 80_000),
        foxml("demo:5", "</xmlContent>" * 70_000),
        foxml("demo:5", "xmlContent" * 90_000),
        b" " * 900_000,
        b'<?xml version="1.0"' + b" " * 900_000,
    ],
    ids=len,
)
def test_no_document_takes_more_than_a_moment(document: bytes) -> None:
    began = time.process_time()
    assert is_plain(document) in {True, False}
    assert not find_contents(document, None)
    assert time.process_time() - began < 1


def test_contents_are_found_by_their_tags() -> None:
    one = b"<f:xmlContent> <b/></f:xmlContent></f:datastreamVersion>"
    assert find_contents(b"<f:digitalObject>" + one, "f") == [b" <b/>"]
    assert find_contents(b"<f:digitalObject>" + one + b"\n" + one, "f") == [b" <b/>", b" <b/>"]
    assert find_contents(b"<digitalObject>" + one.replace(b"f:", b""), None) == [b" <b/>"]
    assert find_contents(b"<f:digitalObject>" + one, "g") is None
    assert find_contents(b"<f:digitalObject>" + one[:-4] + b">" + one, "f") is None
    assert find_contents(b'<f:digitalObject><f:datastream xmlns:a="urn:a">' + one, "f") is None
    assert find_contents(b"xmlContent></xmlContent></datastreamVersion>", None) is None
    assert find_contents(b"<xmlContent>", None) is None
    assert find_contents(b"<a/>", None) == []


def test_a_doctype_never_reaches_lxml() -> None:
    assert not is_plain(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert not is_plain(b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>')


PLAIN = {
    "names": ["a", "d", "b:a", "foxml:datastream", "foxml:datastreamVersion"],
    "values": ["", ">", "/>", "&amp;", "&#10;", "\n", "\t", "b:c", "xsi:d", "é"],
    "declared": ["", "", ' xmlns=""', ' xmlns="urn:d"', ' xmlns:b="urn:b"', ' xmlns:b="urn:c&amp;d"'],
    "texts": ["", " ", "\n", "t", "é", "&lt;", "b:", "xsi:a"],
}
ODD = {
    "names": [*PLAIN["names"], "foxml:xmlContent", "xmlContent", "b:xmlContent", "é", "\u0133"],
    "values": [*PLAIN["values"], "xmlContent", "</foxml:xmlContent>", "&e;"],
    "declared": [*PLAIN["declared"], ' xmlns:foxml="urn:f"', ' xmlns:b=""', ' xmlns:b="u b"'],
    "texts": [*PLAIN["texts"], "]]>", "xmlContent", "</foxml:xmlContent>", "<!-- c -->", "<![CDATA[<]]>", "<?p?>", "\ufffe", "\r\n"],
}


@st.composite
def elements(draw: st.DrawFn, kind: dict[str, list[str]], depth: int = 3) -> str:
    name, value, declared = (draw(st.sampled_from(kind[what])) for what in ("names", "values", "declared"))
    attribute = draw(st.sampled_from(["", f' c="{value}"', f" xsi:c='{value}'", f' b:c = "{value}"']))
    inside = "".join(draw(st.lists(pieces(kind, depth - 1), max_size=3)))
    head = f"<{name}{declared}{attribute}{draw(st.sampled_from(['', ' ']))}"
    return f"{head}/>" if not inside and draw(st.booleans()) else f"{head}>{inside}</{name}{draw(st.sampled_from(['', ' ']))}>"


def pieces(kind: dict[str, list[str]], depth: int = 3) -> st.SearchStrategy[str]:
    texts = st.sampled_from(kind["texts"])
    return st.one_of(texts, elements(kind, depth)) if depth else texts


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([PLAIN, PLAIN, ODD]))
    made = st.sampled_from(["-", "", "2015-01-27T19:08:43.701Z", "2016-01-01", "2014-05-05T00:00:00Z", "yesterday"])
    found = []
    for number in range(draw(st.integers(1, 3))):
        contents = ["".join(draw(st.lists(pieces(kind), max_size=3))) for _ in range(draw(st.integers(0, 3)))]
        versions = [
            version(f"V.{each}", inline(xml) if draw(st.booleans()) else location("demo:5+V+V.0"), CREATED=draw(made))
            for each, xml in enumerate(contents)
        ]
        group, state = draw(st.sampled_from("XMERB")), draw(st.sampled_from(["A", "Inactive", "D", ""]))
        found.append(datastream(f"V{number}", group, *versions, state=state))
    strays = draw(st.lists(pieces(kind), max_size=1))
    head = draw(st.sampled_from([' xmlns:b="urn:b"', ' xmlns="urn:d" xmlns:b="urn:b"', ""]))
    encoding = draw(st.sampled_from([b'encoding="UTF-8"', b'encoding="utf-8"', b"", b'encoding="latin-1"']))
    return foxml("demo:5", *found, *strays, head=head).replace(b'encoding="UTF-8"', encoding)


@settings(max_examples=400)
@given(documents())
def test_any_object_is_read_the_same_or_left_to_expat(document: bytes) -> None:
    agree(document)


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, len(RICH) - 1), st.integers(0, 9), st.binary(max_size=9)), min_size=1, max_size=4))
@example([(0, 0, b"\xef\xbb\xbf")])
def test_any_damaged_document_is_read_the_same_or_left_to_expat(damages: list[tuple[int, int, bytes]]) -> None:
    document = RICH
    for position, count, octets in damages:
        document = document[:position] + octets + document[position + count :]
    agree(document)


@given(st.integers(0, len(RICH)), st.integers(0, len(RICH)))
def test_any_truncated_or_spliced_document_is_read_the_same_or_left_to_expat(first: int, second: int) -> None:
    agree(RICH[:first])
    agree(RICH[:first] + RICH[second:])
