"""``[[repositories]]``: the stores that objects come from, one table each, told apart by ``type``."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field

from getapi.conf.kinds import (
    CertificateFile,
    Count,
    CredentialFile,
    Duration,
    ExternalHosts,
    HashPattern,
    Items,
    ManifestUrl,
    Name,
    Networks,
    PidNamespaces,
    Place,
    PositiveSize,
    Rewriting,
    ServerUrl,
    Word,
)
from getapi.conf.tables import ConfigurationTable


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


class ServerTable(RepositoryTable):
    """What is said of any repository that is a server, asked over HTTP.

    ``hosts`` are others to which it may redirect. ``allow_private``: it, and they, may be at private addresses or on this machine.
    ``connections`` at the same time at most, for each process; ``at_once`` of them to describe objects. ``timeout`` is for one answer's
    head, and for the whole of a document. ``user`` goes with ``password_file`` or PACKAGING_PASSWORD_NAME, a token comes before both.
    """

    url: ServerUrl
    allow_private: bool = False
    hosts: ExternalHosts = ()
    user: Word | None = None
    password_file: CredentialFile | None = None
    token_file: CredentialFile | None = None
    ca_file: CertificateFile | None = None
    connections: Annotated[int, Field(ge=4, le=1000)] = 32
    at_once: Annotated[int, Field(ge=1, le=100)] = 8
    timeout: Annotated[Duration, Field(ge=10)] = 30.0


class Fedora3RestRepository(ServerTable):
    """A Fedora 3 repository, asked over REST: ``url`` is Fedora's own, such as https://fedora.example/fedora.

    ``trust_api_a``: where API-M refuses, what API-A shows may leave, although it tells neither states nor control groups.
    """

    type: Literal["fedora3_rest"]
    trust_api_a: bool = False


class OrthancRepository(ServerTable):
    """An Orthanc server: its patients, studies and series are objects, its instances datastreams."""

    type: Literal["orthanc"]
    public: bool = False
    namespaces: PidNamespaces = ("orthanc",)


Form = Literal["iiif", "original", "thumbnail"]


class Iiif(ConfigurationTable):
    """``rewrite`` sends requests for pictures to another server than their addresses say, such as an image proxy within the house."""

    rewrite: Rewriting = {}


class OmekaRepository(ServerTable):
    """An Omeka S: ``url`` is its top, without ``/api``. Its items are objects, their media datastreams.

    ``hosts`` are also those of its files and its image servers. ``order``: what of a media is taken, the first that is there.
    ``key_identity`` and ``key_credential_file`` are an API key of Omeka, for what is private there.
    """

    type: Literal["omeka"]
    public: bool = False
    namespaces: Annotated[PidNamespaces, Field(min_length=1)] = ("omeka",)
    order: Annotated[tuple[Form, ...], Items, Field(min_length=1)] = ("iiif", "original", "thumbnail")
    key_identity: Word | None = None
    key_credential_file: CredentialFile | None = None
    iiif: Iiif = Iiif()


class IiifRepository(ServerTable):
    """IIIF presentation manifests, 2 and 3: ``url`` is where they are, with ``{id}``, or ``{+id}`` where that has slashes.

    ``hosts`` are also those of the image servers.
    """

    type: Literal["iiif"]
    url: ManifestUrl
    public: bool = False
    namespaces: Annotated[PidNamespaces, Field(min_length=1)] = ("iiif",)
    iiif: Iiif = Iiif()


_Kind = Fedora3Repository | OcflRepository | Fedora3RestRepository | OrthancRepository | OmekaRepository | IiifRepository
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
    raise ValueError(f"the type {str(kind)[:40]!r} is unknown; {_ARE}")


_ARE = f"{', '.join(TYPES[:-1])} and {TYPES[-1]} are available"
Repository = Annotated[_Kind, Field(discriminator="type"), BeforeValidator(_available)]
