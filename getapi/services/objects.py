"""One object's public datastreams, and one datastream's bytes, under the same access rules as a package (SPEC 1, 4)."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from getapi import conf
from getapi.core.access import Allowed, Denied
from getapi.core.content import complete
from getapi.core.errors import (
    AmbiguousName,
    ContentMissing,
    DatastreamNotFound,
    DatastreamRefused,
    FixityMismatch,
    NetworkRefused,
    ObjectNotFound,
    TokenRefused,
)
from getapi.core.layout import lay_out_entry
from getapi.core.names import file_name, safe_segment
from getapi.core.plan import Entry, enter
from getapi.core.request import parse_reference
from getapi.core.selection import Catalogue
from getapi.core.source import DatastreamRecord, ObjectRecord
from getapi.services import addresses, deliveries, fixity, rules, tokens
from getapi.services.deliveries import Delivery, deliver
from getapi.services.planning import planning
from getapi.services.repositories import registry
from getapi.services.statistics import Recipient
from getapi.services.verification import doubt
from getapi.transport.assurance import Doubt
from getapi.transport.connection import encrypted_socket, raw_socket


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """One datastream that may leave now."""

    entry: Entry
    doubt: Doubt

    @property
    def name(self) -> str:
        return f"{self.entry.datastream.pid}/{self.entry.datastream.dsid}"

    @property
    def etag(self) -> str:
        """Strong: it changes with the datastream's identity, of which no more is shown than a hash."""
        datastream = self.entry.datastream
        parts = (self.entry.repository, datastream.pid, datastream.dsid, datastream.version, datastream.identity, self.entry.size)
        return f'"{hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:40]}"'


def list_public(text: str, *, meta: Mapping[str, Any], token: str | None) -> dict[str, object]:
    """``object{pid,label,datastreams[{dsid,label,mime,size}]}``. Raises ObjectNotFound, DatastreamRefused, NetworkRefused, TooManyPlans."""
    with planning.slot():
        return _list(text, meta, token)


def _list(text: str, meta: Mapping[str, Any], token: str | None) -> dict[str, object]:
    catalogue = Catalogue(registry(), rules.access_rules(conf.current()), timezone.now())
    record = _find(catalogue, text, meta, token)
    public = [datastream for datastream in record.datastreams if isinstance(catalogue.decide(record, datastream), Allowed)]
    listed = [
        {"dsid": datastream.dsid, "label": datastream.label, "mime": datastream.mime, "size": datastream.size}
        for datastream in public
        if datastream.fault is None
    ]
    return {"pid": record.pid, "label": record.label, "datastreams": listed}


def find_single(text: str, dsid: str, *, meta: Mapping[str, Any], token: str | None) -> Single:
    """The datastream of that name.

    Raises ObjectNotFound or DatastreamNotFound alike for what is unknown, reserved or inactive, DatastreamRefused with the date for what
    is closed now, ContentMissing where the store lost it, FixityMismatch where it was found not to be what was deposited, TooManyPlans.
    """
    with planning.slot():
        return _find_single(text, dsid, meta, token)


def _find_single(text: str, dsid: str, meta: Mapping[str, Any], token: str | None) -> Single:
    catalogue = Catalogue(registry(), rules.access_rules(conf.current()), timezone.now())
    record = _find(catalogue, text, meta, token)
    try:
        datastream = catalogue.match(record, dsid)
    except AmbiguousName:
        raise DatastreamNotFound(record.pid, dsid) from None
    verdict = catalogue.decide(record, datastream)
    if isinstance(verdict, Denied):
        _refuse(verdict, DatastreamNotFound(record.pid, dsid))
    if datastream.fault is not None:
        raise ContentMissing(record.pid, datastream.dsid)
    return _enter(record, datastream)


