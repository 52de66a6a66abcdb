"""A fault at every kind of read and place, for a first answer and for a resumed one: what looks complete is the package, each octet."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.resume.asking import Reply, curl, get
from tests.web.resume.kept import Kept
from tests.web.resume.material import FORMATS, member_of
from tests.web.resume.sites import PID, SIZES, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How octets come from the disk: ``calls`` that read them, ``verified`` lately or never, ``splices`` or must be read in chunks."""

    calls: tuple[str, ...]
    verified: bool
    splices: bool = True


WAYS = {
    "zero-copy": Way(calls=("sendfile", "pread"), verified=True),
    "chunks": Way(calls=("pread",), verified=True, splices=False),
    "zero-copy not verified": Way(calls=("sendfile", "pread"), verified=False),
    "verification": Way(calls=("preadv",), verified=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A read of octet ``at`` of ``read``, when something befalls ``victim``; who resumes asks from octet ``resumed`` of ``read`` on."""

    read: str
    at: int
    resumed: int
    victim: str = "A"


PLACES = {
    "first block": Place(read="A", at=5, resumed=3),
    "middle": Place(read="A", at=1_200_000, resumed=700_000),
    "last block": Place(read="A", at=SIZES["A"] - 20_000, resumed=SIZES["A"] - 30_000),
    "between members": Place(read="A", at=SIZES["A"] - 1, resumed=SIZES["A"] - 2, victim="B"),
    "second member": Place(read="B", at=39_999, resumed=0, victim="B"),
}
OF_THE_DISK = ("short", "slow", "eio", "end")
OF_THE_FILE = ("overwrite", "shrink", "grow", "replace", "vanish")
HARMLESS = ("short", "slow")
DEADLY = ("eio", "end", "overwrite", "shrink")
CHANGED = {404, 409, 410, 0}
"""Missing or changed where the window begins; gone, where a reading that was under way for somebody else was the first to come by;
0: between the first look at it and the first word."""

REFUSALS = {"short": set[int](), "slow": set[int](), "eio": {503}, "end": {409}} | dict.fromkeys(OF_THE_FILE, CHANGED)
"""What may be answered where the fault is found before the first octet leaves."""


def befall(site: Site, name: str, way: Way, place: Place) -> AbstractContextManager[Callable[[], bool]]:
    return site.fault(name, calls=way.calls, splices=way.splices, read=place.read, at=place.at, victim=place.victim)


def start_of(package: Kept, place: Place, *, resumed: bool) -> int:
    return member_of(package.whole, package.kind, place.read).start + place.resumed if resumed else 0


def ask_from(site: Site, package: Kept, start: int) -> Reply:
    return get(site.server, package.address, range=f"bytes={start}-") if start else get(site.server, package.address)


CASES = [
    (kind, by, name, place)
    for kind, by, name, place in itertools.product(FORMATS, WAYS, (*OF_THE_DISK, *OF_THE_FILE), PLACES)
    if (name in OF_THE_FILE or place != "between members") and (kind == "tar" or by in {"zero-copy", "verification"})
]
"""All in TAR; a ZIP's members are sent by the same code, but what stands in front of them waits for their verification."""


@pytest.mark.parametrize("resumed", [False, True], ids=["first", "resumed"])
@pytest.mark.parametrize(("kind", "by", "name", "at"), CASES)
def test_what_looks_complete_is_the_package(sites: Callable[[bool], Site], kind: str, by: str, name: str, at: str, resumed: bool) -> None:
    way, place = WAYS[by], PLACES[at]
    site = sites(way.verified)
    package = site.packages[kind]
    start = start_of(package, place, resumed=resumed)
    with befall(site, name, way, place) as has_happened:
        answer = ask_from(site, package, start)
        assert has_happened()
    assert answer.status in {206 if start else 200, *REFUSALS[name]}
    if answer.is_whole:
        assert answer.octets == package.whole[start:]
    assert not (answer.is_whole and name in DEADLY), "it looks complete"
    assert answer.is_whole or name not in HARMLESS, "it could have been complete"
    if not answer.is_whole and name in OF_THE_DISK:
        assert package.whole[start:].startswith(answer.octets), "what came is right nevertheless"
        rest = ask_from(site, package, start + len(answer.octets))
        assert answer.octets + rest.octets == package.whole[start:], "it goes on where it broke off, once the disk is well"


@pytest.mark.parametrize("resumed", [False, True], ids=["first", "resumed"])
@pytest.mark.parametrize("at", ["first block", "middle", "last block"])
@pytest.mark.parametrize("name", [*OF_THE_DISK, *OF_THE_FILE])
@pytest.mark.parametrize("by", WAYS)
def test_a_datastream_alone_that_looks_complete_is_it(sites: Callable[[bool], Site], by: str, name: str, at: str, resumed: bool) -> None:
    way, place = WAYS[by], PLACES[at]
    site = sites(way.verified)
    whole, start = site.file("A").read_bytes(), place.resumed if resumed else 0
    with befall(site, name, way, place) as has_happened:
        answer = get(site.server, f"/api/get/{PID}/A", range=f"bytes={start}-")
        assert has_happened()
    assert answer.status in {206, *REFUSALS[name]}
    if answer.is_whole:
        assert answer.octets == whole[start:]
    assert not (answer.is_whole and name in DEADLY), "it looks complete"
    assert answer.is_whole or name not in HARMLESS, "it could have been complete"


@pytest.mark.parametrize("name", ["replace", "vanish"])
@pytest.mark.parametrize("by", ["zero-copy", "chunks"])
@pytest.mark.parametrize("resumed", [False, True], ids=["first", "resumed"])
def test_a_file_that_only_lost_its_name_goes_on(sites: Callable[[bool], Site], kind: str, by: str, name: str, resumed: bool) -> None:
    """The descriptor still shows what was planned."""
    way, place = WAYS[by], PLACES["middle"]
    site = sites(way.verified)
    package = site.packages[kind]
    start = start_of(package, place, resumed=resumed)
    with befall(site, name, way, place):
        assert ask_from(site, package, start).body == package.whole[start:]


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("name", ["eio", "end"])
def test_curl_says_that_it_is_partial_and_goes_on_once_the_disk_is_well(
    sites: Callable[[bool], Site], kind: str, by: str, name: str, tmp_path: Path
) -> None:
    site, file = sites(WAYS[by].verified), tmp_path / "package"
    package = site.packages[kind]
    with befall(site, name, WAYS[by], PLACES["middle"]):
        assert curl(site.server.url + package.address, file, "--fail") == 18
        for _ in range(2):
            assert curl(site.server.url + package.address, file, "--fail") in {18, 22}, (
                "22: it is refused, as it would begin with the fault"
            )
    assert curl(site.server.url + package.address, file) == 0
    assert file.read_bytes() == package.whole


@pytest.mark.parametrize("name", OF_THE_FILE)
@pytest.mark.parametrize("resumed", [False, True], ids=["first", "resumed"])
@pytest.mark.parametrize("verified", [True, False], ids=["verified", "never verified"])
def test_a_package_whose_file_has_changed_is_gone(
    sites: Callable[[bool], Site], kind: str, name: str, resumed: bool, verified: bool, tmp_path: Path
) -> None:
    """Whoever resumes then gets not one octet; curl, which asks for no validator, says so too."""
    way, place, site = Way(calls=("sendfile",), verified=verified), PLACES["middle"], sites(verified)
    package = site.packages[kind]
    start, file = start_of(package, place, resumed=True), tmp_path / "package"
    with befall(site, name, way, place) as has_happened:
        get(site.server, package.address)
        assert has_happened()
        answer = ask_from(site, package, start if resumed else 0)
        assert answer.status == 410
        file.write_bytes(package.whole[:start])
        assert curl(site.server.url + package.address, file, "--fail") == 22
        assert file.stat().st_size == start
