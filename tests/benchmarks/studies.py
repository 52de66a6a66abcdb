"""A study out of a real Orthanc, beside Orthanc's own archive of it; and members of a server that is slow to open each."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from fixtures.orthanc import PROGRAM, Study, make_study, orthanc
from getapi.core.layout import lay_out
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.sources.fedora3rest import Fedora3RestSource
from getapi.sources.peer import Peer
from getapi.sources.registry import Registry, RoutedSource
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.core.test_planner import NOW, RULES
from tests.sources.fedora import Fedora
from tests.sources.peers import PeerServer, running
from tests.sources.stores import BuiltStore, datastream, foxml, location, version
from tests.transport.material import no_doubt
from tests.web.server import serving

INSTANCES, SIDE = 200, 512
MEMBERS, SLOW = 100, 0.3
PID = "demo:1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """``seconds`` from the question to the last octet, its status or page included; ``octets`` came."""

    how: str
    octets: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """``count`` members of a server that takes ``each`` seconds to open one."""

    count: int
    each: float
    seconds: float

    @property
    def ratio(self) -> float:
        """To one after the other."""
        return self.count * self.each / self.seconds


def study_rows(folder: Path, *, rounds: int) -> list[StudyRow]:
    """Nothing where Orthanc is not installed; medians of the rounds, in which each takes its turn."""
    if PROGRAM is None:
        return []
    (folder / "orthanc").mkdir(parents=True)
    with orthanc(folder / "orthanc") as server:
        study = server.fill(make_study(Study(series=(("Axial", INSTANCES // 2), ("Sagittal", INSTANCES // 2)), side=SIDE)))[0][
            "ParentStudy"
        ]
        ways: dict[str, Callable[[], int]] = {
            "Orthanc's own /archive (ZIP, deflated)": lambda: _take(f"{server.url}/studies/{study}/archive")
        }
        (folder / "zip").mkdir()
        (folder / "tar").mkdir()
        with (
            serving(folder / "zip", toml=_toml(server.url, "zip")) as zipping,
            serving(folder / "tar", toml=_toml(server.url, "tar")) as tarring,
        ):
            ways["this service, ZIP"] = lambda: _take_package(zipping.url, study)
            ways["this service, TAR"] = lambda: _take_package(tarring.url, study)
            taken = {how: [_time(take) for _ in range(rounds)] for how, take in ways.items()}
    return [
        StudyRow(how=how, octets=found[0][0], seconds=statistics.median(seconds for _, seconds in found)) for how, found in taken.items()
    ]


def slow_members(folder: Path) -> Slow:
    store = BuiltStore(root=folder)
    parts = []
    for number in range(MEMBERS):
        name, octets = f"PAGE-{number}", bytes([number]) * 2000
        store.put(f"{PID}+{name}+{name}.0", octets)
        parts.append(datastream(name, "M", version(f"{name}.0", location(f"{PID}+{name}+{name}.0"), SIZE=str(len(octets)))))
    store.put(PID, foxml(PID, *parts))
    with running(PeerServer(Fedora(path=store.path).answer)) as server:
        server.delay = lambda asked: SLOW if asked.path.endswith("/content") else 0.0
        source = Fedora3RestSource(name="fedora", peer=Peer.at(f"{server.url}/fedora", repository="fedora", private=True))
        registry = Registry([RoutedSource(source=source)])
        request = parse_request(files=PID, maps=None, name=None, formats=frozenset({"tar"}), max_text=2**20, max_entries=10)
        layout = lay_out(plan_package(request, repositories=registry, rules=RULES, now=NOW))
        transfer, began = Transfer(None, total=layout.length), time.monotonic()
        for _ in send(layout, start=0, stop=layout.length, open_entry=registry.open, transfer=transfer, doubt=no_doubt()):
            pass
        return Slow(count=MEMBERS, each=SLOW, seconds=time.monotonic() - began)


def _toml(url: str, form: str) -> str:
    return f"""
[compat.orthanc]
repository = "pacs"
format = "{form}"
[[repositories]]
name = "pacs"
type = "orthanc"
url = "{url}"
allow_private = true
networks = ["127.0.0.1"]
"""


def _take_package(url: str, study: str) -> int:
    return _take(requests.get(f"{url}/api/studies/{study}/archive", timeout=120).json()["download-url"])


def _take(url: str) -> int:
    with requests.get(url, stream=True, timeout=120) as answer:
        answer.raise_for_status()
        return sum(map(len, answer.iter_content(1 << 18)))


def _time(take: Callable[[], int]) -> tuple[int, float]:
    began = time.monotonic()
    return take(), time.monotonic() - began
