"""What an operator's Prometheus is told: what the processes of this node counted, and what the database knows (SPEC 1)."""

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import django
from django import db
from django.db.models import Count, F, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import getapi
from getapi import conf
from getapi.models import Delivery, Fixity, Package
from getapi.services import shelf
from getapi.services.meters import BUCKETS, COUNTERS
from getapi.tally import Name, Tally, tally

PREFIX = "packaging"
LEDGER_PAUSE = 300.0
"""Seconds for which the ledger's numbers are told from memory: to count its rows takes a second for each million."""


EXPECTED: Mapping[str, tuple[str, ...]] = {
    "deliveries": tuple(outcome.value for outcome in Delivery.Outcome if outcome is not Delivery.Outcome.RUNNING),
    "datastreams": ("false", "true"),
    "datastreams_bytes": ("false", "true"),
}
"""Values of a counter's one label that are told from the start, as 0: of a series that begins with 1 ``rate()`` sees nothing happen."""


class NodeCollector(Collector):
    """What this node's processes counted since the service was started."""

    def __init__(self, source: Tally = tally) -> None:
        self._tally = source

    def collect(self) -> Iterator[Metric]:
        sums = self._tally.sums()
        for name, (sentence, labels) in COUNTERS.items():
            family = CounterMetricFamily(f"{PREFIX}_{name}", sentence, labels=labels)
            for values in [(value,) for value in EXPECTED.get(name, ())] if labels else [()]:
                sums.setdefault((name, *values), 0.0)
            for known, value in sums.items():
                if known[0] == name and len(known) == 1 + len(labels):
                    family.add_metric(known[1:], value)
            yield family
        yield _durations(sums)
        yield from _processes(self._tally)
        yield _build()


def _durations(sums: Mapping[Name, float]) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}_request_seconds", "Seconds until a request's answer began", labels=["view"])
    for view in sorted({name[1] for name in sums if name[0] == "request_seconds"}):
        total, buckets = 0.0, []
        for bound in (*map(str, BUCKETS), "+Inf"):
            total += sums.get(("request_seconds", view, bound), 0.0)
            buckets.append((bound, total))
        family.add_metric([view], buckets, sum_value=sums.get(("request_seconds_sum", view), 0.0))
    return family


def _processes(source: Tally) -> Iterator[Metric]:
    """Of each process that serves requests on this node, by its slot."""
    told: dict[str, tuple[str, Callable[[int], float]]] = {
        "process_resident_memory_bytes": ("Resident memory", _memory),
        "process_threads": ("Threads", lambda pid: float(_status(pid, "Threads"))),
        "process_open_fds": ("Open descriptors", lambda pid: float(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))),
    }
    living = source.living()
    for name, (sentence, measure) in told.items():
        yield _by_process(name, sentence, {slot: _measured(measure, pid) for slot, pid in living.items()})
    yield _by_process("delivery_slots", "Downloads that it can send at once", source.of_living("delivery_slots"))


def _by_process(name: str, sentence: str, values: Mapping[int, float | None]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", f"{sentence}, of each process", labels=["process"])
    for slot, value in values.items():
        if value is not None:
            family.add_metric([str(slot)], value)
    return family


def _measured(measure: Callable[[int], float], pid: int) -> float | None:
    """None of a process that has just ended, or where there is no /proc."""
    try:
        return measure(pid)
    except (OSError, ValueError):
        return None


def _memory(pid: int) -> float:
    return float(_status(pid, "VmRSS").split()[0]) * 1024


def _status(pid: int, field: str) -> str:
    """proc(5). Raises ValueError for one that is not there."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    raise ValueError(field)


def _build() -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_build_info", "What runs here", labels=["version", "python", "django", "gunicorn"])
    family.add_metric([getapi.__version__, platform.python_version(), django.get_version(), version("gunicorn")], 1)
    return family


class DatabaseCollector(Collector):
    """What the database knows, the same on every node. One that does not answer is told as ``packaging_database_up`` 0, and by no more."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ledger: tuple[float, list[Metric]] | None = None

    def collect(self) -> Iterator[Metric]:
        try:
            found = [*_deliveries(), _packages(), *self._ledger_now()]
        except db.Error:
            found = []
        yield GaugeMetricFamily(f"{PREFIX}_database_up", "Whether the database answers", value=float(bool(found)))
        yield from found

    def _ledger_now(self) -> list[Metric]:
        now = self._clock()
        if self._ledger is None or now - self._ledger[0] >= LEDGER_PAUSE:
            self._ledger = (now, [_ledger()])
        return [*self._ledger[1], _mismatches()]


def _deliveries() -> Iterable[Metric]:
    running = Delivery.objects.filter(outcome=Delivery.Outcome.RUNNING)
    found = running.aggregate(count=Count("pk"), left=Sum(F("stop") - F("first") - F("sent")))
    yield GaugeMetricFamily(f"{PREFIX}_deliveries_running", "Downloads that run now, on all nodes", value=found["count"])
    yield GaugeMetricFamily(f"{PREFIX}_deliveries_unsent_bytes", "Octets that they still have to send", value=found["left"] or 0)


def _packages() -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_packages", "Packages that are kept", labels=["state"])
    now, states = timezone.now(), Package.objects.order_by()
    alive = states.filter(shelf.unexpired(now))
    found = {str(row["state"]): row["count"] for row in alive.values("state").annotate(count=Count("pk"))}
    for state in Package.State.values:
        family.add_metric([state], found.get(state, 0))
    family.add_metric(["expired"], states.exclude(shelf.unexpired(now)).count())
    return family


def _ledger() -> Metric:
    """How far the fixity ledger covers what was ever read."""
    family = GaugeMetricFamily(f"{PREFIX}_ledger_datastreams", "Datastreams in the fixity ledger", labels=["verified"])
    since = timezone.now() - timedelta(seconds=conf.current().fixity.max_age)
    total, lately = Fixity.objects.count(), Fixity.objects.filter(verified__gt=since).count()
    family.add_metric(["lately"], lately)
    family.add_metric(["longer-ago"], total - lately)
    return family


def _mismatches() -> Metric:
    wrong = Fixity.objects.filter(verdict=Fixity.Verdict.MISMATCH).count()
    return GaugeMetricFamily(f"{PREFIX}_ledger_mismatches", "Datastreams that are left out because they are damaged", value=wrong)


_node, _database, _registry = NodeCollector(), DatabaseCollector(), CollectorRegistry()
_registry.register(_node)
_registry.register(_database)


def render(accept: str) -> tuple[bytes, str]:
    """All of it, in Prometheus' text format or in OpenMetrics, as ``accept`` prefers; and its media type."""
    encode, media_type = choose_encoder(accept)
    return encode(_registry), media_type
