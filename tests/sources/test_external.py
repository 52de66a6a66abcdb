"""External datastreams: what is asked of whom, and what is believed."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import ContentChanged, ContentMissing, SourceUnavailable
from getapi.core.source import ControlGroup, DatastreamRecord, Digest
from getapi.sources.addresses import PinnedAdapter, is_public
from getapi.sources.external import ExternalHosts
from tests.sources.contract import descriptors

BODY = bytes(range(256)) * 9
PUBLIC = "93.184.216.34"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path by its own function, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    @property
    def host(self) -> str:
        return f"files.example.org:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def handle_one(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.server.answers[self.path](self)

    do_GET = do_HEAD = handle_one  # noqa: N815 # http.server's names

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def respond(status: int, body: bytes = b"", **headers: str) -> Answer:
    """``length`` "" sends none; header names have ``_`` for ``-``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | {name.replace("_", "-"): text for name, text in headers.items()}).items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)

    return answer


def ranged(handler: BaseHTTPRequestHandler) -> None:
    start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    if start >= len(BODY):
        return respond(416, Content_Range=f"bytes */{len(BODY)}")(handler)
    respond(206, BODY[start:], Content_Range=f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")(handler)
    return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Pins:
    """Adapters that remember which address they were to connect to, and connect to the test's own server."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def __call__(self, host: str, address: str) -> PinnedAdapter:
        self.addresses.append(address)
        return PinnedAdapter(host, "127.0.0.1")


def record(url: str, size: int | None = None) -> DatastreamRecord:
    return DatastreamRecord(pid="demo:5", dsid="EXT", version="EXT.0", control_group=ControlGroup.EXTERNAL, location=url, size=size)


def hosts_of(server: Server, pins: Pins | None = None, *more: str, address: str = PUBLIC) -> ExternalHosts:
    return ExternalHosts(
        frozenset({server.host, *more}), repository="main", resolver=lambda *_: [address], adapter=pins if pins is not None else Pins()
    )


def read(server: Server, path: str, start: int = 0, size: int | None = None) -> bytes:
    with hosts_of(server).open(record(f"http://{server.host}{path}", size), start) as content:
        octets = b"".join(iter(lambda: content.read(500), b""))
        assert content.descriptor() is None
        assert content.size is not None
        assert content.size - start == len(octets)
        content.confirm()
        return octets


def test_the_body_comes_as_it_is_asked_for_without_encoding_or_credentials(server: Server) -> None:
    server.answers["/x"] = respond(200, BODY)
    assert read(server, "/x") == BODY
    method, _, headers = server.asked[0]
    assert (method, headers["accept-encoding"], headers["host"]) == ("GET", "identity", server.host)
    assert not {"authorization", "cookie", "range"} & headers.keys()


@pytest.mark.parametrize("start", [1, 700, len(BODY) - 1, len(BODY)])
@pytest.mark.parametrize("answer", [ranged, respond(200, BODY)])
def test_a_start_is_asked_as_a_range_and_kept_where_it_is_ignored(server: Server, start: int, answer: Answer) -> None:
    server.answers["/x"] = answer
    assert read(server, "/x", start) == BODY[start:]
    assert server.asked[0][2]["range"] == f"bytes={start}-"


@pytest.mark.parametrize(
    "answer",
    [
        respond(206, BODY, Content_Range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}"),
        respond(206, BODY[5:], Content_Range="bytes 5-/9"),
        respond(206, BODY[5:], Content_Range="bytes 5-10/*"),
        respond(206, BODY[5:]),
        respond(200, BODY, Content_Encoding="gzip"),
        respond(200, BODY, Content_Length="many"),
        respond(204),
        respond(401),
        respond(403),
        respond(500),
        respond(503),
        respond(302),
    ],
)
def test_any_other_answer_is_no_content(server: Server, answer: Answer) -> None:
    server.answers["/x"] = answer
    with pytest.raises(SourceUnavailable):
        read(server, "/x", 5)


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_missing(server: Server, status: int) -> None:
    server.answers["/x"] = respond(status)
    with pytest.raises(ContentMissing):
        read(server, "/x")


def test_another_size_than_planned_is_a_change(server: Server) -> None:
    server.answers["/x"] = respond(200, BODY)
    assert read(server, "/x", size=len(BODY)) == BODY
    with pytest.raises(ContentChanged):
        read(server, "/x", size=len(BODY) + 1)


def test_a_body_shorter_than_announced_is_a_change(server: Server) -> None:
    server.answers["/x"] = respond(200, BODY, Content_Length=str(len(BODY) + 1))
    for start in (0, 10, len(BODY) + 1):
        with pytest.raises(ContentChanged):
            read(server, "/x", start)


def without_length(announced: int) -> Answer:
    """HTTP/1.0 style: GET ends with the connection, HEAD alone names a length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        respond(200, BODY, Content_Length=str(announced) if handler.command == "HEAD" else "")(handler)

    return answer


def test_a_size_that_only_head_tells_is_believed_and_held_to(server: Server) -> None:
    server.answers |= {"/right": without_length(len(BODY)), "/less": without_length(len(BODY) - 1), "/more": without_length(len(BODY) + 1)}
    assert read(server, "/right") == BODY
    assert [asked[0] for asked in server.asked] == ["GET", "HEAD"]
    for path in ("/less", "/more"):
        with pytest.raises(ContentChanged):
            read(server, path)


def test_where_nobody_names_a_size_only_the_end_tells_it(server: Server) -> None:
    server.answers["/x"] = respond(200, BODY, Content_Length="")
    with hosts_of(server).open(record(f"http://{server.host}/x")) as content:
        assert (content.size, b"".join(iter(lambda: content.read(500), b""))) == (None, BODY)


def test_a_part_of_what_has_no_size_cannot_be_had_nor_one_that_is_said_to_have_one(server: Server) -> None:
    server.answers["/x"] = respond(200, BODY, Content_Length="")
    for start, size in ((5, None), (0, len(BODY))):
        with pytest.raises(SourceUnavailable):
            hosts_of(server).open(record(f"http://{server.host}/x", size), start)


def unsized(*bodies: bytes, chunked: bool = False, whole: bool = True) -> Answer:
    """No length, neither by GET nor by HEAD; each GET gets the next body, the last one again and again. ``whole`` false: it breaks off."""
    left = list(bodies)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1" if chunked else "HTTP/1.0"
        handler.send_response(200)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        if handler.command == "GET":
            body = left.pop(0) if len(left) > 1 else left[0]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(body), body) if chunked else body)
            handler.wfile.write(b"0\r\n\r\n" if chunked and whole else b"")

    return answer


