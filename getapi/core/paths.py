"""A path for every payload file: folders as the structure has them, names safe and unique, nothing longer than a plain TAR header holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from getapi.core.reference import shown
from getapi.core.safename import MAX_OCTETS, safe_segment, same_name
from getapi.core.siblings import Given, Sibling, name_siblings
from getapi.core.value import value

MAX_PATH = 255
MAX_PREFIX = 155
"""Octets of a ustar header's prefix field; a ``/`` and the name field's 100 octets follow (POSIX pax, ustar interchange format)."""
_MAX_FOLDER = MAX_PATH - MAX_OCTETS - 1
"""A folder whose path is no longer can take a file of any name."""
_MIN_FOLDER = 16
"""Octets: a folder that would have less for its name is left out, and what it holds lies in the folder above."""
_MAX_WANTED = 32

K = TypeVar("K")


@value(frozen=True, slots=True, kw_only=True)
class Leaf(Generic[K]):
    """A payload file: the name it should have, and ``key``, the caller's own word for it.

    ``ordered``: its place among its siblings means something, so that sorting them by name has to keep it.
    """

    key: K
    name: str
    ordered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder(Generic[K]):
    """A folder and what it holds; ``ordered`` as a leaf's."""

    label: str
    children: "tuple[Folder[K] | Leaf[K], ...]"
    ordered: bool = True


@value(frozen=True, slots=True, kw_only=True)
class Placed(Generic[K]):
    """Where a leaf lies below the bag's top directory.

    ``wanted`` is the path as it was labelled, fit to be shown; "" unless the leaf's own name is another than was wished, or it is the
    first file in a folder of which that is true. ``:`` as ``-``, Unicode NFC and a number in front do not count.
    """

    key: K
    path: str
    wanted: str = ""

    @property
    def renamed(self) -> bool:
        return bool(self.wanted)


@dataclass(slots=True, eq=False)
class _Node(Generic[K]):
    """A member of the tree on its way to a path; ``home`` is the folder it comes to lie in, ``given`` None where a folder is left out."""

    item: Folder[K] | Leaf[K]
    parent: "_Node[K] | None" = None
    home: "_Node[K] | None" = None
    segment: str = ""
    children: "list[_Node[K]]" = field(default_factory=list)
    given: Given | None = None
    path: str = ""
    octets: int = 0
    split: int = 0
    height: int = 0
    below: int = 0

    @property
    def label(self) -> str:
        return _label(self.item)

    @property
    def length(self) -> int:
        return len(self.given.name.encode()) if self.given else 0

    @property
    def is_folder(self) -> bool:
        return isinstance(self.item, Folder)


def assign_paths(root: Folder[K], *, bag_name: str, prefix: str = "data") -> list[Placed[K]]:
    """A path ``prefix/...`` for every leaf, in the tree's order; ``root`` is the prefix itself and its label is not used.

    Paths are unique on every common file system, at most 255 octets with ``bag_name`` (at most 100) before them, and fit a ustar
    header's prefix and name fields. Siblings that mean an order and would sort otherwise are numbered. Folders without a leaf vanish.
    """
    nodes = _grow(root)
    nodes[0].octets = nodes[0].split = len(f"{bag_name}/{prefix}".encode())
    for node in nodes:
        if node.children:
            _name(node.children, lambda _: MAX_OCTETS)
    if not _fits(nodes):
        _measure(nodes)
        _fit(nodes[0])
    return _place(nodes, prefix)


def _grow(root: Folder[K]) -> list[_Node[K]]:
    """The tree as nodes, parents first, without what holds no leaf."""
    nodes, pending = [], [_Node(root)]
    while pending:
        node = pending.pop()
        nodes.append(node)
        if isinstance(node.item, Folder):
            node.children = [_Node(child, node, node, _segment(child)) for child in node.item.children]
            pending.extend(reversed(node.children))
    for node in reversed(nodes):
        node.children = [child for child in node.children if child.children or not child.is_folder]
    return [nodes[0], *(node for node in nodes[1:] if node.children or not node.is_folder)]


def _label(item: Folder[K] | Leaf[K]) -> str:
    return item.label if isinstance(item, Folder) else item.name


def _segment(item: Folder[K] | Leaf[K]) -> str:
    return safe_segment(_label(item), directory=isinstance(item, Folder))


def _name(members: Sequence[_Node[K]], allowance: Callable[[_Node[K]], int]) -> None:
    siblings = [
        Sibling(
            segment=member.segment,
            octets=allowance(member),
            directory=member.is_folder,
            ordered=member.item.ordered,
        )
        for member in members
    ]
    for member, given in zip(members, name_siblings(siblings), strict=True):
        member.given = given


def _fits(nodes: Sequence[_Node[K]]) -> bool:
    """Whether every path is short enough and can be split at a ``/`` into a ustar prefix and name."""
    for node in nodes:
        if node.parent is None:
            continue
        node.octets = node.parent.octets + 1 + node.length
        node.split = node.octets if node.octets <= MAX_PREFIX else node.parent.split
        if not node.is_folder and (node.octets > MAX_PATH or node.octets - node.parent.split - 1 > MAX_OCTETS):
            return False
    return True


def _measure(nodes: Sequence[_Node[K]]) -> None:
    """How many folders lie below each other from each folder on, itself counted, and how many octets those below it would like."""
    for node in reversed(nodes):
        folders = [child for child in node.children if child.is_folder]
        node.height = 1 + max((child.height for child in folders), default=0)
        node.below = max((1 + child.length + child.below for child in folders), default=0)


def _fit(root: _Node[K]) -> None:
    """Names again, so that no folder's path leaves too little for a file's name: long branches share what there is."""
    pending = [root]
    while pending:
        folder = pending.pop()
        room = _MAX_FOLDER - folder.octets - 1
        folder.children = _settle(folder, room)
        _name(folder.children, partial(_share, room))
        for child in folder.children:
            child.octets = folder.octets + 1 + child.length
        pending.extend(child for child in folder.children if child.is_folder)


def _settle(folder: _Node[K], room: int) -> list[_Node[K]]:
    """The folder's members; where there is no room for a folder's name its members take its place."""
    members, pending = [], folder.children[::-1]
    while pending:
        member = pending.pop()
        if member.is_folder and room < _MIN_FOLDER:
            member.given = None
            pending.extend(reversed(member.children))
        else:
            member.home = folder
            members.append(member)
    return members


def _share(room: int, member: _Node[K]) -> int:
    """Octets for the member's name: a folder has what those below it leave, or an equal share."""
    if not member.is_folder:
        return MAX_OCTETS
    return min(MAX_OCTETS, max(room - member.below, (room + 1) // member.height - 1, _MIN_FOLDER))


def _place(nodes: Sequence[_Node[K]], prefix: str) -> list[Placed[K]]:
    nodes[0].path = prefix
    placed, renamed = [], False
    for node in nodes[1:]:
        renamed = renamed or node.given is None or not same_name(node.label, node.given.plain)
        if node.given is not None and node.home is not None:
            node.path = f"{node.home.path}/{node.given.name}"
        if isinstance(node.item, Leaf):
            placed.append(Placed(key=node.item.key, path=node.path, wanted=_wanted(node, prefix) if renamed else ""))
            renamed = False
    return placed


def _wanted(node: _Node[K], prefix: str) -> str:
    labels: list[str] = []
    while node.parent is not None and len(labels) < _MAX_WANTED:
        labels.append(shown(node.label))
        node = node.parent
    return "/".join([prefix if node.parent is None else "…", *reversed(labels)])
