"""Runs contestants one after the other, several rounds, and measures each: throughput, CPU seconds of its processes, peak memory."""

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GB = 10**9
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """``arguments`` are curl's; ``pid`` is its server's first process, whose children count too."""

    name: str
    url: str
    pid: int
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``rate`` in GB/s, ``processor`` in CPU seconds per GB, both medians of the rounds; ``peak`` resident memory in MB."""

    name: str
    rate: float
    processor: float
    peak: float


def compete(contestants: Sequence[Contestant], *, rounds: int) -> list[Result]:
    """Round by round, so that what drifts on a noisy machine drifts for all."""
    measured: dict[str, list[tuple[float, float]]] = {contestant.name: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            measured[contestant.name].append(_measure(contestant))
    return [
        Result(
            name=contestant.name,
            rate=statistics.median(rate for rate, _ in measured[contestant.name]),
            processor=statistics.median(cost for _, cost in measured[contestant.name]),
            peak=sum(_peak(pid) for pid in _family(contestant.pid)) / 10**6,
        )
        for contestant in contestants
    ]


def _measure(contestant: Contestant) -> tuple[float, float]:
    before, begun = _processor(contestant.pid), time.monotonic()
    written = subprocess.run(
        [
            "curl",
            "--silent",
            "--show-error",
            "--fail",
            "--output",
            os.devnull,
            "--write-out",
            "%{size_download}",
            *contestant.arguments,
            contestant.url,
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    seconds, octets = time.monotonic() - begun, int(written)
    return octets / GB / seconds, (_processor(contestant.pid) - before) / (octets / GB)


def _family(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(member for child in children for member in _family(child))]


def _processor(pid: int) -> float:
    """CPU seconds that a process and its children have used."""
    spent = 0
    for member in _family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / _TICK


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
