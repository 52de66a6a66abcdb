"""What a source says of an object, and the two verbs by which it is asked."""

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from getapi.core.derived import Deriving
from getapi.core.division import Division
from getapi.core.notice import Caveat
from getapi.core.restriction import Restriction
from getapi.core.value import value


class State(StrEnum):
    """FOXML 1.1 states of objects and datastreams."""

    ACTIVE = "A"
    INACTIVE = "I"
    DELETED = "D"


ACTIVE = State.ACTIVE
"""To look up a member of an enumeration takes as long as to call a function: who does so for each of thousands uses these names."""


class ControlGroup(StrEnum):
    """FOXML 1.1 control groups: who keeps a datastream's bytes."""

    INLINE = "X"
    MANAGED = "M"
    EXTERNAL = "E"
    REDIRECT = "R"


INLINE, MANAGED, EXTERNAL, REDIRECT = ControlGroup.INLINE, ControlGroup.MANAGED, ControlGroup.EXTERNAL, ControlGroup.REDIRECT


@value(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest of the bytes that leave: ``algorithm`` as hashlib names it (md5, sha1, sha256, sha384, sha512), ``value`` lower-case hex."""

    algorithm: str
    value: str


@value(frozen=True, slots=True, kw_only=True)
class DatastreamRecord:
    """The current version of one datastream.

    ``size`` in octets, None until it is opened (a remote that was not asked yet). ``digests`` are over exactly the bytes that ``open``
    gives: for inline XML computed, never FOXML's own contentDigest (its bytes are Fedora's canonical form). ``location`` is the
    adapter's own word for where the bytes are and is shown to no one. ``identity`` changes whenever the bytes may have changed; what
    is opened must still have it; "" where the source knows none, and never beginning with ``plan.STAGED``. ``fault`` is a notice code
    (``content-missing``, ``malformed``) where the bytes cannot be had.
    ``remote``: they come over a network, so that it takes a while to open them, nothing but their digest tells what they are, and they are
    hashed while they are sent. ``name`` is what the repository calls the file, with its extension; "" where PID and DSID are its name.
    ``unsized``: nobody can say the size before all of it was read, so that it is not opened to ask for it.
    ``caveat`` is told in the notices of every package that it is in, and in the place of its fault's own text where that has the same code.
    """

    pid: str
    dsid: str
    version: str
    state: State = State.ACTIVE
    control_group: ControlGroup = ControlGroup.MANAGED
    mime: str = ""
    label: str = ""
    created: datetime | None = None
    size: int | None = None
    declared_size: int | None = None
    digests: tuple[Digest, ...] = ()
    alternate_ids: tuple[str, ...] = ()
    location: str = ""
    identity: str = ""
    fault: str | None = None
    remote: bool = False
    name: str = ""
    caveat: Caveat | None = None
    unsized: bool = False

    def digest(self, algorithm: str) -> str | None:
        for digest in self.digests:
            if digest.algorithm == algorithm:
                return digest.value
        return None


@value(frozen=True, slots=True, kw_only=True)
class ObjectRecord(Deriving):
    """One object as it is now. ``pid`` is its true spelling, ``repository`` the name of the source that answered.

    ``structure`` is the repository's own order of things; a presentation map that the object has comes before it.
    """

    pid: str
    repository: str
    state: State = State.ACTIVE
    label: str = ""
    datastreams: Sequence[DatastreamRecord] = field(default=())
    restrictions: Sequence[Restriction] = field(default=())
    structure: Division | None = None


class Content(Protocol):
    """The opened bytes of one datastream, from where ``open`` was told to start.

    Where ``size`` is None what is read to its end is all of it: a body that broke off raises ContentChanged.
    """

    @property
    def size(self) -> int | None:
        """Octets of the whole datastream, whatever the start; None where only its end will tell. Then there is no start but 0."""

    def descriptor(self) -> int | None:
        """A regular file's descriptor for zero-copy, or None. Its own offset is not used by ``sendfile`` with an offset."""

    def read(self, count: int) -> bytes:
        """At most ``count`` octets, at least one unless the end is reached."""

    def confirm(self) -> None:
        """Raises ContentChanged unless the same descriptor still shows what was planned; asked before the last block leaves."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


@runtime_checkable
class Marked(Protocol):
    """Content of which its server says something that changes with the bytes: ``mark``, as DatastreamRecord.identity, "" for nothing."""

    mark: str


class Source(Protocol):
    """A repository that objects and bytes come from."""

    name: str

    def describe(self, pid: str) -> ObjectRecord:
        """The object of that PID.

        The PID is tried exactly, then with its namespace and then the whole in lower case, then by the index (SPEC 3).
        Raises ObjectNotFound, AmbiguousName, ObjectUnreadable, SourceUnavailable.
        """

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        """The bytes of a datastream that ``describe`` gave, from octet ``start``.

        Raises ContentMissing, ContentChanged (another identity than the record's), SourceUnavailable.
        """


@runtime_checkable
class Choosing(Protocol):
    """A source that gives one of several files of a thing, by what can be had when it is asked: asked again it may choose another one."""

    def still_gives(self, planned: Sequence[DatastreamRecord]) -> Sequence[bool | None]:
        """For each of one object's datastreams as they were planned, whether the file that was chosen for it then is there and the same,
        whatever would be chosen now; None while its server does not answer. Raises what ``describe`` does.
        """
