"""From what FOXML says of a datastream, and what the store holds, to its record."""

import re
from collections.abc import Callable

from getapi.core.errors import SourceUnavailable
from getapi.core.notice import NoticeCode
from getapi.core.reference import parse_pid
from getapi.core.source import EXTERNAL, INLINE, MANAGED, ControlGroup, DatastreamRecord, Digest
from getapi.core.value import maker, value
from getapi.sources.blobstore import Blob, BlobStore
from getapi.sources.digitalobject import Datastream, DigitalObject, Version

UNLISTED = frozenset({"AUDIT", "FEDORA-AUDITTRAIL"})
"""Fedora 3 lists its audit trail to no one; the second is its name in FOXML 1.0."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@value(frozen=True, slots=True, kw_only=True)
class Bytes:
    """What is known of where a datastream's bytes are; the fields are DatastreamRecord's."""

    size: int | None = None
    location: str = ""
    identity: str = ""
    digests: tuple[Digest, ...] = ()
    fault: str | None = None
    remote: bool = False


_new_bytes, _new_record, _new_digest = maker(Bytes), maker(DatastreamRecord), maker(Digest)

MALFORMED, MISSING = Bytes(fault=NoticeCode.MALFORMED), Bytes(fault=NoticeCode.CONTENT_MISSING)

Find = Callable[[str, Version, str | None], Bytes]
"""Where a managed version's bytes are, by its DSID and its token (``managed_token``)."""


def record_datastreams(value: DigitalObject, *, pid: str, home: str, find: Find) -> tuple[DatastreamRecord, ...]:
    """The datastreams of the object ``pid``, whose own document is ``home``; ``find`` knows the managed ones. Raises what ``find`` does."""
    return tuple([_record(each, pid, home, find) for each in value.datastreams if each.id not in UNLISTED])


def find_stored(token: str | None, store: BlobStore, seen: list[Blob]) -> Bytes:
    """A managed version's bytes in a store; its blob is added to what was ``seen``.

    Raises SourceUnavailable where all of the store cannot be read. Where one file cannot, its record has neither size nor identity, and
    opening it says so.
    """
    if token is None:
        return MALFORMED
    try:
        blob = store.locate(token)
    except SourceUnavailable:
        store.check()
        return Bytes(location=store.layout.path(token) or token)
    if blob is None:
        return MISSING
    if not blob.plain:
        return MALFORMED
    seen.append(blob)
    return _new_bytes(size=blob.size, location=blob.path, identity=blob.identity)


_NO_VERSION = Version()


def _record(datastream: Datastream, pid: str, home: str, find: Find) -> DatastreamRecord:
    version, group = datastream.version or _NO_VERSION, datastream.control_group
    found = _find(datastream, group, pid, home, find)
    managed = group is MANAGED and datastream.version is not None and not version.embedded
    return _new_record(
        pid=pid,
        dsid=datastream.id,
        version=version.id,
        state=datastream.state,
        control_group=group or MANAGED,
        mime=version.mime or ("text/xml" if group is INLINE else ""),
        label=version.label,
        created=version.created,
        size=found.size,
        declared_size=version.declared_size if managed else None,
        digests=version.digests if managed else found.digests,
        alternate_ids=version.alternate_ids,
        location=found.location,
        identity=found.identity,
        fault=found.fault,
        remote=found.remote or group is EXTERNAL,
    )


def _find(datastream: Datastream, group: ControlGroup | None, pid: str, home: str, find: Find) -> Bytes:
    version = datastream.version
    if version is None or group is None or version.embedded:
        return MALFORMED
    if group is INLINE:
        return _find_inline(version, home)
    if group is MANAGED:
        return find(datastream.id, version, managed_token(pid, datastream.id, version))
    return Bytes(location=version.reference) if version.reference else MALFORMED


def _find_inline(version: Version, home: str) -> Bytes:
    inline = version.inline
    if inline is None or not inline.octets:
        return MALFORMED if inline is None else MISSING
    digests = (_new_digest(algorithm="sha256", value=inline.sha256),)
    return _new_bytes(size=len(inline.octets), location=home, identity=f"sha256:{inline.sha256}", digests=digests)


def managed_token(pid: str, dsid: str, version: Version) -> str | None:
    """``PID+DSID+VERSION`` of a managed version; rebuilt where contentLocation names none, as in an export.

    None where it names another object's or another datastream's bytes: what may leave is decided by PID and DSID. Another version's
    is Fedora's own doing when only properties were changed.
    """
    usual = f"{pid}+{dsid}+{version.id}"
    if version.reference == usual and version.id and usual.count("+") == 2:
        return usual
    if not version.reference or _URL.match(version.reference):
        return usual
    owner, *rest = version.reference.removeprefix("info:fedora/").split("+")
    if parse_pid(owner) != pid or len(rest) != 2 or rest[0] != dsid or not rest[1]:
        return None
    return f"{owner}+{dsid}+{rest[1]}"
