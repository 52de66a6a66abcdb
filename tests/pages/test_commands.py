"""The lines to paste, run as they stand in a shell: against a server that misbehaves, and against a real bag."""

import hashlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest

from getapi.pages.commands import download_loop, verifications
from tests.conformance.foreign import program

WHOLE = Random(1).randbytes(300_000)
Act = Callable[[Any, int], None]


def send(status: int, **headers: str) -> Act:
    def answer(request: Any, start: int) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": "5", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(b"error")

    return answer


def bytes_until(stop: int) -> Act:
    """Octets as far as ``stop``, then the connection ends, however many were announced."""

    def answer(request: Any, start: int) -> None:
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(WHOLE) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}")
        request.end_headers()
        request.wfile.write(WHOLE[start:stop])

    return answer


def silence(request: Any, start: int) -> None:
    """The connection ends before a word."""


@contextmanager
def serving(*acts: Act) -> Iterator[tuple[str, list[int]]]:
    starts: list[int] = []

    class Script(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            field = self.headers.get("Range", "bytes=0-")
            starts.append(int(field.removeprefix("bytes=").rstrip("-")))
            acts[min(len(starts), len(acts)) - 1](self, starts[-1])
            self.close_connection = True

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/it's", starts
        finally:
            server.shutdown()
            thread.join()


def run(url: str, folder: Path, naps: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``naps`` is told for how long the loop would have slept; it does not."""
    loop = download_loop(url=url, file="a package.tar", size=len(WHOLE))
    if naps is not None:
        loop = f'sleep() {{ echo "$1" >> "{naps}"; }}\n{loop}'
    return subprocess.run([program("sh"), "-c", loop], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_it_goes_on_after_breaks_and_refusals_and_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    naps, folder = tmp_path / "naps", tmp_path / "here"
    folder.mkdir()
    acts = (
        silence,
        send(503, Retry_After="7"),
        bytes_until(100_000),
        send(429, retry_after="11"),
        send(502),
        bytes_until(200_000),
        silence,
    )
    with serving(*acts, bytes_until(len(WHOLE))) as (url, starts):
        done = run(url, folder, naps)
    assert done.returncode == 0, done.stderr
    assert (folder / "a package.tar").read_bytes() == WHOLE
    assert [path.name for path in folder.iterdir()] == ["a package.tar"]
    assert starts == [0, 0, 0, 100_000, 100_000, 100_000, 200_000, 200_000]
    assert naps.read_text().split() == ["2", "7", "1", "11", "10", "1", "2", "1"]


@pytest.mark.parametrize("status", [403, 404, 410, 412, 416, 302])
def test_it_ends_where_the_package_is_gone_and_spoils_nothing(tmp_path: Path, status: int) -> None:
    with serving(bytes_until(1000), send(status), bytes_until(len(WHOLE))) as (url, starts):
        done = run(url, tmp_path)
    assert (done.returncode, starts) == (1, [0, 1000])
    assert (str(status) if status >= 400 else "33") in done.stderr
    assert (tmp_path / "a package.tar").read_bytes() == WHOLE[:1000]


def test_a_server_that_sends_something_else_is_not_believed(tmp_path: Path) -> None:
    """As the page of a hotel's network does: a 200 to a range, or nothing like the package's size."""
    with serving(bytes_until(1000), send(200), bytes_until(len(WHOLE))) as (url, _):
        done = run(url, tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "a package.tar").read_bytes() == WHOLE[:1000]
    (tmp_path / "a package.tar").write_bytes(WHOLE + b"x")
    assert run("http://127.0.0.1:1/", tmp_path).returncode == 1


def test_what_is_whole_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "a package.tar").write_bytes(WHOLE)
    assert run("http://127.0.0.1:1/", tmp_path).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_ends_it(tmp_path: Path) -> None:
    loop = download_loop(url="URL", file="/dev/full", size=len(WHOLE))
    with serving(bytes_until(len(WHOLE))) as (url, starts):
        # Of that file nobody can tell the size, nor write beside it.
        loop = loop.replace('{ wc -c < "$file"; }', "false").replace("$file.head", f"{tmp_path}/head").replace("URL", url.replace("'", ""))
        done = subprocess.run([program("sh"), "-c", loop], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(starts)) == (1, 1)
    assert "23" in done.stderr


@pytest.mark.parametrize("checksum", ["sha256", "sha512"])
def test_the_linux_line_finds_what_is_damaged(tmp_path: Path, checksum: str) -> None:
    bag = tmp_path / "a bag"
    bag.mkdir()
    (bag / "one").write_bytes(b"one")
    (bag / f"manifest-{checksum}.txt").write_text(f"{hashlib.new(checksum, b'one').hexdigest()}  one\n")
    line = verifications(name="a bag", checksum=checksum)["linux"]

    def verify() -> int:
        return subprocess.run([program("sh"), "-c", line], cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode

    assert verify() == 0
    (bag / "one").write_bytes(b"two")
    assert verify() != 0
