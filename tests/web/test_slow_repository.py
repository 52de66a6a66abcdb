"""A repository's server that takes its time is slow alone: other packages, tokens and health do not wait for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from fixtures.repository import build
from tests.sources.peers import Answer, PeerServer, running
from tests.web.resume.asking import FORM, Application, Reply, ask, get
from tests.web.server import Server, serving

THREADS = 24
SECONDS = 20.0
FAST = "rutgers-lib:5678"
SLOW = "orthanc:" + "-".join(["0a1b2c3d"] * 5)
"""An object that its server is asked about for so long, and then does not have."""


@dataclass(frozen=True, kw_only=True)
class Site:
    application: Application
    slow: "SlowServer"

    @property
    def server(self) -> Server:
        return self.application.server

    def estimate(self, files: str) -> Reply:
        return ask(
            self.server, "POST", "/api/get/ESTIMATE", body=urlencode({"token": self.application.token, "files": files}), headers=FORM
        )

    @contextmanager
    def besieged(self, count: int, besiege: Callable[[], Reply]) -> Iterator[list[Reply]]:
        """By so many who ask at the same time, each once; the list has their answers when it is left."""
        replies: list[Reply] = []
        threads = [threading.Thread(target=lambda: replies.append(besiege())) for _ in range(count)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 30
        while self.slow.open_at_once == 0:
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(1)  # until all of them are where they will wait
        try:
            yield replies
        finally:
            self.slow.answers.set()
            for thread in threads:
                thread.join(60)

    def is_at_work(self) -> None:
        """Each answer comes within what a reader calls at once, on a busy machine."""
        began = time.monotonic()
        assert get(self.server, "/healthz").status == 200
        assert self.estimate(FAST).status == 200
        assert get(self.server, f"/api/get/{FAST}").status == 200
        assert ask(self.server, "POST", "/api/get/getToken", body="key=x", headers=FORM).status == 403
        assert time.monotonic() - began < SECONDS / 2


class SlowServer(PeerServer):
    """Answers nothing until ``answers``, or for SECONDS."""

    def __init__(self) -> None:
        super().__init__(lambda _: Answer(status=404))
        self.answers = threading.Event()
        self.delay = lambda _: self.answers.wait(SECONDS) * 0.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("slow")
    fedora = build(folder / "fedora")
    slow = SlowServer()
    with running(slow) as peer:
        toml = f"""
[[repositories]]
name = "slow"
type = "orthanc"
url = "{peer.url}"
allow_private = true
public = true
[[repositories]]
name = "demonstration"
type = "fedora3"
objects = "{fedora.objects}"
datastreams = "{fedora.datastreams}"
namespaces = ["rutgers-lib"]
"""
        (folder / "server").mkdir()
        with serving(folder / "server", toml=toml, threads=THREADS) as server:
            yield Site(application=Application.at(server), slow=slow)


@pytest.fixture
def site(service: Site) -> Site:
    service.slow.answers.clear()
    return service


def test_packages_of_a_slow_repository_leave_the_others_their_turn(site: Site) -> None:
    with site.besieged(16, lambda: site.estimate(SLOW)) as replies:
        site.is_at_work()
    assert {reply.status for reply in replies} <= {200, 429, 503}


def test_strangers_who_look_things_up_at_a_slow_repository_do_not_stop_the_service(site: Site) -> None:
    with site.besieged(4 * THREADS, lambda: get(site.server, f"/api/get/{SLOW}")) as replies:
        site.is_at_work()
    assert {reply.status for reply in replies} <= {404, 429, 503}
