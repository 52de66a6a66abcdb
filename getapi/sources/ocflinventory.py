"""An OCFL inventory (1.0 and 1.1) as the files of its head version. What it says is believed only as far as the specification allows."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from getapi.core.rights.moment import UnreadableMoment, read_moment
from getapi.core.source import Digest

MAX_OCTETS = 64 * 2**20
MAX_PIECES = 2_000_000
"""Objects, arrays and their items: what JSON's values take in memory, however few octets they have in the document."""

MAX_PATH, MAX_DEPTH = 4096, 256
"""Characters of a path, and folders: Linux opens no longer one."""

MUTABLE_HEAD = "extensions/0005-mutable-head/head"

_TYPE = re.compile(r"https://ocfl\.io/(1\.[01])/spec/#inventory")
_VERSION = re.compile(r"v(0*)([1-9][0-9]{0,8})")
_HEX = re.compile(r"[0-9a-f]+")
_OUTSIDE = re.compile(r"(?:\A|/)\.{0,2}(?:/|\Z)")
"""An element that is empty, or leads nowhere or out."""

_SURROGATE = re.compile(r"[\ud800-\udfff\x00]")
_DIGESTS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_OWN = ("sha512", "sha256")


class ObjectRefused(ValueError):
    """What is wrong with an object, as a clause of a sentence: "it has no id", "its head is not its last version"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalFile:
    """A file of the head version.

    ``contents`` are the content paths that the manifest has for its bytes, relative to the object's root, at least one. ``version`` is
    the one in which the bytes came (``v2``; in a mutable head ``v3-r1``) and ``created`` when. ``digests`` are all that are declared.
    """

    path: str
    contents: tuple[str, ...]
    version: str
    created: datetime | None
    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """``specification`` is ``1.0`` or ``1.1``; ``files`` are by logical path, sorted."""

    id: str
    specification: str
    head: str
    files: Mapping[str, LogicalFile]


def check_sidecar(document: bytes, sidecar: bytes, algorithm: str) -> None:
    """Raises ObjectRefused unless ``inventory.json.sha512`` (or ``.sha256``) holds the document's digest (E058 to E061)."""
    if sidecar.lower().split() != [hashlib.new(algorithm, document).hexdigest().encode(), b"inventory.json"]:
        raise ObjectRefused("its inventory does not match its sidecar")


def read_inventory(document: bytes, *, mutable: bool = False) -> tuple[Inventory, str]:
    """The inventory, and the algorithm of its sidecar. ``mutable``: it is that of a mutable head. Raises ObjectRefused."""
    facts = _parse(document)
    identifier, specification = _text(facts, "id"), _specification(facts)
    algorithm = _text(facts, "digestAlgorithm")
    if not identifier:
        raise ObjectRefused("it has no id")
    if algorithm not in _OWN:
        raise ObjectRefused(f"its digest algorithm is neither {' nor '.join(_OWN)}")
    versions = _versions(facts)
    head = _text(facts, "head")
    content = facts.get("contentDirectory", "content")
    if not isinstance(content, str) or content in {"", ".", ".."} or "/" in content:
        raise ObjectRefused("its contentDirectory is no folder's name")
    manifest = _Manifest(_table(facts, "manifest"), algorithm, _Places(versions=versions, head=head, directory=content, mutable=mutable))
    manifest.add_fixity(facts.get("fixity", {}))
    files = dict(sorted(manifest.files(_table(versions[head], "state"), versions)))
    return Inventory(id=identifier, specification=specification, head=head, files=files), algorithm


def claimed_id(document: bytes) -> str | None:
    """What an inventory says that it is of, whether it is to be believed or not; None where it says nothing that can be read."""
    try:
        return _text(_parse(document), "id") or None
    except ObjectRefused:
        return None


def _parse(document: bytes) -> dict[str, Any]:
    if len(document) > MAX_OCTETS:
        raise ObjectRefused(f"its inventory is larger than {MAX_OCTETS} octets")
    if sum(map(document.count, (b",", b"[", b"{"))) > MAX_PIECES:
        raise ObjectRefused(f"its inventory has more than {MAX_PIECES} values")
    try:
        facts = json.loads(document.decode("utf-8"), object_pairs_hook=_unique)
    except ObjectRefused:
        raise
    except (ValueError, RecursionError):
        raise ObjectRefused("its inventory is not JSON") from None
    if not isinstance(facts, dict):
        raise ObjectRefused("its inventory is no JSON object")
    return facts


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values of one name readers choose differently: what one of them checked another one may not see.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ObjectRefused("its inventory says something twice")
    return found


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise ObjectRefused(f"its inventory has no usable {name}")
    return value