def read_unsized(server: Server, **digests: str) -> bytes:
    declared = tuple(Digest(algorithm=name, value=value) for name, value in digests.items())
    with hosts_of(server).open(replace(record(f"http://{server.host}/x"), digests=declared)) as content:
        assert content.size is None
        assert content.descriptor() is None
        octets = b"".join(iter(lambda: content.read(500), b""))
        assert (content.read(0), content.read(1)) == (b"", b"")
        content.confirm()
        return octets


def test_a_body_in_chunks_is_whole_when_its_last_chunk_came(server: Server) -> None:
    server.answers["/x"] = unsized(BODY, chunked=True)
    assert read_unsized(server) == BODY
    assert [asked[0] for asked in server.asked] == ["GET", "HEAD"]
    server.answers["/x"] = unsized(BODY, chunked=True, whole=False)
    with pytest.raises(ContentChanged):
        read_unsized(server)


def test_a_body_that_ends_with_its_connection_is_believed_when_it_comes_twice(server: Server) -> None:
    server.answers["/x"] = unsized(BODY)
    assert read_unsized(server) == BODY
    assert [asked[0] for asked in server.asked] == ["GET", "HEAD", "GET"]
    for first, second in ((BODY[:-1], BODY), (BODY, BODY[:-1]), (BODY, BODY[::-1])):
        server.answers["/x"] = unsized(first, second)
        with pytest.raises(ContentChanged):
            read_unsized(server)


def test_one_with_a_declared_digest_is_left_to_whoever_compares_it(server: Server) -> None:
    server.answers["/x"] = unsized(BODY)
    assert read_unsized(server, md5="0" * 32) == BODY
    assert [asked[0] for asked in server.asked] == ["GET", "HEAD"]


def test_a_body_that_is_not_there_the_second_time_is_not_believed(server: Server) -> None:
    answers = iter([unsized(BODY), unsized(BODY), respond(500)])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        next(answers)(handler)

    server.answers["/x"] = answer
    with pytest.raises(SourceUnavailable):
        read_unsized(server)


