"""Files that are not what the repository declares: nobody ever gets a member's last block, whatever he asks for and however it is sent."""

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace

import pytest

from tests.web.resume.asking import Reply, get
from tests.web.resume.kept import Kept
from tests.web.resume.material import Member, Part, file_of, member_of, put_object, some
from tests.web.resume.sites import Site

HELD = 64 << 10
SIZE = 1_400_000
GOOD = Part(dsid="A", octets=some(30_000, "good"), declares="sha256")
SOUND = Part(dsid="B", octets=some(SIZE, "sound"))
DAMAGED = {"at its first octet": 0, "in its middle": 700_000, "at its last octet": SIZE - 1}
ASKED = {"first": None, "in its middle": 700_000, "just before its last block": SIZE - HELD - 1, "in its last block": SIZE - HELD + 100}
"""Where in the member a resumed answer begins, counted from its first octet."""

ALGORITHMS = ["sha256", "md5"]
_numbers = itertools.count()


def rotten(octets: bytes, at: int) -> bytes:
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A package whose member ``B`` is rotten, of which nothing was asked yet; ``member`` is where it lies."""

    site: Site
    pid: str
    address: str
    member: Member

    def ask(self, place: int | None) -> Reply:
        if place is None:
            return get(self.site.server, self.address)
        return get(self.site.server, self.address, range=f"bytes={self.member.start + place}-")


def make(site: Site, kind: str, algorithm: str, at: int) -> Case:
    """Its sound twin, of a name as long, shows where the member lies."""
    number = next(_numbers)
    part = replace(SOUND, declares=algorithm)
    put_object(site.store, f"sound-{number:04}:1", GOOD, part)
    put_object(site.store, f"rotty-{number:04}:1", GOOD, replace(part, rotten=rotten(part.octets, at)))
    twin = Kept(site.application.package(f"sound-{number:04}:1", kind), kind)
    pid = f"rotty-{number:04}:1"
    return Case(site=site, pid=pid, address=site.application.link(pid, kind), member=member_of(twin.whole, kind, "B"))


def assert_held_back(answer: Reply) -> None:
    """No piece of the last 64 KiB is there, nor does the answer look complete."""
    assert answer.status in {200, 206, 410, 502}
    assert not answer.is_whole
    last = SOUND.octets[-HELD:]
    assert not any(last[place : place + 16] in answer.body for place in range(0, HELD - 1024, 1024))


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("by", ["zero-copy", "chunks"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_last_block_never_leaves(sites: Callable[[bool], Site], kind: str, algorithm: str, by: str, asked: str) -> None:
    """The first who asks for it at all gets none of it, nor when he asks once more."""
    site = sites(True)
    case = make(site, kind, algorithm, DAMAGED["in its middle"])
    with site.in_chunks() if by == "chunks" else nullcontext():
        answer = case.ask(ASKED[asked])
        assert_held_back(answer)
        assert answer.status == (502 if asked == "in its last block" else 200 if asked == "first" else 206), "it was not known before"
        assert_held_back(case.ask(ASKED[asked]))


def wait_until_known(case: Case) -> None:
    end = time.monotonic() + 25
    while (answer := case.ask(None)).status != 410:
        assert_held_back(answer)
        assert time.monotonic() < end


@pytest.mark.parametrize("damaged", DAMAGED)
def test_wherever_it_is_damaged(sites: Callable[[bool], Site], kind: str, damaged: str) -> None:
    case = make(sites(True), kind, "sha256", DAMAGED[damaged])
    assert_held_back(case.ask(None))


def test_a_tar_goes_as_far_as_it_can(sites: Callable[[bool], Site]) -> None:
    """What is held back is the last block alone: a ZIP's member waits for its checksum, which is in front of it."""
    case = make(sites(True), "tar", "sha256", DAMAGED["at its last octet"])
    answer = case.ask(None)
    assert len(answer.body) == case.member.stop - HELD


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nor_of_a_datastream_alone(sites: Callable[[bool], Site], algorithm: str, asked: str) -> None:
    site, pid = sites(True), f"rotty-alone-{next(_numbers)}:1"
    put_object(site.store, pid, replace(SOUND, declares=algorithm, rotten=rotten(SOUND.octets, 700_000)))
    answer = get(site.server, f"/api/get/{pid}/B", range=f"bytes={ASKED[asked] or 0}-")
    assert answer.status == (502 if asked == "in its last block" else 206)
    assert_held_back(answer)


def test_all_who_ask_at_once_are_held_back(sites: Callable[[bool], Site], kind: str) -> None:
    case = make(sites(False), kind, "md5", DAMAGED["at its last octet"])
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(case.ask, [None, 0, 5, 700_000, SIZE - HELD, SIZE - HELD + 1, SIZE - 2, SIZE - 1]))
    for answer in answers:
        assert_held_back(answer)


def test_the_next_package_goes_without_it_and_says_so(sites: Callable[[bool], Site], kind: str) -> None:
    case = make(sites(True), kind, "sha256", DAMAGED["in its middle"])
    wait_until_known(case)
    kept = Kept(case.site.application.package(case.pid, kind), kind)
    assert not [member for member in kept.members if "_B" in member.name]
    assert f"{case.pid}/B\tfixity\t".encode() in kept.whole


@pytest.mark.parametrize("place", [0, 700_000, SIZE - 100])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_octets_that_rot_after_the_package_was_sent_once_are_found_by_who_resumes(
    sites: Callable[[bool], Site], kind: str, algorithm: str, place: int
) -> None:
    """Size, time and inode stay as they were: where nothing counts as verified each reader has it verified."""
    site, pid = sites(False), f"rotting-{next(_numbers)}:1"
    put_object(site.store, pid, GOOD, replace(SOUND, declares=algorithm))
    kept = Kept(site.application.package(pid, kind), kind)
    case = Case(site=site, pid=pid, address=kept.address, member=member_of(kept.whole, kind, "B"))
    file = file_of(site.store, pid, "B")
    status = file.stat()
    with file.open("r+b") as handle:
        handle.write(rotten(SOUND.octets, 1000))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert_held_back(case.ask(place))
