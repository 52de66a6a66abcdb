"""The administrator's own embargoes: a datastream, an XPath into it, and dates or words that mean for ever (``[[embargo.rules]]``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from lxml import etree

from getapi.core.restriction import Ground, Restriction
from getapi.core.rights.moment import FOREVER, UnreadableMoment, read_moment
from getapi.core.source import DatastreamRecord

MAX_VALUES = 100
"""A rule that selects more than this selects something else than dates: closed."""

_NO_NAMESPACES: Mapping[str, str] = {}
_UNREADABLE = Restriction(ground=Ground.UNREADABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbargoRule:
    """Where a repository keeps an embargo of its own making.

    ``datastream`` is a DSID, matched without regard to case; ``applies_to`` shell patterns of the DSIDs that the embargo closes, None
    for the whole object. An XPath that selects nothing closes nothing; each thing that it selects is read as a moment, and closes for
    ever where it is none. A truth closes for ever, its opposite does not close; a number is no moment.
    Raises ValueError for an XPath that cannot be used.
    """

    name: str
    datastream: str
    xpath: str
    namespaces: Mapping[str, str] = field(default_factory=lambda: _NO_NAMESPACES, hash=False)
    forever: Sequence[str] = FOREVER
    applies_to: Sequence[str] | None = None
    _select: etree.XPath = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            # Without EXSLT's regular expressions: they know no bound on time.
            select = etree.XPath(self.xpath, namespaces=dict(self.namespaces), regexp=False, smart_strings=False)
            # Prefixes and functions are looked up only when it is used.
            select(etree.Element("trial"))
        except (etree.XPathError, TypeError, ValueError) as error:
            raise ValueError(f"The XPath of embargo rule {self.name!r} cannot be used: {error}") from None
        object.__setattr__(self, "_select", select)

    def read(self, root: etree._Element, datastreams: Sequence[DatastreamRecord]) -> tuple[Restriction, ...]:
        """Restrictions of the datastreams that the rule applies to, or of the whole object."""
        closed = self._closed(datastreams)
        return tuple(Restriction(ground=found.ground, dsid=dsid, ends=found.ends) for found in self._restrictions(root) for dsid in closed)

    def _closed(self, datastreams: Sequence[DatastreamRecord]) -> list[str | None]:
        if self.applies_to is None:
            return [None]
        patterns = [pattern.casefold() for pattern in self.applies_to]
        dsids = [datastream.dsid for datastream in datastreams]
        return [dsid for dsid in dsids if any(fnmatchcase(dsid.casefold(), pattern) for pattern in patterns)]

    def _restrictions(self, root: etree._Element) -> list[Restriction]:
        try:
            selected = self._select(root)
        except etree.XPathError:
            return [_UNREADABLE]
        if isinstance(selected, bool):
            return [Restriction(ground=Ground.EMBARGO)] if selected else []
        values = selected if isinstance(selected, list) else [selected]
        return [self._restrict(value) for value in values] if len(values) <= MAX_VALUES else [_UNREADABLE]

    def _restrict(self, value: object) -> Restriction:
        text = "".join(map(str, value.itertext())) if etree.iselement(value) else value
        try:
            return Restriction(ground=Ground.EMBARGO, ends=read_moment(text if isinstance(text, str) else "", self.forever))
        except UnreadableMoment:
            return _UNREADABLE
