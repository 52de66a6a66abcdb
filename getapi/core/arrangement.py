"""Where in the package each datastream lies: structural maps become folders, what they do not name lies beside them (SPEC 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from getapi.core.division import Division, Pointer
from getapi.core.names import Folder, Leaf, Placed, assign_paths, file_name, plain_segment
from getapi.core.selection import Pick
from getapi.core.source import ObjectRecord
from getapi.core.value import maker, value

_ROOT = "data"

_new_placed = maker(Placed[Pick])


@value(frozen=True, slots=True, kw_only=True)
class Group:
    """An object's picks and the structural map that lays them out, if there is one."""

    record: ObjectRecord
    picks: Sequence[Pick]
    structure: Division | None = None


@dataclass(slots=True)
class Shelf:
    """What is not placed yet, found by a pointer's spelling: exactly, else the only one alike without regard to case."""

    picks: dict[tuple[str, str], Pick]
    _alike: dict[tuple[str, str | None], list[Pick]] = field(init=False)

    def __post_init__(self) -> None:
        self._alike = {}
        for (pid, dsid), pick in self.picks.items():
            self._alike.setdefault(_fold(pid, None), []).append(pick)
            self._alike.setdefault(_fold(pid, dsid), []).append(pick)

    def take(self, pointer: Pointer) -> list[Pick]:
        """The picks that a pointer names, in the object's order; each is given out once."""
        alike = self._alike.get(_fold(pointer.pid, pointer.dsid), [])
        named = [pick for pick in alike if pick.datastream.pid == pointer.pid] or alike
        if pointer.dsid is not None:
            named = [pick for pick in named if pick.datastream.dsid == pointer.dsid] or named
        if len({pick.datastream.pid if pointer.dsid is None else pick.key for pick in named}) > 1:
            return []
        return self.take_rest(named)

    def take_rest(self, picks: Iterable[Pick]) -> list[Pick]:
        return [pick for pick in picks if self.picks.pop(pick.key, None) is not None]


def _fold(pid: str, dsid: str | None) -> tuple[str, str | None]:
    return pid.casefold(), None if dsid is None else dsid.casefold()


def place_picks(groups: Sequence[Group], *, bag_name: str) -> list[Placed[Pick]]:
    """The path of every pick, in the package's order: that of the tree that ``arrange`` makes (core.paths)."""
    if any(group.structure for group in groups):
        return assign_paths(arrange(groups), bag_name=bag_name)
    picks = {pick.key: pick for group in groups for pick in group.picks}.values()
    return _place_flat(picks) or assign_paths(arrange(groups), bag_name=bag_name)


def _place_flat(picks: Iterable[Pick]) -> list[Placed[Pick]]:
    """The paths of picks that lie beside each other under plain names, all different, as in most packages; nothing where one is not so.

    They are those that the tree would give, without the tree.
    """
    flat: list[Placed[Pick]] = []
    for pick in picks:
        path = pick.derive("flat", None, flat_path, pick)
        if path is None:
            return []
        flat.append(_new_placed(key=pick, path=path))
    return [] if len({placed.path.lower() for placed in flat}) < len(flat) else flat


def flat_path(pick: Pick) -> str | None:
    """Where a pick lies beside all others, if its name is plain; None for any other."""
    name = plain_segment(file_name(pick.datastream))
    return None if name is None else f"{_ROOT}/{name}"


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
    return Folder(label=_ROOT, children=tuple(contents), ordered=False)


def _place(division: Division, shelf: Shelf) -> tuple[Folder[Pick] | Leaf[Pick], ...]:
    """A division's folder, or its children alone where nothing labels it; one that holds nothing is left out."""
    children: list[Folder[Pick] | Leaf[Pick]] = []
    for child in division.children:
        if isinstance(child, Pointer):
            children.extend(_leaf(pick, ordered=True) for pick in shelf.take(child))
        else:
            children.extend(_place(child, shelf))
    if not children or not division.label:
        return tuple(children)
    return (Folder(label=division.label, children=tuple(children), ordered=True),)


def _leaf(pick: Pick, *, ordered: bool) -> Leaf[Pick]:
    return Leaf(key=pick, name=file_name(pick.datastream), ordered=ordered)
