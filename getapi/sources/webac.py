"""Web access control as Fedora 6 keeps it: whether an ``fcr:acl`` lets everybody read."""

from collections.abc import Iterable

from getapi.sources.ntriples import Triple

_ACL = "http://www.w3.org/ns/auth/acl#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_NEEDED = frozenset(
    {(_TYPE, f"{_ACL}Authorization"), (f"{_ACL}mode", f"{_ACL}Read"), (f"{_ACL}agentClass", "http://xmlns.com/foaf/0.1/Agent")}
)
_ACCESS_TO, _DEFAULT = f"{_ACL}accessTo", f"{_ACL}default"


def lets_everybody_read(triples: Iterable[Triple], resource: str, *, inherited: bool) -> bool:
    """Whether one authorization grants ``acl:Read`` to ``foaf:Agent`` on the resource whose ACL it is.

    ``inherited``: the ACL is an ancestor's, of which only what is its ``acl:default`` is handed down. Anything that would have to be worked
    out (``acl:accessToClass``, groups, lists of agents) grants nothing.
    """
    said: dict[str, set[tuple[str, str]]] = {}
    for triple in triples:
        if triple.iri:
            said.setdefault(triple.subject, set()).add((triple.predicate, triple.object.rstrip("/") or triple.object))
    reach = (_DEFAULT if inherited else _ACCESS_TO, resource.rstrip("/"))
    return any(reach in facts and facts >= _NEEDED for facts in said.values())
