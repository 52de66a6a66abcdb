"""Whatever is sent, it is understood or refused: never a fault of ours, never a trace, never a secret (SPEC 1)."""

import io
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from getapi.core.verify import verify_tar
from tests.web.conftest import Serve, Spoken
from tests.web.wsgi import Exchange, exchange

pytestmark = pytest.mark.usefixtures("db", "service")
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

METHODS = ("/api/get/getToken", "/api/get/PACKAGE")
NAMES = ("key", "client", "token", "files", "map", "format", "delivery", "name")
latin = st.text(st.characters(codec="latin-1"), max_size=60)
"""What a server passes on: any octet as one letter."""

headers = st.sampled_from(
    [
        "HTTP_ACCEPT",
        "CONTENT_TYPE",
        "HTTP_AUTHORIZATION",
        "HTTP_RANGE",
        "HTTP_HOST",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_USER_AGENT",
        "HTTP_ORIGIN",
        "HTTP_COOKIE",
        "HTTP_REFERER",
        "HTTP_IF_NONE_MATCH",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_HTTP_METHOD_OVERRIDE",
        "REMOTE_ADDR",
        "QUERY_STRING",
        "CONTENT_LENGTH",
        "HTTP_EXPECT",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    ]
)
addresses = st.sampled_from(["/api/get/rutgers-lib:5678/DC", "/api/get/rutgers-lib:5678", "/api/schema", "/healthz", "/nothing"])
trees = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner),
)
part_headers = st.sampled_from(["Content-Disposition: form-data; ", "Content-Type: ", "Content-Transfer-Encoding: ", ""])
CHARSETS = [
    "zlib",
    "bz2",
    "hex",
    "base64",
    "rot13",
    "idna",
    "punycode",
    "utf-7",
    "utf-16",
    "undefined",
    "unicode_escape",
    "ÿ",
    "utf-8",
    "*",
]
KINDS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b")
XML = "application/xml; charset=utf-8"


@pytest.fixture
def service(serve: Serve) -> None:
    serve()


def understood(answer: Exchange) -> bool:
    """Answered or refused in one of our dresses."""
    if answer.status >= 400 and "xml" in answer.headers.get("Content-Type", ""):
        assert answer.body == b"" or (answer.body.startswith(b"<error>") and answer.body.endswith(b"</error>"))
    return answer.status < 500 and b"Traceback" not in answer.body


@fuzz
@given(method=st.sampled_from(METHODS), parameters=st.dictionaries(st.sampled_from(NAMES) | latin, latin), extra=st.binary(max_size=20))
def test_any_form(method: str, parameters: dict[str, str], extra: bytes) -> None:
    body = urlencode(parameters, encoding="latin-1").encode() + extra
    assert understood(exchange("POST", method, body, CONTENT_TYPE="application/x-www-form-urlencoded"))


@fuzz
@given(method=st.sampled_from(METHODS), value=trees)
@example(method=METHODS[1], value={"token": {}, "files": [None, [None]]})
def test_any_json(method: str, value: object) -> None:
    assert understood(exchange("POST", method, json.dumps(value).encode(), CONTENT_TYPE="application/json"))


words = st.sampled_from(
    ["rutgers-lib:5678", "rutgers-lib:1234/SMAP-PRES", "/", ";", ":", "DC", "%3A", "info:fedora/", "Twin:poem.1", "\0", " "]
)


@fuzz
@given(files=st.lists(words | st.text(max_size=3), max_size=8), maps=st.lists(words, max_size=4), name=st.none() | st.text())
def test_any_request_of_somebody_who_may_ask(token: str, files: list[str], maps: list[str], name: str | None) -> None:
    parameters = {"token": token, "files": "".join(files), "map": "".join(maps), "name": name}
    answer = exchange("POST", METHODS[1], json.dumps(parameters).encode(), CONTENT_TYPE="application/json")
    assert answer.status in {200, 400}
    if answer.status == 200:
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        assert verify_tar(io.BytesIO(answer.body)).problems == ()


@fuzz
@given(body=st.binary(max_size=200), content_type=st.sampled_from(["application/json", "multipart/form-data; boundary=b"]) | latin)
def test_any_octets_of_any_type(body: bytes, content_type: str) -> None:
    assert understood(exchange("POST", METHODS[0], body, CONTENT_TYPE=content_type))


@fuzz
@given(parts=st.lists(st.tuples(part_headers, latin, latin)))
def test_any_multipart(parts: list[tuple[str, str, str]]) -> None:
    body = "".join(f'--b\r\nContent-Disposition: form-data; name="key"\r\n{head}{rest}\r\n\r\n{text}\r\n' for head, rest, text in parts)
    assert understood(exchange("POST", METHODS[0], (body + "--b--").encode("latin-1"), CONTENT_TYPE="multipart/form-data; boundary=b"))


@fuzz
@given(path=latin, method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "BREW", "get", "DELETE"]))
@example(path="demo:1/\0", method="GET")
@example(path="rutgers-lib:5678/\xed\xa0\x80", method="GET")
def test_any_path(path: str, method: str) -> None:
    for prefix in ("/", "/api/get/", "/api/get/rutgers-lib:5678/"):
        answer = exchange(method, prefix + path)
        assert understood(answer)
        assert method != "HEAD" or answer.body == b""


