"""Plans and packages of payload that is held in memory: what goes in is known to the octet."""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from datetime import date

from hypothesis import strategies as st

from getapi.core.layout import Extent, Layout, Literal, Segment, lay_out
from getapi.core.notice import Notice
from getapi.core.plan import Entry, Plan
from getapi.core.source import DatastreamRecord
from getapi.core.stream import Learned, resolve
from getapi.core.tags import bag_info, notices_text

DAY = date(2026, 3, 1)
Files = Mapping[str, bytes]
"""Payload by its path in the bag (``data/...``)."""


def plan_of(
    files: Files,
    *,
    algorithm: str = "sha256",
    name: str = "bag",
    known: bool = False,
    mtime: int = 1_400_000_000,
    notices: tuple[Notice, ...] = (),
    format: str = "tar",  # noqa: A002 # the plan's own word
) -> Plan:
    """``known``: digests and CRC-32s are in the plan already; else they are learned while the payload leaves."""
    entries = tuple(
        entry_of(path, len(data), digest=hashlib.new(algorithm, data).hexdigest(), checksum=zlib.crc32(data), mtime=mtime)
        if known
        else entry_of(path, len(data), mtime=mtime)
        for path, data in files.items()
    )
    return plan_for(entries, algorithm=algorithm, name=name, notices=notices, format=format)


def plan_for(
    entries: tuple[Entry, ...],
    *,
    algorithm: str = "sha256",
    name: str = "bag",
    notices: tuple[Notice, ...] = (),
    profile: str = "",
    format: str = "tar",  # noqa: A002 # the plan's own word
) -> Plan:
    octets = sum(entry.size for entry in entries)
    return Plan(
        name=name,
        format=format,
        algorithm=algorithm,
        bagging_date=DAY,
        entries=entries,
        notices=notices,
        bag_info=bag_info(
            source_organization="Library",
            external_identifiers=("demo:1",),
            external_description="For tests",
            bagging_date=DAY,
            payload_size=octets,
            payload_files=len(entries),
            software_agent="tests",
            profile=profile,
        ),
        notices_text=notices_text(notices, packaged_files=len(entries), packaged_size=octets),
    )


def entry_of(path: str, size: int, *, digest: str | None = None, checksum: int | None = None, mtime: int = 1_400_000_000) -> Entry:
    record = DatastreamRecord(pid="demo:1", dsid=path.rpartition("/")[2], version="1")
    return Entry(path=path, size=size, mtime=mtime, digest=digest, checksum=checksum, declared=(), repository="fake", datastream=record)


def learned(plan: Plan, files: Files) -> Learned:
    return Learned(
        digests={path: hashlib.new(plan.algorithm, data).hexdigest() for path, data in files.items()},
        checksums={path: zlib.crc32(data) for path, data in files.items()},
    )


def octets(segments: Iterable[Segment], plan: Plan, files: Files) -> bytes:
    """What a sender would send."""
    facts = learned(plan, files)
    pieces = []
    for segment in segments:
        match segment:
            case Literal(data):
                pieces.append(data)
            case Extent(entry, start, stop):
                pieces.append(files[entry.path][start:stop])
            case _:
                pieces.append(resolve(segment, plan, facts))
    return b"".join(pieces)


def package(plan: Plan, files: Files) -> bytes:
    layout: Layout = lay_out(plan)
    return octets(layout.segments, plan, files)


def _path(text: str) -> str:
    return "data/" + ("/".join(segment for segment in text.split("/") if segment not in {"", ".", ".."}) or "x")


PATHS = st.one_of(
    st.text("aXYZ019._- ~%#é€\n\r\t😀e\u0301/", max_size=80),
    st.text(st.characters(exclude_characters="\0\\", codec="utf-8"), max_size=40),
    st.lists(st.sampled_from(["x" * 99, "y" * 100, "z" * 130, "é" * 60, "a", "\t€"]), max_size=4).map("/".join),
).map(_path)


def _no_file_is_a_folder(files: dict[str, bytes]) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


FILES = st.dictionaries(PATHS, st.binary(max_size=1200), max_size=3).filter(_no_file_is_a_folder)
"""Payload with any names that a bag may hold, far worse than the planner's."""
