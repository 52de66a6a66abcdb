"""What the service asks of any type of repository."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from getapi import conf
from getapi.core.source import Source
from getapi.sources.holdings import Holdings

R = TypeVar("R", bound=conf.RepositoryTable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One line of ``check_sources``: ``about`` what of the repository, which is at ``place``, and what is to be said of it."""

    about: str
    place: str
    text: str
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(Generic[R]):
    """``build`` makes a repository's source. ``holdings`` is None for one that cannot be walked through: it has neither an index nor a
    fixity_scan. ``examine`` is what ``check_sources`` says of it. ``at_once``: how many objects may be asked for at the same time."""

    build: Callable[[R, conf.Configuration], Source]
    holdings: Callable[[R], Holdings] | None = None
    examine: Callable[[R], Iterator[Remark]]
    at_once: Callable[[R], int] = lambda _: 1


def adapter_of(repository: conf.RepositoryTable) -> Adapter[Any]:
    """The adapter of a repository's type."""
    adapter: Adapter[Any] = import_module(f"getapi.services.adapters.{repository.type}").ADAPTER
    return adapter
