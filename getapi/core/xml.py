"""Untrusted XML, read from bytes: no DTD, no entity, no network, bounded in size and depth."""

from lxml import etree

from getapi.core.errors import XmlRefused, XmlTooDeep

MAX_OCTETS = 64 * 2**20
MAX_DEPTH = 256
"""libxml2's own bound on nesting without its ``huge`` option."""


def parse(document: bytes, *, max_octets: int = MAX_OCTETS) -> etree._Element:
    """The root element of a document; comments and processing instructions are dropped.

    Raises XmlRefused for what is too large, has a DOCTYPE or is not well-formed, XmlTooDeep beyond MAX_DEPTH.
    """
    if len(document) > max_octets:
        raise XmlRefused(f"it is larger than {max_octets} octets")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error.msg):
            raise XmlTooDeep(MAX_DEPTH) from None
        raise XmlRefused("it is not well-formed") from None
    except ValueError:
        raise XmlRefused("it is not well-formed") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("it declares a DOCTYPE")
    return root
