"""The configured repositories as sources, and what those that lie on disk hold."""

from collections.abc import Iterator
from threading import Lock

from getapi import conf
from getapi.services.adapters import Remark, adapter_of
from getapi.sources.holdings import Holdings
from getapi.sources.registry import Registry, RoutedSource

_lock = Lock()
_built: list[tuple[conf.Configuration, Registry]] = []
"""At most one, for the configuration that it was built from: sources keep what they parsed."""


def registry() -> Registry:
    """The sources of the current configuration."""
    configuration = conf.current()
    with _lock:
        if not _built or _built[0][0] is not configuration:
            _built[:] = [(configuration, _build(configuration))]
        return _built[0][1]


def stores() -> list[Holdings]:
    """What can be walked through of the repositories, in the configuration's order."""
    adapters = [(adapter_of(repository), repository) for repository in conf.current().repositories]
    return [adapter.holdings(repository) for adapter, repository in adapters if adapter.holdings is not None]


def examine(repository: conf.RepositoryTable) -> Iterator[Remark]:
    """Whether a repository is there and is as it is configured."""
    return adapter_of(repository).examine(repository)


def _build(configuration: conf.Configuration) -> Registry:
    return Registry(
        [
            RoutedSource(
                source=adapter.build(repository, configuration),
                namespaces=repository.namespaces,
                at_once=adapter.at_once(repository),
            )
            for repository in configuration.repositories
            for adapter in (adapter_of(repository),)
        ]
    )
