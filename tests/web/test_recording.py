"""What real processes put on record when readers leave, databases are locked and processes end."""

import hashlib
import http.client
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version
from tests.transport.material import wait_until
from tests.web.resume.asking import Application, counted, get, package_of
from tests.web.resume.material import configuration
from tests.web.server import Server, serving

NARROW = 64 << 10
PID = "many:1"
SIZES = {f"D{number}": 150_000 + 40_001 * number for number in range(8)}
NAMES = sorted(SIZES)
HUGE = 200_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    made = BuiltStore(root=tmp_path_factory.mktemp("store"))
    octets = {dsid: random.Random(dsid).randbytes(size) for dsid, size in SIZES.items()}
    made.put(PID, foxml(PID, *(managed(PID, dsid, hashlib.sha256(data).hexdigest()) for dsid, data in octets.items())))
    for dsid, data in octets.items():
        made.put(f"{PID}+{dsid}+{dsid}.0", data)
    made.put("huge:1", foxml("huge:1", managed("huge:1", "A", hashlib.sha256(bytes(HUGE)).hexdigest())))
    with made.put("huge:1+A+A.0", b"").open("wb") as file:
        file.truncate(HUGE)
    return made


def managed(pid: str, dsid: str, sha256: str) -> str:
    return datastream(dsid, "M", version(f"{dsid}.0", digest("SHA-256", sha256) + location(f"{pid}+{dsid}+{dsid}.0")))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("service"), toml=configuration(store)) as running:
        yield running


@pytest.fixture(scope="module")
def application(server: Server) -> Application:
    return Application.at(server)


def take(server: Server, address: str, start: int, most: int) -> int:
    """Asks for all from ``start`` on and leaves after ``most`` octets of it, unread ones on their way; returns how many it has."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", address, headers={"Range": f"bytes={start}-"})
        answer = connection.getresponse()
        assert answer.status in {200, 206}
        return len(answer.read(most))


def test_of_packages_that_were_broken_off_and_resumed_no_datastream_is_missed(server: Server, application: Application) -> None:
    chance = random.Random(0)
    addresses = [application.link(PID, "tar") for _ in range(30)]
    for address in addresses:
        size = int(get(server, address, range="bytes=0-0").headers["Content-Range"].rpartition("/")[2])
        position = 0
        while position < size:
            position += take(server, address, position, chance.randrange(1, size) if position < size * 0.7 else size)
    for address in addresses:
        assert counted(server, address, len(NAMES)) == NAMES
        wait_until(partial(is_done, server, address))


def is_done(server: Server, address: str) -> bool:
    return b'"state": "done"' in get(server, address.removesuffix("/content"), accept="application/json").body


def test_a_database_that_is_locked_for_ten_seconds_loses_and_doubles_nothing(server: Server, application: Application) -> None:
    """What runs goes on and ends; what would begin is told to come again, within seconds; what needs no slot begins."""
    running, refused = [application.link(PID, "tar") for _ in range(3)], application.link(PID, "tar")
    with ExitStack() as held:
        connections = [held.enter_context(closing(Begun(server, address))) for address in running]
        with server.database.locked():
            began = time.monotonic()
            lengths = [len(answer.read()) for answer in connections]
            answer = get(server, refused)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
            assert b"cannot reach its own records" in answer.body
            assert time.monotonic() - began < 15, "nobody waits for the database for long"
            assert get(server, f"/api/get/{PID}/{NAMES[0]}").status == 200
            while time.monotonic() - began < 10:
                time.sleep(0.1)  # so long it is locked: that is the matter of this test
    for address, length in zip(running, lengths, strict=True):
        assert counted(server, address, len(NAMES)) == NAMES
        query = "SELECT outcome, sent FROM getapi_delivery WHERE package = ? AND outcome != 'running'"
        assert server.wait_for_rows(query, package_of(address)) == [("done", length)]
    assert get(server, refused).status == 200
    assert counted(server, refused, len(NAMES)) == NAMES
    wait_until(lambda: not server.rows(HELD))


HELD = "SELECT package, sent, process FROM getapi_delivery WHERE outcome = 'running' OR reader <> ''"
"""Whatever holds a slot, or would."""


class Begun:
    """A download of which the headers are there, and the rest waits."""

    def __init__(self, server: Server, address: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._connection.sock = server.connect(receive_buffer=4096)
        self._connection.request("GET", address)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200

    def read(self) -> bytes:
        return self._answer.read()

    def close(self) -> None:
        self._connection.close()


def start(server: Server, address: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.sock = server.connect(receive_buffer=NARROW)
    connection.request("GET", address)
    assert connection.getresponse().read(3 << 20)  # more than one call hands over, so that some of it is known to have arrived
    return connection


RUNNING = "SELECT process FROM getapi_delivery WHERE package = ? AND outcome = 'running' AND sent > 0"
ENDED = "SELECT outcome, reason, sent > 0 FROM getapi_delivery WHERE package = ? AND outcome != 'running'"


def test_a_killed_process_is_swept_by_the_others_when_nobody_comes_again(server: Server, application: Application) -> None:
    address = application.link("huge:1", "tar")
    with closing(start(server, address)):
        ((process,),) = server.wait_for_rows(RUNNING, package_of(address))
        os.kill(int(process.split("/")[1]), signal.SIGKILL)
        assert swept(server, application, ENDED, address) == [("broken", "process-died", 1)]


def swept(server: Server, application: Application, query: str, address: str) -> list[tuple[Any, ...]]:
    """What the database answers at last, while others go on downloading."""
    other, end = application.link(PID, "tar"), time.monotonic() + 60
    while not (rows := server.rows(query, package_of(address))):
        assert time.monotonic() < end, server.log[-3000:]
        get(server, other)
    return rows


def test_a_process_that_is_stopped_puts_on_record_what_it_sent(tmp_path: Path, store: BuiltStore) -> None:
    with serving(tmp_path, toml=configuration(store)) as stopping:
        application = Application.at(stopping)
        address = application.link("huge:1", "tar")
        with closing(start(stopping, address)):
            stopping.wait_for_rows(RUNNING, package_of(address))
            os.kill(stopping.pid, signal.SIGQUIT)
            stopping.wait_for_rows(ENDED, package_of(address), seconds=40)
        assert stopping.rows(ENDED, package_of(address)) == [("shut-down", "delivery-shut-down", 1)]


def test_a_connection_beside_one_that_is_killed_then_does_not_show_what_that_one_had_sent(server: Server, application: Application) -> None:
    """Begun within the second after its last sign of life: it stands beside it, and does not go on where it was."""
    for _ in range(4):
        address = application.link("huge:1", "tar")
        with closing(start(server, address)):
            ((process,),) = server.wait_for_rows(RUNNING, package_of(address))
            with closing(beside(server, address, HUGE // 2)):
                os.kill(int(process.split("/")[1]), signal.SIGKILL)
        assert swept(server, application, SETTLED, address)
        ((sent,),) = server.rows("SELECT SUM(sent) FROM getapi_delivery WHERE package = ?", package_of(address))
        assert sent < HUGE // 4


SETTLED = "SELECT package FROM getapi_delivery WHERE package = ? AND process = '' AND first = 0 AND reason = 'process-died'"


def beside(server: Server, address: str, first: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.sock = server.connect(receive_buffer=NARROW)
    connection.request("GET", address, headers={"Range": f"bytes={first}-"})
    assert connection.getresponse().status == 206
    return connection
