"""The objects of a storage root by PID: computed by its layout, or known to the index."""

from dataclasses import dataclass

from getapi.core.errors import AmbiguousName, ObjectNotFound
from getapi.core.reference import parse_pid
from getapi.sources.ocflnames import FEDORA, ROOT, object_ids, spell_pid
from getapi.sources.ocflroot import StorageRoot, StoredObject
from getapi.sources.pathindex import PathIndex
from getapi.sources.spelledalike import find_alike


@dataclass(frozen=True, slots=True, kw_only=True)
class OcflObjects:
    """Raises, wherever it looks into the root, ObjectUnreadable and SourceUnavailable."""

    root: StorageRoot
    index: PathIndex

    def find(self, pid: str) -> tuple[str, StoredObject]:
        """The object that a PID means, and its true PID (SPEC 3). Raises ObjectNotFound, AmbiguousName."""
        normal = parse_pid(pid)
        if normal is None:
            raise ObjectNotFound(pid)
        exact = self.locate(normal)
        found = [(normal, exact)] if exact else self._find_alike(normal)
        if len(found) > 1:
            raise AmbiguousName(pid)
        if not found:
            self.root.check()
            raise ObjectNotFound(pid)
        return found[0]

    def _find_alike(self, pid: str) -> list[tuple[str, StoredObject]]:
        return find_alike(pid, self.index, locate=self.locate, compute=self._compute) or self._find_meant(pid)

    def _find_meant(self, pid: str) -> list[tuple[str, StoredObject]]:
        """Objects that are named otherwise here, and whose ids the PID may mean nevertheless."""
        named = ((spell_pid(identifier), identifier) for identifier in object_ids(pid)[1])
        return [(true, stored) for true, identifier in named if true and (stored := self.root.find(identifier, pid))]

    def locate(self, pid: str) -> StoredObject | None:
        """The object of exactly that PID, where the layout puts it or the index knows it. Raises AmbiguousName where ids share it."""
        return self._compute(pid) or self._recall(pid)

    def by_id(self, identifier: str) -> StoredObject | None:
        """The object of a Fedora id, which some migrations wrote without its prefix.

        The index is not asked for the repository's root where its place is known: a repository may have none, and each look for what is
        not there lets the index look for it.
        """
        for each in dict.fromkeys((identifier, identifier.removeprefix(FEDORA))):
            found = self.root.find(each, identifier)
            if found:
                return found
        pid = None if identifier == ROOT and self.root.layouts() else spell_pid(identifier)
        return self._recall(pid) if pid else None

    def _compute(self, pid: str) -> StoredObject | None:
        found = [stored for identifier in object_ids(pid)[0] if (stored := self.root.find(identifier, pid))]
        if len(found) > 1:
            raise AmbiguousName(pid)
        return found[0] if found else None

    def _recall(self, pid: str) -> StoredObject | None:
        known = self.index.path(pid)
        stored = self._load_as(known, pid)
        if stored is None and known:
            stored = self._load_as(self.index.path(pid, gone=known), pid)
        return stored

    def _load_as(self, path: str | None, pid: str) -> StoredObject | None:
        stored = self.root.load(path, pid) if path else None
        return stored if stored and spell_pid(stored.inventory.id) == pid else None
