"""Questions to other servers: whose name they carry and where to, how often they are asked, and when they are given up."""

import logging
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from getapi.core.errors import ContentMissing, SourceUnavailable
from getapi.core.source import DatastreamRecord
from getapi.sources import http, standing
from getapi.sources.addresses import is_reachable
from getapi.sources.http import Credentials, HttpClient, UrlRefused, origin
from getapi.sources.peer import Login, Peer
from tests.sources.peers import NAME, Answer, Asked, PeerServer, running
from tests.sources.tricks import LONGEST, dripping_head, silent

SECRET = "open-sesame-7"
DATASTREAM = DatastreamRecord(pid="demo:1", dsid="PDF", version="1", remote=True)


@pytest.fixture
def server() -> Iterator[PeerServer]:
    with running(PeerServer(lambda _: Answer(body=b"here"))) as server:
        yield server


def peer_of(server: PeerServer, **options: object) -> Peer:
    return Peer.at(server.url, repository="r", **{"private": True, **options})  # type: ignore[arg-type] # the tests' own


def get(peer: Peer, path: str = "x") -> bytes:
    return peer.fetch(peer.url(path), limit=1000).octets


def test_connections_are_kept_and_dropped_ones_are_made_anew(server: PeerServer) -> None:
    peer = peer_of(server)
    for _ in range(5):
        assert get(peer) == b"here"
    assert len({asked.connection for asked in server.asked}) == 1
    server.drop()
    assert get(peer) == b"here"
    assert len({asked.connection for asked in server.asked}) == 2


@pytest.mark.parametrize("login", [Login(user="u", password=SECRET), Login(token=SECRET), Login(user="u", password="p", token=SECRET)])
def test_a_login_is_sent_with_each_question(server: PeerServer, login: Login) -> None:
    get(peer_of(server, login=login))
    assert server.asked[0].headers["authorization"] == login.header()


def test_a_login_goes_nowhere_else_and_is_seen_nowhere(server: PeerServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with running(PeerServer(lambda _: Answer(body=b"other"))) as other:
        server.answer = lambda asked: Answer(status=302, headers={"Location": f"{other.url}/y"})
        peer = peer_of(server, login=Login(token=SECRET), hosts=(other.url.removeprefix("http://"),))
        assert get(peer) == b"other"
        assert "authorization" in server.asked[0].headers
        assert "authorization" not in other.asked[0].headers
        other.trick = lambda asked, answer, connection: connection.close()
        with pytest.raises(SourceUnavailable) as caught:
            get(peer, f"x?key_credential={SECRET}")
    told = [str(caught.value), repr(caught.value.facts), repr(caught.value.__cause__), repr(peer), caplog.text]
    assert not any(SECRET in each for each in told)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/", "http://169.254.169.254/", "https://example.org/", "file:///etc/passwd", "http://["]
)
def test_a_redirect_leads_to_configured_hosts_alone(server: PeerServer, target: str) -> None:
    server.answer = lambda _: Answer(status=307, headers={"Location": target})
    with pytest.raises(SourceUnavailable):
        get(peer_of(server))
    with pytest.raises(ContentMissing):
        peer_of(server).files.open(DATASTREAM, f"{server.url}/x")


def test_a_private_address_is_not_connected_to_unless_that_is_configured(server: PeerServer) -> None:
    with pytest.raises(SourceUnavailable):
        get(peer_of(server, private=False))
    assert not server.asked
    for address, private, expected in (
        ("10.0.0.1", True, True), ("10.0.0.1", False, False), ("127.0.0.1", True, True), ("::1", True, True), ("fc00::1", True, True),
        ("::ffff:10.0.0.1", True, True), ("93.184.216.34", False, True),
        ("169.254.169.254", True, False), ("fe80::1", True, False), ("0.0.0.0", True, False), ("224.0.0.1", True, False),
        ("::ffff:169.254.169.254", True, False), ("no address", True, False), ("255.255.255.255", True, False),
    ):  # fmt: skip
        assert is_reachable(address, private=private) is expected, address


def test_what_fails_for_a_moment_is_asked_again(server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.0, 0.0))
    answers = iter([Answer(status=503), Answer(status=502), Answer(body=b"here")])
    server.answer = lambda _: next(answers)
    assert get(peer_of(server)) == b"here"
    assert len(server.asked) == 3


def test_any_other_answer_is_asked_for_once(server: PeerServer) -> None:
    server.answer = lambda _: Answer(status=500)
    with pytest.raises(SourceUnavailable):
        get(peer_of(server))
    assert len(server.asked) == 1


def test_a_server_that_is_away_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", ())
    now, resolved = [100.0], list[str]()

    def resolve(host: str, port: int) -> list[str]:
        resolved.append(host)
        return []

    peer = Peer.at("http://peer.example.org", repository="r", resolver=resolve, clock=lambda: now[0])
    for _ in range(50):
        with pytest.raises(SourceUnavailable):
            get(peer)
    assert len(resolved) == 1
    now[0] += standing.AWAY
    with pytest.raises(SourceUnavailable):
        get(peer)
    assert len(resolved) == 2


