"""The names of one folder's members: no two alike on any file system, and in their order when a program sorts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from getapi.core.safename import fold_name, shorten, split_extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """One member to be named: a safe segment, the octets it may take, and whether its place among the others means something."""

    segment: str
    octets: int
    directory: bool
    ordered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A name as given; ``number`` is what was put in front to keep the order, which is the layout's and no renaming."""

    number: str
    plain: str

    @property
    def name(self) -> str:
        return self.number + self.plain


def name_siblings(siblings: Sequence[Sibling]) -> list[Given]:
    """A name for each, in order; all those whose place means something are numbered when their names alone would sort otherwise."""
    given = _distinguish(siblings, [""] * len(siblings))
    if _in_order([each.name for each, sibling in zip(given, siblings, strict=True) if sibling.ordered]):
        return given
    return _distinguish(siblings, _numbers(siblings))


def _in_order(names: Sequence[str]) -> bool:
    """Both for programs that sort by code point and for those that do without regard to case."""
    return all(first < second and fold_name(first) < fold_name(second) for first, second in pairwise(names))


def _numbers(siblings: Sequence[Sibling]) -> list[str]:
    width = len(str(sum(sibling.ordered for sibling in siblings)))
    numbers, place = [], 0
    for sibling in siblings:
        place += sibling.ordered
        numbers.append(f"{place:0{width}d}_" if sibling.ordered else "")
    return numbers


def _distinguish(siblings: Sequence[Sibling], numbers: Sequence[str]) -> list[Given]:
    taken: set[str] = set()
    counts: dict[str, int] = {}
    return [_name(sibling, number, taken, counts) for sibling, number in zip(siblings, numbers, strict=True)]


def _name(sibling: Sibling, number: str, taken: set[str], counts: dict[str, int]) -> Given:
    """The first of ``name``, ``name_2``, ``name_3``... that is free; ``counts`` remembers where to go on, so that n equal names cost n."""
    room = sibling.octets - len(number)
    plain = shorten(sibling.segment, room, directory=sibling.directory)
    key = first = fold_name(number + plain)
    while key in taken:
        counts[first] = counts.get(first, 1) + 1
        plain = _suffixed(sibling, counts[first], room)
        key = fold_name(number + plain)
    taken.add(key)
    return Given(number=number, plain=plain)


def _suffixed(sibling: Sibling, count: int, room: int) -> str:
    suffix = f"_{count}"
    segment = shorten(sibling.segment, room - len(suffix), directory=sibling.directory)
    stem, extension = split_extension(segment, directory=sibling.directory)
    return stem + suffix + extension
