"""The configured repositories as sources, and their stores as folders."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from getapi import conf
from getapi.services.index import DatabaseIndex
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.registry import Registry, RoutedSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A repository's two store folders; ``layout`` is ``akubra`` or ``legacy``."""

    name: str
    objects: Path
    datastreams: Path
    layout: str


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


def stores() -> list[Store]:
    """In the configuration's order."""
    return [_store(repository) for repository in conf.current().repositories]


def _store(repository: conf.Fedora3Repository) -> Store:
    return Store(name=repository.name, objects=repository.objects, datastreams=repository.datastreams, layout=repository.layout)


def _build(configuration: conf.Configuration) -> Registry:
    rules = configuration.embargo_rules
    hosts = frozenset(host.lower() for host in configuration.external.allowed_hosts)
    return Registry(
        [
            RoutedSource(
                source=Fedora3Source(
                    name=repository.name,
                    objects=repository.objects,
                    datastreams=repository.datastreams,
                    layout=repository.layout,
                    object_pattern=repository.object_pattern,
                    datastream_pattern=repository.datastream_pattern,
                    rules=rules,
                    index=DatabaseIndex(repository),
                    external_hosts=hosts,
                ),
                namespaces=repository.namespaces,
            )
            for repository in configuration.repositories
        ]
    )
