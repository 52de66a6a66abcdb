"""docs/performance.md, from what was measured; each figure beside its target."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.benchmarks import entrants
from tests.benchmarks.contest import GB, Figures, Result
from tests.benchmarks.firstbyte import FirstBytes
from tests.benchmarks.memory import Crowd, Large
from tests.benchmarks.planning import Row, table
from tests.benchmarks.studies import Slow, StudyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``reached`` against ``wanted``, in one unit; ``is_most``: less is better."""

    what: str
    reached: float
    wanted: float
    is_most: bool = False

    @property
    def is_met(self) -> bool:
        return self.reached <= self.wanted if self.is_most else self.reached >= self.wanted

    def __str__(self) -> str:
        bound = "at most" if self.is_most else "at least"
        return f"| {self.what} | {bound} {self.wanted:g} | {self.reached:.2f} | {'yes' if self.is_met else '**no**'} |"


@dataclass(slots=True, kw_only=True)
class Measured:
    """What a run has found; empty where a section was not run. ``count`` files of ``octets`` in all, ``rounds`` rounds."""

    count: int
    octets: int
    rounds: int
    results: Sequence[Result] = ()
    large: Sequence[Large] = ()
    crowds: Sequence[Crowd] = ()
    first_bytes: Sequence[FirstBytes] = ()
    planning: Sequence[Row] = field(default=())
    studies: Sequence[StudyRow] = ()
    slow: Sequence[Slow] = ()


def write(measured: Measured) -> str:
    """The whole page."""
    sections = [_throughput, _memory, _crowds, _first_bytes, _planning, _servers]
    return "\n".join([_head(), _targets(measured), *filter(None, (section(measured) for section in sections))])


def _head() -> str:
    return f"""# Performance

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, on {os.cpu_count()} cores shared with the client, over loopback.
Absolute figures drift from machine to machine and from day to day; the ratios within one run hold.
"""


def _targets(measured: Measured) -> str:
    rows = [*_of_throughput(measured.results), *_of_memory(measured), *(_of_planning(measured.planning)), *_of_servers(measured)]
    lines = "\n".join(map(str, rows))
    return f"| target | wanted | reached | met |\n|---|---|---|---|\n{lines}\n"


def _of_throughput(results: Sequence[Result]) -> Iterable[Target]:
    known = {result.name: result.figures for result in results if result.figures}
    ours, first, static = known.get(entrants.TAR), known.get(entrants.TAR_FIRST), known.get(entrants.STATIC)
    if ours and static:
        yield Target(what="rate, verified, to nginx's", reached=ours.rate / static.rate, wanted=0.9)
        yield Target(what="CPU a GB, verified, to nginx's", reached=ours.processor / static.processor, wanted=1.2, is_most=True)
    if first and static:
        yield Target(what="rate, first time, to nginx's", reached=first.rate / static.rate, wanted=0.5)
    if first and (rival := known.get(entrants.TARFILE)):
        yield Target(what="rate, first time, to tarfile with SHA-256", reached=first.rate / rival.rate, wanted=1.15)
    if ours and (rival := known.get(entrants.ZIPSTREAM)):
        yield Target(what="rate, verified, to zipstream-ng's", reached=ours.rate / rival.rate, wanted=1.3)


def _of_memory(measured: Measured) -> Iterable[Target]:
    for each in measured.large:
        what = f"MB of memory that a package of {each.octets / GB:.0f} GB takes, {each.way}"
        yield Target(what=what, reached=each.growth, wanted=20, is_most=True)
    for crowd in measured.crowds:
        yield Target(
            what=f"KB of memory for each of {crowd.readers} slow readers, {crowd.way}", reached=crowd.growth, wanted=100, is_most=True
        )
        yield Target(what=f"ms to a new package's first byte meanwhile, {crowd.way}", reached=crowd.middle, wanted=50, is_most=True)
    for first in measured.first_bytes:
        yield Target(what=f"first byte at 99 % of {first.octets / GB:.0f} GB, to that at 0", reached=first.ratio, wanted=1.1, is_most=True)


def _of_planning(rows: Sequence[Row]) -> Iterable[Target]:
    for row in rows:
        size, spent = f"FOXML of {row.octets / 1000:.0f} KB", row.seconds
        yield Target(what=f"planning, {size}, to lxml's parsing", reached=spent.cold / spent.files, wanted=4, is_most=True)
        yield Target(what=f"planning again, {size}, to lxml's parsing", reached=spent.warm / spent.files, wanted=0.5, is_most=True)
        yield Target(what=f"s to the first byte of {row.count} objects, {size}", reached=row.first_byte, wanted=1, is_most=True)


def _of_servers(measured: Measured) -> Iterable[Target]:
    for each in measured.studies[1:]:
        what = f"time for a study, {each.how}, to Orthanc's own archive"
        yield Target(what=what, reached=each.seconds / measured.studies[0].seconds, wanted=1, is_most=True)
    for slow in measured.slow:
        what = f"{slow.count} members that take {slow.each * 1000:.0f} ms each to open, times as fast as one after the other"
        yield Target(what=what, reached=slow.ratio, wanted=5)


