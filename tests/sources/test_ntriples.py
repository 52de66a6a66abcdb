"""N-Triples as Fedora 6 writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.sources.ntriples import MAX_OCTETS, Triple, TriplesRefused, read_triples


def one(text: str) -> Triple:
    (triple,) = read_triples(text.encode())
    return triple


def test_iris_blank_nodes_and_literals_are_told_apart() -> None:
    assert one("<a:s> <a:p> <a:o> .") == Triple("a:s", "a:p", "a:o", iri=True)
    assert one("_:b1 <a:p> _:b2.") == Triple("_:b1", "a:p", "_:b2", iri=True)
    assert one('<a:s> <a:p> "text" .') == Triple("a:s", "a:p", "text", iri=False)
    assert one('<a:s> <a:p> "A"^^<http://www.w3.org/2001/XMLSchema#string> . # said') == Triple("a:s", "a:p", "A", iri=False)
    assert one('<a:s> <a:p> "Bild"@de-AT .').object == "Bild"
    assert one('<a:s> <a:p> "" .').object == ""


def test_escapes_mean_their_characters() -> None:
    assert one(r'<a:\u0073> <a:p> "a\"\n\u00e9\U0001F600\\" .') == Triple("a:s", "a:p", 'a"\n\u00e9\U0001f600\\', iri=False)


def test_empty_lines_and_remarks_say_nothing() -> None:
    assert list(read_triples(b"\n  # remark\r\n\t\n")) == []
    assert list(read_triples(b"")) == []


def test_a_line_separator_within_a_literal_ends_no_line() -> None:
    assert one('<a:s> <a:p> "a\u2028b\x0cc" .').object == "a\u2028b\x0cc"


@pytest.mark.parametrize(
    "text",
    [
        "<a:s> <a:p> <a:o>",
        "<a:s> <a:p> .",
        '"s" <a:p> <a:o> .',
        "<a:s> _:p <a:o> .",
        "<a s> <a:p> <a:o> .",
        '<a:s> <a:p> "open .',
        "<a:s> <a:p> <a:o> . <a:s> <a:p> <a:o> .",
        r'<a:s> <a:p> "\q" .',
        r'<a:s> <a:p> "\uD800" .',
        r'<a:s> <a:p> "\UFFFFFFFF" .',
        "@prefix a: <a:> .",
    ],
)
def test_what_is_no_statement_makes_the_whole_unreadable(text: str) -> None:
    with pytest.raises(TriplesRefused):
        read_triples(f"<a:s> <a:p> <a:o> .\n{text}".encode())


def test_what_is_too_large_or_no_utf_8_is_refused() -> None:
    with pytest.raises(TriplesRefused):
        read_triples(b"#" * (MAX_OCTETS + 1))
    with pytest.raises(TriplesRefused):
        read_triples(b"# \xff")


@given(st.text())
def test_any_literal_is_read_as_it_was_written(text: str) -> None:
    written = "".join(f"\\u{ord(letter):04X}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08X}" for letter in text)
    assert one(f'<a:s> <a:p> "{written}" .').object == text
