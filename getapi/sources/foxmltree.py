"""FOXML by lxml and a look at its octets: a fraction of the time that expat takes with our handlers, for documents of the plain kind.

A document is plain where all that ``foxml`` must find out is certain beforehand: nothing but a tag can begin with ``<`` (no comment, no
CDATA, no DOCTYPE and so no entity, no instruction), names are ASCII, and ``xmlContent`` stands as Fedora writes it, bare in its two tags
and with the version's end behind it, so that where each content begins and ends is known without a parser. What is not plain, what lxml
refuses and what is no good object is not read here but by ``foxml``, whose verdict counts: nothing is refused here, and nothing read that
it would not read the same.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from threading import local

from lxml import etree

from getapi.core.source import Digest, State
from getapi.core.value import maker
from getapi.core.xml import has_errors, new_parser
from getapi.sources.digitalobject import Datastream, DigitalObject, parse_created, parse_state
from getapi.sources.foxmlversion import GROUPS, LABEL, NAMESPACE, STATE, make_datastream, parse_digest
from getapi.sources.inlinexml import InlineXml, cut_plain

MAX_OCTETS = 2**20
"""An element takes some 200 octets in lxml's tree and 4 in a document; few objects are larger."""

_new_object = maker(DigitalObject)

_PROLOG = re.compile(rb"""(?:<\?xml version="1\.0"(?: encoding="(?:UTF|utf)-8")?(?: standalone="(?:yes|no)")?\s*\?>)?\s*<[A-Za-z]""")
_FOREIGN_NAME = re.compile(rb"""<(?:[^"'<>\x80-\xff]++|"[^"<]*+"|'[^'<]*+')*+[\x80-\xff]""")
"""expat knows the names of XML 1.0's fourth edition, lxml those of its fifth. No step goes beyond the next ``<``, which no tag holds: else
the search would take the square of the document's length."""

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
    if not is_plain(document):
        return None
    try:
        root = etree.fromstring(document, _own.parser)
    except etree.XMLSyntaxError:
        return None
    if has_errors(_own.parser.error_log):
        return None
    contents = find_contents(document, root.prefix)
    try:
        return None if contents is None else _Tree(root, contents).read()
    except _Unsure:
        return None


def is_plain(document: bytes) -> bool:
    """Whether every ``<`` of a well-formed document but its declaration's begins a tag of ASCII names, and it is UTF-8."""
    prolog = _PROLOG.match(document) if len(document) <= MAX_OCTETS else None
    # Of what must not be there a single octet is looked for first: it is found many times faster than several.
    return (
        prolog is not None
        and (b"!" not in document or b"<!" not in document)
        and (b"]" not in document or b"]]>" not in document)
        and b"\r" not in document
        and (document.find(b"?", prolog.end()) < 0 or document.find(b"<?", prolog.end()) < 0)
        and (document.isascii() or not _FOREIGN_NAME.search(document))
    )


def find_contents(document: bytes, prefix: str | None) -> Sequence[bytes] | None:
    """What stands in each ``xmlContent`` of a plain, well-formed document whose root has this prefix, in order, if its tags are bare.

    None unless the end tag of a version follows each, and no namespace is declared before the last of them but in the root's tag and in
    contents: so each is a version's only one, and the root's namespaces are its own. None too where any other text has that name in it:
    so the document has no such elements but these.
    """
    name = f"{prefix}:".encode() if prefix else b""
    begins, ends, version_ends = b"<" + name, b"</" + name, b"</" + name + b"datastreamVersion>"
    head, *parts = document.split(b"xmlContent>")
    contents, gaps = parts[::2], parts[1::2]
    if len(contents) != len(gaps) or document.count(b"xmlContent") != len(parts):
        return None
    if contents and (not head.endswith(begins) or head.find(b"xmlns", head.find(b">", head.find(b"digitalObject"))) >= 0):
        return None
    for content, gap in zip(contents, gaps, strict=True):
        if not content.endswith(ends) or not gap.lstrip().startswith(version_ends):
            return None
    for gap in gaps[:-1]:
        if not gap.endswith(begins) or b"xmlns" in gap:
            return None
    return [content[: -len(ends)] for content in contents]


class _Tree:
    """A parsed document, and its contents."""

    __slots__ = ("_contents", "_root", "_scope")

    def __init__(self, root: etree._Element, contents: Sequence[bytes]) -> None:
        self._root = root
        self._scope = root.nsmap
        self._contents = iter(contents)

    def read(self) -> DigitalObject:
        """Raises _Unsure, also where it is no FOXML."""
        if self._root.tag != _OBJECT:
            raise _Unsure
        label, state, datastreams = "", State.ACTIVE, {}
        for child in self._root:
            tag = child.tag
            if tag == _DATASTREAM:
                found = self._datastream(child)
                if not found.id or found.id in datastreams:
                    raise _Unsure
                datastreams[found.id] = found
            elif tag == _PROPERTIES:
                label, state = _read_properties(child, label, state)
        if next(self._contents, None) is not None:  # one stands where no version of a datastream does
            raise _Unsure
        return _new_object(pid=self._root.get("PID", ""), state=state, label=label, datastreams=tuple(datastreams.values()))

    def _datastream(self, element: etree._Element) -> Datastream:
        dsid, state, group = element.get("ID", ""), _state(element.get("STATE", "")), GROUPS.get(element.get("CONTROL_GROUP", ""))
        version, created = _pick_current(element)
        if version is None:
            return Datastream(id=dsid, state=state, control_group=group)
        digests: tuple[Digest, ...] = ()
        reference, content, embedded = "", None, False
        for part in version:
            tag = part.tag
            if tag == _DIGEST:
                digests = parse_digest(part.get("TYPE", ""), part.get("DIGEST", "")) or digests
            elif tag == _LOCATION:
                reference = part.get("REF", "").strip()
            elif tag == _CONTENT:
                content = part
            elif tag == _EMBEDDED:
                embedded = True
        return make_datastream(
            version.get,
            dsid=dsid,
            state=state,
            control_group=group,
            created=created,
            digests=digests,
            reference=reference,
            inline=self._inline(element, content),
            embedded=embedded,
        )

    def _inline(self, datastream: etree._Element, current: etree._Element | None) -> InlineXml | None:
        """What stands in the current version's content, if it has one; those of a datastream's versions are the next of the contents."""
        if len(datastream) == 1:
            return None if current is None else cut_plain(self._next(), self._scope)
        found = None
        for content in datastream.iter(_CONTENT):
            octets = self._next()
            if content is current:
                found = cut_plain(octets, self._scope)
        return found

    def _next(self) -> bytes:
        for content in self._contents:
            return content
        raise _Unsure


def _read_properties(properties: etree._Element, label: str, state: State) -> tuple[str, State]:
    """The object's label and state as they are after these."""
    for child in properties:
        if child.tag == _PROPERTY:
            name = child.get("NAME", "")
            if name == LABEL:
                label = child.get("VALUE", "")
            elif name == STATE:
                state = _state(child.get("VALUE", ""))
    return label, state


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