@pytest.mark.parametrize("trick", [dripping_head, silent])
def test_no_drip_passes_the_deadline(server: PeerServer, monkeypatch: pytest.MonkeyPatch, trick: object) -> None:
    monkeypatch.setattr(http, "LEAST", 0.05)
    monkeypatch.setattr(http, "PAUSES", ())
    server.trick = trick  # type: ignore[assignment] # one of the hostile
    began = time.monotonic()
    with pytest.raises(SourceUnavailable):
        get(peer_of(server, patience=0.6))
    assert time.monotonic() - began < LONGEST / 2


def test_connecting_takes_no_longer_than_the_whole_question_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that lets nobody in: its queue is full, as behind a firewall that says nothing."""
    monkeypatch.setattr(http, "PAUSES", ())
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(4):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        peer = Peer.at(f"http://127.0.0.1:{listener.getsockname()[1]}", repository="r", private=True)
        began = time.monotonic()
        with pytest.raises(SourceUnavailable):
            peer.client.ask(f"{peer.base}/x", deadline=peer.client.clock() + 1.0, method="HEAD", brief=True)
        assert 0.9 < time.monotonic() - began < http.CONNECTING
        with pytest.raises(SourceUnavailable):
            peer.client.ask(f"{peer.base}/x", deadline=peer.client.clock() + 0.1, method="HEAD", brief=True)


def test_a_document_has_a_bound(server: PeerServer) -> None:
    server.answer = lambda _: Answer(body=bytes(1001))
    with pytest.raises(SourceUnavailable):
        get(peer_of(server))
    server.answer = lambda _: Answer(body=bytes(1000))
    assert len(get(peer_of(server))) == 1000


def test_paths_are_written_so_that_they_stay_one_part_each(server: PeerServer) -> None:
    peer = peer_of(server)
    assert peer.url("objects", "a:b/../c?d#e", query={"x": "1 2"}) == f"{server.url}/objects/a%3Ab%2F..%2Fc%3Fd%23e?x=1+2"


@pytest.mark.parametrize("url", ["http://u:p@127.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http:///x", "x"])
def test_other_urls_are_refused(server: PeerServer, url: str) -> None:
    client = peer_of(server).client
    with pytest.raises(UrlRefused):
        client.ask(url, deadline=client.clock() + 30)


def test_an_origin_has_its_port() -> None:
    assert (origin("https://A.example.org./x"), origin("http://a.example.org:80")) == (
        "https://a.example.org:443",
        "http://a.example.org:80",
    )
    assert SECRET not in repr(Credentials(origin="x", value=SECRET))


def test_html_in_a_pictures_place_is_no_picture(server: PeerServer) -> None:
    server.answer = lambda _: Answer(body=b"<html>", headers={"Content-Type": "text/html"})
    files, url = peer_of(server).files, f"{server.url}/x"
    picture = DatastreamRecord(pid="demo:1", dsid="IMG", version="1", mime="image/jpeg", remote=True)
    with pytest.raises(SourceUnavailable):
        files.open(picture, url)
    for mime in ("text/html; charset=x", "application/xhtml+xml", ""):
        with files.open(DatastreamRecord(pid="demo:1", dsid="PAGE", version="1", mime=mime, remote=True), url) as content:
            assert content.read(100) == b"<html>"


def test_a_size_is_asked_for_by_head(server: PeerServer) -> None:
    files = peer_of(server).files
    assert files.size(DATASTREAM, f"{server.url}/x") == 4
    assert [asked.method for asked in server.asked] == ["HEAD"]
    server.answer = lambda _: Answer(status=404)
    with pytest.raises(ContentMissing):
        files.size(DATASTREAM, f"{server.url}/x")
    server.answer = lambda _: Answer(headers={"Content-Length": ""})
    with pytest.raises(SourceUnavailable):
        files.size(DATASTREAM, f"{server.url}/x")


def test_what_is_not_as_long_as_it_was_said_to_be_is_remembered_for_a_while(server: PeerServer) -> None:
    files = peer_of(server).files

    def half(asked: Asked, answer: Answer, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhere")

    server.trick = half
    with pytest.raises(Exception, match="not what it was"):
        files.open(DATASTREAM, f"{server.url}/x")
    assert files.blame.rests_on(DATASTREAM)
    assert files.blame.rests_on_any("demo:1")
    assert not files.blame.rests_on_any("demo:2")


def test_one_object_that_a_server_hangs_on_does_not_make_it_away_for_the_others(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LEAST", 0.05)
    monkeypatch.setattr(http, "PAUSES", ())
    peer = peer_of(server, patience=0.3)
    server.trick, server.tricked = silent, lambda asked: asked.path == "/hangs"
    for _ in range(3):
        with pytest.raises(SourceUnavailable):
            get(peer, "hangs")
        assert get(peer) == b"here"
    for _ in range(standing.PATIENCE):
        with pytest.raises(SourceUnavailable):
            get(peer, "hangs")
    asked = len(server.asked)
    with pytest.raises(SourceUnavailable):
        get(peer)
    assert len(server.asked) == asked


class TestHostsOfExternalDatastreams:
    """Of which an object may have hundreds: planning asks for each of them in turn."""

    @pytest.fixture
    def client(self, server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> HttpClient:
        monkeypatch.setattr(http, "LEAST", 0.05)
        return HttpClient(frozenset({server.url.removeprefix("http://")}), repository="r", private=True)

    def ask(self, client: HttpClient, server: PeerServer, path: str, *, seconds: float = 0.3) -> None:
        client.ask(f"{server.url}/{path}", deadline=client.clock() + seconds).close()

    def test_one_that_is_silent_is_left_alone_for_a_while(self, client: HttpClient, server: PeerServer) -> None:
        server.trick, server.tricked = silent, lambda asked: asked.path == "/hangs"
        for _ in range(50):
            with pytest.raises(SourceUnavailable):
                self.ask(client, server, "hangs")
        assert len(server.asked) == standing.PATIENCE
        with pytest.raises(SourceUnavailable):
            self.ask(client, server, "x")

    def test_one_object_that_it_hangs_on_closes_it_to_no_other(self, client: HttpClient, server: PeerServer) -> None:
        server.trick, server.tricked = silent, lambda asked: asked.path == "/hangs"
        for _ in range(2 * standing.PATIENCE):
            with pytest.raises(SourceUnavailable):
                self.ask(client, server, "hangs")
            self.ask(client, server, "x", seconds=20)

    def test_one_that_refuses_at_once_costs_no_time_and_is_asked_again(self, client: HttpClient, server: PeerServer) -> None:
        """It may be there again when a preparation tries once more, two seconds later."""
        port = server.port
        client._hosts = frozenset({f"127.0.0.1:{port}", "127.0.0.1:9"})
        for _ in range(5):
            with pytest.raises(SourceUnavailable):
                client.ask("http://127.0.0.1:9/x", deadline=client.clock() + 0.3)
        assert not client._standing("127.0.0.1:9").is_away


@pytest.mark.parametrize("target", ["http://\x00", "/\ud800", "http://127.0.0.1:80\\@x/", "//[::1", "/%zz", "http://*.x/"])
def test_a_redirect_to_what_is_no_url_costs_no_place(server: PeerServer, target: str) -> None:
    server.answer = lambda asked: (
        Answer(status=302, headers={"Location": target.encode("utf-8", "replace").decode("latin-1")}) if asked.path == "/x" else Answer()
    )
    peer = peer_of(server)
    for _ in range(3):
        with suppress(ContentMissing, SourceUnavailable):
            peer.files.open(DATASTREAM, f"{server.url}/x").close()
    assert peer.client.gate is not None
    assert peer.client.gate.taken == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
class TestTls:
    @pytest.fixture(scope="class")
    @classmethod
    def certificate(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("tls")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
        subprocess.run(
            [*command, "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        return folder / "cert.pem"

    @pytest.fixture
    def secure(self, certificate: Path, server: PeerServer) -> PeerServer:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
        return server

    def peer(self, secure: PeerServer, name: str = NAME, **options: object) -> Peer:
        given = {"private": True, "resolver": lambda *_: ["127.0.0.1"], **options}
        return Peer.at(f"https://{name}:{secure.port}", repository="r", **given)  # type: ignore[arg-type] # the tests' own

    def test_a_certificate_must_be_from_a_known_authority_and_for_that_name(self, secure: PeerServer, certificate: Path) -> None:
        peer = self.peer(secure, authorities=certificate)
        for _ in range(3):
            assert get(peer) == b"here"
        assert len({asked.connection for asked in secure.asked}) == 1
        for refused in (self.peer(secure), self.peer(secure, "other.example.org", authorities=certificate)):
            with pytest.raises(SourceUnavailable):
                get(refused)

    def test_a_drip_is_cut_under_tls_too(self, secure: PeerServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "LEAST", 0.05)
        monkeypatch.setattr(http, "PAUSES", ())
        secure.trick = dripping_head
        began = time.monotonic()
        with pytest.raises(SourceUnavailable):
            get(self.peer(secure, authorities=certificate, patience=1.0))
        assert time.monotonic() - began < LONGEST / 2

    def test_a_handshake_that_never_comes_is_cut(self, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "LEAST", 0.05)
        monkeypatch.setattr(http, "PAUSES", ())
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer = Peer.at(
                f"https://{NAME}:{listener.getsockname()[1]}",
                repository="r", private=True, authorities=certificate, patience=1.0, resolver=lambda *_: ["127.0.0.1"],
            )  # fmt: skip
            began = time.monotonic()
            with pytest.raises(SourceUnavailable):
                get(peer)
            assert time.monotonic() - began < LONGEST / 2
