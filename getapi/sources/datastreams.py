"""From what FOXML says of a datastream, and what the store holds, to its record."""

import re
from dataclasses import replace

from getapi.core.errors import SourceUnavailable
from getapi.core.notice import NoticeCode
from getapi.core.reference import parse_pid
from getapi.core.source import ControlGroup, DatastreamRecord, Digest
from getapi.sources.blobstore import BlobStore
from getapi.sources.digitalobject import Datastream, DigitalObject, Version

UNLISTED = frozenset({"AUDIT", "FEDORA-AUDITTRAIL"})
"""Fedora 3 lists its audit trail to no one; the second is its name in FOXML 1.0."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def record_datastreams(value: DigitalObject, *, pid: str, home: str, store: BlobStore) -> tuple[DatastreamRecord, ...]:
    """The datastreams of the object ``pid``, whose own file is ``home`` in the object store; ``store`` holds the managed ones.

    Raises SourceUnavailable where all of the store cannot be read. Where one file cannot, its record has neither size nor identity, and
    opening it says so.
    """
    return tuple(_record(datastream, pid=pid, home=home, store=store) for datastream in value.datastreams if datastream.id not in UNLISTED)


def _record(datastream: Datastream, *, pid: str, home: str, store: BlobStore) -> DatastreamRecord:
    version, group = datastream.version or Version(), datastream.control_group
    plain = DatastreamRecord(
        pid=pid,
        dsid=datastream.id,
        version=version.id,
        state=datastream.state,
        control_group=group or ControlGroup.MANAGED,
        mime=version.mime or ("text/xml" if group is ControlGroup.INLINE else ""),
        label=version.label,
        created=version.created,
        alternate_ids=version.alternate_ids,
    )
    if datastream.version is None or group is None or version.embedded:
        return replace(plain, fault=NoticeCode.MALFORMED)
    if group is ControlGroup.INLINE:
        return _inline(plain, version, home)
    if group is ControlGroup.MANAGED:
        return _managed(plain, version, store)
    return replace(plain, location=version.reference, fault=None if version.reference else NoticeCode.MALFORMED)


def _inline(plain: DatastreamRecord, version: Version, home: str) -> DatastreamRecord:
    inline = version.inline
    if inline is None or not inline.octets:
        return replace(plain, fault=NoticeCode.MALFORMED if inline is None else NoticeCode.CONTENT_MISSING)
    return replace(
        plain,
        size=len(inline.octets),
        digests=(Digest(algorithm="sha256", value=inline.sha256),),
        location=home,
        identity=f"sha256:{inline.sha256}",
    )


def _managed(plain: DatastreamRecord, version: Version, store: BlobStore) -> DatastreamRecord:
    told = replace(plain, declared_size=version.declared_size, digests=version.digests)
    token = managed_token(plain.pid, plain.dsid, version)
    if token is None:
        return replace(told, fault=NoticeCode.MALFORMED)
    try:
        blob = store.locate(token)
    except SourceUnavailable:
        store.check()
        return replace(told, location=store.layout.path(token) or token)
    if blob is None or not blob.plain:
        return replace(told, fault=NoticeCode.MALFORMED if blob else NoticeCode.CONTENT_MISSING)
    return replace(told, location=blob.path, size=blob.size, identity=blob.identity)


def managed_token(pid: str, dsid: str, version: Version) -> str | None:
    """``PID+DSID+VERSION`` of a managed version; rebuilt where contentLocation names none, as in an export.

    None where it names another object's or another datastream's bytes: what may leave is decided by PID and DSID. Another version's
    is Fedora's own doing when only properties were changed.
    """
    if not version.reference or _URL.match(version.reference):
        return f"{pid}+{dsid}+{version.id}"
    owner, *rest = version.reference.removeprefix("info:fedora/").split("+")
    if parse_pid(owner) != pid or len(rest) != 2 or rest[0] != dsid or not rest[1]:
        return None
    return f"{owner}+{dsid}+{rest[1]}"