def send(single: Single, *, start: int, stop: int, meta: Mapping[str, Any]) -> Delivery:
    """Octets ``start`` to ``stop`` (not included) of a datastream, counted in the statistics when they are all of it."""
    return deliver(
        lay_out_entry(single.entry),
        start=start,
        stop=stop,
        open_entry=registry().open,
        doubt=single.doubt,
        recipient=_recipient(meta),
        package="",
        name=single.name,
        etag=single.etag,
        sock=raw_socket(meta),
        wire=encrypted_socket(meta),
    )


def conclude(single: Single, *, meta: Mapping[str, Any]) -> None:
    """Its reader asked for what lies behind its end."""
    deliveries.conclude(lay_out_entry(single.entry), recipient=_recipient(meta), package="", name=single.name, etag=single.etag)


def _recipient(meta: Mapping[str, Any]) -> Recipient:
    return Recipient(key_id=None, address=addresses.read(meta).address, user_agent=meta.get("HTTP_USER_AGENT", ""))


def _find(catalogue: Catalogue, text: str, meta: Mapping[str, Any], token: str | None) -> ObjectRecord:
    reference = parse_reference(text)
    if reference is None or reference.dsid is not None:
        raise ObjectNotFound(text)
    record = _describe(reference.pid, meta, token)
    verdict = catalogue.decide_object(record)
    if isinstance(verdict, Denied):
        _refuse(verdict, ObjectNotFound(reference.pid))
    return record


def _describe(pid: str, meta: Mapping[str, Any], token: str | None) -> ObjectRecord:
    """The object as those repositories have it that this caller may see. The others are not asked: strangers must not keep a server busy
    that is not theirs to ask, and whether it has the object must not show, not even by how long an answer takes."""
    closed, refusal = _closed({source.name for source in registry().source_for(pid)}, meta), None
    try:
        _check(closed, meta, token)
        closed = frozenset()
    except (NetworkRefused, TokenRefused) as error:
        refusal = error
    try:
        return registry().describe(pid, besides=closed)
    except (ObjectNotFound, AmbiguousName):
        raise refusal or ObjectNotFound(pid) from None  # one that was not asked may have it


def admit(names: Collection[str], meta: Mapping[str, Any], token: str | None) -> None:
    """Repositories that are not public answer a valid token or an address in their networks (SPEC 4.5)."""
    _check(_closed(names, meta), meta, token)


def _closed(names: Collection[str], meta: Mapping[str, Any]) -> frozenset[str]:
    """Those of the repositories that do not answer this caller without a token."""
    facts = addresses.read(meta)
    asked = (repository for repository in conf.current().repositories if repository.name in names)
    return frozenset(each.name for each in asked if not each.public and not facts.within(each.networks))


def _check(closed: Collection[str], meta: Mapping[str, Any], token: str | None) -> None:
    """Raises NetworkRefused, TokenRefused where one of them is closed to whoever has this token or none."""
    if not closed:
        return
    if token is None:
        raise NetworkRefused
    tokens.check(token, addresses.read(meta))


def _refuse(verdict: Denied, unknown: ObjectNotFound | DatastreamNotFound) -> None:
    if verdict.closed:
        raise DatastreamRefused(verdict.text, verdict.until)
    raise unknown


def _enter(record: ObjectRecord, datastream: DatastreamRecord) -> Single:
    algorithm, ledger = conf.current().packages.checksum, fixity.current_ledger()
    seen = ledger.look_up(record.repository, [datastream]).get((datastream.pid, datastream.dsid))
    if seen and seen.mismatch:
        raise FixityMismatch(datastream.pid, datastream.dsid, seen.mismatch)
    whole = complete(datastream, registry().by_name(record.repository), algorithm)
    path = safe_segment(file_name(whole))
    learned = seen.digests.get(algorithm) if seen else None
    entry = enter(whole, path=path, repository=record.repository, algorithm=algorithm, undated=0, learned=learned)
    known = {(record.repository, whole.pid, whole.dsid): seen} if seen else {}
    return Single(entry=entry, doubt=doubt([entry], seen=known, ledger=ledger, algorithm=algorithm))
