"""The configuration: ``current()`` is what every service asks."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from getapi.conf.configuration import DEFAULT_DATABASE, Configuration, load, unconfigured
from getapi.conf.mistakes import ConfigurationError
from getapi.conf.networks import Network, read_network
from getapi.conf.repositories import (
    Fedora3Repository,
    Fedora3RestRepository,
    IiifRepository,
    OcflRepository,
    OmekaRepository,
    OrthancRepository,
    RepositoryTable,
    ServerTable,
)

__all__ = [
    "DEFAULT_DATABASE",
    "Configuration",
    "ConfigurationError",
    "Fedora3Repository",
    "Fedora3RestRepository",
    "IiifRepository",
    "Network",
    "OcflRepository",
    "OmekaRepository",
    "OrthancRepository",
    "RepositoryTable",
    "ServerTable",
    "current",
    "load",
    "override",
    "read_network",
    "unconfigured",
]

_overriding: list[Configuration] = []


def current() -> Configuration:
    """This process's configuration, read at its first use. Raises ConfigurationError, each time, while it has mistakes."""
    return _overriding[-1] if _overriding else _of_process()


@contextmanager
def override(configuration: Configuration) -> Iterator[Configuration]:
    """Makes ``current()`` answer another one in all threads: for tests, one at a time."""
    _overriding.append(configuration)
    try:
        yield configuration
    finally:
        _overriding.pop()


@functools.cache
def _of_process() -> Configuration:
    return load(None, os.environ)
