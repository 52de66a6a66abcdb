"""Whatever an answer looks like it is used or refused: nothing else is raised, and no place stays taken."""

import random
import socket
from contextlib import suppress

import pytest

from getapi.core.errors import PackagingError
from getapi.core.source import DatastreamRecord
from getapi.sources import http, standing
from getapi.sources.http import UrlRefused
from getapi.sources.peer import Peer
from tests.sources.contract import drain
from tests.sources.peers import Answer, Asked, PeerServer, running

BODY = bytes(range(256)) * 20
_WHOLE = [
    b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "x"\r\nContent-Type: text/plain\r\n\r\n' % len(BODY) + BODY,
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "x"\r\n\r\n%x\r\n' % len(BODY) + BODY + b"\r\n0\r\n\r\n",
    b"HTTP/1.1 206 Partial\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/10\r\n\r\n0123456789",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nSet-Cookie: a=b\r\nConnection: upgrade\r\n\r\nabc",
]
_BITS = [
    b"\r\n", b"\n", b"\0", b":", b"-1", b"9" * 20, b"\xff\xfe", b"chunked", b" ", b"\t", b"HTTP/1.1 ", b"999", b"0\r\n\r\n", b"; x=y",
    b"Transfer-Encoding: chunked\r\n", b"Location: http://[\r\n", b"Location: //\x80/\r\n", b"Content-Length: 5\r\n", b"\r\n\r\n",
]  # fmt: skip


def garbled(rng: random.Random) -> bytes:
    out = bytearray(rng.choice(_WHOLE))
    head = out.find(b"\r\n\r\n") + 8
    for _ in range(rng.randint(1, 4)):
        place, octets = rng.randrange(min(head, len(out))), rng.choice([*_BITS, bytes([rng.randrange(256)])])
        out[place : place + rng.choice([0, 1, rng.randint(2, 8)])] = octets
    return bytes(out)


def use(peer: Peer, url: str, rng: random.Random) -> None:
    wanted = DatastreamRecord(
        pid="a:1", dsid="D", version="1", size=rng.choice([None, len(BODY), 10]), mime=rng.choice(["", "image/jpeg"]), remote=True
    )
    match rng.randrange(3):
        case 0:
            peer.fetch(url, limit=10**6)
        case 1:
            peer.head(url)
        case _:
            with peer.files.open(wanted, url, rng.choice([0, 5])) as content:
                drain(content, 1000)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_used_or_refused(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", ())
    monkeypatch.setattr(standing, "AWAY", 0.0)
    rng = random.Random(seed)

    def answer(asked: Asked, right: Answer, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(garbled(rng))

    with running(PeerServer(lambda _: Answer(body=BODY))) as server:
        server.trick = answer
        peer = Peer.at(server.url, repository="r", private=True, patience=1.0, silence=0.5)
        for _ in range(400):
            with suppress(PackagingError, UrlRefused):
                use(peer, f"{server.url}/x", rng)
        assert peer.client.gate is not None
        assert peer.client._brief is not None
        assert (peer.client.gate.taken, peer.client._brief.taken) == (0, 0)


def test_a_chunk_that_is_shorter_than_nothing_is_refused() -> None:
    octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nand so on\r\n0\r\n\r\n"
    with running(PeerServer(lambda _: Answer())) as server:
        server.trick = lambda asked, answer, connection: connection.sendall(octets)
        peer = Peer.at(server.url, repository="r", private=True)
        with pytest.raises(PackagingError):
            peer.fetch(f"{server.url}/x", limit=100)
        with (
            pytest.raises(PackagingError),
            peer.files.open(DatastreamRecord(pid="a:1", dsid="D", version="1"), f"{server.url}/x") as content,
        ):
            drain(content)
