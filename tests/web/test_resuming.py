"""Downloads that break off go on, in another process and after a restart, with the programs that people have."""

import hashlib
import http.client
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.conformance.foreign import program
from tests.sources.stores import DC, BuiltStore, datastream, digest, foxml, inline, location, version
from tests.web.server import TOP, Server, serving

NARROW = 64 << 10
BIG = 1 << 30
PARTS = {"A": 20_000_000, "B": 3_000_001, "C": 0, "D": 5_000_000}
SMALL = "big:1"


def octets_of(dsid: str) -> bytes:
    return random.Random(dsid).randbytes(PARTS[dsid])


def declared(dsid: str) -> str:
    """A knows its SHA-256, D its MD5 alone, B and C nothing: the manifest has to be waited for."""
    kinds = {"A": ("SHA-256", "sha256"), "D": ("MD5", "md5")}
    if dsid not in kinds:
        return ""
    name, algorithm = kinds[dsid]
    return digest(name, hashlib.new(algorithm, octets_of(dsid)).hexdigest())


def managed(pid: str, dsid: str, checksum: str = "") -> str:
    return datastream(dsid, "M", version(f"{dsid}.0", checksum + location(f"{pid}+{dsid}+{dsid}.0")))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    """``big:1`` is some 28 MB, ``huge:1`` a sparse gigabyte."""
    made = BuiltStore(root=tmp_path_factory.mktemp("store"))
    listed = [managed(SMALL, dsid, declared(dsid)) for dsid in PARTS]
    made.put(SMALL, foxml(SMALL, datastream("DC", "X", version("DC.0", inline(DC))), *listed))
    for dsid in PARTS:
        made.put(f"{SMALL}+{dsid}+{dsid}.0", octets_of(dsid))
    made.put("huge:1", foxml("huge:1", managed("huge:1", "A", digest("SHA-256", "0" * 64))))
    with made.put("huge:1+A+A.0", b"").open("wb") as file:
        file.truncate(BIG)
    return made


def settings(store: BuiltStore) -> str:
    return f"""
[[repositories]]
name = "store"
type = "fedora3"
objects = "{store.objects}"
datastreams = "{store.datastreams}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two services on one database: what one made the other sends."""

    first: Server
    second: Server

    @property
    def token(self) -> str:
        return ask_token(self.first, create_key(self.first))


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Twins]:
    one, two = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    shared = {"PACKAGING_DATABASE": f"sqlite:///{one}/db.sqlite3"}
    with ExitStack() as stack:
        first = stack.enter_context(serving(one, toml=settings(store)))
        yield Twins(first=first, second=stack.enter_context(serving(two, toml=settings(store), environ=shared)))


def create_key(server: Server) -> str:
    surroundings = {**os.environ, "DJANGO_SETTINGS_MODULE": "packaging_service.settings"} | {
        "PACKAGING_CONFIG": str(server.folder / "packaging.toml"), "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
    }  # fmt: skip
    command = [sys.executable, str(TOP / "manage.py"), "create_key", f"{time.time_ns()}", "--network", "127.0.0.1"]
    return subprocess.run(command, env=surroundings, check=True, capture_output=True, timeout=60, text=True).stdout.split()[-1]


def post(server: Server, address: str, **fields: str) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", address, urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        return answer, answer.read()


