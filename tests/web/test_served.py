"""What only a real server shows: chunked bodies, bodies that never end, broken framing, HEAD on the wire, other origins."""

import http.client
import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import Message

import pytest

from fixtures.repository import Repository
from tests.web.server import Server, serving

ORIGIN = "https://library.example"
EXPOSED = {"Content-Location", "Content-Range", "ETag", "Retry-After"}
MEBIBYTE = bytes(2**20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, demonstration: Repository) -> Iterator[Server]:
    toml = f"""
[[repositories]]
name = "demonstration"
type = "fedora3"
objects = "{demonstration.objects}"
datastreams = "{demonstration.datastreams}"
[cors]
origins = ["{ORIGIN}"]
"""
    with serving(tmp_path_factory.mktemp("served"), toml=toml) as started:
        yield started


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Message
    body: bytes


def ask(server: Server, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request(method, path, body=body, headers=named, encode_chunked=not isinstance(body, bytes | None))
        answer = connection.getresponse()
        return Reply(status=answer.status, headers=answer.headers, body=answer.read())


def raw(server: Server, request: bytes, *, shut: bool = False) -> bytes:
    """All that the server says until it ends the connection or has said nothing for twenty seconds."""
    with server.connect() as connection:
        connection.sendall(request)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(20)
        said = b""
        try:
            while received := connection.recv(1 << 16):
                said += received
        except TimeoutError:
            return said + b"[still open]"
        return said


def post(path: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode() + body


class TestBody:
    def test_a_chunked_one_is_read(self, server: Server) -> None:
        form = {"Content_Type": "application/x-www-form-urlencoded", "Transfer_Encoding": "chunked"}
        answer = ask(server, "POST", "/api/get/getToken", iter([b"key", b"=", b"wrong"]), **form)
        assert (answer.status, answer.body) == (403, b"<error>Token could not be generated</error>")

    def test_a_chunked_one_beyond_the_bound_is_refused_in_xml(self, server: Server) -> None:
        answer = ask(server, "POST", "/api/get/PACKAGE", iter([MEBIBYTE] * 5), Transfer_Encoding="chunked")
        assert (answer.status, answer.body) == (413, b"<error>The request's body is too large</error>")

    def test_an_announced_one_beyond_the_bound_is_refused_before_it_is_sent(self, server: Server) -> None:
        for length in ("4194305", "5000000000", "9" * 40):
            said = raw(server, post("/api/get/PACKAGE", f"Content-Length: {length}"))
            assert said.startswith(b"HTTP/1.1 413 "), said
            assert said.endswith(b"<error>The request's body is too large</error>")

    def test_an_announced_one_beyond_the_bound_that_is_sent_nevertheless_gets_the_answer(self, server: Server) -> None:
        answer = ask(server, "POST", "/api/get/PACKAGE", bytes(9 * 2**20))
        assert (answer.status, answer.body) == (413, b"<error>The request's body is too large</error>")

    @pytest.mark.parametrize(
        "body",
        [
            b"xyz\r\n",
            b"-1\r\n",
            b"\r\n",
            b"5\r\nabcdeXX",
            b"5;a\rb\r\nabcde\r\n0\r\n\r\n",
            b"0\r\nbad trailer\r\n\r\n",
            b"0\r\n\0: x\r\n\r\n",
        ],
    )
    def test_broken_framing_is_refused_and_ends_the_connection(self, server: Server, body: bytes) -> None:
        smuggled = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        said = raw(server, post("/api/get/getToken", "Transfer-Encoding: chunked", body=body + smuggled))
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1") == 1
        assert "Traceback" not in server.log

    @pytest.mark.parametrize("header", ["Content-Length: 100", "Transfer-Encoding: chunked"])
    def test_one_that_ends_too_early_is_no_request(self, server: Server, header: str) -> None:
        body = b"key=abc" if "Length" in header else b"7\r\nkey=abc\r\n"
        said = raw(server, post("/api/get/getToken", header, "Content-Type: application/x-www-form-urlencoded", body=body), shut=True)
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.endswith(b"<error>The request cannot be understood</error>")

    def test_one_that_is_read_leaves_the_connection_open(self, server: Server) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        with closing(connection):
            for _ in range(3):
                connection.request("POST", "/api/get/getToken", "key=x", {"Content-Type": "application/x-www-form-urlencoded"})
                answer = connection.getresponse()
                assert (answer.status, answer.headers["Connection"]) == (403, "keep-alive")
                answer.read()

    @pytest.mark.parametrize(
        "content_type", ["text/plain; x*=bogus''%41", "text/plain; charset=zlib", f"a/b; charset={'a' * 8000}", "\xff"]
    )
    def test_no_content_type_reaches_the_server_s_own_error_page(self, server: Server, content_type: str) -> None:
        said = raw(
            server,
            post("/api/get/getToken?" + "a&" * 2000, f"Content-Type: {content_type}", "Content-Length: 1", "Connection: close", body=b"x"),
        )
        assert said.startswith(b"HTTP/1.1 415 ")
        assert b"\r\n\r\n<error>" in said


@pytest.mark.parametrize(
    "path",
    ["/api/get/rutgers-lib:5678", "/api/get/nobody:1", "/nothing", "/api/get/getToken", "/api/docs", "/api/schema", "/healthz", "/readyz"],
)
def test_head_sends_no_octet_after_its_headers(server: Server, path: str) -> None:
    for accept in ("application/xml", "text/html"):
        said = raw(server, f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = said.partition(b"\r\n\r\n")
        assert body == b""
        assert b"\r\nContent-Length: " in head
        assert b"\r\nContent-Length: 0" not in head


def test_what_is_not_modified_has_no_octet_and_no_length(server: Server) -> None:
    path = "/api/get/rutgers-lib:5678/PDF-1"
    tag = ask(server, "HEAD", path).headers["ETag"]
    said = raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 304 ")
    assert said.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in said
    assert b"Transfer-Encoding" not in said


class TestOtherOrigins:
    def test_one_that_is_configured_may_ask_and_read_what_downloads_need(self, server: Server) -> None:
        for path, status in {
            "/api/get/rutgers-lib:5678": 200,
            "/api/get/rutgers-lib:5678/PDF-1": 200,
            "/api/get/nobody:1": 404,
            "/api/nothing": 404,
        }.items():
            answer = ask(server, "GET", path, Origin=ORIGIN)
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)
            assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == EXPOSED
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "origin" in answer.headers["Vary"].lower()
        assert ask(server, "POST", "/api/get/getToken", bytes(5 * 2**20), Origin=ORIGIN).headers["Access-Control-Allow-Origin"] == ORIGIN

    def test_it_may_ask_beforehand(self, server: Server) -> None:
        wanted = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type, range, if-range, authorization"}
        answer = ask(server, "OPTIONS", "/api/get/PACKAGE", None, Origin=ORIGIN, **wanted)
        assert (answer.status, answer.body) == (200, b"")
        assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "POST", "DELETE"}
        assert {"content-type", "range", "if-range", "authorization"} <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))

    @pytest.mark.parametrize(
        "origin",
        ["https://library.example.evil.example", "http://library.example", "https://library.example:444", "null", "*", "x", "[::1"],
    )
    def test_no_other_may(self, server: Server, origin: str) -> None:
        for method, headers in (("GET", {}), ("OPTIONS", {"Access_Control_Request_Method": "POST"})):
            answer = ask(server, method, "/api/get/rutgers-lib:5678", None, Origin=origin, **headers)
            assert "Access-Control-Allow-Origin" not in answer.headers

    @pytest.mark.parametrize("path", ["/admin/login/", "/healthz", "/readyz", "/static/getapi/page.css", "/", "/xapi/get/a:b"])
    def test_none_may_anything_outside_the_api(self, server: Server, path: str) -> None:
        assert "Access-Control-Allow-Origin" not in ask(server, "GET", path, Origin=ORIGIN).headers

    def test_a_question_that_is_no_preflight_is_a_method_that_is_not_answered(self, server: Server) -> None:
        answer = ask(server, "OPTIONS", "/api/get/PACKAGE", Origin=ORIGIN)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_its_log_is_json_without_a_trace(server: Server) -> None:
    lines = [line for line in server.log.splitlines() if line.startswith("{")]
    assert lines
    assert all("exc_info" not in json.loads(line) for line in lines)
    assert "Traceback" not in server.log
