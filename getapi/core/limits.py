"""How much one package may hold, and the refusal of more (SPEC 6)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from getapi.core.errors import TooManyBytes, TooManyFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """``files`` in payload files, ``octets`` of payload."""

    files: int
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What planning is held to. ``repositories`` are narrower or wider allowances for what comes from one of them."""

    package: Allowance
    repositories: Mapping[str, Allowance] = field(default_factory=dict)
    map_depth: int
    map_nodes: int


def check(limits: Limits, sizes: Iterable[tuple[str, int]]) -> None:
    """Raises TooManyFiles or TooManyBytes, with the whole count, for members given as (repository, octets)."""
    files: dict[str, int] = {}
    octets: dict[str, int] = {}
    for repository, size in sizes:
        files[repository] = files.get(repository, 0) + 1
        octets[repository] = octets.get(repository, 0) + size
    _hold(limits.package, sum(files.values()), sum(octets.values()))
    for repository, allowance in limits.repositories.items():
        _hold(allowance, files.get(repository, 0), octets.get(repository, 0))


def _hold(allowance: Allowance, files: int, octets: int) -> None:
    if files > allowance.files:
        raise TooManyFiles(limit=allowance.files, count=files)
    if octets > allowance.octets:
        raise TooManyBytes(limit=allowance.octets, count=octets)
