"""How much one package may hold, and the refusal of more (SPEC 6)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from getapi.core.errors import TooManyBytes, TooManyFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """``files`` in payload files, ``octets`` of payload."""

    files: int
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What planning is held to. ``repositories`` have allowances of their own, narrower or wider, for what comes from them."""

    package: Allowance
    repositories: Mapping[str, Allowance] = field(default_factory=dict)
    map_depth: int
    map_nodes: int


def check(limits: Limits, sizes: Iterable[tuple[str, int]]) -> None:
    """Raises TooManyFiles or TooManyBytes, with the whole count, for members given as (repository, octets).

    What comes from one repository is held to its own allowance, the whole package to the widest of those that it comes from.
    """
    found: defaultdict[str, list[int]] = defaultdict(list)
    for repository, size in sizes:
        found[repository].append(size)
    counts = {repository: Allowance(files=len(each), octets=sum(each)) for repository, each in found.items()}
    allowances = {repository: limits.repositories.get(repository, limits.package) for repository in counts}
    for repository, count in counts.items():
        _hold(allowances[repository], count)
    if counts:
        _hold(_across(max, allowances.values()), _across(sum, counts.values()))


def _across(gather: Callable[[Iterable[int]], int], allowances: Collection[Allowance]) -> Allowance:
    return Allowance(files=gather(each.files for each in allowances), octets=gather(each.octets for each in allowances))


def _hold(allowance: Allowance, count: Allowance) -> None:
    if count.files > allowance.files:
        raise TooManyFiles(limit=allowance.files, count=count.files)
    if count.octets > allowance.octets:
        raise TooManyBytes(limit=allowance.octets, count=count.octets)
