"""A plan as text that can be kept, and back: another process, or the same one after a restart, sends the same bytes from it."""

import json
from collections.abc import Sequence
from datetime import date, datetime

from getapi.core.errors import PackageOutdated
from getapi.core.notice import Notice, NoticeCode
from getapi.core.plan import ENCODER, Entry, Plan
from getapi.core.source import ControlGroup, DatastreamRecord, Digest, State


def encode(plan: Plan) -> str:
    """Canonical JSON: equal plans give equal texts. It may hold lone surrogates, as names that a request made up do."""
    document = [
        ENCODER,
        plan.name,
        plan.format,
        plan.algorithm,
        plan.bagging_date.isoformat(),
        _text(plan.bag_info),
        _text(plan.notices_text),
        [[notice.pid, notice.dsid, notice.code, notice.text] for notice in plan.notices],
        [_entry_row(entry) for entry in plan.entries],
    ]
    # Unescaped, since two escaped halves of a surrogate pair would come back as one character.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Plan:
    """The plan of a text that ``encode`` gave. Raises PackageOutdated for another ENCODER's, and for what is no such text."""
    try:
        return _plan(json.loads(text))
    except (ValueError, RecursionError):
        raise PackageOutdated from None


def _entry_row(entry: Entry) -> list[object]:
    datastream = entry.datastream
    # Nearly always the same digests twice: written once.
    declared = None if entry.declared == datastream.digests else _digest_rows(entry.declared)
    return [entry.path, entry.size, entry.mtime, entry.digest, declared, entry.repository, entry.checksum, _datastream_row(datastream)]


def _datastream_row(datastream: DatastreamRecord) -> list[object]:
    return [
        datastream.pid,
        datastream.dsid,
        datastream.version,
        datastream.state,
        datastream.control_group,
        datastream.mime,
        datastream.label,
        None if datastream.created is None else datastream.created.isoformat(),
        datastream.size,
        datastream.declared_size,
        _digest_rows(datastream.digests),
        datastream.alternate_ids,
        datastream.location,
        datastream.identity,
        datastream.fault,
        datastream.remote,
        datastream.name,
    ]


def _digest_rows(digests: Sequence[Digest]) -> list[list[str]]:
    return [[digest.algorithm, digest.value] for digest in digests]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _plan(document: object) -> Plan:
    match document:
        case [int(encoder), str(name), str(form), str(algorithm), str(day), str(bag_info), str(notices_text), list(notices), list(entries)]:
            if encoder != ENCODER:
                raise ValueError("another encoder's plan")
            return Plan(
                name=name,
                format=form,
                algorithm=algorithm,
                bagging_date=date.fromisoformat(day),
                entries=tuple(map(_entry, entries)),
                notices=tuple(map(_notice, notices)),
                bag_info=_octets(bag_info),
                notices_text=_octets(notices_text),
            )
    raise ValueError("not a plan")


def _notice(row: object) -> Notice:
    match row:
        case [str(pid), str(dsid), str(code), str(text)]:
            return Notice(pid=pid, dsid=dsid, code=NoticeCode(code), text=text)
    raise ValueError("not a notice")


def _entry(row: object) -> Entry:
    match row:
        case [
            str(path),
            int(size),
            int(mtime),
            None | str() as digest,
            None | list() as declared,
            str(repository),
            None | int() as checksum,
            fields,
        ]:
            datastream = _datastream(fields)
            return Entry(
                path=path,
                size=size,
                mtime=mtime,
                digest=digest,
                declared=datastream.digests if declared is None else _digests(declared),
                repository=repository,
                datastream=datastream,
                checksum=checksum,
            )
    raise ValueError("not an entry")


def _datastream(row: object) -> DatastreamRecord:
    match row:
        case [
            str(pid),
            str(dsid),
            str(version),
            str(state),
            str(control_group),
            str(mime),
            str(label),
            None | str() as created,
            None | int() as size,
            None | int() as declared_size,
            list(digests),
            list(alternate_ids),
            str(location),
            str(identity),
            None | str() as fault,
            bool(remote),
            str(name),
        ]:
            return DatastreamRecord(
                pid=pid,
                dsid=dsid,
                version=version,
                state=State(state),
                control_group=ControlGroup(control_group),
                mime=mime,
                label=label,
                created=None if created is None else datetime.fromisoformat(created),
                size=size,
                declared_size=declared_size,
                digests=_digests(digests),
                alternate_ids=tuple(map(_word, alternate_ids)),
                location=location,
                identity=identity,
                fault=fault,
                remote=remote,
                name=name,
            )
    raise ValueError("not a datastream")


def _digests(rows: list[object]) -> tuple[Digest, ...]:
    return tuple(map(_digest, rows))


def _digest(row: object) -> Digest:
    match row:
        case [str(algorithm), str(value)]:
            return Digest(algorithm=algorithm, value=value)
    raise ValueError("not a digest")


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 # one error for every fault of the text
    return value
