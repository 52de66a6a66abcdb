"""Who may read what a Fedora 6 object has no access list for: the nearest of those above it that has one says so."""

from collections.abc import Callable
from dataclasses import dataclass, field

from getapi.core.errors import ObjectUnreadable
from getapi.core.restriction import Ground
from getapi.sources.content import Witness
from getapi.sources.fedora6 import Fedora6Object, Standing
from getapi.sources.objectcache import ObjectCache
from getapi.sources.ocflinventory import ObjectRefused
from getapi.sources.ocflnames import ROOT
from getapi.sources.ocflobjects import OcflObjects
from getapi.sources.ocflroot import Absence, StoredObject

MAX_ANCESTORS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``ground`` is why those above close what is below, None where they do not; ``witnesses`` are what that was learned from, None where
    it may change unseen."""

    ground: Ground | None
    witnesses: tuple[Witness | Absence, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestry:
    """The objects above others, each read once for as long as its inventory is the same."""

    objects: OcflObjects
    interpret: Callable[[StoredObject], Fedora6Object]
    _known: ObjectCache[tuple[str, str], Standing] = field(default_factory=lambda: ObjectCache(count=1024))

    def decide(self, parent: str) -> Verdict:
        """What the nearest access list from ``parent`` on upwards says.

        No list at all is Fedora's own default: everybody reads. What cannot be read, is deleted or goes in a circle closes. Raises
        SourceUnavailable.
        """
        witnesses: list[Witness | Absence] = []
        seen: set[str] = set()
        while True:
            identifier = parent.rstrip("/")
            if not identifier or identifier in seen or len(seen) == MAX_ANCESTORS:
                return Verdict(ground=Ground.UNREADABLE, witnesses=None)
            seen.add(identifier)
            try:
                stored = self.objects.by_id(identifier)
                if stored is None:
                    return self._without(identifier, witnesses)
                standing = self._standing(stored)
            except (ObjectUnreadable, ObjectRefused):
                return Verdict(ground=Ground.UNREADABLE, witnesses=None)
            witnesses.extend(stored.witnesses)
            if standing.deleted or standing.grants is False:
                return Verdict(ground=Ground.POLICY, witnesses=tuple(witnesses))
            if standing.grants or identifier == ROOT:
                return Verdict(ground=None, witnesses=tuple(witnesses))
            parent = standing.parent

    def _without(self, identifier: str, witnesses: list[Witness | Absence]) -> Verdict:
        """Of an ancestor that is not there. A repository that was only migrated has no root object until Fedora starts on it."""
        if identifier != ROOT:
            return Verdict(ground=Ground.UNREADABLE, witnesses=None)
        place = self.objects.root.expected(ROOT)
        return Verdict(ground=None, witnesses=None if place is None else (*witnesses, Absence(place)))

    def _standing(self, stored: StoredObject) -> Standing:
        key = stored.path, stored.fingerprint
        known = self._known.get(key)
        if known is None:
            resource = self.interpret(stored)
            known = resource.standing()
            if not resource.readable:
                raise ObjectRefused("it cannot be read now")
            self._known.put(key, known, 1)
        return known
