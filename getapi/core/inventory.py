"""What an archive holds, gathered in one pass and in bounded memory: names, sizes, digests, and the text of a bag's own tag files."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from getapi.core.archive import ArchiveMember, ArchiveReader, ArchiveRefused, MemberDamaged
from getapi.core.tagreader import read_manifest_name
from getapi.core.verdict import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one verification may hold in memory: members of the archive, characters of their paths, octets of the tag files it reads."""

    members: int = 250_000
    path_characters: int = 2**26
    tag_octets: int = 2**26


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file: ``size`` in octets, ``digests`` as algorithm to hex, ``text`` for the tag files that a bag is read from."""

    size: int
    digests: dict[str, str]
    text: bytes | None


@dataclass(slots=True, kw_only=True)
class Inventory:
    """Paths are below the top directory ``name``, which is None while there is no member. ``complete`` unless the archive was given up."""

    name: str | None = None
    files: dict[str, Item] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    ambiguous: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = False

    def payload(self) -> Iterator[str]:
        return (path for path in self.files if path.startswith("data/"))

    def tag_files(self) -> Iterator[str]:
        return (path for path in self.files if not path.startswith("data/"))


def take_inventory(reader: ArchiveReader, *, algorithms: Sequence[str], bounds: Bounds) -> Inventory:
    """Reads to the end, or to what makes the rest meaningless, which is the last problem then. Raises OSError as the stream does."""
    inventory = Inventory()
    try:
        _gather(reader, inventory, algorithms, bounds)
        inventory.complete = True
    except ArchiveRefused as refusal:
        inventory.problems.append(Problem(code=refusal.code, text=refusal.sentence, path=refusal.path))
    return inventory


def _gather(reader: ArchiveReader, inventory: Inventory, algorithms: Sequence[str], bounds: Bounds) -> None:
    room = bounds.tag_octets
    for member in _bounded(reader, bounds):
        path = _place(member, inventory)
        if path is None or member.directory:
            continue
        keeps = path in {"bagit.txt", "bag-info.txt"} or read_manifest_name(path) is not None
        reading = _Reading(path, algorithms, room=room if keeps else None)
        reading.expect(member.size or 0)
        try:
            for piece in reader.content():
                reading.add(piece)
        except MemberDamaged as damage:
            inventory.problems.append(Problem(code=damage.code, text=damage.sentence, path=path))
        inventory.files[path] = reading.item()
        room -= reading.size if keeps else 0


def _bounded(reader: ArchiveReader, bounds: Bounds) -> Iterator[ArchiveMember]:
    characters = 0
    for count, member in enumerate(reader, 1):
        characters += len(member.path)
        if count > bounds.members or characters > bounds.path_characters:
            raise ArchiveRefused("The archive has more members, or longer names, than are verified", code="too-large")
        yield member


def _place(member: ArchiveMember, inventory: Inventory) -> str | None:
    """The path below the top directory; None, and a problem, for a member that has no place there."""
    top, _, path = member.path.partition("/")
    inventory.name = inventory.name or top
    if top != inventory.name or not (path or member.directory):
        problem = Problem(code="outside-top-directory", text="It is not within the one top directory", path=member.path)
    elif path in inventory.files or path in inventory.directories:
        problem = Problem(code="duplicate", text="The archive has this path twice", path=path)
    else:
        if member.directory:
            inventory.directories.add(path)
        if member.ambiguous:
            inventory.ambiguous.append(path)
        return path
    inventory.problems.append(problem)
    return None


class _Reading:
    """A file while it is read. ``room`` is how many octets of its text may be kept; None: none are."""

    def __init__(self, path: str, algorithms: Sequence[str], *, room: int | None) -> None:
        self.size = 0
        self._path = path
        self._room = room
        self._pieces: list[bytes] = []
        self._hashes = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}

    def expect(self, size: int) -> None:
        if self._room is not None and size > self._room:
            raise ArchiveRefused("The tag files are longer than is verified", code="too-large", path=self._path)

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        for digest in self._hashes.values():
            digest.update(piece)
        if self._room is not None:
            self.expect(self.size)
            self._pieces.append(piece)

    def item(self) -> Item:
        digests = {algorithm: digest.hexdigest() for algorithm, digest in self._hashes.items()}
        return Item(size=self.size, digests=digests, text=None if self._room is None else b"".join(self._pieces))


def manifest_algorithms(reader: ArchiveReader, known: Callable[[str], bool], *, bounds: Bounds | None = None) -> tuple[str, ...]:
    """The algorithms that the names of an archive's manifests speak of, in their order, as far as its headers can be read."""
    found: dict[str, None] = {}
    try:
        for member in _bounded(reader, bounds or Bounds()):
            name = read_manifest_name(member.path.partition("/")[2])
            if name is not None and known(name.algorithm):
                found[name.algorithm] = None
    except ArchiveRefused:
        pass  # whoever verifies the archive will say so
    return tuple(found)
