"""RDF as Fedora 6 writes it: N-Triples (RDF 1.1), a statement a line. What is no statement makes the whole document unreadable."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_OCTETS = 4 * 2**20

_NODE = r"<([^<>\"{}|^`\x00-\x20]*)>|(_:[A-Za-z0-9_.:-]+)"
_LITERAL = r'"((?:[^"\\\n\r]|\\.)*)"(?:\^\^<[^<>\s]*>|@[A-Za-z0-9-]+)?'
_STATEMENT = re.compile(rf"[ \t]*(?:{_NODE})[ \t]*<([^<>\"{{}}|^`\x00-\x20]*)>[ \t]*(?:{_NODE}|{_LITERAL})[ \t]*\.[ \t]*(?:#.*)?")
_EMPTY = re.compile(r"[ \t]*(?:#.*)?")
_LINES = re.compile(r"\r\n|\n|\r")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_SHORT = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


class TriplesRefused(ValueError):
    """The document is no N-Triples."""


@dataclass(frozen=True, slots=True)
class Triple:
    """``subject`` and ``object`` are an IRI, a blank node's label, or for an object a literal's text; ``iri``: the object is no literal."""

    subject: str
    predicate: str
    object: str
    iri: bool


def read_triples(document: bytes) -> Sequence[Triple]:
    """All statements of a document in UTF-8. Raises TriplesRefused."""
    if len(document) > MAX_OCTETS:
        raise TriplesRefused
    try:
        # Not splitlines: it would also cut at what may stand in a literal.
        lines = _LINES.split(document.decode("utf-8"))
        return [_read(line) for line in lines if not _EMPTY.fullmatch(line)]
    except (UnicodeDecodeError, OverflowError):
        raise TriplesRefused from None


def _read(line: str) -> Triple:
    match = _STATEMENT.fullmatch(line)
    if match is None:
        raise TriplesRefused
    subject, blank, predicate, iri, blank_object, literal = match.groups()
    thing = iri if iri is not None else blank_object
    return Triple(
        subject=_unescape(subject) if subject is not None else blank,
        predicate=_unescape(predicate),
        object=_unescape(literal if thing is None else thing),
        iri=literal is None,
    )


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    if code is None:
        if escape[3] not in _SHORT:
            raise TriplesRefused
        return _SHORT[escape[3]]
    number = int(code, 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise TriplesRefused
    return chr(number)
