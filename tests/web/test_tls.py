"""Under TLS in the worker, without a proxy in front: what leaves, what is on record, and who takes nothing."""

import hashlib
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.foreign import program
from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version
from tests.web.resume.material import configuration
from tests.web.server import Server, serving

OCTETS = bytes(range(256)) * (24 << 12)
DECLARED = digest("SHA-256", hashlib.sha256(OCTETS).hexdigest())
ADDRESS = "/api/get/one:1/A"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    store = BuiltStore(root=folder / "store")
    store.put("one:1", foxml("one:1", datastream("A", "M", version("A.0", DECLARED + location("one:1+A+A.0")))))
    store.put("one:1+A+A.0", OCTETS)
    tls = {"GUNICORN_CMD_ARGS": f"--certfile {folder / 'cert.pem'} --keyfile {folder / 'key.pem'}"}
    with serving(folder, toml=f"timeouts.stall = 4\n{configuration(store)}", environ=tls, encrypted=True) as started:
        yield started


@contextmanager
def asking(server: Server, *, receive_buffer: int | None = None) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with server.connect(receive_buffer=receive_buffer) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(f"GET {ADDRESS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        yield connection


def taken(connection: ssl.SSLSocket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b"")).partition(b"\r\n\r\n")[2]


STALLED = "SELECT sent FROM getapi_delivery WHERE outcome = 'stalled'"


def test_all_of_it_arrives_and_is_counted(server: Server) -> None:
    with asking(server) as connection:
        assert taken(connection) == OCTETS
    assert server.wait_for_rows("SELECT dsid FROM getapi_download") == [("A",)]


def test_who_takes_nothing_is_cut_when_his_time_is_over(server: Server) -> None:
    with asking(server, receive_buffer=4096) as connection:
        connection.recv(1)
        began = time.monotonic()
        ((sent,),) = server.wait_for_rows(STALLED, seconds=40)
        assert time.monotonic() - began < 25
        assert len(taken(connection)) < len(OCTETS)
    assert sent < len(OCTETS) // 2


def test_who_takes_slowly_is_not_cut_although_one_write_takes_longer(server: Server) -> None:
    """A write of 256 KiB takes some seconds here: longer than ``timeouts.stall``."""
    with asking(server, receive_buffer=4096) as connection:
        begun, data = time.monotonic(), b""
        while time.monotonic() - begun < 9:
            data += connection.recv(8192)
            time.sleep(0.2)
        assert (data + b"".join(iter(lambda: connection.recv(1 << 20), b""))).partition(b"\r\n\r\n")[2] == OCTETS
