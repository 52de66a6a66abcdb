"""``[[repositories]]``: the stores that objects come from, one table each, told apart by ``type``."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from getapi.conf.kinds import Count, HashPattern, Name, Networks, PidNamespaces, Place, PositiveSize
from getapi.conf.tables import ConfigurationTable

_LATER = frozenset({"fedora3_rest", "iiif", "omeka", "orthanc"})


class RepositoryLimits(ConfigurationTable):
    """None: the service's own limit."""

    files: Count | None = None
    bytes: PositiveSize | None = None


class RepositoryTable(ConfigurationTable):
    """What is said of a repository of any type.

    ``public`` false: it answers nothing without a token or an address in ``networks``. ``namespaces`` route PIDs to it; a repository
    without any is asked for all PIDs that no other one claims.
    """

    name: Name
    type: str
    public: bool = True
    networks: Networks = ()
    namespaces: PidNamespaces = ()
    limits: RepositoryLimits = RepositoryLimits()


class Fedora3Repository(RepositoryTable):
    """A Fedora 3 repository, read from its two store folders."""

    type: Literal["fedora3"]
    objects: Place
    datastreams: Place
    layout: Literal["akubra", "legacy"] = "akubra"
    object_pattern: HashPattern = "##"
    datastream_pattern: HashPattern = "##"


class OcflRepository(RepositoryTable):
    """An OCFL storage root, of Fedora 6 or of anybody else.

    ``layout`` "auto" is what the store itself says, "index" what ``index_sources`` found. ``fedora`` "always": every object must have
    Fedora's headers; "auto": those that have any are read as Fedora's.
    """

    type: Literal["ocfl"]
    root: Place
    layout: Literal["auto", "0002", "0003", "0004", "0006", "0007", "index"] = "auto"
    fedora: Literal["auto", "always"] = "auto"


_Kind = Fedora3Repository | OcflRepository
TYPES: tuple[str, ...] = tuple(get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(_Kind))
"""Each type belongs to one table here, and to one module of ``services.adapters``."""


def _available(table: object) -> object:
    """What is wrong with the type is told alone: the other keys belong to it."""
    if not isinstance(table, dict):
        return table
    kind = table.get("type")
    if kind is None:
        raise ValueError(f"has no type; {_ARE}")
    if kind in TYPES:
        return table
    if kind in _LATER:
        raise ValueError(f"the type {kind} is not available in this version; {_ARE}")
    raise ValueError(f"the type {str(kind)[:40]!r} is unknown; {_ARE}")


_ARE = f"{' and '.join(TYPES)} are available"
Repository = Annotated[_Kind, Field(discriminator="type"), BeforeValidator(_available)]
