"""Several repositories in one package: one that is down costs its own members a notice, and the others no time."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from getapi.core.errors import TooManyPlans
from getapi.core.notice import NoticeCode
from getapi.core.plan import Plan
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.sources import http
from getapi.sources.fedora3rest import Fedora3RestSource
from getapi.sources.peer import Peer
from getapi.sources.registry import Registry, RoutedSource
from getapi.sources.waiting import stepping_aside
from tests.core.test_planner import NOW, RULES
from tests.sources.fedora import Fedora
from tests.sources.peers import Asked, PeerServer, running
from tests.sources.stores import DC, BuiltStore, datastream, foxml, inline, version

SLOW = 0.05
CONNECTING = 4.0


def source_at(url: str, name: str) -> RoutedSource:
    peer = Peer.at(url, repository=name, private=True, patience=20.0)
    return RoutedSource(source=Fedora3RestSource(name=name, peer=peer), namespaces=[name], at_once=4)


@pytest.fixture
def hole() -> Iterator[str]:
    """The address of a server that lets nobody in and sends nobody away."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/fedora"


def _note(times: list[float], _: Asked) -> float:
    times.append(time.monotonic())
    return SLOW


def _together(server: PeerServer, delay: Callable[[Asked], float], asked: Asked) -> float:
    """Nobody is answered before four wait for it."""
    seconds, end = delay(asked), time.monotonic() + 20
    while server.most_at_once < 4 and time.monotonic() < end:
        time.sleep(0.005)
    return seconds


@pytest.fixture
def times() -> dict[str, list[float]]:
    """When each of the servers was asked."""
    return {}


@pytest.fixture
def servers(tmp_path: Path, times: dict[str, list[float]]) -> Iterator[list[PeerServer]]:
    with ExitStack() as stack:
        made = []
        for name in ("one", "two"):
            store = BuiltStore(root=tmp_path / name)
            for number in range(20):
                store.put(f"{name}:{number}", foxml(f"{name}:{number}", datastream("DC", "X", version("DC.0", inline(DC)))))
            server = stack.enter_context(running(PeerServer(Fedora(path=store.path).answer)))
            times[name] = []
            server.delay = partial(_note, times[name])
            made.append(server)
        yield made


@pytest.fixture
def registry(servers: list[PeerServer], hole: str, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setattr(http, "CONNECTING", CONNECTING)
    one, two = (source_at(f"{server.url}/fedora", name) for server, name in zip(servers, ("one", "two"), strict=True))
    return Registry([source_at(hole, "down"), one, two])


def plan_of(registry: Registry, *names: str, count: int = 20) -> Plan:
    files = ";".join(f"{name}:{number}" for number in range(count) for name in names)
    request = parse_request(files=files, maps=None, max_text=2**20, max_entries=1000)
    return plan_package(request, repositories=registry, rules=RULES, now=NOW)


@pytest.mark.parametrize("count", [1, 20])
def test_the_others_are_asked_while_one_is_waited_for(registry: Registry, times: dict[str, list[float]], count: int) -> None:
    began = time.monotonic()
    plan = plan_of(registry, "down", "one", "two", count=count)
    assert time.monotonic() - began < 3 * CONNECTING
    assert max(*times["one"], *times["two"]) - began < CONNECTING
    assert len(plan.entries) == 2 * count
    assert [(notice.pid.partition(":")[0], notice.code) for notice in plan.notices] == [("down", NoticeCode.SOURCE_UNAVAILABLE)] * count


def test_who_asks_after_that_does_not_wait_for_it_at_all(registry: Registry) -> None:
    plan_of(registry, "down", "one")
    began = time.monotonic()
    plan = plan_of(registry, "down", "one", "two")
    assert time.monotonic() - began < CONNECTING - 0.3
    assert (len(plan.entries), len(plan.notices)) == (40, 20)


def test_two_that_are_there_are_asked_at_the_same_time(
    registry: Registry, servers: list[PeerServer], times: dict[str, list[float]]
) -> None:
    for server in servers:
        server.delay = partial(_together, server, server.delay)
    assert len(plan_of(registry, "one", "two").entries) == 40
    assert max(times["one"][0], times["two"][0]) < min(times["one"][-1], times["two"][-1])
    assert [server.most_at_once for server in servers] == [4, 4]


def test_who_may_not_wait_for_one_of_them_asks_none(registry: Registry, servers: list[PeerServer]) -> None:
    """What was asked and is not waited for would pile up."""

    @contextmanager
    def aside(repository: str) -> Iterator[None]:
        if repository == "two":
            raise TooManyPlans(limit=1, retry_after=5)
        yield

    with stepping_aside(aside), pytest.raises(TooManyPlans):
        plan_of(registry, "one", "two")
    assert [server.asked for server in servers] == [[], []]


def test_for_one_who_may_wait_no_longer_nobody_is_asked_any_more(servers: list[PeerServer], times: dict[str, list[float]]) -> None:
    """Else threads that count as nobody's would go on for as long as a thousand questions take, for each who is refused."""
    registry, entered = Registry([source_at(f"{server.url}/fedora", name) for server, name in zip(servers, times, strict=True)]), [0]

    @contextmanager
    def thrice(_: str) -> Iterator[None]:
        entered[0] += 1
        if entered[0] > 2:
            raise TooManyPlans(limit=1, retry_after=5)
        yield

    pids = [f"{name}:{number}" for name in times for number in range(20)]
    with stepping_aside(thrice), pytest.raises(TooManyPlans):
        registry.describe_ahead(pids)
    asked = -1
    while asked != (asked := sum(map(len, times.values()))):
        time.sleep(20 * SLOW)
    assert asked < len(pids)
