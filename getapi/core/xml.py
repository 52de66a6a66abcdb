"""Untrusted XML, read from bytes: no DTD, no entity, no network, bounded in size and depth."""

from lxml import etree

from getapi.core.errors import XmlRefused, XmlTooDeep

MAX_OCTETS = 64 * 2**20
MAX_MARKUP = 2_000_000
"""Tags and other markup: a parsed element takes some 200 octets of memory, however few it has in the document."""
MAX_DEPTH = 256
"""libxml2's own bound on nesting without its ``huge`` option."""

_PIECE = 2**20


def parse(document: bytes, *, max_octets: int = MAX_OCTETS) -> etree._Element:
    """The root element of a document; comments and processing instructions are dropped.

    Raises XmlRefused for what is too large, has too much markup or a DOCTYPE, or is not well-formed, XmlTooDeep beyond MAX_DEPTH.
    """
    if len(document) > max_octets:
        raise XmlRefused(f"it is larger than {max_octets} octets")
    root = _feed(new_parser(), document)
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("it declares a DOCTYPE")
    return root


def new_parser() -> etree.XMLParser:
    """A parser that reads nothing but what it is given; whoever gives it a document bounds that, and refuses a DOCTYPE."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def has_errors(log: etree._ListErrorLog) -> bool:
    """Whether a parser has found more than what is only questionable, by its ``error_log``.

    Wrong names (a prefix that nothing declares, an attribute twice) do not keep libxml2 from going on, and lxml looks at the last finding
    alone: a warning behind them, as of a namespace that is no absolute URI, would let them pass.
    """
    return bool(log) and bool(log.filter_from_errors())


def _feed(parser: etree.XMLParser, document: bytes) -> etree._Element:
    """Piece by piece, so that the first bound that is passed ends it, whatever follows."""
    markup = 0
    try:
        for start in range(0, len(document), _PIECE):
            piece = document[start : start + _PIECE]
            markup += piece.count(b"<")
            if markup > MAX_MARKUP:
                raise XmlRefused(f"it has more than {MAX_MARKUP} pieces of markup")
            if len(document) <= _PIECE:
                return _checked(etree.fromstring(document, parser), parser.error_log)
            parser.feed(piece)
        return _checked(parser.close(), parser.feed_error_log)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error.msg):
            raise XmlTooDeep(MAX_DEPTH) from None
        raise XmlRefused("it is not well-formed") from None


def _checked(root: etree._Element, log: etree._ListErrorLog) -> etree._Element:
    if has_errors(log):
        raise XmlRefused("its names are not well-formed")
    return root
