"""What leaves on the wire, octet by octet, and when it does not."""

import io
import os
import signal
import socket
import struct
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.foreign import program
from tests.transport.material import wait_until
from tests.web.sending.faults import FAULTS
from tests.web.server import Server, serving

SETTINGS = "tests.web.sending.settings"
BIG = 48 << 20  # far more than the buffers of a connection with a small receive buffer
MODES = ("zero-copy", "hashed", "chunks")
NARROW = 128 << 10


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of files to be sent; tests that spoil theirs make their own."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "small").mkdir()
    for number, size in enumerate((0, 1, 511, 512, 70_000, 3 << 20)):
        (folder / "small" / f"{number}").write_bytes(os.urandom(size))
    (folder / "sparse").mkdir()
    with (folder / "sparse" / "a").open("wb") as handle:
        handle.truncate(2 * 10**9)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), settings=SETTINGS, environ={"SENDING_FILES": str(files)}) as started:
        yield started


@pytest.fixture
def spoiled(files: Path, tmp_path: Path) -> Path:
    """A folder of its own for a test, with one big file and one small."""
    folder = files / tmp_path.name
    folder.mkdir()
    (folder / "a").write_bytes(bytes(range(256)) * (BIG // 256))
    (folder / "b").write_bytes(b"second")
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_whole(self) -> bool:
        return len(self.body) == int(self.headers["content-length"])


def ask(connection: socket.socket, target: str, *, method: str = "GET", close: bool = False) -> None:
    end = "close" if close else "keep-alive"
    connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: {end}\r\n\r\n".encode())


def read_head(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, and what of the body came with them."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(4096)
        assert received, data
        data += received
    head, _, rest = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, rest


def read_body(connection: socket.socket, headers: dict[str, str], body: bytes) -> bytes:
    """Until it is whole, or the connection ends."""
    parts, left = [body], int(headers["content-length"]) - len(body)
    while left > 0:
        try:
            received = connection.recv(min(left, 1 << 20))
        except ConnectionResetError:
            break
        if not received:
            break
        parts.append(received)
        left -= len(received)
    return b"".join(parts)


def read_reply(connection: socket.socket) -> Reply:
    status, headers, rest = read_head(connection)
    return Reply(status=status, headers=headers, body=read_body(connection, headers, rest))


def get(server: Server, target: str) -> Reply:
    with server.connect() as connection:
        ask(connection, target, close=True)
        return read_reply(connection)


def curl(server: Server, target: str) -> int:
    """curl's exit code: 18 is a body shorter than its Content-Length, 22 an error's status, 52 no answer at all."""
    command = [program("curl"), "--silent", "--fail", "--output", os.devnull, server.url + target]
    return subprocess.run(command, check=False, timeout=60).returncode


@pytest.mark.parametrize("mode", MODES)
def test_a_package_arrives_octet_for_octet(server: Server, files: Path, mode: str) -> None:
    reply = get(server, f"/package/small?mode={mode}")
    assert (reply.status, reply.is_whole) == (200, True)
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as package:
        for file in (files / "small").iterdir():
            member = package.extractfile(f"bag/data/{file.name}")
            assert member is not None
            assert member.read() == file.read_bytes()
    if mode != "hashed":
        assert reply.body == get(server, "/package/small?mode=chunks").body


@pytest.mark.parametrize("name", ["0", "1", "5"])
def test_a_single_file_arrives_octet_for_octet(server: Server, files: Path, name: str) -> None:
    reply = get(server, f"/file/small/{name}")
    assert reply.body == (files / "small" / name).read_bytes()
    assert reply.headers["server"] == "packaging-service"


@pytest.mark.parametrize("target", ["/package/small", "/file/small/5"])
def test_head_sends_no_octet_after_its_headers_and_the_connection_goes_on(server: Server, target: str) -> None:
    with server.connect() as connection:
        ask(connection, target, method="HEAD")
        status, headers, rest = read_head(connection)
        assert (status, rest) == (200, b"")
        assert int(headers["content-length"]) > 0
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        ask(connection, target)
        assert read_reply(connection).is_whole


def test_a_connection_is_kept_alive_after_a_zero_copy(server: Server) -> None:
    with server.connect() as connection:
        bodies = []
        for _ in range(3):
            ask(connection, "/package/small")
            reply = read_reply(connection)
            assert reply.headers["connection"] == "keep-alive"
            bodies.append(reply.body)
    assert len(set(bodies)) == 1


def test_what_was_delivered_is_on_record(server: Server, files: Path) -> None:
    length = len(get(server, "/package/small?id=delivered").body)
    assert server.wait_for_rows("select outcome, sent, stop from getapi_delivery where ended>'' and package=?", "delivered") == [
        ("done", length, length)
    ]
    names = sorted(file.name for file in (files / "small").iterdir())
    query = "select dsid from getapi_download where package=? order by dsid"
    wait_until(lambda: len(server.rows(query, "delivered")) >= len(names))
    assert [dsid for (dsid,) in server.rows(query, "delivered")] == names


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_leaves_is_on_record_and_nothing_is_counted_that_it_did_not_get(server: Server, spoiled: Path, mode: str) -> None:
    name = f"gone-{mode}"
    with server.connect(receive_buffer=NARROW) as connection:
        ask(connection, f"/package/{spoiled.name}?mode={mode}&id={name}")
        connection.recv(4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ((outcome, sent),) = server.wait_for_rows("select outcome, sent from getapi_delivery where ended>'' and package=?", name)
    assert outcome == "client-gone"
    assert sent < BIG
    assert server.rows("select * from getapi_download where package=?", name) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", [*FAULTS, "eio", "eio-later"])
def test_a_file_that_fails_before_its_turn_ends_the_package_short(server: Server, spoiled: Path, fault: str, mode: str) -> None:
    package = f"{fault}-{mode}"
    assert curl(server, f"/package/{spoiled.name}?mode={mode}&fault={fault}&id={package}") == 18
    ((outcome, reason),) = server.wait_for_rows("select outcome, reason from getapi_delivery where ended>'' and package=?", package)
    expected = {"vanish": "content-missing", "eio": "source-unavailable", "eio-later": "source-unavailable"}.get(fault, "content-changed")
    assert (outcome, reason) == ("broken", expected)
    assert server.rows("select * from getapi_download where package=?", package) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_file_that_fails_after_planning_is_no_polite_answer(server: Server, spoiled: Path, fault: str, mode: str) -> None:
    assert curl(server, f"/file/{spoiled.name}/a?mode={mode}&fault={fault}") in {18, 22, 52}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("fault", "victim", "goes_on"),
    [
        ("shrink", "a", False),
        ("grow", "a", False),
        ("overwrite", "a", False),
        ("vanish", "a", True),
        ("replace", "a", True),
        ("vanish", "b", False),
        ("replace", "b", False),
    ],
)
def test_what_befalls_a_file_in_the_middle(server: Server, spoiled: Path, fault: str, victim: str, goes_on: bool, mode: str) -> None:
    """``a`` is being sent, ``b`` is next. A file unlinked or renamed over goes on: the descriptor shows what was planned."""
    with server.connect(receive_buffer=NARROW) as connection:
        ask(connection, f"/package/{spoiled.name}?mode={mode}")
        _, headers, rest = read_head(connection)
        while len(rest) < NARROW:  # ``a`` is open by now
            rest += connection.recv(NARROW)
        time.sleep(0.3)  # and the server waits for us
        FAULTS[fault](spoiled / victim)
        body = read_body(connection, headers, rest)
        assert (len(body) == int(headers["content-length"])) is goes_on
        if victim == "a" and not goes_on:
            assert len(body) < BIG


def test_half_closed_peers_and_half_sent_headers_do_not_delay_a_first_octet(server: Server) -> None:
    """New peers for each try: what delays one request only is a delay too. The best of some, because machines have other things to do.

    A server that lingers over closed connections delays requests only now and then, by seconds: all those here together tell it.
    """
    start = time.monotonic()
    best = min(beside_bad_peers(server) for _ in range(5))
    assert time.monotonic() - start < 25
    assert best < 0.05 or any(beside_bad_peers(server) < 0.05 for _ in range(20)), best


def beside_bad_peers(server: Server) -> float:
    with ExitStack() as stack:
        for _ in range(20):
            half_closed = stack.enter_context(server.connect())
            ask(half_closed, "/memory", close=True)
            assert read_reply(half_closed).is_whole
            half_sent = stack.enter_context(server.connect())
            half_sent.sendall(b"GET /memory HTTP/1.1\r\nHost: local")
        return first_octet(server)


def test_silent_connections_take_no_thread(server: Server) -> None:
    """Silent ones of its own for each try, of which one may fall into a machine's pause."""
    assert any(beside_silent_peers(server) < 2 for _ in range(3)), "gunicorn itself would hold a thread for 5 s each"


def beside_silent_peers(server: Server) -> float:
    with ExitStack() as stack:
        for _ in range(2 * 72 + 20):
            stack.enter_context(server.connect())
        return first_octet(server)


def first_octet(server: Server) -> float:
    """Seconds from the request to the first octet of its answer."""
    with server.connect() as connection:
        start = time.monotonic()
        ask(connection, "/package/small", close=True)
        assert connection.recv(1)
        return time.monotonic() - start


@pytest.mark.parametrize(("read_timeout", "answers"), [(1, True), (30, False)], ids=["soon", "late"])
def test_half_sent_headers_free_their_threads_only_because_reads_time_out(
    tmp_path: Path, files: Path, read_timeout: int, answers: bool
) -> None:
    environ = {"SENDING_FILES": str(files), "READ_TIMEOUT": str(read_timeout), "WORKERS": "1"}
    with (
        serving(tmp_path, settings=SETTINGS, threads=9, configuration="tests.web.sending.gunicorn", environ=environ) as server,
        ExitStack() as stack,
    ):
        for _ in range(20):  # two rounds of its nine threads, and a little
            stack.enter_context(server.connect()).sendall(b"GET /memory HTTP/1.1\r\nHost: local")
        time.sleep(0.3)
        connection = stack.enter_context(server.connect())
        connection.settimeout(20 if answers else 4)
        ask(connection, "/memory", close=True)
        if answers:
            assert read_reply(connection).status == 200
            assert "Traceback" not in server.log
        else:
            with pytest.raises(TimeoutError):
                connection.recv(1)


def test_a_reader_that_stops_is_cut_and_one_that_is_slow_is_not(tmp_path: Path, files: Path, spoiled: Path) -> None:
    with serving(tmp_path, settings=SETTINGS, toml='[timeouts]\nstall = "5 s"', environ={"SENDING_FILES": str(files)}) as server:
        with server.connect(receive_buffer=NARROW) as slow, server.connect(receive_buffer=NARROW) as still:
            ask(still, f"/package/{spoiled.name}?id=still")
            ask(slow, f"/package/{spoiled.name}?id=slow")
            _, headers, rest = read_head(slow)
            for _ in range(32):  # 6.4 s within one or two calls of sendfile
                rest += slow.recv(16 << 10)
                time.sleep(0.2)
            assert server.wait_for_rows("select outcome, reason from getapi_delivery where ended>'' and package=?", "still") == [
                ("stalled", "delivery-stalled")
            ]
            assert not read_reply(still).is_whole
            assert len(read_body(slow, headers, rest)) == int(headers["content-length"])
        assert server.wait_for_rows("select outcome from getapi_delivery where ended>'' and package=?", "slow") == [("done",)]


def test_a_server_that_stops_cuts_deliveries_before_its_kill_and_they_are_on_record(tmp_path: Path, files: Path, spoiled: Path) -> None:
    environ = {"SENDING_FILES": str(files), "GRACEFUL_TIMEOUT": "7"}
    with serving(tmp_path, settings=SETTINGS, configuration="tests.web.sending.gunicorn", environ=environ) as server:
        with server.connect(receive_buffer=NARROW) as connection:
            ask(connection, f"/package/{spoiled.name}?id=stopped")
            connection.recv(1)
            os.kill(server.pid, signal.SIGTERM)
            rows = server.wait_for_rows("select outcome, reason from getapi_delivery where ended>'' and package=?", "stopped")
        assert rows == [("shut-down", "delivery-shut-down")]


def test_deliveries_leave_threads_for_others(tmp_path: Path, files: Path, spoiled: Path) -> None:
    with (
        serving(tmp_path, settings=SETTINGS, threads=9, environ={"SENDING_FILES": str(files)}) as server,
        ExitStack() as stack,
    ):
        for _ in range(30):  # one a process may run; the others are refused at once
            connection = stack.enter_context(server.connect(receive_buffer=NARROW))
            ask(connection, f"/package/{spoiled.name}")
        assert get(server, "/memory").status == 200


@pytest.mark.parametrize("mode", ["zero-copy", "chunks"])
def test_two_gigabytes_take_no_memory(server: Server, mode: str) -> None:
    get(server, f"/package/small?mode={mode}")
    before = resident(server)
    assert curl(server, f"/package/sparse?mode={mode}") == 0
    after = resident(server)
    assert all(after[pid] - before[pid] < 20_000 for pid in before)


def resident(server: Server) -> dict[int, int]:
    """The most KiB that each of the two workers ever had."""
    found: dict[int, int] = {}
    end = time.monotonic() + 30
    while len(found) < 2:
        assert time.monotonic() < end
        pid, most = get(server, "/memory").body.split()
        found[int(pid)] = int(most)
    return found
