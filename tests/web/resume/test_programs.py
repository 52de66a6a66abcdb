"""The programs that people have: curl, wget and aria2 go on where they were, with whichever service, and what came is counted once."""

import itertools
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conformance.foreign import program
from tests.transport.material import wait_until
from tests.web.resume.asking import DELIVERIES, counted, curl, get, package_of, window
from tests.web.resume.conftest import BIG, BIG_DATASTREAMS, Twins

PLACES = [0, 10_000, 13_500_000, 20_000_000]
"""Octets that are there already: nothing, a part of the first member, of a later one, all members."""


@pytest.fixture
def address(twins: Twins, kind: str) -> str:
    """Of a package of which nothing has left yet."""
    return twins.application.link(BIG, kind)


def assert_arrived(twins: Twins, address: str, file: Path) -> None:
    assert counted(twins.first, address, len(BIG_DATASTREAMS)) == BIG_DATASTREAMS
    assert file.read_bytes() == get(twins.first, address).body, "the same octets as without a break"


@pytest.mark.parametrize("there", PLACES)
def test_curl_goes_on_with_the_other_service(twins: Twins, address: str, tmp_path: Path, there: int) -> None:
    file = tmp_path / "package"
    file.write_bytes(window(twins.first, address, 0, there) if there else b"")
    assert curl(twins.second.url + address, file) == 0
    assert_arrived(twins, address, file)


def test_curl_in_a_loop_puts_a_package_together_from_broken_downloads(twins: Twins, address: str, tmp_path: Path) -> None:
    file, servers = tmp_path / "package", itertools.cycle(twins.both)
    codes: list[int] = []
    while not codes or codes[-1]:
        codes.append(curl(next(servers).url + address, file, "--limit-rate", "15M", "--max-time", "0.5"))
        assert len(codes) < 30
    assert len(codes) > 1
    assert_arrived(twins, address, file)


def test_curl_has_nothing_to_do_on_a_whole_file(twins: Twins, address: str, tmp_path: Path) -> None:
    file = tmp_path / "package"
    for server in twins.both:
        assert curl(server.url + address, file) == 0
    assert_arrived(twins, address, file)


@pytest.mark.parametrize("there", PLACES)
def test_wget_goes_on_and_has_nothing_to_do_on_a_whole_file(twins: Twins, address: str, tmp_path: Path, there: int) -> None:
    file = tmp_path / "package"
    file.write_bytes(window(twins.first, address, 0, there) if there else b"")
    for server in (twins.second, twins.first):
        command = [program("wget"), "-q", "-c", "-O", str(file), server.url + address]
        assert subprocess.run(command, check=False, timeout=120).returncode == 0
    assert_arrived(twins, address, file)


def assert_as_many_responses(twins: Twins, address: str, count: int) -> None:
    """That carried octets of a package. Their rows are written beside the sending, so the last may come after it."""
    end = time.monotonic() + 25
    while len(rows := twins.first.rows(DELIVERIES, package_of(address))) < count:
        assert time.monotonic() < end, rows
        time.sleep(0.02)


def aria2(folder: Path, *urls: str, options: tuple[str, ...] = ()) -> Path:
    options = ("--quiet", "-x8", "-s8", "-k1M", "--allow-overwrite=true", *options, "--dir", str(folder), "--out", "package")
    assert subprocess.run([program("aria2c"), *options, *urls], check=False, timeout=120).returncode == 0
    return folder / "package"


def test_aria2_takes_it_with_eight_connections_from_two_workers_behind_one_address(twins: Twins, address: str, tmp_path: Path) -> None:
    """So slowly that its first connection does not have a good part of everything before it opens the eighth."""
    file = aria2(tmp_path, twins.first.url + address, options=("--max-overall-download-limit=10M",))
    assert_as_many_responses(twins, address, 8)
    assert_arrived(twins, address, file)


def test_aria2_takes_it_with_eight_connections_from_two_services(twins: Twins, address: str, tmp_path: Path) -> None:
    assert_arrived(twins, address, aria2(tmp_path, *(server.url + address for server in twins.both)))


def test_aria2_goes_on_where_it_was(twins: Twins, address: str, tmp_path: Path) -> None:
    """It is broken off by its reader's hand as soon as a MiB is in its file, and finds its own notes."""
    options = ["--quiet", "-x8", "-s8", "-k1M", "--continue=true", "--auto-save-interval=0", "--dir", str(tmp_path), "--out", "package"]
    options += ["--disk-cache=0", "--file-allocation=none"]
    slowly = [program("aria2c"), *options, "--max-overall-download-limit=2M", twins.first.url + address]
    file = tmp_path / "package"
    with subprocess.Popen(slowly) as broken:
        wait_until(lambda: file.exists() and file.stat().st_blocks >= 2048)
        broken.send_signal(signal.SIGINT)
        assert broken.wait(60) == 7, "some downloads were not finished"
    assert (tmp_path / "package.aria2").exists()
    assert subprocess.run([program("aria2c"), *options, twins.second.url + address], check=False, timeout=120).returncode == 0
    assert_arrived(twins, address, file)