@pytest.mark.parametrize(("start", "size"), [(5, None), (0, len(BODY))])
def test_a_part_or_a_known_size_wants_a_length(server: Server, start: int, size: int | None) -> None:
    server.answers["/x"] = unsized(BODY)
    with pytest.raises(SourceUnavailable):
        read(server, "/x", start, size)


def test_redirects_are_followed_and_each_is_checked(server: Server) -> None:
    server.answers |= {"/x": respond(302, Location="/y"), "/y": respond(307, Location=f"http://{server.host}/z"), "/z": respond(200, BODY)}
    pins = Pins()
    with hosts_of(server, pins).open(record(f"http://{server.host}/x")) as content:
        assert content.read(9) == BODY[:9]
    assert pins.addresses == [PUBLIC] * 3


@pytest.mark.parametrize(
    "target", ["http://other.example.org/", "file:///etc/passwd", "http://127.0.0.1/", "ftp://files.example.org/", "//x", "http://["]
)
def test_a_redirect_leads_nowhere_else(server: Server, target: str) -> None:
    server.answers["/x"] = respond(301, Location=target)
    with pytest.raises(ContentMissing):
        read(server, "/x")
    assert len(server.asked) == 1


@pytest.mark.parametrize(("seconds", "asked"), [(0.0, 6), (12.0, 4), (30.0, 1), (59.8, 0)])
def test_all_redirects_together_have_one_deadline(server: Server, seconds: float, asked: int) -> None:
    """``seconds`` pass before each question, as they do where a name is looked up slowly or a server is."""
    server.answers["/x"] = respond(302, Location="/x")
    now = [0.0]

    def resolve(*_: object) -> list[str]:
        now[0] += seconds
        return [PUBLIC]

    hosts = ExternalHosts(frozenset({server.host}), repository="main", resolver=resolve, adapter=Pins(), clock=lambda: now[0])
    with pytest.raises(SourceUnavailable):
        hosts.open(record(f"http://{server.host}/x"))
    assert len(server.asked) == asked


def test_the_time_left_is_how_long_a_server_may_be_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers |= {"/x": respond(302, Location="/y"), "/y": respond(200, BODY)}
    told: list[tuple[float, float]] = []
    real = PinnedAdapter.send

    def send(adapter: PinnedAdapter, *arguments: Any, **options: Any) -> Any:
        told.append(options["timeout"])
        return real(adapter, *arguments, **options)

    monkeypatch.setattr(PinnedAdapter, "send", send)
    now = iter([0.0, 15.0, 40.0])
    hosts = ExternalHosts(
        frozenset({server.host}), repository="main", resolver=lambda *_: [PUBLIC], adapter=Pins(), clock=lambda: next(now)
    )
    with hosts.open(record(f"http://{server.host}/x")) as content:
        assert content.size == len(BODY)
    assert told == [(10.0, 45.0), (10.0, 20.0)]


def test_redirects_without_end_are_given_up(server: Server) -> None:
    server.answers["/x"] = respond(302, Location="/x")
    with pytest.raises(SourceUnavailable):
        read(server, "/x")
    assert len(server.asked) == 6


def test_a_name_that_comes_to_mean_another_address_is_not_followed_there(server: Server) -> None:
    server.answers |= {"/x": respond(302, Location="/y"), "/y": respond(200, BODY)}
    told = iter([[PUBLIC], ["10.0.0.1"]])
    hosts = ExternalHosts(frozenset({server.host}), repository="main", resolver=lambda *_: next(told), adapter=Pins())
    with pytest.raises(ContentMissing):
        hosts.open(record(f"http://{server.host}/x"))
    assert len(server.asked) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], [PUBLIC, "not an address"]])
def test_one_address_that_is_not_public_denies_a_host(server: Server, addresses: list[str]) -> None:
    hosts = ExternalHosts(frozenset({server.host}), repository="main", resolver=lambda *_: addresses, adapter=Pins())
    with pytest.raises(ContentMissing):
        hosts.open(record(f"http://{server.host}/x"))
    assert not server.asked


