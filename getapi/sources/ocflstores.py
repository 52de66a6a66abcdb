"""A storage root as folders: all objects in it, and whether they lie and are as the configuration says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from getapi.core.errors import ObjectUnreadable, SourceUnavailable
from getapi.sources.folders import Folder, walk_folders
from getapi.sources.ocflnames import spell_pid
from getapi.sources.ocflroot import DECLARATIONS, OBJECT_DECLARATION, StorageRoot, StoredObject

SAMPLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OcflStore:
    """sources.holdings.Holdings of a storage root."""

    name: str
    root: Path

    @property
    def roots(self) -> Mapping[str, Path]:
        return {"objects": self.root}

    @property
    def dated(self) -> bool:
        return False

    def walk(self, kind: str, after: str | None = None) -> Iterator[Folder]:
        """Down to the objects and not into them, nor into the root's own extensions."""
        return walk_folders(self.roots[kind], after=after, descend=_leads_on)

    def tokens(self, kind: str, folder: Folder) -> Mapping[str, str]:  # noqa: ARG002 # there is but one kind
        """The object's PID, where the folder is an object's and its inventory names one."""
        if not _is_object(folder.names):
            return {}
        try:
            identifier = StorageRoot(repository=self.name, root=self.root, layout="index").claimed_id(folder.path)
        except OSError:
            return {}
        pid = spell_pid(identifier) if identifier else None
        return {pid: folder.path} if pid else {}


def _leads_on(path: str, names: tuple[str, ...]) -> bool:
    return path != "extensions" and not _is_object(names)


def _is_object(names: tuple[str, ...]) -> bool:
    return any(name.startswith(OBJECT_DECLARATION) for name in names)


def examine_root(name: str, root: Path, layout: str) -> tuple[str | None, int]:
    """What is wrong with a storage root, if anything is, and how many objects were looked at."""
    storage = StorageRoot(repository=name, root=root, layout=layout)
    try:
        folders = list(
            islice((folder.path for folder in OcflStore(name=name, root=root).walk("objects") if _is_object(folder.names)), SAMPLE)
        )
    except OSError as error:
        return f"cannot be read: {error.strerror}", 0
    try:
        storage.check()
        obstacle = _examine_layout(storage)
        troubles = [trouble for path in folders if (trouble := _examine_object(storage, path))]
    except SourceUnavailable:
        return f"is no OCFL storage root: {' or '.join(DECLARATIONS)} is not in it, or cannot be read", 0
    if not folders:
        return "holds no OCFL object", 0
    if obstacle:
        return obstacle, len(folders)
    more = f"; {len(troubles)} of {len(folders)} objects looked at are not as they should be" if len(troubles) > 1 else ""
    return (f"{troubles[0]}{more}" if troubles else None), len(folders)


def _examine_layout(storage: StorageRoot) -> str | None:
    storage.layouts()
    if storage.obstacle is None:
        return None
    return (
        f"its layout cannot be computed (ocfl_layout.json, extensions/*/config.json: {storage.obstacle}); "
        'with layout = "index" and index_sources objects are found nevertheless'
    )


def _examine_object(storage: StorageRoot, path: str) -> str | None:
    try:
        stored = storage.load(path, path)
    except ObjectUnreadable as error:
        return f"{path}: {error.why}"
    if stored is None:
        return f"{path}: has gone"
    if spell_pid(stored.inventory.id) is None:
        return f"{path}: has an id that is too long to be asked for"
    return _misplaced(storage, stored)


def _misplaced(storage: StorageRoot, stored: StoredObject) -> str | None:
    layouts = storage.layouts()
    if not layouts or any(layout.path(stored.inventory.id) == stored.path for layout in layouts):
        return None
    return f"{stored.path}: does not lie where the layout {layouts[0].name} says; index_sources finds it nevertheless"
