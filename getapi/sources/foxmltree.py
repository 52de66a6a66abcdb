"""FOXML by lxml and a look at its octets: a fraction of the time that expat takes with our handlers, for documents of the plain kind.

A document is plain where all that ``foxml`` must find out is certain beforehand: nothing but a tag can begin with ``<`` (no comment, no
CDATA, no DOCTYPE and so no entity, no instruction), names are ASCII, and ``xmlContent`` stands in start tags and their own end tags by
turns, so that where each content begins and ends is known without a parser. What is not plain, what lxml refuses and what is no good
object is not read here but by ``foxml``, whose verdict counts: nothing is refused here, and nothing read that it would not read the same.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from threading import local
from typing import cast

from lxml import etree

from getapi.core.source import Digest, State
from getapi.core.xml import new_parser
from getapi.sources.digitalobject import Datastream, DigitalObject, Version, parse_created, parse_state
from getapi.sources.foxmlversion import GROUPS, LABEL, NAMESPACE, STATE, make_version, parse_digest
from getapi.sources.inlinexml import InlineXml, extract

MAX_OCTETS = 2**20
"""An element takes some 200 octets in lxml's tree and 4 in a document; few objects are larger."""

Span = tuple[int, int]
"""Of one content: where its start tag and its end tag begin."""

_WORD = b"xmlContent"
_SPACE = " \t\r\n"
_PROLOG = re.compile(rb"""(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")?(?: standalone="(?:yes|no)")?\s*\?>)?\s*<[A-Za-z]""")
_RARE = ((b"!", b"<!"), (b"]", b"]]>"), (b"\r", b"\r"))
"""What must not be there, each behind one of its octets: a single one is found many times faster than several."""
_FOREIGN_NAME = re.compile(rb"""<(?:[^"'<>\x80-\xff]++|"[^"<]*+"|'[^'<]*+')*+[\x80-\xff]""")
"""expat knows the names of XML 1.0's fourth edition, lxml those of its fifth. No step goes beyond the next ``<``, which no tag holds: else
the search would take the square of the document's length."""
_START, _END = re.compile(rb"<(?:[A-Za-z0-9._-]+:)?xmlContent[\s>]"), re.compile(rb"</(?:[A-Za-z0-9._-]+:)?xmlContent\s*>")

_OBJECT, _DATASTREAM, _VERSION, _DIGEST, _LOCATION, _EMBEDDED, _CONTENT, _PROPERTIES, _PROPERTY = (
    f"{{{NAMESPACE}}}{name}"
    for name in (
        "digitalObject",
        "datastream",
        "datastreamVersion",
        "contentDigest",
        "contentLocation",
        "binaryContent",
        "xmlContent",
        "objectProperties",
        "property",
    )
)


class _Own(local):
    """A thread's parser: to make one takes a tenth of the time that it takes to parse most objects, and no two threads use one at once."""

    def __init__(self) -> None:
        self.parser = new_parser()


_own = _Own()


class _Unsure(Exception):
    """Not to be read here."""


def read_tree(document: bytes) -> DigitalObject | None:
    """The object in a plain document; None where another must read it."""
    spans = find_contents(document) if is_plain(document) else None
    if spans is None:
        return None
    try:
        root = etree.fromstring(document, _own.parser)
        return _Tree(document, root, spans).read()
    except (etree.XMLSyntaxError, _Unsure):
        return None


def is_plain(document: bytes) -> bool:
    """Whether every ``<`` of a well-formed document but its declaration's begins a tag of ASCII names, and it is UTF-8."""
    prolog = _PROLOG.match(document) if len(document) <= MAX_OCTETS else None
    return (
        prolog is not None
        and not any(octet in document and octets in document for octet, octets in _RARE)
        and (document.find(b"?", prolog.end()) < 0 or document.find(b"<?", prolog.end()) < 0)
        and (document.isascii() or not _FOREIGN_NAME.search(document))
    )


