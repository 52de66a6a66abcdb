"""How long the first byte takes at the start of a very large package and near its end."""

import http.client
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.material import build
from tests.benchmarks.product import running

AT = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstBytes:
    """Medians in milliseconds, of ``times`` ranges each, in a package of ``octets``."""

    octets: int
    times: int
    start: float
    end: float

    @property
    def ratio(self) -> float:
        return self.end / self.start


def compare(folder: Path, *, octets: int, times: int) -> FirstBytes:
    """In a package of 100 sparse files that the ledger knows, the two in turn; the first six pairs warm up."""
    folder.mkdir()
    material = build(folder / "store", count=100, octets=octets, sparse=True)
    with running(folder / "server", material) as product:
        product.vouch()
        address = product.keep()
        length = material.octets
        waited: dict[int, list[float]] = {0: [], int(length * AT): []}
        for number in range(times + 6):
            # Each comes first in every second pair: behind it the server still writes down that the one before was broken off.
            for start in sorted(waited, reverse=number % 2 == 1):
                waited[start].append(_wait(address, start))
    starts, ends = (statistics.median(found[6:]) for found in waited.values())
    return FirstBytes(octets=length, times=times, start=starts, end=ends)


def _wait(address: str, start: int) -> float:
    """Milliseconds until the first byte from ``start`` is there; the rest is not taken."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    begun = time.perf_counter()
    try:
        connection.request("GET", place.path, headers={"Range": f"bytes={start}-"})
        answer = connection.getresponse()
        if answer.status != 206 or not answer.read(1):
            raise RuntimeError(f"a range was answered with {answer.status}")
        return (time.perf_counter() - begun) * 1000
    finally:
        connection.close()
