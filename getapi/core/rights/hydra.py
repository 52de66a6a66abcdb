"""Hydra / Samvera ``rightsMetadata``: read groups, embargo and lease, with Stanford's additions to it."""

from collections.abc import Iterator

from lxml import etree

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.moment import UnreadableMoment, read_moment

_PUBLIC = frozenset({"public", "world"})
_UNREADABLE = Restriction(ground=Ground.UNREADABLE)


def read_rights(root: etree._Element) -> tuple[Restriction, ...]:
    """Restrictions of the whole object; elements count in whatever namespace, for Stanford writes them in none.

    Reading must be given to everybody in so many words: no read access at all, or one for certain files only, is closed. A public
    read access with a ``rule`` (Stanford's ``no-download``) gives no copies, and we give nothing else. A bare date counts to its end,
    in a lease as in an embargo. An empty ``date`` is what Hydra's own template has where there is no embargo.
    """
    if etree.QName(root).localname != "rightsMetadata":
        return (_UNREADABLE,)
    found = [_read_embargo(text) for text in _dates(root, "embargo")]
    found.extend(_read_embargo(_text(element)) for element in root.iter("{*}embargoReleaseDate"))
    found.extend(_read_lease(text) for text in _dates(root, "lease"))
    if not _is_public(root):
        found.append(Restriction(ground=Ground.READ_GROUP))
    return tuple(found)


def _is_public(root: etree._Element) -> bool:
    reading = [access for access in root.iter("{*}access") if _type(access) == "read"]
    for_all = [access for access in reading if access.find("{*}file") is None]
    for_files = [access for access in reading if access.find("{*}file") is not None]
    # Stanford's files are not datastreams: one that is not public cannot be told from the others, so it closes them all.
    return any(map(_gives_copies, for_all)) and all(map(_gives_copies, for_files))


def _gives_copies(access: etree._Element) -> bool:
    groups = [group for group in access.iterfind("{*}machine/{*}group") if _text(group).casefold() in _PUBLIC]
    return any(grant.get("rule") is None for grant in (*groups, *access.iterfind("{*}machine/{*}world")))


def _read_embargo(text: str) -> Restriction:
    try:
        return Restriction(ground=Ground.EMBARGO, ends=read_moment(text))
    except UnreadableMoment:
        return _UNREADABLE


def _read_lease(text: str) -> Restriction:
    try:
        last = read_moment(text)
    except UnreadableMoment:
        return _UNREADABLE
    # "For ever" may be meant as no end of the lease or as no lease: not to be known, so closed.
    return _UNREADABLE if last is None else Restriction(ground=Ground.EMBARGO, begins=last)


def _dates(root: etree._Element, kind: str) -> Iterator[str]:
    """Texts of the dates that count. Those that were deactivated are history; an unknown type counts, for it may be a misspelt one."""
    for element in root.iter(f"{{*}}{kind}"):
        bare = [(machine.text or "").strip() for machine in element.iter("{*}machine")]
        dates = [_text(date) for date in element.iter("{*}date") if _type(date) != "deactivated"]
        yield from filter(None, [*bare, *dates])


def _type(element: etree._Element) -> str:
    return element.get("type", "").strip().casefold()


def _text(element: etree._Element) -> str:
    return "".join(map(str, element.itertext())).strip()