def find_contents(document: bytes) -> list[Span] | None:
    """Every ``xmlContent`` in order; None where the word stands anywhere but in start tags and their end tags by turns."""
    spans: list[Span] = []
    word, stop = document.find(_WORD), 0
    while word >= 0:
        close = document.find(_WORD, word + 1)
        start, end = document.rfind(b"<", stop, word), document.rfind(b"<", word, close)
        if min(close, start, end) < 0 or not _START.match(document, start) or not _END.match(document, end):
            return None
        spans.append((start, end))
        stop = close
        word = document.find(_WORD, close + 1)
    return spans


class _Tree:
    """A parsed document, and where its contents lie."""

    __slots__ = ("_document", "_root", "_spans")

    def __init__(self, document: bytes, root: etree._Element, spans: list[Span]) -> None:
        """Raises _Unsure where the contents are others than the document's own, or a version has two."""
        contents = list(root.iter(_CONTENT))
        if root.tag != _OBJECT or len(contents) != len(spans) or len({content.getparent() for content in contents}) < len(contents):
            raise _Unsure
        self._document = document
        self._root = root
        self._spans = dict(zip(contents, spans, strict=True))

    def read(self) -> DigitalObject:
        """Raises _Unsure."""
        label, state, datastreams = "", State.ACTIVE, {}
        for child in self._root:
            tag = child.tag
            if tag == _DATASTREAM:
                found = self._datastream(child)
                if not found.id or found.id in datastreams:
                    raise _Unsure
                datastreams[found.id] = found
            elif tag == _PROPERTIES:
                for name, value in _properties(child):
                    label = value if name == LABEL else label
                    state = _state(value) if name == STATE else state
        return DigitalObject(pid=self._root.get("PID", ""), state=state, label=label, datastreams=tuple(datastreams.values()))

    def _datastream(self, element: etree._Element) -> Datastream:
        get = _facts(element).get
        current, created = _pick_current(element)
        return Datastream(
            id=get("ID", ""),
            state=_state(get("STATE", "")),
            control_group=GROUPS.get(get("CONTROL_GROUP", "")),
            version=None if current is None else self._version(current, created),
        )

    def _version(self, element: etree._Element, created: datetime | None) -> Version:
        digests: tuple[Digest, ...] = ()
        reference, inline, embedded = "", None, False
        for part in element:
            tag = part.tag
            if tag == _DIGEST:
                digests = parse_digest(part.get("TYPE", ""), part.get("DIGEST", "")) or digests
            elif tag == _LOCATION:
                reference = part.get("REF", "").strip()
            elif tag == _CONTENT:
                inline = self._cut(part)
            elif tag == _EMBEDDED:
                embedded = True
        get = _facts(element).get
        return make_version(get, created=created, digests=digests, reference=reference, inline=inline, embedded=embedded)

    def _cut(self, element: etree._Element) -> InlineXml:
        start, stop = self._spans[element]
        # No value of a start tag holds a "<", and in a plain document the next one begins the next tag.
        root = self._document.find(b"<", start + 1, stop)
        root_tag = _sole_root(element)
        return extract(self._document, tag=start, root=root if root >= 0 else None, stop=stop, scope=element.nsmap, root_tag=root_tag)


def _facts(element: etree._Element) -> dict[str, str]:
    """All at once, which takes less than to ask for three."""
    return cast("dict[str, str]", dict(element.items()))


def _sole_root(content: etree._Element) -> str:
    """The name of the one element that a content is, "" where it is more than that or nothing: then by itself it is no document."""
    if len(content) != 1 or (content.text or "").strip(_SPACE):
        return ""
    root = content[0]
    return "" if (root.tail or "").strip(_SPACE) else str(root.tag)


def _properties(element: etree._Element) -> Iterator[tuple[str, str]]:
    return ((child.get("NAME", ""), child.get("VALUE", "")) for child in element if child.tag == _PROPERTY)


def _pick_current(children: Iterable[etree._Element]) -> tuple[etree._Element | None, datetime | None]:
    """The version that Fedora takes for the current one, as ``foxml`` picks it, and when it was made."""
    current, made, latest = None, None, None
    for version in children:
        if version.tag != _VERSION:
            continue
        created = parse_created(version.get("CREATED", ""))
        if current is None or created is None or latest is None or created > latest:
            current, made, latest = version, created, created or latest
    return current, made


def _state(text: str) -> State:
    state = parse_state(text)
    if state is None:
        raise _Unsure
    return state
