"""Islandora 7: embargo and viewing relations in RELS-EXT (the object) and RELS-INT (its datastreams).

Modules islandora_scholar and islandora_xacml_editor. Fedora requires both documents to be RDF/XML about the object and its datastreams.
"""

from collections.abc import Iterator
from urllib.parse import unquote

from lxml import etree

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.moment import UnreadableMoment, read_moment

_FEDORA = "info:fedora/"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_EMBARGO = "{info:islandora/islandora-system:def/scholar#}embargo-until"
_PREDICATES = {
    _EMBARGO,
    *(f"{{http://islandora.ca/ontology/{name}#}}isViewableBy{who}" for name in ("relsext", "relsint") for who in ("User", "Role")),
}
_NAMES = {name.rpartition("}")[2].encode() for name in _PREDICATES}
"""Without their namespaces: as they must be spelled in a document of UTF-8, for a name has no escapes."""
_DECLARED = b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
_EVERYBODY = "anonymous user"
"""Drupal's role of those who are not logged in."""

_Subject = tuple[str | None, ...]
"""What a statement is about: a DSID, or None for the whole object; nothing where it is about something else. A DSID that may be escaped is
there as it is written and as it is meant: either closes."""


def read_relations(root: etree._Element, pid: str) -> tuple[Restriction, ...]:
    """Restrictions from RELS-EXT or RELS-INT; statements about another object are ignored.

    A statement that is not about a Fedora object at all is taken to be about this one, the whole of it. Viewing relations close their
    subject to readers unless one of them names the role of everybody: they mirror the policy, which may be gone or not yet written.
    """
    if root.tag != f"{_RDF}RDF":
        return (Restriction(ground=Ground.UNREADABLE),)
    found: list[Restriction] = []
    viewers: dict[str | None, set[str]] = {}
    for subject, predicate, value in _statements(root, pid):
        if predicate == _EMBARGO:
            found.append(_read_embargo(subject, value))
        else:
            viewers.setdefault(subject, set()).add(value.casefold())
    found.extend(Restriction(ground=Ground.POLICY, dsid=dsid) for dsid, names in viewers.items() if _EVERYBODY not in names)
    return tuple(found)


def are_silent_relations(octets: bytes) -> bool:
    """Whether RELS-EXT or RELS-INT certainly says nothing that ``read_relations`` would find, without parsing it.

    ``octets`` are well-formed content of elements in UTF-8, with nothing in it but tags and text; whether it is one root is found out here.
    """
    tag = octets[: octets.find(b">")]
    # Where no value has single quotes, what looks like a declaration is one. One start tag and its end tag at the end: one root.
    return (
        tag.startswith(b"<rdf:RDF ")
        and _DECLARED in tag
        and b"'" not in tag
        and octets.endswith(b"</rdf:RDF>")
        and octets.count(b"<rdf:RDF") == 1
        and not [name for name in _NAMES if name in octets]
    )


def _read_embargo(dsid: str | None, value: str) -> Restriction:
    try:
        return Restriction(ground=Ground.EMBARGO, dsid=dsid, ends=read_moment(value))
    except UnreadableMoment:
        return Restriction(ground=Ground.UNREADABLE, dsid=dsid)


def _statements(root: etree._Element, pid: str) -> Iterator[tuple[str | None, str, str]]:
    """Subject, predicate and value of what concerns readers, as property elements or as property attributes (RDF/XML 2.5)."""
    for element in root.iter("*"):
        told = [(child.tag, "".join(map(str, child.itertext()))) for child in element if child.tag in _PREDICATES]
        if not _PREDICATES.isdisjoint(element.keys()):
            told += [(str(name), str(value)) for name, value in element.items() if name in _PREDICATES]
        if not told:
            continue
        for subject in _read_subject(element.get(f"{_RDF}about") or element.get("about") or "", pid):
            yield from ((subject, predicate, value.strip()) for predicate, value in told)


def _read_subject(about: str, pid: str) -> _Subject:
    about = about.strip()
    if about[: len(_FEDORA)].lower() != _FEDORA:
        return (None,)
    named, dsid, *_ = f"{about[len(_FEDORA) :]}/".split("/")
    if named.casefold().replace("%3a", ":") != pid.casefold():
        return ()
    return (dsid, unquote(dsid)) if "%" in dsid else (dsid or None,)