def _throughput(measured: Measured) -> str:
    found = [(result, result.figures) for result in measured.results if result.figures]
    if not found:
        return ""
    first = found[0][1]
    rows = "\n".join(_compare(result.name, figures, first) for result, figures in found)
    missing = [f"Not measured: {result.name} ({result.refusal}).\n" for result in measured.results if not result.figures]
    if found[0][0].name != entrants.STATIC:
        missing.append("nginx is not installed here, so its row is missing and the first row is the measure.\n")
    return f"""## Throughput

{measured.count} files of {measured.octets / GB:.2f} GB in all, in page cache, one curl; the median of {measured.rounds} rounds.

| how | GB/s | ratio | CPU s a GB | ratio | first byte, ms | peak memory, MB |
|---|---|---|---|---|---|---|
{rows}

{"".join(missing)}Rates include planning: this service reads and decides on {measured.count} objects in each request. CPU and memory
are those of all of a server's processes, without the client. CPU seconds are counted in downloads of their own, in which the client has a
core for itself: on the server's core the kernel would charge it with the network's work. Memory is the peak during one package, libraries
included.
"""


def _compare(name: str, figures: Figures, first: Figures) -> str:
    rate = f"{figures.rate:.2f} | {figures.rate / first.rate:.2f}"
    cost = f"{figures.processor:.2f} | {figures.processor / first.processor:.2f}"
    return f"| {name} | {rate} | {cost} | {figures.first_byte * 1000:.0f} | {figures.peak:.0f} |"


def _memory(measured: Measured) -> str:
    if not measured.large:
        return ""
    rows = "\n".join(f"| {each.way} | {each.octets / GB:.1f} | {each.growth:.1f} | {each.seconds:.1f} |" for each in measured.large)
    return f"""## Memory of one large package

Growth of the resident memory of all processes, at its peak, while one package of sparse files is sent.

| | GB | growth, MB | seconds |
|---|---|---|---|
{rows}
"""


def _unserved(crowd: Crowd) -> str:
    refused = [f"{count} were refused with {status}" for status, count in crowd.refused.items()]
    return ", ".join([*refused, *([f"{crowd.lost} were cut off"] if crowd.lost else [])])


def _crowds(measured: Measured) -> str:
    if not measured.crowds:
        return ""
    rows = "\n".join(
        f"| {each.way} | {each.readers} | {each.growth:.0f} | {each.alone:.1f} | {each.middle:.1f} | {each.worst:.1f} |"
        for each in measured.crowds
    )
    lost = "".join(f"Of the readers, {each.way}, {_unserved(each)}.\n" for each in measured.crowds if each.refused or each.lost)
    return f"""## Many slow readers

Each has a package of its own, of 16 MB, of which it takes 2 KB a second; two processes. New packages of one file are asked for meanwhile.

| | readers | growth for each, KB | first byte without readers, ms | with them | at worst |
|---|---|---|---|---|---|
{rows}
{lost}"""


def _first_bytes(measured: Measured) -> str:
    if not measured.first_bytes:
        return ""
    rows = "\n".join(f"| {each.octets / GB:.1f} | {each.start:.1f} | {each.end:.1f} | {each.ratio:.2f} |" for each in measured.first_bytes)
    return f"""## The first byte near the end

Ranges of a kept package of 100 sparse files that were verified, from octet 0 and from 99 %; medians.

| GB | at 0, ms | at 99 %, ms | ratio |
|---|---|---|---|
{rows}
"""


def _planning(measured: Measured) -> str:
    if not measured.planning:
        return ""
    return f"""## Planning {measured.planning[0].count} objects

Cold, again, and the review of a kept package, in what lxml needs to read and parse the same files.

{table(measured.planning)}
"""


def _servers(measured: Measured) -> str:
    if not measured.slow:
        return ""
    own = measured.studies[0].seconds if measured.studies else 0.0
    rows = "\n".join(
        f"| {each.how} | {each.octets / 1e6:.1f} | {each.seconds:.2f} | {each.octets / each.seconds / 1e6:.0f} | {each.seconds / own:.2f} |"
        for each in measured.studies
    )
    table = f"| how | MB | seconds | MB/s | ratio |\n|---|---|---|---|---|\n{rows}\n" if rows else "Orthanc is not installed here.\n"
    slow = measured.slow[0]
    faster = f"{slow.seconds:.2f} s, {slow.ratio:.1f} times as fast as one after the other"
    return f"""## Out of other servers

A study of 200 instances out of a real Orthanc on the same machine; the median of {measured.rounds} rounds, the question for it included.

{table}
{slow.count} members of a server that takes {slow.each * 1000:.0f} ms to open each: {faster}.
"""
