"""1,000 slow readers, 64 at full speed and 100 getToken a second, all at once: ``python -m tests.benchmarks.crowd [SECONDS]``.

Says how many answers were no success, the 99th percentile of getToken, and how the processes grew; ends with 1 where a promise was broken:
no 5xx, 500 ms, flat memory.
"""

import hashlib
import http.client
import math
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from urllib.parse import urlencode

from tests.benchmarks.readers import Readers
from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version
from tests.web.resume.asking import FORM, Application, manage
from tests.web.server import Server, serving

SLOW, FAST, TOKENS = 1000, 64, 100
"""Readers, readers, and requests a second."""

HERD = 50
"""Slow readers that share an address: one reader to the service, with connections to one package that take four slots."""

ASKERS = 20
PROMISED = 0.5
"""Seconds: getToken's 99th percentile."""

FLAT = 20 << 20
"""Octets that the processes may grow by between the first third of the time and its end."""

OCTETS = 8 << 20
TOML = """trusted_proxies = ["127.0.0.1"]
[limits]
concurrent = 2000
per_key = 2000
active_bytes = "1 TB"
[[repositories]]
name = "crowd"
type = "fedora3"
objects = "{objects}"
datastreams = "{datastreams}"
"""


class Crowd:
    """Counts what it was answered."""

    def __init__(self, server: Server, seconds: float) -> None:
        self.server = server
        self.end = time.monotonic() + seconds
        self.answers: Counter[str] = Counter()
        self.waits: list[float] = []
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.end

    def note(self, kind: str, status: object, seconds: float | None = None) -> None:
        with self._lock:
            self.answers[f"{kind} {status}"] += 1
            if seconds is not None:
                self.waits.append(seconds)

    def ask(self, method: str, path: str, address: str, body: str | None = None) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.request(method, path, body, {"X-Forwarded-For": address, **(FORM if body else {})})
        return connection

    def rush(self, number: int, paths: list[str]) -> None:
        while not self.is_over:
            with closing(self.ask("GET", paths[number % len(paths)], f"198.19.0.{number}")) as connection:
                answer = connection.getresponse()
                octets = 0
                while part := answer.read(1 << 18):
                    octets += len(part)
                short = "" if answer.status != 200 or octets == int(answer.headers["Content-Length"]) else " short"
                self.note("fast", f"{answer.status}{short}")
            if answer.status != 200:
                time.sleep(1)

    def knock(self, number: int, key: str) -> None:
        """getToken, as often as its share of a second's; its wait counts from when it was due."""
        due = time.monotonic() + number / TOKENS
        while not self.is_over:
            time.sleep(max(0.0, due - time.monotonic()))
            with closing(self.ask("POST", "/api/get/getToken", "127.0.0.1", urlencode({"key": key}))) as connection:
                status = connection.getresponse().status
            self.note("token", status, time.monotonic() - due)
            due += ASKERS / TOKENS


def run(seconds: float, say: Callable[[str], None] = print) -> bool:
    """Whether every promise was kept."""
    folder = Path(mkdtemp(prefix="crowd-"))
    try:
        store = _store(folder / "store")
        toml = TOML.format(objects=store.objects, datastreams=store.datastreams)
        (folder / "service").mkdir()
        with serving(folder / "service", toml=toml, threads=SLOW + 200) as server:
            manage(server, "fixity_scan")
            kept = _judge(*_press(server, seconds), say)
            if not kept:
                say("\n".join(line for line in server.log.splitlines() if '"INFO"' not in line)[-5000:])
            return kept
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _store(root: Path) -> BuiltStore:
    """One object with one datastream of OCTETS."""
    made, octets = BuiltStore(root=root), Random(0).randbytes(OCTETS)
    content = digest("SHA-256", hashlib.sha256(octets).hexdigest()) + location("crowd:1+A+A.0")
    made.put("crowd:1", foxml("crowd:1", datastream("A", "M", version("A.0", content))))
    made.put("crowd:1+A+A.0", octets)
    return made


def _press(server: Server, seconds: float) -> tuple[Crowd, list[int]]:
    """The crowd, and the octets of memory of all processes each second."""
    application = Application.at(server)
    paths = [application.link("crowd:1", "tar") for _ in range(FAST)]
    key = manage(server, "create_key", "crowd", "--network", "127.0.0.1").split()[-1]
    herds = [Readers(server.port, _request(paths[number], number), HERD) for number in range(SLOW // HERD)]
    with ExitStack() as ends:
        for herd in herds:
            ends.callback(herd.close)
            herd.begin()
        crowd, memory = _rush(server, paths, key, seconds)
        crowd.answers["slow refused"] = sum(herd.refused.total() for herd in herds)
        crowd.answers["slow lost"] = sum(herd.lost for herd in herds)
        return crowd, memory


def _request(path: str, number: int) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.18.0.{number}\r\n\r\n".encode()


def _rush(server: Server, paths: list[str], key: str, seconds: float) -> tuple[Crowd, list[int]]:
    crowd, memory = Crowd(server, seconds), list[int]()
    works = [threading.Thread(target=crowd.rush, args=(number, paths)) for number in range(FAST)]
    works += [threading.Thread(target=crowd.knock, args=(number, key)) for number in range(ASKERS)]
    with ExitStack() as ends:
        for work in Random(0).sample(works, len(works)):
            work.start()
            ends.callback(work.join)
        while not crowd.is_over:
            memory.append(_resident(server.pid))
            time.sleep(1)
    return crowd, memory


def _judge(crowd: Crowd, memory: list[int], say: Callable[[str], None]) -> bool:
    waits = sorted(crowd.waits)
    slowest = waits[math.ceil(len(waits) * 0.99) - 1]
    settled, last = max(memory[len(memory) // 3 : 2 * len(memory) // 3]), max(memory[-len(memory) // 3 :])
    for kind, count in sorted(crowd.answers.items()):
        say(f"{kind}: {count}")
    say(f"getToken: {len(waits)}, median {waits[len(waits) // 2] * 1000:.0f} ms, 99th percentile {slowest * 1000:.0f} ms")
    say(f"memory: {settled >> 20} MiB in the middle third, {last >> 20} MiB in the last")
    faults = [kind for kind, count in crowd.answers.items() if count and kind.split()[-1][:1] in {"5", "r", "l", "s"}]
    return not faults and slowest < PROMISED and last - settled < FLAT


def _resident(pid: int) -> int:
    """Octets, of the process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    total = 0
    for each in (str(pid), *children):
        status = Path(f"/proc/{each}/status").read_text(encoding="ascii")
        total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) << 10
    return total


if __name__ == "__main__":
    sys.exit(0 if run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0) else 1)
