"""A Fedora 6 resource in its OCFL object: its binaries, whether they are active, and who may read them.

What is in an object is told by Fedora's headers alone (``.fcrepo/*.json``): binaries that are not deleted are datastreams; containers,
descriptions and access lists never are. What cannot be read closes what it is about.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from getapi.core.restriction import Ground, Restriction
from getapi.core.source import ControlGroup, Digest, State
from getapi.sources.fedora6header import Header, read_header
from getapi.sources.ntriples import Triple, TriplesRefused, read_triples
from getapi.sources.ocflinventory import Inventory, LogicalFile, ObjectRefused
from getapi.sources.ocflnames import FEDORA, ROOT
from getapi.sources.ocflresource import Part, Resource
from getapi.sources.webac import lets_everybody_read

HEADERS = ".fcrepo/"
_ROOT_KEY = "fcr-root"
_BINARY = "http://www.w3.org/ns/ldp#NonRDFSource"
_DESCRIPTION, _ACL = "~fcr-desc", "~fcr-acl"
_OURS = re.compile(r"(?:~fcr-[a-z]+|(?:\A|/)fcr-[a-z]+)\.nt\Z")
"""The names of files of RDF, which are no binary's content."""
_STATES = frozenset({"http://fedora.info/definitions/1/0/access/objState", "info:fedora/fedora-system:def/model#state"})
_TITLES = (
    "info:fedora/fedora-system:def/model#label",
    "http://purl.org/dc/terms/title",
    "http://purl.org/dc/elements/1.1/title",
    "http://www.w3.org/2000/01/rdf-schema#label",
)
_WORDS = {"a": State.ACTIVE, "active": State.ACTIVE, "d": State.DELETED, "deleted": State.DELETED}


Read = Callable[[LogicalFile], bytes | None]
"""The octets of a small file as its inventory declares them, None where they cannot be had."""


