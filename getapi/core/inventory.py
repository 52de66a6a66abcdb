"""What an archive holds, gathered in one pass and in bounded memory: names, sizes, digests, and the text of a bag's own tag files."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from getapi.core.tagreader import read_manifest_name
from getapi.core.tarreader import TarMember, TarReader, TarRefused
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
    problems: list[Problem] = field(default_factory=list)
    complete: bool = False

    def payload(self) -> Iterator[str]:
        return (path for path in self.files if path.startswith("data/"))

    def tag_files(self) -> Iterator[str]:
        return (path for path in self.files if not path.startswith("data/"))


def take_inventory(reader: TarReader, *, algorithms: Sequence[str], bounds: Bounds) -> Inventory:
    """Reads to the end, or to what makes the rest meaningless, which is the last problem then. Raises OSError as the stream does."""
    inventory = Inventory()
    try:
        _gather(reader, inventory, algorithms, bounds)
        inventory.complete = True
    except TarRefused as refusal:
        inventory.problems.append(Problem(code=refusal.code, text=refusal.sentence, path=refusal.path))
    return inventory


def _gather(reader: TarReader, inventory: Inventory, algorithms: Sequence[str], bounds: Bounds) -> None:
    names = texts = 0
    for count, member in enumerate(reader, 1):
        names += len(member.path)
        if count > bounds.members or names > bounds.path_characters:
            raise TarRefused("The archive has more members, or longer names, than are verified", code="too-large")
        path = _place(member, inventory)
        if path is None or member.directory:
            continue
        keeps = path in {"bagit.txt", "bag-info.txt"} or read_manifest_name(path) is not None
        texts += member.size if keeps else 0
        if texts > bounds.tag_octets:
            raise TarRefused("The tag files are longer than is verified", code="too-large", path=path)
        inventory.files[path] = _read(reader, member, algorithms, keeps=keeps)


def _place(member: TarMember, inventory: Inventory) -> str | None:
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
        return path
    inventory.problems.append(problem)
    return None


def _read(reader: TarReader, member: TarMember, algorithms: Sequence[str], *, keeps: bool) -> Item:
    hashes = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}
    pieces = []
    for piece in reader.content():
        for digest in hashes.values():
            digest.update(piece)
        if keeps:
            pieces.append(piece)
    digests = {algorithm: digest.hexdigest() for algorithm, digest in hashes.items()}
    return Item(size=member.size, digests=digests, text=b"".join(pieces) if keeps else None)


def manifest_algorithms(reader: TarReader, known: Callable[[str], bool]) -> tuple[str, ...]:
    """The algorithms that the names of an archive's manifests speak of, in their order, as far as its headers can be read."""
    found: dict[str, None] = {}
    try:
        for member in reader:
            name = read_manifest_name(member.path.partition("/")[2])
            if name is not None and known(name.algorithm):
                found[name.algorithm] = None
    except TarRefused:
        pass  # whoever verifies the archive will say so
    return tuple(found)
