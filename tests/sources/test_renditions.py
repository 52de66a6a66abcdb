"""Which of several addresses has a file, and for how long that counts."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from getapi.core.iiif.image import Candidate
from getapi.core.notice import NoticeCode
from getapi.sources import http, renditions
from getapi.sources.peer import Peer
from getapi.sources.picturecontent import is_another_kind
from getapi.sources.renditions import Renditions, Seen, Unseen
from tests.sources.omekas import JPEG, file
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.sources.tricks import garbage

PICTURE = file(JPEG, "image/jpeg", "picture")


@pytest.fixture
def server() -> Iterator[PeerServer]:
    with running(PeerServer(lambda _: PICTURE)) as server:
        yield server


@pytest.fixture
def other() -> Iterator[PeerServer]:
    with running(PeerServer(lambda _: PICTURE)) as server:
        yield server


def looking(server: PeerServer, *hosts: PeerServer, at_once: int = 8) -> Renditions:
    peer = Peer.at(server.url, repository="pictures", private=True, hosts=[urlsplit(each.url).netloc for each in hosts])
    return Renditions(peer, at_once=at_once)


def at(server: PeerServer, *paths: str) -> list[Candidate]:
    return [Candidate(url=f"{server.url}{path}", mime="image/jpeg") for path in paths]


def test_a_server_that_does_not_know_head_is_asked_for_the_thing_itself(server: PeerServer) -> None:
    server.answer = lambda asked: Answer(status=405) if asked.method == "HEAD" else PICTURE
    (found,) = looking(server).look_at_all([("1", at(server, "/a"))])
    assert isinstance(found, Seen)
    assert (found.size, [asked.method for asked in server.asked]) == (len(JPEG), ["HEAD", "GET"])


def test_the_first_reason_that_matters_is_told(server: PeerServer) -> None:
    answers = {"/none": Answer(status=404), "/page": Answer(headers={"Content-Type": "text/html"}), "/away": Answer(status=500)}
    server.answer = lambda asked: answers[asked.path]
    looks = looking(server).look_at_all(
        [("1", at(server, "/none", "/page")), ("1", at(server, "/page", "/away")), ("1", at(server, "/none")), ("1", [])]
    )
    assert [look.code for look in looks if isinstance(look, Unseen)] == [
        NoticeCode.MALFORMED,
        NoticeCode.SOURCE_UNAVAILABLE,
        NoticeCode.CONTENT_MISSING,
        NoticeCode.CONTENT_MISSING,
    ]


def test_a_server_that_is_away_does_not_keep_others_from_being_asked(
    server: PeerServer, other: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.01,))
    found, where = looking(server, other), at(other, "/a")
    other.close()
    away, there = found.look_at_all([("1", where), ("1", at(server, "/a"))])
    assert (away, isinstance(there, Seen)) == (Unseen(code=NoticeCode.SOURCE_UNAVAILABLE), True)
    assert isinstance(found.look_at_all([("2", at(server, "/a"))])[0], Seen)


def test_many_are_asked_for_at_once_and_no_more_than_that(server: PeerServer) -> None:
    server.delay = lambda _: 0.05
    looks = looking(server, at_once=4).look_at_all([("1", at(server, f"/{number}")) for number in range(20)])
    assert all(isinstance(look, Seen) for look in looks)
    assert 2 <= server.most_at_once <= 4


def test_what_was_not_looked_at_in_time_is_believed_to_be_there(server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renditions, "ENOUGH", 0.0)
    (found,) = looking(server).look_at_all([("1", at(server, "/a"))])
    assert (found, server.asked) == (Seen(url=f"{server.url}/a", mime="image/jpeg"), [])


def test_another_version_is_looked_at_anew(server: PeerServer) -> None:
    found = looking(server)
    for version in ("1", "1", "2"):
        found.look_at_all([(version, at(server, "/a"))])
    assert len(server.asked) == 2


def test_a_missing_file_is_remembered_too_but_a_server_that_is_away_for_a_shorter_time(server: PeerServer) -> None:
    clock = [0.0]
    found = looking(server)
    found._clock = lambda: clock[0]

    def asked_after(seconds: float, answer: Answer, version: str) -> int:
        server.answer = lambda _: answer
        found.look_at_all([(version, at(server, "/a"))])
        before, clock[0] = len(server.asked), clock[0] + seconds
        found.look_at_all([(version, at(server, "/a"))])
        return len(server.asked) - before

    assert [asked_after(100, Answer(status=404), "1"), asked_after(301, Answer(status=404), "2")] == [0, 1]
    assert [asked_after(59, Answer(status=500), "3"), asked_after(61, Answer(status=500), "4")] == [0, 1]


@pytest.mark.parametrize(
    ("told", "wanted", "another"),
    [
        ("image/png", "image/jpeg", False),
        ("IMAGE/JPEG; q=1", "image/jpeg", False),
        ("text/html; charset=utf-8", "image/jpeg", True),
        ("application/json", "image/jpeg", True),
        ("application/octet-stream", "image/jpeg", False),
        ("", "image/jpeg", False),
        ("video/mp4", "video/webm", False),
        ("text/html", "", False),
    ],
)
def test_what_says_that_it_is_another_kind_of_thing(told: str, wanted: str, another: bool) -> None:
    assert is_another_kind(told, wanted) is another


def test_a_server_that_takes_longer_than_a_look_may_have_it_nevertheless_and_all_else_there_too(server: PeerServer) -> None:
    """As one does that renders a picture whatever the method. It is found out once, and not again for each of a thousand."""
    server.delay = lambda _: 3.0
    peer = Peer.at(server.url, repository="pictures", private=True)
    began = time.monotonic()
    looks = Renditions(peer, at_once=4, looking=0.6).look_at_all([("1", at(server, f"/{number}", "/other")) for number in range(50)])
    assert time.monotonic() - began < 6  # one after the other in fours: 7.5
    assert looks == [
        Unseen(code=NoticeCode.SOURCE_UNAVAILABLE, believed=Seen(url=f"{server.url}/{number}", mime="image/jpeg")) for number in range(50)
    ]
    assert len(server.asked) < 12


@pytest.mark.parametrize("slow", [True, False])
def test_what_was_believed_gets_no_mark_later_while_its_size_is_unknown(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """Its version would be another one, and a preparation that is under way would not know it again."""
    found, clock = looking(server), [0.0]
    found._clock, found._looking = lambda: clock[0], 0.6
    monkeypatch.setattr(renditions, "ENOUGH", 60.0 if slow else 0.0)
    server.delay = lambda _: 2.0 if slow else 0.0
    unsized = Answer(headers={**PICTURE.headers, "Content-Length": ""})
    server.answer = lambda _: unsized
    believed = Seen(url=f"{server.url}/a", mime="image/jpeg")
    (first,) = found.look_at_all([("1", at(server, "/a"))])
    assert (first.believed if isinstance(first, Unseen) else first) == believed
    monkeypatch.setattr(renditions, "ENOUGH", 60.0)
    server.delay, clock[0] = lambda _: 0.0, 1000.0
    assert found.look_at_all([("1", at(server, "/a"))]) == [believed]
    server.answer, clock[0] = lambda _: PICTURE, 2000.0
    (sized,) = found.look_at_all([("1", at(server, "/a"))])
    assert isinstance(sized, Seen)
    assert (sized.size, sized.mark) == (len(JPEG), PICTURE.headers["ETag"])


def test_one_that_fails_in_another_way_is_not_believed(server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", ())
    server.trick = garbage
    assert looking(server).look_at_all([("1", at(server, "/a"))]) == [Unseen(code=NoticeCode.SOURCE_UNAVAILABLE)]


def test_a_redirect_to_a_host_that_is_not_named_is_not_followed(server: PeerServer, other: PeerServer) -> None:
    def away(asked: Asked) -> Answer:
        return Answer(status=302, headers={"Location": f"{other.url}/x"})

    server.answer = away
    assert looking(server).look_at_all([("1", at(server, "/a"))]) == [Unseen(code=NoticeCode.EXTERNAL)]
    assert other.asked == []
