"""What takes a thread, a descriptor or a stop's time for itself, and must not get it."""

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from http import HTTPStatus
from pathlib import Path

import pytest

from packaging_service.worker import most_connections
from tests.transport.material import wait_until
from tests.web.server import Server, serving

THREADS = 9
TIMES = {"READ_TIMEOUT": "40", "REQUEST_TIMEOUT": "2", "ANSWER_TIMEOUT": "1", "WORKERS": "1"}
LARGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_HEADER = b"GET /healthz HTTP/1.1\r\nHost: local"
HALF_BODY = (
    b"POST /api/get/getToken HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000000\r\n\r\nkey="
)
TOKEN = "WzFd.awEE9A.23w4F-g9UJDp-j0EdWUFtYmAv7ae1cJrKq4IwwqV6c4"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One process of nine threads."""
    with serving(tmp_path, threads=THREADS, configuration="tests.web.sending.gunicorn", environ=TIMES) as started:
        yield started


def answers(server: Server, *, within: float) -> bool:
    with server.connect() as connection:
        connection.settimeout(within)
        connection.sendall(HEALTH)
        with suppress(TimeoutError, ConnectionResetError):
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    return False


def narrow(server: Server) -> socket.socket:
    """A connection on which the kernels hold little: a small window, and small segments."""
    connection = socket.socket()
    connection.settimeout(30)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.connect(("127.0.0.1", server.port))
    return connection


def worker_of(server: Server) -> int:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
    return int(children[0])


@pytest.mark.parametrize("beginning", [HALF_HEADER, HALF_BODY], ids=["header", "body"])
def test_a_request_that_drips_in_holds_a_thread_for_its_time_alone(server: Server, beginning: bytes) -> None:
    def drip(stack: ExitStack) -> list[socket.socket]:
        dripping = [stack.enter_context(server.connect()) for _ in range(THREADS)]
        for connection in dripping:
            connection.sendall(beginning)
        return dripping

    with ExitStack() as stack:
        dripping = _taken(server, stack, drip)
        assert _comes(dripping, lambda: answers(server, within=0.3), seconds=20), "no thread became free"


def _taken(server: Server, stack: ExitStack, take: Callable[[ExitStack], list[socket.socket]]) -> list[socket.socket]:
    """Those that drip of what ``take`` began, once all threads were seen held: tried again where they were free before anybody looked."""
    for _ in range(5):
        dripping = take(stack)
        if _comes(dripping, lambda: not answers(server, within=0.3), seconds=2):
            return dripping
    raise AssertionError("the threads were never taken")


def _comes(dripping: Sequence[socket.socket], is_so: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it is so within that time, while each connection sends an octet now and then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for connection in dripping:
            with suppress(OSError):
                connection.sendall(b"x")
        if is_so():
            return True
    return False


def test_an_answer_that_nobody_takes_holds_a_thread_for_its_time_alone(server: Server) -> None:
    def leave(stack: ExitStack) -> list[socket.socket]:
        for _ in range(THREADS):
            stack.enter_context(narrow(server)).sendall(f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return []  # none of them says a word more

    with ExitStack() as stack:
        _taken(server, stack, leave)
        assert answers(server, within=20)
    assert "Traceback" not in server.log


def test_requests_in_one_segment_are_answered_one_after_another(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEALTH * 2 + HEALTH.replace(b"Host", b"Connection: close\r\nHost"))
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_an_idle_connection_does_not_delay_a_stop(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEALTH)
        while not connection.recv(4096).endswith(b"ok\n"):
            pass
        begun = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        connection.settimeout(40)
        assert connection.recv(1) == b""
        assert time.monotonic() - begun < 20, "all of its time for requests, or for a stop"


def test_a_worker_without_a_descriptor_for_one_more_connection_lives_on(server: Server) -> None:
    worker = worker_of(server)
    assert answers(server, within=20)
    used = len(os.listdir(f"/proc/{worker}/fd"))
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (used + 8, used + 8))
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(server.connect())
        wait_until(lambda: "A connection must wait" in server.log)
    wait_until(lambda: answers(server, within=20))  # while those that are gone still hold all descriptors one may be turned away
    assert worker_of(server) == worker


def test_what_gunicorn_says_is_json_without_secrets(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(f"GET /api/get/demo:1/PDF?token={TOKEN}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    wait_until(lambda: "Invalid HTTP request line" in server.log)
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert any("Invalid HTTP request line" in line["message"] for line in lines)
    assert TOKEN not in server.log


@pytest.mark.parametrize(
    ("request_line", "status", "sentence"),
    [
        (f"GET /api/get/demo:1/PDF?token={TOKEN}\r\n\r\n", 400, "The request cannot be understood"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "x" * 20_000 + "\r\n\r\n", 431, "The request's headers are too large"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: br\r\n\r\n", 501, "The request's transfer coding is not known here"),
        ("GET /<script> HTTP/9\r\nHost: localhost\r\n\r\n", 400, "The request cannot be understood"),
    ],
    ids=["line", "headers", "coding", "version"],
)
def test_what_is_no_http_is_refused_in_xml_and_not_repeated(server: Server, request_line: str, status: int, sentence: str) -> None:
    with server.connect() as connection:
        connection.sendall(request_line.encode())
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    headers, _, body = said.partition("\r\n\r\n")
    assert headers.startswith(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n")
    assert f"Content-Length: {len(body)}" in headers
    assert "Content-Type: application/xml; charset=utf-8" in headers
    assert body == f"<error>{sentence}</error>"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.0\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        ("GET /healthz HTTP/1.0\r\nHost: localhost\r\nHost: elsewhere.example\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: elsewhere.example\r\n", 400),
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: elsewhere.example\r\n", 200),
        ("GET HTTP://elsewhere.example/healthz HTTP/1.1\r\nHost: localhost\r\n", 400),
        ("GET http://somebody@localhost/healthz HTTP/1.1\r\nHost: localhost\r\n", 400),
        ("GET http://[/healthz HTTP/1.1\r\nHost: localhost\r\n", 400),
    ],
)
def test_a_request_names_one_host_and_the_target_s_counts(server: Server, head: str, status: int) -> None:
    """RFC 9112 3.2 and 3.2.2."""
    with server.connect() as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert said.split(b" ", 2)[1] == str(status).encode()
    assert status == 200 or b"<error>The request cannot be understood</error>" in said


def test_a_client_cannot_say_where_the_service_is_mounted(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /x/healthz HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(("descriptors", "most"), [(1 << 20, 1072), (1024, 528), (100, 72)])
def test_connections_leave_descriptors_for_what_threads_open(descriptors: int, most: int) -> None:
    assert most_connections(1072, threads=72, descriptors=descriptors) == most
