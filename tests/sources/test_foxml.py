"""FOXML as Fedora 3 itself reads it, and as nobody may make us read it."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import ObjectUnreadable
from getapi.core.source import ControlGroup, Digest, State
from getapi.sources import foxml as module
from getapi.sources.digitalobject import Datastream, parse_created, parse_state
from getapi.sources.foxml import MAX_DEPTH, read_foxml
from tests.sources.stores import DC, datastream, digest, foxml, inline, location, managed, version

GOOD = foxml(
    "demo:5",
    datastream("DC", "X", version("DC1.0", inline(DC))),
    managed("demo:5", "IMG", SIZE="12", ALT_IDS="a b"),
    datastream("LINK", "R", version("LINK.0", location("http://example.org/", "URL"))),
)


def read(*datastreams: str) -> tuple[Datastream, ...]:
    return read_foxml(foxml("demo:5", *datastreams), "demo:5").datastreams


def only(*datastreams: str) -> Datastream:
    found = read(*datastreams)[0]
    assert found.version is not None
    return found


def current(*created: str | None) -> str | None:
    versions = [version(f"V.{number}", CREATED="-" if text is None else text) for number, text in enumerate(created)]
    return only(datastream("V", "M", *versions)).version


def refuse(document: bytes) -> str:
    with pytest.raises(ObjectUnreadable) as caught:
        read_foxml(document, "demo:5")
    assert caught.value.facts == {"pid": "demo:5"}
    return caught.value.why


def test_an_object_its_label_and_its_datastreams() -> None:
    value = read_foxml(GOOD, "demo:5")
    assert (value.pid, value.state, value.label) == ("demo:5", State.ACTIVE, "An object")
    assert [(found.id, found.control_group) for found in value.datastreams] == [
        ("DC", ControlGroup.INLINE),
        ("IMG", ControlGroup.MANAGED),
        ("LINK", ControlGroup.REDIRECT),
    ]
    image = value.datastreams[1]
    assert (image.mime, image.declared_size, image.alternate_ids, image.reference) == ("text/plain", 12, ("a", "b"), "demo:5+IMG+IMG.0")
    assert image.created == datetime(2015, 1, 27, 19, 8, 43, 701000, UTC)


def test_the_default_namespace_serves_as_well() -> None:
    text = GOOD.decode().replace("foxml:", "").replace("xmlns:foxml", "xmlns")
    text = text.replace('encoding="UTF-8"', 'encoding="UTF-8" standalone="yes"').replace("\n", "\r\n")
    value = read_foxml(text.encode(), "demo:5")
    assert [found.id for found in value.datastreams] == ["DC", "IMG", "LINK"]


def test_foxml_1_0_is_read_and_its_disseminators_are_not() -> None:
    text = GOOD.decode().replace(' VERSION="1.1"', "")
    old = text.replace(
        "</foxml:digitalObject>",
        '<foxml:disseminator ID="D" BDEF_CONTRACT_PID="demo:1" STATE="A"><foxml:disseminatorVersion ID="D.0">'
        '<foxml:serviceInputMap><foxml:datastreamBinding KEY="k" DATASTREAM_ID="IMG"/></foxml:serviceInputMap>'
        "</foxml:disseminatorVersion></foxml:disseminator></foxml:digitalObject>",
    )
    assert read_foxml(old.encode(), "demo:5") == read_foxml(GOOD, "demo:5")


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (("2001-01-01T00:00:00Z", "2003-01-01T00:00:00Z", "2002-01-01T00:00:00Z"), "V.1"),
        (("2003-01-01T00:00:00.000Z", "2003-01-01T00:00:00Z"), "V.0"),
        (("2003-01-01T00:00:00.100Z", "2003-01-01T00:00:00.20"), "V.1"),
        (("2003-01-01", "2002-12-31T23:59:59Z"), "V.0"),
        (("2003-01-01T00:00:00Z", None), "V.1"),
        ((None, "2003-01-01T00:00:00Z", "2002-01-01T00:00:00Z"), "V.1"),
        (("2003-01-01T00:00:00Z", "2009-01-01T00:00:00+01:00"), "V.1"),
        (("2003-01-01T00:00:00Z", None, "2002-01-01T00:00:00Z"), "V.1"),
        ((None, None), "V.1"),
    ],
)
def test_the_current_version_is_the_one_that_fedora_takes(created: tuple[str | None, ...], expected: str) -> None:
    assert current(*created) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2015-02-30", "0000-01-01", "2015-01-01T24:00:00Z", "2015-1-1", "2015-01-01T10:00Z", "２０15-01-01"]
)
def test_other_forms_are_no_date(text: str) -> None:
    assert parse_created(text) is None


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", State.ACTIVE),
        ("A", State.ACTIVE),
        ("Active", State.ACTIVE),
        ("i", State.INACTIVE),
        ("Inactive", State.INACTIVE),
        ("D", State.DELETED),
        ("DELETED", State.DELETED),
        ("info:fedora/fedora-system:def/model#Inactive", State.INACTIVE),
        ("info:fedora/fedora-system:def/model#Deleted", State.DELETED),
        ("X", None),
        ("open", None),
    ],
)
def test_states_in_all_their_spellings(text: str, state: State | None) -> None:
    assert parse_state(text) is state


def test_a_state_that_fedora_does_not_know_is_no_object() -> None:
    assert "state" in refuse(foxml("demo:5", state="Open"))
    assert "state" in refuse(foxml("demo:5", datastream("DC", "X", state="Open")))


def test_a_datastream_without_a_state_is_active() -> None:
    assert read(datastream("DC", "X", version("DC.0")).replace('STATE="A"', ""))[0].state is State.ACTIVE


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("MD5", "D41D8CD98F00B204E9800998ECF8427E", (Digest(algorithm="md5", value="d41d8cd98f00b204e9800998ecf8427e"),)),
        ("SHA-1", "a" * 40, (Digest(algorithm="sha1", value="a" * 40),)),
        ("SHA-256", "b" * 64, (Digest(algorithm="sha256", value="b" * 64),)),
        ("SHA-384", "c" * 96, (Digest(algorithm="sha384", value="c" * 96),)),
        ("SHA-512", "d" * 128, (Digest(algorithm="sha512", value="d" * 128),)),
        ("MD5", "", ()),
        ("MD5", "a" * 40, ()),
        ("MD5", "g" * 32, ()),
        ("MD5", "ExceptionReadingStream", ()),
        ("DISABLED", "none", ()),
        ("TIGER", "a" * 48, ()),
        ("", "", ()),
    ],
)
def test_only_well_formed_digests_count(kind: str, value: str, expected: tuple[Digest, ...]) -> None:
    assert only(datastream("IMG", "M", version("IMG.0", digest(kind, value)))).digests == expected


@pytest.mark.parametrize(
    ("text", "size"), [("12", 12), ("0", None), ("-1", None), ("", None), ("1e3", None), ("9" * 5000, None), ("１", None)]
)
def test_sizes_that_say_nothing_are_none(text: str, size: int | None) -> None:
    assert only(datastream("IMG", "M", version("IMG.0", SIZE=text))).declared_size == size


def test_space_around_a_location_is_no_part_of_it() -> None:
    assert only(datastream("IMG", "M", version("IMG.0", location(" demo:5+IMG+IMG.0\n")))).reference == "demo:5+IMG+IMG.0"


def test_an_archive_exports_content_is_only_noted() -> None:
    assert only(datastream("IMG", "M", version("IMG.0", "<foxml:binaryContent>AAAA</foxml:binaryContent>"))).embedded


def test_inline_content_is_that_of_the_current_version() -> None:
    old = version("DC.0", inline("<old/>"), CREATED="2001-01-01")
    found = only(datastream("DC", "X", version("DC.1", inline("<new/>")), old))
    assert found.inline is not None
    assert found.inline.octets == b"<new/>"


def test_a_group_that_foxml_does_not_know_and_a_datastream_without_versions() -> None:
    found = read(datastream("B", "B", version("B.0")), datastream("EMPTY", "M"))
    assert [(one.control_group, one.version is None) for one in found] == [(None, False), (ControlGroup.MANAGED, True)]


def test_elements_count_only_where_foxml_has_them() -> None:
    stray = '<foxml:extra><foxml:datastream ID="X" CONTROL_GROUP="M"/></foxml:extra><other xmlns="urn:o"><foxml:datastream/></other>'
    assert [one.id for one in read(stray, managed("demo:5", "IMG"))] == ["IMG"]


@pytest.mark.parametrize(
    "document", [b"", b"\0", b"not xml", GOOD[:-20], GOOD + b"<x/>", b"\xff\xfe<", b"\xff" * 99, GOOD.replace(b"An obj", b"\xe9")]
)
def test_what_is_not_well_formed_is_refused(document: bytes) -> None:
    assert "well-formed" in refuse(document) or "encoding" in refuse(document)


@pytest.mark.parametrize("document", [b"<a/>", b"<digitalObject/>", b'<METS xmlns="info:fedora/fedora-system:def/foxml#"/>'])
def test_what_is_not_foxml_is_refused(document: bytes) -> None:
    assert "not FOXML" in refuse(document)


@pytest.mark.parametrize("twice", [managed("demo:5", "IMG") * 2, datastream("", "M"), datastream("X", "M").replace('ID="X"', "")])
def test_ids_are_there_and_unique(twice: str) -> None:
    assert "id" in refuse(foxml("demo:5", twice))


def test_a_version_has_one_content() -> None:
    assert "twice" in refuse(foxml("demo:5", datastream("DC", "X", version("DC.0", inline("<a/>") * 2))))


BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "doctype",
    [
        f'<!DOCTYPE x [<!ENTITY l0 "lol">{BILLION}]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
        "<!DOCTYPE x>",
        '<!DOCTYPE x [<!ATTLIST foxml:digitalObject PID CDATA "demo:6">]>',
    ],
)
def test_a_doctype_is_refused_before_anything_in_it_is_read(doctype: str) -> None:
    head, _, body = foxml("demo:5", datastream("DC", "X", version("DC.0", inline("<a>&l9;&e;</a>")))).decode().partition("\n")
    began = time.monotonic()
    assert "DOCTYPE" in refuse(f"{head}{doctype}{body}".encode())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("wrap", [inline, lambda xml: xml])
def test_nesting_is_bounded_inside_and_outside_of_content(wrap: object) -> None:
    assert callable(wrap)
    deep = "<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1)
    assert "deeper" in refuse(foxml("demo:5", datastream("DC", "X", version("DC.0", wrap(deep)))))
    wide = "<a>" * (MAX_DEPTH - 9) + "</a>" * (MAX_DEPTH - 9)
    assert read(datastream("DC", "X", version("DC.0", wrap(wide))))


def test_a_hundred_thousand_levels_are_refused_at_once() -> None:
    began = time.monotonic()
    assert "deeper" in refuse(foxml("demo:5", datastream("DC", "X", version("DC.0", inline("<a>" * 100_000)))))
    assert time.monotonic() - began < 10


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OCTETS", len(GOOD) - 1)
    assert "larger" in refuse(GOOD)
    monkeypatch.setattr(module, "MAX_OCTETS", len(GOOD))
    assert read_foxml(GOOD, "demo:5").pid == "demo:5"


def attempt(document: bytes) -> None:
    """Any other exception fails the test."""
    with suppress(ObjectUnreadable):
        assert read_foxml(document, "demo:5").state in State


@given(st.binary(max_size=300))
def test_any_bytes_are_an_object_or_unreadable(document: bytes) -> None:
    attempt(document)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 9), st.binary(max_size=9)), min_size=1, max_size=6))
def test_a_damaged_document_is_an_object_or_unreadable(damages: list[tuple[int, int, bytes]]) -> None:
    document = GOOD
    for position, count, octets in damages:
        document = document[:position] + octets + document[position + count :]
    attempt(document)


PIECES = st.sampled_from(
    [
        "<foxml:datastream ID='A' CONTROL_GROUP='X'>",
        "</foxml:datastream>",
        "<foxml:datastreamVersion ID='A.0'>",
        "</foxml:datastreamVersion>",
        "<foxml:xmlContent>",
        "</foxml:xmlContent>",
        "<foxml:xmlContent/>",
        "<a>",
        "</a>",
        "<b xsi:t='&lt;'/>",
        "&amp;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<foxml:contentDigest TYPE='MD5'/>",
        "<foxml:contentLocation REF=''/>",
        "<?pi?>",
        "&x;",
        "é",
        " ",
        "<foxml:digitalObject>",
    ]
)


@given(st.lists(PIECES, max_size=14), st.sampled_from(["utf-8", "utf-16", "latin-1", "shift_jis", "utf-32", "punycode"]))
def test_any_arrangement_of_foxmls_own_pieces_is_an_object_or_unreadable(pieces: list[str], encoding: str) -> None:
    attempt(foxml("demo:5", *pieces).decode().replace("UTF-8", encoding, 1).encode(encoding, "replace"))
