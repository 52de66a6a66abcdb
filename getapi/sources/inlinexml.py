"""Inline XML (control group X) as bytes that stay the same: the depositor's own markup, cut out of the FOXML document.

FOXML's contentDigest of inline XML is over Fedora's canonical form, never over these bytes, so their digest is always computed here.
"""

import codecs
import hashlib
import re
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache

from getapi.core.value import maker, value

_SPACE = b" \t\r\n"
_TAG = re.compile(rb"""<(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")
_NAME = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"""\s([^\s=/>]+)\s*=\s*(?:"[^"]*"|'[^']*')""")
_UNPREFIXED = re.compile(rb"<[^\s/>:!?<]+[\s/>]")
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_ASCII_BASED = re.compile(r"utf-8|ascii|iso8859-\d+|cp125\d|koi8-[rut]|shift_jis|euc_(?:jp|kr)|euc-(?:jp|kr)|big5|gb2312|gbk|gb18030")
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})


@value(frozen=True, slots=True, kw_only=True)
class InlineXml:
    """UTF-8 octets without an XML declaration, and their SHA-256 in hex. No octets: there was no element.

    ``plain``: lxml has parsed them as they stand here, and they hold tags and text alone.
    """

    octets: bytes
    sha256: str
    plain: bool = field(default=False, compare=False)


_new_inline = maker(InlineXml)


def _inline(octets: bytes, *, plain: bool = False) -> InlineXml:
    return _new_inline(octets=octets, sha256=hashlib.sha256(octets).hexdigest(), plain=plain)


def to_utf8(document: bytes) -> bytes:
    """The document in UTF-8; its XML declaration, if any, goes on naming the old encoding.

    Raises UnicodeError for octets that are not what is declared, LookupError for an encoding that is unknown or not for text.
    """
    encoding = _UTF_16.get(document[:2])
    if encoding is None:
        declared = _DECLARED.match(document, 0, 1024)
        encoding = codecs.lookup(declared[1].decode("ascii")).name if declared else "utf-8"
        # Python knows encodings that no XML is in, some of them slow enough to be a weapon (punycode).
        if not _ASCII_BASED.fullmatch(encoding):
            raise LookupError(encoding)
    return document if encoding in {"utf-8", "ascii"} else document.decode(encoding).encode()


def extract(document: bytes, *, tag: int, root: int | None, stop: int, scope: Mapping[str | None, str | None]) -> InlineXml:
    """What stands in an ``xmlContent`` element, stripped, with those namespaces declared on its root that it needs from outside.

    ``document`` is UTF-8 and known to be well-formed, ``tag`` and ``stop`` are the offsets of the element's start and end tags, ``root``
    that of the first element in it, ``scope`` the namespaces in force there by prefix. Several roots are legal
    (FOXML 1.1: ``xsd:any maxOccurs="unbounded"``); only the first is given namespaces, as the whole is no document anyway.
    """
    start = _TAG.match(document, tag)
    if root is None or start is None:
        return _inline(b"")
    before, after = document[start.end() : root].lstrip(_SPACE), document[root:stop].rstrip(_SPACE)
    return _inline(_declare(before, after, scope))


def cut_plain(content: bytes, scope: Mapping[str | None, str | None]) -> InlineXml:
    """As ``extract``, of all that stands in the element, where nothing but a tag begins with ``<``."""
    content = content.strip(_SPACE)
    root = content.find(b"<")
    return _inline(_declare(content[:root], content[root:], scope) if root >= 0 else b"", plain=True)


def _declare(before: bytes, after: bytes, scope: Mapping[str | None, str | None]) -> bytes:
    """``after`` begins with the root, which gets the declarations."""
    carried = _carried(after, scope)
    if not carried:
        return before + after if before else after
    name = _NAME.match(after)
    head = name.end() if name else 0
    return b"".join((before, after[:head], *carried, after[head:]))


def _carried(content: bytes, scope: Mapping[str | None, str | None]) -> list[bytes]:
    """Declarations that the content inherits and uses; names in values count too (``xsi:type="xs:date"``). One too many does no harm, but
    ``xml`` needs none (Namespaces in XML 1.0, 3), and who reads the document may not be told that it has one."""
    used = {}
    for prefix, uri in scope.items():
        if uri and prefix != "xml" and (_mark(prefix) in content if prefix else _UNPREFIXED.search(content)):
            used[prefix or ""] = uri
    if not used:
        return []
    tag = _TAG.match(content)
    declared = set(_ATTRIBUTE.findall(tag[0])) if tag else set()
    named = ((f"xmlns:{prefix}" if prefix else "xmlns", uri) for prefix, uri in sorted(used.items()))
    return [f' {name}="{uri.translate(_ESCAPES)}"'.encode() for name, uri in named if name.encode() not in declared]


@lru_cache(maxsize=256)
def _mark(prefix: str) -> bytes:
    """What stands wherever a prefix is used. A repository's documents have the same few."""
    return f"{prefix}:".encode()
