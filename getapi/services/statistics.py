"""Who took what: one row and one log line for each datastream that was delivered whole (SPEC 7)."""

import ipaddress
import logging
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from functools import partial
from typing import Self

import counter_robots
from django.db import transaction

from getapi import conf
from getapi.core.plan import Entry
from getapi.models import Download, Key
from getapi.services import meters

logger = logging.getLogger("getapi.statistics")

DOUBLE_CLICK = timedelta(seconds=30)
"""COUNTER Code of Practice 7.2: the same item twice by the same user within this time is one use."""

LOGGED_ID = 8
"""Characters of a package's id that are told: the whole id opens the package (SPEC 1)."""

USER_AGENT_LENGTH = 512
TEXT_LENGTH = 255
CHUNK = 2000
_UNKEPT = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL's texts, or UTF-8 itself, have no place for: of an adapter's names some are another server's words."""

FIELDS = ("time", "pid", "dsid", "version", "bytes", "key", "package", "address", "user_agent", "robot", "double_click")

Exported = dict[str, str | int]
"""A bool is among the ints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who gets a delivery: the key that asked for it (None: nobody's), the reader's address and user agent as they came."""

    key_id: int | None
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is counted: one datastream; each text as its column can hold it, so that one strange DSID does not cost the other rows."""

    pid: str
    dsid: str
    version: str
    bytes: int

    @classmethod
    def of(cls, entry: Entry) -> Self:
        datastream = entry.datastream
        pid, dsid, version = (_UNKEPT.sub("\ufffd", text[:TEXT_LENGTH]) for text in (datastream.pid, datastream.dsid, datastream.version))
        return cls(pid=pid, dsid=dsid, version=version, bytes=entry.size)


def record_downloads(items: Sequence[Item], *, recipient: Recipient, package: str, time: datetime) -> None:
    """Counts each item as delivered at ``time``, but nothing twice for one package.

    ``package`` is its id, empty for a single download, which counts each time. All rows are written or none, and told to the log once
    they are. Raises django.db.DatabaseError; for a package it is then safe to call again.
    """
    with transaction.atomic():
        counted = _counted(package)
        fresh = [item for item in items if (item.pid, item.dsid) not in counted]
        if fresh:
            rows = _rows(fresh, recipient=recipient, package=package, time=time)
            Download.objects.bulk_create(rows, ignore_conflicts=True)
            transaction.on_commit(partial(_log, rows), robust=True)


def export_downloads(first: date, last: date, *, zone: tzinfo) -> Iterator[Exported]:
    """The rows of those days, both included, in ``zone``; oldest first, read in chunks. Keys of each: FIELDS.

    ``key`` is the key's label, ``package`` the start of the package's id, ``time`` ISO 8601 in ``zone``.
    Raises OverflowError for days at the edge of the calendar.
    """
    start = datetime.combine(first, clock.min, tzinfo=zone).astimezone(UTC)
    stop = datetime.combine(last, clock.max, tzinfo=zone).astimezone(UTC)
    rows = Download.objects.filter(time__range=(start, stop)).select_related("key").order_by("time", "pk")
    return (_exported(row, zone) for row in rows.iterator(chunk_size=CHUNK))


def _exported(row: Download, zone: tzinfo) -> Exported:
    return _facts(row) | {"time": row.time.astimezone(zone).isoformat(), "key": row.key.label if row.key else ""}


def _rows(items: Sequence[Item], *, recipient: Recipient, package: str, time: datetime) -> list[Download]:
    agent = kept_user_agent(recipient.user_agent)
    address = kept_address(recipient.address)
    recent = _recent(address, agent, time)
    key = _existing_key(recipient.key_id)
    robot = counter_robots.is_robot(agent)
    return [
        Download(
            time=time,
            pid=item.pid,
            dsid=item.dsid,
            version=item.version,
            bytes=item.bytes,
            key_id=key,
            package=package,
            address=address,
            user_agent=agent,
            robot=robot,
            double_click=(item.pid, item.dsid) in recent,
        )
        for item in items
    ]


def _counted(package: str) -> Collection[tuple[str, str]]:
    return set(Download.objects.filter(package=package).values_list("pid", "dsid")) if package else ()


def _recent(address: str, agent: str, time: datetime) -> Collection[tuple[str, str]]:
    """What the same reader took within 30 s, before or after: deliveries do not end in the order of their clicks.

    A reader is known by what is kept of the address, and the user agent. Where no address is kept two readers cannot be told apart, and
    nothing is called a double click: a download too many is a smaller lie than a reader too few.
    """
    if not address:
        return ()
    near = Download.objects.filter(address=address, user_agent=agent, time__range=(time - DOUBLE_CLICK, time + DOUBLE_CLICK))
    return set(near.values_list("pid", "dsid"))


def _existing_key(key_id: int | None) -> int | None:
    """The key, unless an administrator deleted it while the package was on its way."""
    return None if key_id is None else Key.objects.filter(pk=key_id).values_list("pk", flat=True).first()


def kept_user_agent(text: str) -> str:
    """Without control characters and lone surrogates: PostgreSQL refuses NUL, and a log line must stay one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:USER_AGENT_LENGTH]


def kept_address(text: str) -> str:
    """What ``statistics.address`` lets be kept: all, IPv4's /24 or IPv6's /48, or nothing; nothing also of what is no address."""
    keep = conf.current().statistics.address
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if keep == "none":
        return ""
    if keep == "full":
        return str(address)
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, prefix), strict=False).network_address)


def _facts(row: Download) -> Exported:
    return {
        "time": row.time.isoformat(),
        "pid": row.pid,
        "dsid": row.dsid,
        "version": row.version,
        "bytes": row.bytes,
        "key": row.key_id or "",
        "package": row.package[:LOGGED_ID],
        "address": row.address,
        "user_agent": row.user_agent,
        "robot": row.robot,
        "double_click": row.double_click,
    }


def _log(rows: Sequence[Download]) -> None:
    for row in rows:
        logger.info("download", extra=_facts(row))
        robot = str(row.robot).lower()
        meters.count("datastreams", robot)
        meters.count("datastreams_bytes", robot, amount=row.bytes)
