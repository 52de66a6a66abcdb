"""Runs contestants one after the other, several rounds, and measures each: throughput, CPU of its processes, first byte, peak memory."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from tests.benchmarks import processes
from tests.benchmarks.curl import Refused, fetch

GB = 10**9

AFTERWARDS = 0.3
"""Seconds for rows, log lines and findings: they are a download's cost too, wherever the server puts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """``arguments`` are curl's; ``pid`` is its server's first process, whose children count too; ``prepare`` comes before each round."""

    name: str
    url: str
    pid: int
    arguments: tuple[str, ...] = ()
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``rate`` in GB/s, ``processor`` in CPU seconds per GB, ``first_byte`` in seconds, ``peak`` resident memory in MB."""

    rate: float
    processor: float
    first_byte: float
    peak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``figures`` are the medians of the rounds; None where the server refused, in the words of ``refusal``."""

    name: str
    figures: Figures | None
    refusal: str = ""


def compete(contestants: Sequence[Contestant], *, rounds: int) -> list[Result]:
    """Round by round, so that what drifts on a noisy machine drifts for all. Before the first round each runs once for nothing."""
    refusals = {contestant.name: _warm_up(contestant) for contestant in contestants}
    able = [contestant for contestant in contestants if not refusals[contestant.name]]
    measured: dict[str, list[Figures]] = {contestant.name: [] for contestant in able}
    for _ in range(rounds):
        for contestant in able:
            measured[contestant.name].append(_measure(contestant))
    return [
        Result(name=each.name, figures=_medians(measured[each.name]) if each in able else None, refusal=refusals[each.name])
        for each in contestants
    ]


def _warm_up(contestant: Contestant) -> str:
    """What the server said against it, "" where it can be measured."""
    contestant.prepare()
    try:
        fetch(contestant.url, *contestant.arguments)
    except Refused as refusal:
        return str(refusal)
    return ""


def _measure(contestant: Contestant) -> Figures:
    """Twice: at its fastest, and for its CPU seconds apart from the client, whoever's work the scheduler would have mixed with whose."""
    contestant.prepare()
    processes.forget_peak(contestant.pid)
    done = fetch(contestant.url, *contestant.arguments)
    peak = processes.peak(contestant.pid)
    return Figures(rate=done.octets / GB / done.whole, processor=_processor(contestant), first_byte=done.first_byte, peak=peak / 10**6)


def _processor(contestant: Contestant) -> float:
    """CPU seconds per GB, what the server does after the last octet included."""
    contestant.prepare()
    with processes.held_apart(contestant.pid):
        before = processes.processor(contestant.pid)
        done = fetch(contestant.url, *contestant.arguments)
        time.sleep(AFTERWARDS)
        return (processes.processor(contestant.pid) - before) / (done.octets / GB)


def _medians(rounds: Sequence[Figures]) -> Figures:
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: statistics.median(getattr(each, name) for each in rounds) for name in names})