def ask_token(server: Server, key: str) -> str:
    return post(server, "/api/get/getToken", key=key)[1].decode().removeprefix("<token>").removesuffix("</token>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    address: str
    size: int
    sha256: str


@pytest.fixture(scope="module")
def kept(twins: Twins) -> Kept:
    """A package of ``big:1`` as it came whole."""
    answer, body = post(twins.first, "/api/get/PACKAGE", token=twins.token, files=SMALL)
    assert len(body) == int(answer.headers["Content-Length"])
    return Kept(address=answer.headers["Content-Location"], size=len(body), sha256=hashlib.sha256(body).hexdigest())


def link(server: Server, token: str, files: str) -> str:
    answer, _ = post(server, "/api/get/PACKAGE", token=token, files=files, delivery="link")
    assert answer.status == HTTPStatus.CREATED
    return answer.headers["Content-Location"]


def window(server: Server, address: str, start: int, stop: int) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", address, headers={"Range": f"bytes={start}-{stop - 1}"})
        answer = connection.getresponse()
        assert answer.status == HTTPStatus.PARTIAL_CONTENT
        return answer.read()


def is_whole(file: Path, kept: Kept) -> bool:
    return hashlib.sha256(file.read_bytes()).hexdigest() == kept.sha256


@pytest.mark.parametrize("seed", range(3))
def test_any_cut_up_asked_for_in_any_order_from_two_services_is_the_same_package(twins: Twins, kept: Kept, seed: int) -> None:
    chance = random.Random(seed)
    edges = sorted({0, kept.size, *(chance.randrange(kept.size) for _ in range(8)), kept.size - 1, kept.size - 10_300})
    windows = list(itertools.pairwise(edges))
    chance.shuffle(windows)
    pieces = {start: window(chance.choice([twins.first, twins.second]), kept.address, start, stop) for start, stop in windows}
    whole = b"".join(pieces[start] for start in sorted(pieces))
    assert hashlib.sha256(whole).hexdigest() == kept.sha256


def curl(address: str, file: Path, *options: str) -> int:
    return subprocess.run([program("curl"), "-sS", *options, "-C", "-", "-o", str(file), address], check=False, timeout=120).returncode


@pytest.mark.parametrize("there", [0, 1, 10_000, 20_500_000, 27_000_000])
def test_curl_goes_on_with_the_other_service(twins: Twins, kept: Kept, tmp_path: Path, there: int) -> None:
    file = tmp_path / "package.tar"
    file.write_bytes(window(twins.first, kept.address, 0, there) if there else b"")
    assert curl(twins.second.url + kept.address, file) == 0
    assert is_whole(file, kept)


def test_curl_has_nothing_to_do_on_a_whole_file(twins: Twins, kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "package.tar"
    for expected in (0, 0):
        assert curl(twins.first.url + kept.address, file) == expected
        assert is_whole(file, kept)


def test_curl_in_a_loop_puts_a_package_together_from_broken_downloads(twins: Twins, kept: Kept, tmp_path: Path) -> None:
    file, servers = tmp_path / "package.tar", itertools.cycle([twins.first, twins.second])
    codes: list[int] = []
    while not codes or codes[-1]:
        codes.append(curl(next(servers).url + kept.address, file, "--limit-rate", "12M", "--max-time", "1"))
        assert len(codes) < 30
    assert len(codes) > 1
    assert is_whole(file, kept)


def test_wget_goes_on_and_has_nothing_to_do_on_a_whole_file(twins: Twins, kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "package.tar"
    file.write_bytes(window(twins.first, kept.address, 0, 23_000_000))
    for server in (twins.second, twins.first):
        done = subprocess.run([program("wget"), "-q", "-c", "-O", str(file), server.url + kept.address], check=False, timeout=120)
        assert done.returncode == 0
        assert is_whole(file, kept)


def test_aria2_takes_it_with_eight_connections_from_both_services(twins: Twins, kept: Kept, tmp_path: Path) -> None:
    options = ["--quiet", "-x8", "-s8", "-k1M", "--allow-overwrite=true", "--dir", str(tmp_path), "--out", "package.tar"]
    addresses = [twins.first.url + kept.address, twins.second.url + kept.address]
    assert subprocess.run([program("aria2c"), *options, *addresses], check=False, timeout=120).returncode == 0
    assert is_whole(tmp_path / "package.tar", kept)


def test_cancelling_cuts_what_the_other_service_is_sending(twins: Twins) -> None:
    address = link(twins.first, twins.token, "huge:1")
    package_id = address.split("/")[-2]
    with twins.first.connect(receive_buffer=NARROW) as connection:
        connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = len(connection.recv(1 << 16))
        with closing(http.client.HTTPConnection("127.0.0.1", twins.second.port, timeout=60)) as other:
            other.request("DELETE", address.removesuffix("/content"))
            assert other.getresponse().status == HTTPStatus.NO_CONTENT
        began = time.monotonic()
        rows = twins.first.wait_for_rows("SELECT outcome, reason, sent FROM getapi_delivery WHERE package = ?", package_id)
        assert time.monotonic() - began < 5
        try:
            while octets := connection.recv(1 << 20):
                received += len(octets)
        except ConnectionError:
            pass
    assert received < BIG // 2
    assert rows[0][:2] == ("canceled", "package-canceled")
    assert "package-canceled" in twins.first.log
    assert package_id not in twins.first.log


def test_it_goes_on_after_the_service_was_killed_and_started_again(store: BuiltStore, kept: Kept, tmp_path: Path) -> None:
    file = tmp_path / "package.tar"
    folder = tmp_path / "service"
    folder.mkdir()
    with serving(folder, toml=settings(store)) as server:
        address = link(server, ask_token(server, create_key(server)), SMALL)
        download = subprocess.Popen(
            [program("curl"), "-sS", "--limit-rate", "20M", "-o", str(file), server.url + address], stderr=subprocess.DEVNULL
        )
        _wait_for_octets(file)
        _kill(server)
        assert download.wait(30) == 18
    there = file.stat().st_size
    assert 0 < there < kept.size
    with serving(folder, toml=settings(store)) as server:
        assert curl(server.url + address, file) == 0
    assert is_whole(file, kept), "the same request on the same day to an unchanged repository gives the same bytes"


def _wait_for_octets(file: Path) -> None:
    end = time.monotonic() + 30
    while not file.exists() or file.stat().st_size < 1 << 20:
        assert time.monotonic() < end
        time.sleep(0.01)


def _kill(server: Server) -> None:
    """The master and its workers, with no chance to say anything."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()
    for pid in (server.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
