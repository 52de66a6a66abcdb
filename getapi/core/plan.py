"""The frozen outcome of planning: all that a package's bytes depend on, and nothing else."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date

from getapi.core.notice import Notice
from getapi.core.source import DatastreamRecord, Digest
from getapi.core.value import maker, value

ENCODER = 1
"""The version of everything that turns a plan into bytes; a stored plan of another version is not sent (SPEC 5)."""


MAX_MTIME = 8**11 - 1
"""The last second that an ustar header's eleven octal digits hold."""


STAGED = "staged:"
"""Begins the identity of a datastream whose source cannot say how many octets it has: all of them were read once and put aside. Their
SHA-256 follows, so that of the same size other bytes make another entity tag; then a colon, and the identity that the source gives."""


def staged_identity(sha256: str, own: str) -> str:
    """``own`` is what the source says."""
    return f"{STAGED}{sha256}:{own}"


def own_identity(identity: str) -> str:
    """What the source said, whether or not the datastream was put aside."""
    return identity.split(":", 2)[2] if identity.startswith(STAGED) else identity


@value(frozen=True, slots=True, kw_only=True)
class Entry:
    """One payload file.

    ``path`` is below the bag's top directory (``data/...``), ``size`` in octets, ``mtime`` in seconds since 1970. ``digest`` is hex in
    the package's algorithm where it is known at planning, else None: it is learned while the bytes leave. ``declared`` are all digests
    that the bytes must have, in whatever algorithm. ``checksum`` is their CRC-32 where it was learned before; only a ZIP tells it.
    """

    path: str
    size: int
    mtime: int
    digest: str | None
    declared: tuple[Digest, ...]
    repository: str
    datastream: DatastreamRecord
    checksum: int | None = None

    @property
    def is_staged(self) -> bool:
        """Whether its bytes leave from where they were put aside, and never from its source."""
        return self.datastream.identity.startswith(STAGED)


_new_entry = maker(Entry)


def enter(datastream: DatastreamRecord, *, path: str, repository: str, algorithm: str, undated: int, learned: str | None = None) -> Entry:
    """The entry of a datastream whose size is known; ``undated`` is the mtime of one without CREATED, in seconds since 1970.

    ``learned`` is its digest in ``algorithm`` as its bytes had it when they were last read, where the repository declares none.
    """
    created = undated if datastream.created is None else int(datastream.created.timestamp())
    return _new_entry(
        path=path,
        size=datastream.size or 0,
        mtime=min(max(created, 0), MAX_MTIME),
        digest=datastream.digest(algorithm) or learned,
        declared=datastream.digests,
        repository=repository,
        datastream=datastream,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A package before its bytes. ``name`` is the top directory; ``bag_info`` and ``notices_text`` are the literal tag files."""

    name: str
    format: str
    algorithm: str
    bagging_date: date
    entries: tuple[Entry, ...]
    notices: tuple[Notice, ...]
    bag_info: bytes
    notices_text: bytes

    @property
    def payload_size(self) -> int:
        """Octets of payload: Payload-Oxum's first number, and what ``limits.bytes`` is held against."""
        return sum(entry.size for entry in self.entries)

    @property
    def fingerprint(self) -> str:
        """Hex that changes with any octet of the package, and with nothing else: never with the clock or with what was learned (SPEC 5)."""
        parts = [[entry.path, entry.size, entry.mtime, entry.repository, entry.datastream.pid, entry.datastream.dsid,
                  entry.datastream.version, entry.datastream.identity, [digest.value for digest in entry.declared]]
                 for entry in self.entries]  # fmt: skip
        head = [ENCODER, self.format, self.algorithm, self.name, self.bagging_date.isoformat()]
        digest = hashlib.sha256(json.dumps([head, parts]).encode())
        for literal in (self.bag_info, self.notices_text):
            digest.update(len(literal).to_bytes(8, "big") + literal)
        return digest.hexdigest()

    @property
    def etag(self) -> str:
        """A strong entity tag (RFC 9110 8.8.3)."""
        return f'"{self.format}{ENCODER}-{self.fingerprint[:40]}"'
