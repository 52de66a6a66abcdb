"""An OCFL object as a repository's object, before anybody looks at its bytes."""

from dataclasses import dataclass
from datetime import datetime

from getapi.core.mime import media_type
from getapi.core.restriction import Restriction
from getapi.core.source import ControlGroup, Digest, State
from getapi.sources.ocflinventory import Inventory, LogicalFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One datastream. ``name`` is its logical path, or its Fedora id below the object's.

    ``file`` is None where it is kept elsewhere, at ``url``. ``broken``: what is said of it cannot be read, or cannot be.
    """

    name: str
    state: State = State.ACTIVE
    file: LogicalFile | None = None
    mime: str = ""
    label: str = ""
    created: datetime | None = None
    size: int | None = None
    digests: tuple[Digest, ...] = ()
    url: str = ""
    control_group: ControlGroup = ControlGroup.MANAGED
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An object and its datastreams. ``undecided`` are the names of those of which ``parent`` and those above it say who may read."""

    state: State = State.ACTIVE
    label: str = ""
    parts: tuple[Part, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    parent: str = ""
    undecided: tuple[str, ...] = ()


def plain_resource(inventory: Inventory) -> Resource:
    """Each file of an object that nobody says more of than its inventory."""
    parts = (
        Part(name=path, file=file, mime=media_type(path), label=path, created=file.created, digests=file.digests)
        for path, file in inventory.files.items()
    )
    return Resource(parts=tuple(parts))