def is_fedora(inventory: Inventory) -> bool:
    """Whether an object is to be read as Fedora's: it has headers, or an id that only Fedora gives."""
    return inventory.id == ROOT or inventory.id.startswith(FEDORA) or any(path.startswith(HEADERS) for path in inventory.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a resource hands down to those below it: ``grants`` None where it has no access list, so that its own ``parent`` is asked."""

    parent: str
    deleted: bool
    grants: bool | None


class Fedora6Object:
    """One OCFL object as Fedora wrote it. ``readable`` is False once a file of it could not be had, which another time may be there."""

    def __init__(self, inventory: Inventory, read: Read) -> None:
        """Raises ObjectRefused where the object has no header of its own, or it is another's."""
        self._files: Mapping[str, LogicalFile] = inventory.files
        self._read = read
        self.readable = True
        self._headers: dict[str, Header | None] = {}
        self._containers: dict[str, State] = {}
        header = self._header(_ROOT_KEY)
        if header is None:
            raise ObjectRefused("its Fedora headers are missing or cannot be read")
        if inventory.id not in {header.id, header.id.removeprefix(FEDORA)}:
            raise ObjectRefused("its Fedora headers are another object's")
        self._root = header

    def standing(self) -> Standing:
        """What holds for those below this resource, of whose access it decides."""
        if self._root.deleted:
            return Standing(parent="", deleted=True, grants=False)
        return Standing(parent=self._root.parent, deleted=False, grants=self._grants("", self._root, inherited=True))

    def resource(self) -> Resource:
        root = self._root
        if root.deleted:
            return Resource(state=State.DELETED, label="", parent="", parts=(), restrictions=(), undecided=())
        restrictions: list[Restriction] = []
        undecided: list[str] = []
        triples = self._triples(self._description(_ROOT_KEY, root))
        if triples is None:
            restrictions.append(Restriction(ground=Ground.UNREADABLE))
        parts = tuple(self._binaries())
        is_binary = root.model == _BINARY
        whole = self._grants("", root, inherited=not is_binary)
        for part in parts:
            nearer = None if is_binary else self._grants_binary(part.name)
            grants = whole if nearer is None else nearer
            if grants is None:
                undecided.append(part.name)
            elif not grants:
                restrictions.append(Restriction(ground=Ground.POLICY, dsid=part.name))
        label = _label(triples or ()) or (root.filename if is_binary else "")
        return Resource(
            state=_state(triples or ()),
            label=label,
            parent=root.parent,
            parts=parts,
            restrictions=tuple(restrictions),
            undecided=tuple(undecided),
        )

    def _header(self, key: str) -> Header | None:
        if key not in self._headers:
            file = self._files.get(f"{HEADERS}{key}.json")
            if file is None:
                return None
            self._headers[key] = read_header(self._octets(file))
        return self._headers[key]

    def _octets(self, file: LogicalFile) -> bytes | None:
        octets = self._read(file)
        self.readable = self.readable and octets is not None
        return octets

    def _keys(self) -> Iterator[str]:
        """The keys of all headers but the resource's own, and those of descriptions and access lists."""
        for path in self._files:
            key = path.removeprefix(HEADERS).removesuffix(".json")
            if f"{HEADERS}{key}.json" == path and key != _ROOT_KEY and not key.endswith((_DESCRIPTION, _ACL)):
                yield key

    def _binaries(self) -> Iterator[Part]:
        if self._root.model == _BINARY:
            yield self._binary(_ROOT_KEY, self._root.content or self._root.id.rpartition("/")[2], self._root)
            return
        for key in self._keys():
            header = self._header(key)
            if header is None or header.id != f"{self._root.id}/{key}":
                yield Part(name=key, broken=True)
            elif header.model == _BINARY and not header.deleted:
                yield self._binary(key, key, header)

    def _binary(self, key: str, name: str, header: Header) -> Part:
        triples = self._triples(self._description(key, header))
        file = self._files.get(header.content)
        external = bool(header.url)
        broken = triples is None or external == bool(header.content) or (not external and file is None)
        if file is not None and (not _agree(header.digests, file.digests) or file.path.startswith(HEADERS) or _OURS.search(file.path)):
            broken = True
        states = [_state(triples or ()), *(self._container_state(above) for above in _above(key))]
        return Part(
            name=name,
            state=next((state for state in states if state is not State.ACTIVE), State.ACTIVE),
            file=None if external else file,
            mime=header.mime,
            label=_label(triples or ()) or header.filename,
            created=header.modified,
            size=header.size,
            digests=_merge(file.digests if file else (), header.digests),
            url=header.url,
            control_group=_group(header),
            broken=broken,
        )

    def _description(self, key: str, header: Header) -> LogicalFile | None:
        """The file of RDF that says what is known of a resource: its own content, a binary's description."""
        if header.model != _BINARY:
            return self._files.get(header.content)
        described = self._header(f"{key}{_DESCRIPTION}")
        if described is None or described.deleted or described.id != f"{header.id}/fcr:metadata":
            return None
        return self._files.get(described.content)

    def _triples(self, file: LogicalFile | None) -> list[Triple] | None:
        octets = None if file is None else self._octets(file)
        if octets is None:
            return None
        try:
            return list(read_triples(octets))
        except TriplesRefused:
            return None

    def _container_state(self, key: str) -> State:
        """The state of a container within the object; one that is no resource (a "ghost") has none, an unreadable one is not active."""
        if f"{HEADERS}{key}.json" not in self._files:  # of these there may be any number, and none is kept
            return State.ACTIVE
        if key not in self._containers:
            self._containers[key] = self._find_state(key)
        return self._containers[key]

    def _find_state(self, key: str) -> State:
        header = self._header(key)
        if header is None or header.deleted:
            return State.INACTIVE if header is None else State.DELETED
        triples = self._triples(self._description(key, header))
        return State.INACTIVE if triples is None else _state(triples)

    def _grants_binary(self, name: str) -> bool | None:
        """What the nearest access list within the object says of a binary, the object's own not counted."""
        header = self._header(name)
        own = None if header is None else self._grants(name, header, inherited=False)
        if own is not None:
            return own
        for key in _above(name):
            container = self._header(key)
            if container is None and f"{HEADERS}{key}.json" in self._files:
                return False
            inherited = None if container is None else self._grants(key, container, inherited=True)
            if inherited is not None:
                return inherited
        return None

    def _grants(self, key: str, header: Header, *, inherited: bool) -> bool | None:
        """Whether a resource's own access list lets everybody read; None where it has none, False where it cannot be read."""
        path = f"{HEADERS}{key or _ROOT_KEY}{_ACL}.json"
        usual = f"{header.content or key}{_ACL}.nt" if header.model == _BINARY else f"{key}/fcr-container{_ACL}.nt".removeprefix("/")
        if path not in self._files:
            return False if usual in self._files else None
        said = self._header(f"{key or _ROOT_KEY}{_ACL}")
        if said is None or said.id != f"{header.id}/fcr:acl":
            return False
        if said.deleted:
            return None
        triples = self._triples(self._files.get(said.content))
        return triples is not None and lets_everybody_read(triples, header.id, inherited=inherited)


def _above(key: str) -> list[str]:
    """The keys of the containers between a resource and the object's root, the nearest first."""
    parts = key.split("/")
    return ["/".join(parts[:depth]) for depth in range(len(parts) - 1, 0, -1)]


def _state(triples: list[Triple] | tuple[()]) -> State:
    """Active unless it is said to be anything else, in whatever words."""
    states = [_WORDS.get(triple.object.rpartition("#")[2].casefold(), State.INACTIVE) for triple in triples if triple.predicate in _STATES]
    return next((state for state in states if state is not State.ACTIVE), State.ACTIVE)


def _label(triples: list[Triple] | tuple[()]) -> str:
    said = {triple.predicate: triple.object for triple in reversed(triples) if not triple.iri}
    return next((said[title] for title in _TITLES if said.get(title)), "")


def _group(header: Header) -> ControlGroup:
    if not header.url:
        return ControlGroup.MANAGED
    # What is neither of the two that we know is not fetched.
    return ControlGroup.EXTERNAL if header.handling == "proxy" else ControlGroup.REDIRECT


def _agree(ours: tuple[Digest, ...], theirs: tuple[Digest, ...]) -> bool:
    known = {digest.algorithm: digest.value for digest in theirs}
    return all(known.get(digest.algorithm, digest.value) == digest.value for digest in ours)


def _merge(first: tuple[Digest, ...], more: tuple[Digest, ...]) -> tuple[Digest, ...]:
    return tuple({digest.algorithm: digest for digest in (*more, *first)}.values())
