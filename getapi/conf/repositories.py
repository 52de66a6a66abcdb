"""``[[repositories]]``: the stores that objects come from, one table each, told apart by ``type``."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from getapi.conf.kinds import Count, HashPattern, Name, Networks, PidNamespaces, Place, PositiveSize
from getapi.conf.tables import ConfigurationTable

_LATER = frozenset({"fedora3_rest", "iiif", "ocfl", "omeka", "orthanc"})


class RepositoryLimits(ConfigurationTable):
    """None: the service's own limit."""

    files: Count | None = None
    bytes: PositiveSize | None = None


class Fedora3Repository(ConfigurationTable):
    """A Fedora 3 repository, read from its two store folders.

    ``public`` false: it answers nothing without a token or an address in ``networks``. ``namespaces`` route PIDs to it; a repository
    without any is asked for all PIDs that no other one claims.
    """

    name: Name
    type: Literal["fedora3"]
    public: bool = True
    networks: Networks = ()
    objects: Place
    datastreams: Place
    layout: Literal["akubra", "legacy"] = "akubra"
    object_pattern: HashPattern = "##"
    datastream_pattern: HashPattern = "##"
    namespaces: PidNamespaces = ()
    limits: RepositoryLimits = RepositoryLimits()


def _available(table: object) -> object:
    """What is wrong with the type is told alone: the other keys belong to it."""
    if not isinstance(table, dict) or "type" not in table or table["type"] == "fedora3":
        return table
    if table["type"] in _LATER:
        raise ValueError(f"the type {table['type']} is not available in this version; fedora3 is")
    raise ValueError(f"the type {str(table['type'])[:40]!r} is unknown; fedora3 is available")


Repository = Annotated[Fedora3Repository, BeforeValidator(_available)]