@fuzz
@given(name=headers, value=latin, address=addresses)
@example(name="CONTENT_TYPE", value="text/plain; x*=bogus''%41", address="/nothing")
@example(name="CONTENT_TYPE", value="text/plain; charset=zlib", address="/api/get/rutgers-lib:5678/DC")
@example(name="CONTENT_TYPE", value=f"text/plain; charset={'a' * 20_000}", address="/nothing")
@example(name="CONTENT_LENGTH", value="1" + "0" * 30, address="/nothing")
@example(name="CONTENT_LENGTH", value="-1", address="/nothing")
@example(name="CONTENT_LENGTH", value="²", address="/nothing")
@example(name="QUERY_STRING", value="a&" * 4000, address="/api/get/rutgers-lib:5678/DC")
@example(name="QUERY_STRING", value="token=%ff%00\xff", address="/api/get/rutgers-lib:5678/DC")
def test_any_header(name: str, value: str, address: str) -> None:
    assert understood(exchange("GET", address, b"", **{name: value}))


@pytest.mark.parametrize("charset", [*CHARSETS, "a" * 9000, '"'])
@pytest.mark.parametrize("kind", KINDS)
def test_no_charset_that_a_client_names_is_ever_looked_up(charset: str, kind: str) -> None:
    answer = exchange("POST", METHODS[0], b"x=1", CONTENT_TYPE=f"{kind}; charset={charset}", QUERY_STRING="a&" * 2000)
    assert answer.status in {400, 415}
    assert answer.headers["Content-Type"] == XML


def test_forms_and_json_are_utf_8_whatever_is_said() -> None:
    form = exchange("POST", METHODS[0], b"KEY=1", CONTENT_TYPE="application/x-www-form-urlencoded; charset=ISO-8859-1")
    assert form.body == b"<error>Missing parameter: key</error>"
    boundary = "(b'c)+_,-./:=? d"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="KEY"\r\n\r\n1\r\n--{boundary}--'.encode()
    mixed = exchange("POST", METHODS[0], part, CONTENT_TYPE=f'Multipart/Form-Data; charset=utf-16; boundary="{boundary}"')
    assert mixed.body == b"<error>Missing parameter: key</error>"


class Breaking(io.BytesIO):
    """A connection that fails in the middle of a body."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, _count: int | None = -1, /) -> bytes:
        raise self.error


@pytest.mark.parametrize(("error", "status"), [(BlockingIOError(), 408), (OSError("reset"), 400), (ConnectionResetError(), 400)])
def test_a_body_that_breaks_off_is_the_asker_s_fault(error: Exception, status: int, spoken: Spoken) -> None:
    answer = exchange("POST", METHODS[0], source=Breaking(error), CONTENT_LENGTH="10")
    assert answer.status == status
    assert answer.body.startswith(b"<error>")
    assert all(record.exc_info is None for record in spoken.records)


def test_a_body_shorter_than_announced_is_not_taken_for_whole() -> None:
    answer = exchange("POST", METHODS[0], b"key=abc", CONTENT_LENGTH="8", CONTENT_TYPE="application/x-www-form-urlencoded")
    assert answer.status == 400


@pytest.mark.parametrize(
    ("announced", "length", "status"),
    [("", 4 * 2**20, 415), ("", 4 * 2**20 + 1, 413), *((text, 0, 413) for text in ("4194305", "9" * 19, "9" * 40, "x", "-1"))],
)
def test_a_body_is_at_most_four_mebibytes(announced: str, length: int, status: int) -> None:
    answer = exchange("POST", METHODS[1], b"a" * length, CONTENT_TYPE="text/plain", CONTENT_LENGTH=announced or str(length))
    assert answer.status == status
    assert answer.body.startswith(b"<error>")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_chunked_body_is_read_like_any_other_and_bounded() -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "Chunked", "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": ""}
    assert exchange("POST", METHODS[0], b"KEY=1", **chunked).body == b"<error>Missing parameter: key</error>"
    assert exchange("POST", METHODS[0], b"a" * (4 * 2**20 + 1), **chunked).status == 413


@pytest.mark.parametrize("text", ["\0", "\x1b[2J", "\u2028", "\ud800", "<script>", "]]>", "&", "\ufffe", "%0a", "🦊"])
def test_what_is_repeated_in_an_answer_is_harmless_in_it(text: str) -> None:
    path = f"/api/get/a:{text}".encode("utf-8", "surrogatepass").decode("latin-1")
    for accept in ("application/xml", "application/json", "text/html"):
        answer = exchange("GET", path, HTTP_ACCEPT=accept)
        assert answer.status == 404
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert accept == "application/json" or b"<script>" not in answer.body
    assert json.loads(exchange("GET", path, HTTP_ACCEPT="application/json").body)["status"] == 404
    assert exchange("GET", f"/api/get/{quote(text, errors='surrogatepass')}").status == 404