def _table(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = facts.get(name)
    if not isinstance(value, dict):
        raise ObjectRefused(f"its inventory has no usable {name}")
    return value


def _specification(facts: Mapping[str, Any]) -> str:
    match = _TYPE.fullmatch(_text(facts, "type"))
    if match is None:
        raise ObjectRefused("its inventory is of no version of OCFL that is known here")
    return match[1]


def _versions(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The versions by name: v1 to vN without a gap, all padded alike, the last one the head (E008 to E012, E040, E044)."""
    versions = _table(facts, "versions")
    matches = [_VERSION.fullmatch(name) for name in versions]
    numbers = sorted(int(match[2]) for match in matches if match)
    if None in matches or numbers != list(range(1, len(versions) + 1)) or not versions:
        raise ObjectRefused("its versions are not numbered from v1 without a gap")
    if len({len(match[0]) for match in matches if match}) > 1 and any(match[1] for match in matches if match):
        raise ObjectRefused("its versions are not padded alike")
    head = _text(facts, "head")
    if head not in versions or int(head.removeprefix("v")) != len(versions):
        raise ObjectRefused("its head is not its last version")
    if not all(isinstance(version, dict) for version in versions.values()):
        raise ObjectRefused("its versions are no JSON objects")
    return versions


def _created(version: Mapping[str, Any]) -> datetime:
    """RFC 3339 with a zone (E048, E049)."""
    text = _text(version, "created")
    try:
        moment = read_moment(text)
    except UnreadableMoment:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None or not re.search(r"([Zz]|[+-]\d\d:\d\d)\Z", text):
        raise ObjectRefused("a version of it does not say when it was created")
    return moment


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where content may lie: in the content folder of one of the versions, or of a revision of the mutable head, and nowhere else."""

    versions: Mapping[str, Any]
    head: str
    directory: str
    mutable: bool

    def version_of(self, path: str) -> tuple[str, str]:
        """The version in which a content path's bytes came, and what that is called here. Raises ObjectRefused."""
        if self.mutable and path.startswith(f"{MUTABLE_HEAD}/{self.directory}/"):
            revision, _, rest = path[len(MUTABLE_HEAD) + len(self.directory) + 2 :].partition("/")
            if re.fullmatch(r"r[1-9][0-9]{0,8}", revision) and rest:
                return self.head, f"{self.head}-{revision}"
        name, _, rest = path.partition("/")
        if name not in self.versions or not rest.startswith(f"{self.directory}/") or (self.mutable and name == self.head):
            raise ObjectRefused("a content path of it is in no version's content folder")
        return name, name


class _Manifest:
    """Content paths by digest, and what else is declared of them."""

    def __init__(self, table: Mapping[str, Any], algorithm: str, places: _Places) -> None:
        self._algorithm = algorithm
        self._places = places
        self._contents = dict(_digests(table, algorithm, "manifest"))
        check_paths([path for paths in self._contents.values() for path in paths], "content")
        for paths in self._contents.values():
            if not paths:
                raise ObjectRefused("its manifest has a digest without a path")
            for path in paths:
                places.version_of(path)
        self._more: dict[str, dict[str, str]] = {}

    def add_fixity(self, blocks: object) -> None:
        """The digests of the fixity block by content path; algorithms that are not known here are passed over (E056, E057)."""
        if not isinstance(blocks, dict):
            raise ObjectRefused("its fixity block is no JSON object")
        for algorithm, table in blocks.items():
            if algorithm not in _DIGESTS:
                continue
            if not isinstance(table, dict):
                raise ObjectRefused("its fixity block is no JSON object")
            for digest, paths in _digests(table, algorithm, "fixity block"):
                for path in paths:
                    if self._more.setdefault(path, {}).setdefault(algorithm, digest) != digest:
                        raise ObjectRefused("its fixity block contradicts itself")

    def files(self, state: Mapping[str, Any], versions: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, LogicalFile]]:
        """The files of one version's state, by logical path."""
        logical = list(_digests(state, self._algorithm, "state"))
        check_paths([path for _, paths in logical for path in paths], "logical")
        created = {name: _created(version) for name, version in versions.items()}
        for digest, paths in logical:
            contents = self._contents.get(digest)
            if contents is None:
                raise ObjectRefused("its state has a digest that its manifest has not")
            version, told = self._places.version_of(contents[0])
            digests = self._declared(digest, contents)
            for path in paths:
                yield path, LogicalFile(path=path, contents=contents, version=told, created=created[version], digests=digests)

    def _declared(self, digest: str, contents: Iterable[str]) -> tuple[Digest, ...]:
        declared = {self._algorithm: digest}
        for path in contents:
            for algorithm, value in self._more.get(path, {}).items():
                if declared.setdefault(algorithm, value) != value:
                    raise ObjectRefused("its fixity block contradicts its manifest")
        return tuple(Digest(algorithm=algorithm, value=value) for algorithm, value in declared.items())


def _digests(table: Mapping[str, Any], algorithm: str, where: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Digests in lower case and their paths; the same digest in two spellings is refused (E096)."""
    seen = set()
    for text, paths in table.items():
        digest = text.lower()
        if len(digest) != _DIGESTS[algorithm] or not _HEX.fullmatch(digest) or digest in seen:
            raise ObjectRefused(f"its {where} has a digest that is none")
        seen.add(digest)
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise ObjectRefused(f"its {where} has paths that are no list of texts")
        yield digest, tuple(paths)


def check_paths(paths: list[str], kind: str) -> None:
    """Raises ObjectRefused for a path that leaves its folder, is there twice, is also a folder (E052, E053, E095, E099 to E101), or is
    longer or deeper than any that can lie on a disk. Takes time and memory as the paths themselves do."""
    if len(set(paths)) != len(paths):
        raise ObjectRefused(f"it has a {kind} path twice")
    for path in paths:
        if _OUTSIDE.search(path) or _SURROGATE.search(path):
            raise ObjectRefused(f"a {kind} path of it is not below its folder")
        if len(path) > MAX_PATH or path.count("/") >= MAX_DEPTH:
            raise ObjectRefused(f"a {kind} path of it is longer than {MAX_PATH} characters, or deeper than {MAX_DEPTH} folders")
    # With the separator before all other characters what lies in a folder comes right behind the folder's own name.
    ordered = sorted(path.replace("/", "\0") for path in paths)
    if any(later.startswith(f"{earlier}\0") for earlier, later in pairwise(ordered)):
        raise ObjectRefused(f"a {kind} path of it is also a folder")
