"""An OCFL storage root on disk: objects found by id or by folder, and read without ever leaving them."""

import errno
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from getapi.core.errors import ObjectUnreadable, SourceUnavailable
from getapi.sources.content import ABSENT, Witness, identity, open_regular
from getapi.sources.objectcache import ObjectCache
from getapi.sources.ocflinventory import MAX_OCTETS, MUTABLE_HEAD, Inventory, ObjectRefused, check_sidecar, claimed_id, read_inventory
from getapi.sources.ocfllayout import NAMES, OcflLayout, read_layout

DECLARATIONS = ("0=ocfl_1.0", "0=ocfl_1.1")
OBJECT_DECLARATION = "0=ocfl_object_"
_INVENTORY = "inventory.json"
_SMALL = 2**16


@dataclass(frozen=True, slots=True)
class Absence:
    """A path at which there was nothing, as a witness of what was learned from that."""

    path: str

    def holds(self) -> bool:
        """Whether there is still nothing."""
        try:
            os.lstat(self.path)
        except OSError as error:
            return error.errno in ABSENT
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as its inventory tells it; ``path`` is relative to the storage root, ``witnesses`` are what it was learned from.

    ``fingerprint`` is the identity of the inventory's file.
    """

    path: str
    inventory: Inventory
    fingerprint: str
    witnesses: tuple[Witness | Absence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFile:
    """A content file as it lies there: a regular file of the object, reached by no link."""

    size: int
    identity: str


class StorageRoot:
    """One storage root. Safe for threads: what it keeps of inventories goes by the identity of their files."""

    def __init__(self, *, repository: str, root: Path, layout: str) -> None:
        """``layout`` is ``auto``, the number of an extension, or ``index`` for one that cannot be computed."""
        self.root = root
        self._repository = repository
        self._root = str(root)
        self._wanted = layout
        self._layouts: tuple[OcflLayout, ...] | None = None
        self.obstacle: str | None = None
        """Why no layout can be computed although one was wanted, once ``layouts`` was asked."""
        self._lock = Lock()
        self._inventories = ObjectCache[tuple[str, str], Inventory](count=1024)

    def whole(self, path: str) -> str:
        return f"{self._root}/{path}"

    def layouts(self) -> tuple[OcflLayout, ...]:
        """How object folders are computed: by one layout, or by none. Raises SourceUnavailable.

        A storage root that names none may be Fedora 6's, which wrote its own default without saying so.
        """
        with self._lock:
            if self._layouts is None:
                self.check()
                try:
                    self._layouts = self._read_layouts()
                except OSError as error:
                    raise SourceUnavailable(self._repository) from error
            return self._layouts

    def _read_layouts(self) -> tuple[OcflLayout, ...]:
        number = self._wanted
        if number == "index":
            return ()
        if number == "auto":
            said = self._json("ocfl_layout.json")
            if said is None:
                return (read_layout("0004", {}),)
            number = next((number for number, name in NAMES.items() if said.get("extension") == name), "")
        try:
            config = self._json(f"extensions/{NAMES[number]}/config.json") if number else None
            return (read_layout(number, config or {}),)
        except ValueError as error:
            # What cannot be computed can still be found by the index.
            self.obstacle = str(error) if number else "ocfl_layout.json names no layout that is known here"
            return ()

    def _json(self, path: str) -> Mapping[str, object] | None:
        """None where there is no such file; {} for one that says nothing that can be read. Raises OSError."""
        try:
            said = json.loads(self._read(path, _SMALL)[1])
        except (ValueError, RecursionError):
            return {}
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise
        return said if isinstance(said, dict) else {}

    def check(self) -> None:
        """Raises SourceUnavailable unless the folder declares itself a storage root: a disk that is not mounted is no empty repository."""
        for name in DECLARATIONS:
            try:
                os.lstat(self.whole(name))
                return
            except OSError as error:
                if error.errno not in ABSENT:
                    raise SourceUnavailable(self._repository) from error
        raise SourceUnavailable(self._repository)

    def find(self, identifier: str, pid: str) -> StoredObject | None:
        """The object of that id where the layout puts it, or None. Raises ObjectUnreadable, which names ``pid``, SourceUnavailable."""
        for layout in self.layouts():
            path = layout.path(identifier)
            found = self.load(path, pid) if path else None
            if found and found.inventory.id == identifier:
                return found
            if found and layout.exact:
                raise ObjectUnreadable(pid, "its inventory is another object's")
        return None

    def expected(self, identifier: str) -> str | None:
        """The absolute path of the folder in which an object of that id would be, None where that cannot be computed."""
        paths = [path for layout in self.layouts() if (path := layout.path(identifier))]
        return self.whole(paths[0]) if paths else None

    def load(self, path: str, pid: str) -> StoredObject | None:
        """The object in a folder, or None where there is none. Raises ObjectUnreadable, which names ``pid``, SourceUnavailable."""
        try:
            return self._load_steadily(path)
        except ObjectRefused as refused:
            raise ObjectUnreadable(pid, str(refused)) from None
        except OSError as error:
            if error.errno in ABSENT:
                self.check()
                return None
            if error.errno in {errno.ELOOP, errno.EINVAL}:
                raise ObjectUnreadable(pid, "a link, or no regular file, is in the place of its inventory") from None
            raise SourceUnavailable(self._repository) from error

    def claimed_id(self, path: str) -> str | None:
        """The id of the object in a folder, which may be refused when it is asked for: who asks is told why. Raises OSError."""
        self._check_folders(path)
        return claimed_id(self._read(f"{path}/{_INVENTORY}", MAX_OCTETS)[1])

    def _load_steadily(self, path: str) -> StoredObject | None:
        try:
            return self._load(path)
        except ObjectRefused:
            # It may be given another version between the reading of its inventory and that of the sidecar: once more, if so.
            return self._load(path)

    def _load(self, path: str) -> StoredObject | None:
        self._check_folders(path)
        specification = self._declared(path)
        if specification is None:
            return None
        mutable = self._exists(f"{path}/{MUTABLE_HEAD}/{_INVENTORY}")
        place = f"{path}/{MUTABLE_HEAD}" if mutable else path
        inventory, fingerprint = self._inventory(place, mutable=mutable)
        if inventory.specification != specification:
            raise ObjectRefused("its inventory is of another version of OCFL than it declares")
        witnesses: list[Witness | Absence] = [Witness.of(self.whole(f"{place}/{_INVENTORY}"), fingerprint)]
        if mutable:
            self._check_base(path)
        else:
            witnesses.append(Absence(self.whole(f"{path}/{MUTABLE_HEAD}/{_INVENTORY}")))
        return StoredObject(path=path, inventory=inventory, fingerprint=fingerprint, witnesses=tuple(witnesses))

    def _check_folders(self, path: str) -> None:
        """Raises OSError, with ELOOP for a link on the way to a folder: there are none in a storage root, and one may lead anywhere."""
        whole = self._root
        for folder in path.split("/"):
            whole = f"{whole}/{folder}"
            mode = os.lstat(whole).st_mode
            if folder in {"", ".", ".."} or stat.S_ISLNK(mode):
                raise OSError(errno.ELOOP, "a link, or no name of a folder")
            if not stat.S_ISDIR(mode):
                raise OSError(errno.ENOTDIR, "no folder")

    def _declared(self, path: str) -> str | None:
        """The version of OCFL that an object's folder declares, None for a folder that is no object's (E003, E007)."""
        with os.scandir(self.whole(path)) as entries:
            found = [entry.name for entry in entries if entry.name.startswith(OBJECT_DECLARATION)]
        if not found:
            return None
        if len(found) > 1 or self._read(f"{path}/{found[0]}", _SMALL)[1] != f"{found[0][2:]}\n".encode():
            raise ObjectRefused("it does not declare itself an OCFL object as it should")
        return found[0].removeprefix(OBJECT_DECLARATION)

    def _exists(self, path: str) -> bool:
        try:
            os.lstat(self.whole(path))
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            return False
        self._check_folders(path.rpartition("/")[0])
        return True

    def _inventory(self, place: str, *, mutable: bool) -> tuple[Inventory, str]:
        """The inventory in a folder, verified by its sidecar, and the identity of its file. Raises ObjectRefused, OSError."""
        try:
            fingerprint = identity(os.lstat(self.whole(f"{place}/{_INVENTORY}")))
            known = self._inventories.get((place, fingerprint))
            if known is not None:
                return known, fingerprint
            fingerprint, document = self._read(f"{place}/{_INVENTORY}", MAX_OCTETS)
        except OSError as error:
            if error.errno in ABSENT:
                raise ObjectRefused("it has no inventory") from None
            raise
        inventory, algorithm = read_inventory(document, mutable=mutable)
        check_sidecar(document, self._sidecar(place, algorithm), algorithm)
        self._inventories.put((place, fingerprint), inventory, len(document))
        return inventory, fingerprint

    def _sidecar(self, place: str, algorithm: str, name: str = _INVENTORY) -> bytes:
        try:
            return self._read(f"{place}/{name}.{algorithm}", _SMALL)[1]
        except OSError as error:
            if error.errno in ABSENT:
                raise ObjectRefused("its inventory has no sidecar") from None
            raise

    def _check_base(self, path: str) -> None:
        """A mutable head counts only on the version that it was made from (extension 0005, "Version Conflicts")."""
        folder = f"{path}/{MUTABLE_HEAD}".rpartition("/")[0]
        for algorithm in ("sha512", "sha256"):
            if self._exists(f"{path}/{_INVENTORY}.{algorithm}"):
                ours = self._sidecar(path, algorithm)
                if self._sidecar(folder, algorithm, f"root-{_INVENTORY}").split() == ours.split():
                    return
        raise ObjectRefused("its mutable head is not of its last version")

    def examine(self, stored: StoredObject, contents: tuple[str, ...], checked: set[str]) -> ContentFile | None:
        """The first of a file's content paths, None where one of them is not there, or is no regular file of the object.

        A manifest that lies about one copy is not believed of another. ``checked`` are folders that are known to be reached by no link.
        Raises SourceUnavailable.
        """
        found: list[os.stat_result] = []
        try:
            for content in contents:
                folder = f"{stored.path}/{content}".rpartition("/")[0]
                if folder not in checked:
                    self._check_folders(folder)
                    checked.add(folder)
                status = os.lstat(self.whole(f"{stored.path}/{content}"))
                if not stat.S_ISREG(status.st_mode):
                    return None
                found.append(status)
        except OSError as error:
            if error.errno in ABSENT or error.errno == errno.ELOOP:
                return None
            raise SourceUnavailable(self._repository) from error
        return ContentFile(size=found[0].st_size, identity=identity(found[0]))

    def read(self, stored: StoredObject, content: str, limit: int) -> bytes | None:
        """A small content file, None where it cannot be had or is larger. Raises SourceUnavailable where the disk fails."""
        if self.examine(stored, (content,), set()) is None:
            return None
        try:
            octets = self._read(f"{stored.path}/{content}", limit)[1]
        except OSError as error:
            if error.errno in ABSENT or error.errno in {errno.ELOOP, errno.EINVAL}:
                return None
            raise SourceUnavailable(self._repository) from error
        return octets if len(octets) <= limit else None

    def _read(self, path: str, limit: int) -> tuple[str, bytes]:
        """The identity that a file has now, and its octets: one more than ``limit`` at most. Raises OSError."""
        descriptor = open_regular(self.whole(path))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            return identity(status), file.read(min(limit, status.st_size) + 1)
