"""Places at a server: bounded, given back, and not kept by those who read slowly."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from getapi.core.errors import ContentChanged, SourceUnavailable, TooManyPlans
from getapi.core.source import DatastreamRecord
from getapi.sources import gate, http, standing
from getapi.sources.gate import Gate
from getapi.sources.peer import Peer
from getapi.sources.remotecontent import RemoteContent
from getapi.sources.waiting import stepping_aside
from tests.sources.contract import drain
from tests.sources.peers import Answer, Asked, PeerServer, running

BODY = bytes(range(256)) * 40_000
"""More than all buffers on the way hold."""

DATASTREAM = DatastreamRecord(pid="demo:1", dsid="LARGE", version="1", remote=True)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "IDLE", 0.02)
    monkeypatch.setattr(http, "LEAST", 0.05)
    monkeypatch.setattr(http, "PAUSES", (0.0,))
    monkeypatch.setattr(standing, "AWAY", 0.0)


@pytest.fixture
def server() -> Iterator[PeerServer]:
    with running(PeerServer(lambda _: Answer(body=BODY, headers={"ETag": '"one"'}, ranged=True))) as server:
        yield server


def peer_of(server: PeerServer) -> Peer:
    return Peer.at(server.url, repository="r", private=True, connections=4, patience=2.0)


def open_all(peer: Peer, count: int) -> list[RemoteContent]:
    return [opened(peer, str(number)) for number in range(count)]


def opened(peer: Peer, name: str) -> RemoteContent:
    content = peer.files.open(DATASTREAM, f"{peer.base}/{name}")
    assert isinstance(content, RemoteContent)
    return content


def test_content_without_a_length_keeps_its_place_and_is_in_nobodys_way(server: PeerServer) -> None:
    server.answer = lambda asked: Answer(
        body=BODY, headers={"ETag": '"one"', "Content-Length": "" if asked.path == "/unsized" else str(len(BODY))}
    )
    peer = peer_of(server)
    with peer.files.open(DATASTREAM, f"{peer.base}/unsized") as unsized:
        assert unsized.size is None
        others = open_all(peer, 2)
        time.sleep(0.05)
        opened(peer, "more").close()
    for content in others:
        content.close()


def test_slow_readers_of_any_number_keep_nobody_out_and_get_every_octet(server: PeerServer) -> None:
    peer = peer_of(server)
    assert peer.client.gate is not None
    slow = []
    for content in (opened(peer, str(number)) for number in range(10)):
        slow.append(content)
        assert content.read(1000) == BODY[:1000]
        time.sleep(0.03)
        assert peer.client.gate.taken <= peer.client.gate.places == 3
    for content in slow:
        assert drain(content) == BODY[1000:]
        content.close()
    assert peer.client.gate.taken == 0


def test_where_nothing_says_that_it_is_the_same_still_a_place_is_kept(server: PeerServer) -> None:
    server.answer = lambda _: Answer(body=BODY, ranged=True)
    peer = peer_of(server)
    opened = open_all(peer, 3)
    time.sleep(0.05)
    with pytest.raises(SourceUnavailable):
        peer.files.open(DATASTREAM, f"{peer.base}/more")
    for content in opened:
        assert drain(content) == BODY
        content.close()


def test_what_gave_its_place_up_does_not_go_on_with_other_bytes(server: PeerServer) -> None:
    peer = peer_of(server)
    slow = [*open_all(peer, 2), opened(peer, "2")]
    time.sleep(0.05)
    slow.append(opened(peer, "more"))
    server.answer = lambda _: Answer(body=bytes(len(BODY)), headers={"ETag": '"two"'}, ranged=True)
    outcomes: list[bool | None] = []
    for content in slow:
        try:
            outcomes.append(drain(content) == BODY)
        except ContentChanged:
            outcomes.append(None)
        content.close()
    assert outcomes[0] is None
    assert set(outcomes) == {True, None}


def test_descriptions_have_places_of_their_own(server: PeerServer) -> None:
    peer = peer_of(server)
    opened = open_all(peer, 3)
    assert peer.fetch(peer.url("x"), limit=len(BODY)).octets == BODY
    for content in opened:
        content.close()


def test_a_place_is_waited_for_and_given_on() -> None:
    places = Gate(1)
    assert places.enter(0)
    assert not places.enter(0.05)
    threading.Timer(0.1, places.leave).start()
    assert places.enter(30)
    places.leave()
    assert places.taken == 0


def test_small_content_is_had_at_once_and_keeps_no_place() -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(body=BODY[:60_000])

    with running(PeerServer(answer)) as server:
        peer = peer_of(server)
        opened = open_all(peer, 10)
        assert peer.client.gate is not None
        assert peer.client.gate.taken == 0
        assert {drain(content) for content in opened} == {BODY[:60_000]}


@pytest.mark.parametrize(("body", "length"), [(BODY, ""), (b"small", "5")])
def test_who_may_not_wait_any_longer_gives_his_place_back(server: PeerServer, body: bytes, length: str) -> None:
    """He has an answer by then: of a length that HEAD is asked for, or of octets that are read at once."""
    server.answer = lambda _: Answer(body=body, headers={"ETag": '"one"', "Content-Length": length})
    peer, waits = peer_of(server), [0]

    @contextmanager
    def once(_repository: str) -> Iterator[None]:
        waits[0] += 1
        if waits[0] > 1:
            raise TooManyPlans(limit=1, retry_after=5)
        yield

    with stepping_aside(once), pytest.raises(TooManyPlans):
        opened(peer, "x")
    assert peer.client.gate is not None
    assert peer.client.gate.taken == 0