def test_loopback_is_denied_by_the_real_resolver_too(server: Server) -> None:
    port = server.server_address[1]
    for name in ("localhost", "127.0.0.1", "[::1]", "0", "2130706433"):
        hosts = ExternalHosts(frozenset({f"{name}:{port}"}), repository="main")
        with pytest.raises(ContentMissing):
            hosts.open(record(f"http://{name}:{port}/x"))
    assert not server.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example.org/x",
        "http://files.example.org:81/x",
        "https://files.example.org:80/x",
        "http://sub.files.example.org/x",
        "http://files.example.org@other.example.org/x",
        "http://user:secret@files.example.org/x",
        "http://user@files.example.org/x",
        "http://files.example.org:port/x",
        "http://local.fedora.server/fedora/x",
        "file:///etc/passwd",
        "file://files.example.org/etc/passwd",
        "gopher://files.example.org/x",
        "//files.example.org/x",
        "http:///x",
        "http://f\u0131les.example.org/x",
        "http://files.example.org\\@other.example.org/",
        "",
    ],
)
def test_only_the_allowed_hosts_are_asked(url: str) -> None:
    def fail(*_: object) -> list[str]:
        raise AssertionError("resolved")

    hosts = ExternalHosts(frozenset({"files.example.org"}), repository="main", resolver=fail)
    with pytest.raises(ContentMissing):
        hosts.open(record(url))


def test_hosts_are_compared_without_case_and_with_their_usual_port() -> None:
    asked = list[tuple[str, int]]()

    def remember(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return []

    hosts = ExternalHosts(frozenset({"Files.Example.org"}), repository="main", resolver=remember)
    for url in ("http://FILES.example.org/x", "https://files.example.org:443/x", "http://files.example.org./x"):
        with pytest.raises(SourceUnavailable):
            hosts.open(record(url))
    assert asked == [("files.example.org", 80), ("files.example.org", 443), ("files.example.org", 80)]


def test_a_name_that_cannot_be_resolved_or_reached_is_unavailable(server: Server) -> None:
    def fail(*_: object) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(SourceUnavailable):
        ExternalHosts(frozenset({"files.example.org"}), repository="main", resolver=fail).open(record("http://files.example.org/"))
    hosts = ExternalHosts(frozenset({"files.example.org:1"}), repository="main", resolver=lambda *_: [PUBLIC], adapter=Pins())
    with pytest.raises(SourceUnavailable):
        hosts.open(record("http://files.example.org:1/"))


def test_a_name_that_is_no_name_is_refused() -> None:
    hosts = ExternalHosts(frozenset({f"{'a' * 64}.org"}), repository="main")
    with pytest.raises(ContentMissing):
        hosts.open(record(f"http://{'a' * 64}.org/"))


def test_the_environments_proxies_and_netrc_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answers["/x"] = respond(200, BODY)
    assert read(server, "/x") == BODY


def test_no_connection_is_left_behind(server: Server) -> None:
    server.answers |= {"/x": respond(200, BODY), "/y": respond(500), "/z": respond(302, Location="/y")}
    before = descriptors()
    for path in ("/x", "/y", "/z"):
        with pytest.raises((SourceUnavailable, ContentChanged)):
            read(server, path, size=1)
    hosts_of(server).open(record(f"http://{server.host}/x")).close()
    server.shutdown()
    for _ in range(3000):
        if descriptors() <= before:
            break
        threading.Event().wait(0.01)
    assert descriptors() <= before


def test_tls_verifies_the_name_and_not_the_address() -> None:
    import requests

    adapter = PinnedAdapter("files.example.org", PUBLIC)
    pool = adapter.get_connection_with_tls_context(requests.Request("GET", "https://files.example.org/x").prepare(), verify=True)
    assert (pool.host, pool.port, pool.scheme) == (PUBLIC, 443, "https")
    assert pool.conn_kw["server_hostname"] == pool.assert_hostname == "files.example.org"  # type: ignore[attr-defined] # urllib3's https pool
    adapter.close()


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "", "localhost", "1", "127.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_in_ipv6s_clothes_is_judged_as_itself(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))


@given(st.text())
def test_any_location_is_refused_or_asked(url: str) -> None:
    hosts = ExternalHosts(frozenset({"files.example.org"}), repository="main", resolver=lambda *_: [])
    with pytest.raises((ContentMissing, SourceUnavailable)):
        hosts.open(record(url))
    with pytest.raises((ContentMissing, SourceUnavailable)):
        hosts.open(record(f"http://files.example.org{url}"))
