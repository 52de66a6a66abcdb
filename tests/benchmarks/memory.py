"""Resident memory during one very large package, and with very many slow readers of a small one."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks import processes
from tests.benchmarks.curl import fetch
from tests.benchmarks.material import build
from tests.benchmarks.product import Product, running
from tests.benchmarks.readers import post, reading

WAYS = {"verified": "30 d", "not yet verified": "0 s"}
"""``fixity.max_age`` of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """One package of ``octets``: its server's growth in MB, and how many seconds it took."""

    way: str
    octets: int
    growth: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """``readers`` at once, of whom some were ``refused``, by status, and ``lost`` cut off; growth in KB for each.

    ``alone`` and ``middle`` are medians of the milliseconds to a new package's first byte, before and meanwhile, ``worst`` is the maximum.
    """

    way: str
    readers: int
    refused: dict[str, int]
    lost: int
    growth: float
    alone: float
    middle: float
    worst: float


def large(folder: Path, *, octets: int) -> list[Large]:
    """Of 20 sparse files."""
    folder.mkdir()
    material = build(folder / "store", count=20, octets=octets, sparse=True)
    found = []
    for way, max_age in WAYS.items():
        with running(folder / way, material, max_age=max_age) as product:
            product.vouch()
            found.append(_large(way, product))
    return found


def crowds(folder: Path, *, readers: int) -> list[Crowd]:
    """Each asks for a package of its own, of 4 files of 4 MB."""
    folder.mkdir()
    material = build(folder / "store", count=4, octets=16 * 10**6)
    found = []
    for way, max_age in WAYS.items():
        # The two processes share the readers as they like: either has threads for all.
        with running(folder / way, material, max_age=max_age, threads=readers + 16) as product:
            product.vouch()
            found.append(_crowd(way, product, readers))
    return found


def _large(way: str, product: Product) -> Large:
    address = product.keep()
    for _ in range(8):  # each of its processes has planned, opened and sent something by then
        fetch(address, "--range", "0-99999")
    processes.forget_peak(product.pid)
    before = processes.peak(product.pid)
    done = fetch(address)
    growth = processes.peak(product.pid) - before
    return Large(way=way, octets=done.octets, growth=growth / 10**6, seconds=done.whole)


def _crowd(way: str, product: Product, count: int) -> Crowd:
    alone = _probe(product, seconds=3)
    request = post(urlsplit(product.address).path, product.form())
    before = processes.resident(product.pid)
    with reading(product.server.port, request, count) as readers:
        waited = _probe(product, seconds=10)
        growth = processes.resident(product.pid) - before
        refused, lost = dict(readers.refused), readers.lost
    return Crowd(
        way=way,
        readers=count,
        refused=refused,
        lost=lost,
        growth=growth / 1000 / count,
        alone=statistics.median(alone),
        middle=statistics.median(waited),
        worst=max(waited),
    )


def _probe(product: Product, *, seconds: float) -> list[float]:
    """Milliseconds to the first byte of new packages of one file, asked for one after the other for so long."""
    waited, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        waited.append(fetch(product.address, *product.arguments(files="bench:0")).first_byte * 1000)
    return waited
