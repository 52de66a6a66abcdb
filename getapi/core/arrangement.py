"""Where in the package each datastream lies: structural maps become folders, what they do not name lies beside them (SPEC 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from getapi.core.names import Folder, Leaf, flat_name
from getapi.core.selection import Pick
from getapi.core.source import ObjectRecord
from getapi.core.structmap import Division, Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An object's picks and the structural map that lays them out, if there is one."""

    record: ObjectRecord
    picks: Sequence[Pick]
    structure: Division | None = None


@dataclass(slots=True)
class Shelf:
    """What is not placed yet, found by a pointer's spelling: exactly, else the only one alike without regard to case."""

    picks: dict[tuple[str, str], Pick]
    _objects: dict[str, dict[str, Pick]] = field(init=False)

    def __post_init__(self) -> None:
        self._objects = {}
        for (pid, dsid), pick in self.picks.items():
            self._objects.setdefault(pid.casefold(), {})[dsid] = pick

    def take(self, pointer: Pointer) -> list[Pick]:
        """The picks that a pointer names, in the object's order; each is given out once."""
        siblings = self._objects.get(pointer.pid.casefold(), {})
        if pointer.dsid is None:
            named = list(siblings.values())
        elif pointer.dsid in siblings:
            named = [siblings[pointer.dsid]]
        else:
            alike = [pick for dsid, pick in siblings.items() if dsid.casefold() == pointer.dsid.casefold()]
            named = alike if len(alike) == 1 else []
        return [pick for pick in named if self.picks.pop(pick.key, None) is not None]

    def take_rest(self, picks: Iterable[Pick]) -> list[Pick]:
        return [pick for pick in picks if self.picks.pop(pick.key, None) is not None]


def arrange(groups: Sequence[Group]) -> Folder[Pick]:
    """The payload folder as a tree whose leaves, read in order, are the package's order.

    Every map places what it names at its first mention, also what other groups brought; then each group's rest follows beside it. With
    several mapped objects each has a folder of its own.
    """
    shelf = Shelf({pick.key: pick for group in groups for pick in group.picks})
    placed = [_place(group.structure, shelf) if group.structure is not None else () for group in groups]
    separate = sum(bool(children) for children in placed) > 1
    contents: list[Folder[Pick] | Leaf[Pick]] = []
    for group, children in zip(groups, placed, strict=True):
        rest = [_leaf(pick, ordered=False) for pick in shelf.take_rest(group.picks)]
        if separate and children:
            contents.append(Folder(label=group.record.pid, children=(*children, *rest), ordered=False))
        else:
            contents.extend((*children, *rest))
    return Folder(label="data", children=tuple(contents), ordered=False)


def _place(root: Division, shelf: Shelf) -> tuple[Folder[Pick] | Leaf[Pick], ...]:
    """The root division's folder, or its children alone where nothing labels it; divisions that hold nothing are left out."""
    children = _place_children(root, shelf)
    if not children or not root.label:
        return children
    return (Folder(label=root.label, children=children, ordered=True),)


def _place_children(division: Division, shelf: Shelf) -> tuple[Folder[Pick] | Leaf[Pick], ...]:
    children: list[Folder[Pick] | Leaf[Pick]] = []
    for child in division.children:
        if isinstance(child, Pointer):
            children.extend(_leaf(pick, ordered=True) for pick in shelf.take(child))
        elif inner := _place_children(child, shelf):
            children.append(Folder(label=child.label, children=inner, ordered=True))
    return tuple(children)


def _leaf(pick: Pick, *, ordered: bool) -> Leaf[Pick]:
    datastream = pick.datastream
    return Leaf(key=pick, name=flat_name(datastream.pid, datastream.dsid, datastream.mime), ordered=ordered)
