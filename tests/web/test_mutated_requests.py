"""Requests with octets changed, cut out and put in, as they come from a wire: refused or answered, never a fault, never a hang."""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from fixtures.repository import Repository
from tests.web.server import Server, serving

MANY = 1500
HEAD = b"Host: localhost\r\nConnection: close\r\n"
REQUESTS = (
    b"GET /api/get/rutgers-lib:5678/PDF-1 HTTP/1.1\r\n"
    + HEAD
    + b'Range: bytes=0-99\r\nIf-Range: "x"\r\nAccept: text/html;q=0.5, */*\r\n\r\n',
    b"POST /api/get/getToken HTTP/1.1\r\n"
    + HEAD
    + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\nkey=a&client=",
    b"POST /api/get/ESTIMATE HTTP/1.1\r\n" + HEAD + b"Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'3F\r\n--b\r\nContent-Disposition: form-data; name="files"\r\n\r\na:1\r\n--b--\r\n\r\n0\r\n\r\n',
    b"GET http://localhost/api/get/rutgers-lib:1234?token=x HTTP/1.1\r\n"
    + HEAD
    + b"X-Forwarded-For: 192.0.2.1, ::1\r\nAuthorization: Bearer x\r\n\r\n",
)
PIECES = (
    b"\r\n",
    b"\0",
    b"%00",
    b"%",
    b"\xff",
    b":",
    b'"',
    b"9" * 25,
    b"\r\nHost: x",
    b"\r\nRange: bytes=1-2",
    b"@",
    b"://",
    b"[",
    b"\t",
    b",,",
    b";",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, demonstration: Repository) -> Iterator[Server]:
    stores = f'objects = "{demonstration.objects}"\ndatastreams = "{demonstration.datastreams}"'
    toml = f'[[repositories]]\nname = "demonstration"\ntype = "fedora3"\n{stores}'
    with serving(tmp_path_factory.mktemp("server"), toml=toml) as started:
        yield started


def mutated(chance: random.Random) -> bytes:
    octets = bytearray(chance.choice(REQUESTS))
    for _ in range(chance.choice([0, 1, 1, 2, 3, 8])):
        place = chance.randrange(len(octets))
        match chance.randrange(4):
            case 0:
                octets[place] = chance.randrange(256)
            case 1 if len(octets) > 64:
                del octets[place : place + chance.choice([1, 2, 5, 20])]
            case 2:
                octets += octets[place:]
            case _:
                octets[place:place] = chance.choice(PIECES)
    return bytes(octets)


def status(server: Server, request: bytes) -> str:
    """Of the first answer; nothing where there is none."""
    with server.connect() as connection:
        connection.settimeout(20)
        with suppress(ConnectionError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))[9:12].decode("latin-1")
    return ""


def test_no_octets_that_come_are_a_fault(server: Server) -> None:
    chance = random.Random(20261129)
    seen = {status(server, request): request for request in (mutated(chance) for _ in range(MANY))}
    assert {"200", "206", "400", "403", "404"} <= set(seen)
    assert {code: request for code, request in seen.items() if code.startswith("5") and code != "501"} == {}
    assert "Traceback" not in server.log
