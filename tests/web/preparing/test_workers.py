"""Workers as processes: killed in the middle, two at once, cancelled, stopped, beside ``serve`` and alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from packaging_service.attendant import PATIENCE
from tests.sources.stores import BuiltStore
from tests.web.database import TOP, Database
from tests.web.preparing.elsewhere import Body, Host, hosting
from tests.web.preparing.material import PID, put, some, toml
from tests.web.resume.asking import FORM, Application, ask, get
from tests.web.server import Server, serving

A, B = some(400_000, "a"), some(70_000, "b")
SETTINGS = "tests.web.preparing.settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    server: Server
    host: Host
    application: Application

    def ask(self, **fields: str) -> str:
        """A package's id."""
        body = urlencode({"token": self.application.token, "files": PID, **fields})
        answer = ask(self.server, "POST", "/api/get/PACKAGE", body=body, headers=FORM | {"Accept": "application/json"})
        assert answer.status == 202, answer.body
        return str(json.loads(answer.body)["id"])

    def state(self, package_id: str) -> str:
        return str(json.loads(get(self.server, f"/api/get/packages/{package_id}", accept="application/json").body)["state"])

    def content(self, package_id: str) -> bytes:
        answer = get(self.server, f"/api/get/packages/{package_id}/content")
        assert answer.status == 200, answer.body
        assert answer.is_whole
        return answer.body

    def job(self, column: str, package_id: str) -> str:
        ((state, attempts),) = self.server.rows("SELECT state, attempts FROM getapi_job WHERE package_id = ?", package_id)
        return str({"state": state, "attempts": attempts}[column])

    @property
    def staged(self) -> list[Path]:
        folder = self.server.folder / "stage"
        return sorted(folder.iterdir()) if folder.exists() else []

    @contextmanager
    def worker(self, *arguments: str, limit: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """``limit``: octets that a file of its may have (RLIMIT_FSIZE)."""
        environ = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "PACKAGING_CONFIG": str(self.server.folder / "packaging.toml"),
            "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
            "PYTHONPATH": str(TOP),
        }
        command = [sys.executable, str(TOP / "manage.py"), "worker", "--threads", "1", *arguments]
        bounded = command if limit is None else ["bash", "-c", f'ulimit -f {limit // 1024}; exec "$@"', "worker", *command]
        with (self.server.folder / f"worker-{time.time_ns()}.log").open("wb") as log:
            process = subprocess.Popen(bounded, env=environ, cwd=self.server.folder, stdout=log, stderr=log)
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait(40)


@contextmanager
def running(folder: Path, *, worker: bool = False, more: str = "") -> Iterator[Site]:
    store = BuiltStore(root=folder / "store")
    with hosting() as host:
        put(store, host, "A", "B")
        host.put("/A", A)
        host.put("/B", B, chunked=False)
        told = toml(store, host, folder, more)
        if more:
            migrate(folder, told)
        with serving(folder, settings=SETTINGS, toml=told, worker=worker) as server:
            yield Site(server=server, host=host, application=Application.at(server))


def migrate(folder: Path, told: str) -> None:
    """A database with all that this configuration asks for."""
    (folder / "packaging.toml").write_text(f'database = "{Database.of(folder).url}"\n{told}', encoding="utf-8")
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS, "PACKAGING_CONFIG": str(folder / "packaging.toml"), "PYTHONPATH": str(TOP)}
    command = [sys.executable, str(TOP / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env={**environ, "PACKAGING_SECRET_KEY": "a key for the time of this test alone"}, check=True, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Whoever needs a worker starts one."""
    with running(tmp_path_factory.mktemp("site")) as site:
        yield site


@contextmanager
def holding(site: Site, path: str = "/A") -> Iterator[Body]:
    """The host sends the first octets of that body, and no more until this ends."""
    body = site.host.bodies[path]
    body.holds = threading.Event()
    try:
        yield body
    finally:
        body.holds.set()
        body.holds = None


def until(true: Callable[[], object], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def named(pid: int, word: str) -> list[int]:
    """The processes below ``pid`` with that word in their command."""
    below = [each for child in children(pid) for each in (child, *(children(child) if Path(f"/proc/{child}").exists() else []))]
    return [each for each in below if word.encode() in Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")]


def attendant_of(server: Server) -> int:
    """The one beside its web processes, once it is there: between fork and exec a worker of its seems to be another one."""
    found: list[int] = []

    def is_alone() -> bool:
        with suppress(OSError):  # one of those that were looked at has ended
            found[:] = named(server.pid, "packaging_service.attendant")
        return len(found) == 1

    until(is_alone)
    return found[0]


def worker_of(attendant: int, *, former: int | None = None) -> int:
    """The one that it keeps running, once it is there and the former one is gone."""
    found: list[int] = []

    def is_alone() -> bool:
        found[:] = children(attendant)
        return len(found) == 1 and found[0] != former

    until(is_alone)
    return found[0]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


class TestKilled:
    def test_in_the_middle_its_job_is_taken_up_by_another_and_nothing_lies_about(self, site: Site) -> None:
        with holding(site):
            package_id = site.ask()
            with site.worker() as first:
                until(lambda: any(path.suffix == ".draft" for path in site.staged))
                first.kill()
                first.wait(10)
            assert (site.state(package_id), site.job("state", package_id)) == ("preparing", "running")
        with site.worker():
            until(lambda: site.state(package_id) == "ready", seconds=25)  # of this machine: at once, not when the lease has run out
        assert site.job("attempts", package_id) == "2"
        whole = site.content(package_id)
        assert A in whole
        assert B in whole
        assert not [path for path in site.staged if path.suffix == ".draft"]

    def test_what_was_whole_by_then_is_not_fetched_again(self, site: Site) -> None:
        with holding(site, "/B"):
            package_id = site.ask()
            with site.worker() as first:
                until(
                    lambda: site.server.rows(
                        "SELECT 1 FROM getapi_stagedmember WHERE package_id = ? AND dsid = 'A' AND size IS NOT NULL", package_id
                    )
                )
                before = len(site.host.bodies["/A"].asked)
                first.kill()
                first.wait(10)
        with site.worker():
            until(lambda: site.state(package_id) == "ready")
        assert len(site.host.bodies["/A"].asked) == before
        assert A in site.content(package_id)


class TestTwo:
    def test_at_once_do_each_job_once(self, site: Site) -> None:
        asked = len(site.host.bodies["/A"].asked)
        packages = [site.ask() for _ in range(6)]
        with site.worker(), site.worker(), site.worker("--threads", "3"):
            until(lambda: all(site.state(package_id) == "ready" for package_id in packages), seconds=60)
        assert {site.job("attempts", package_id) for package_id in packages} == {"1"}
        # Asked for by HEAD and GET when it is seen that nobody knows its size, and again for its octets: by web process, survey, intake.
        reads = len(site.host.bodies["/A"].asked) - asked
        assert reads == 6 * (2 + 2 + 2)
        assert len({site.content(package_id) for package_id in packages}) == 1


class TestCancelled:
    def test_in_the_middle_the_worker_stops_within_seconds_and_its_files_go(self, site: Site) -> None:
        before = set(site.staged)
        with holding(site) as body, site.worker() as worker:
            package_id = site.ask()
            until(lambda: set(site.staged) - before)
            assert ask(site.server, "DELETE", f"/api/get/packages/{package_id}").status == 204
            until(lambda: set(site.staged) == before, seconds=20)
            assert site.state(package_id) == "canceled"
            second = site.ask()
            body.holds.set() if body.holds else None
            until(lambda: site.state(second) == "ready")  # it is free for the next one
            assert worker.poll() is None


class TestClosed:
    def test_while_it_is_prepared_it_is_in_no_package_and_not_in_the_stage(self, tmp_path: Path) -> None:
        denied = tmp_path / "denied"
        denied.write_text("", encoding="utf-8")
        with running(tmp_path, more=f'access.deny_list = "{denied}"') as site, holding(site) as body, site.worker():
            package_id = site.ask()
            until(lambda: any(path.suffix == ".draft" for path in site.staged))
            denied.write_text(f"{PID}/A\n", encoding="utf-8")
            assert body.holds is not None
            body.holds.set()
            until(lambda: site.state(package_id) == "ready")
            whole = site.content(package_id)
            assert A not in whole
            assert B in whole
            until(lambda: len(site.staged) == 1)


class TestStopped:
    def test_it_gives_its_job_back_and_that_is_no_attempt(self, site: Site) -> None:
        before = set(site.staged)
        with holding(site):
            package_id = site.ask()
            with site.worker() as first:
                until(lambda: set(site.staged) - before)
                began = time.monotonic()
                first.terminate()
                assert first.wait(20) == 0
                assert time.monotonic() - began < PATIENCE
            assert (site.job("state", package_id), site.job("attempts", package_id)) == ("waiting", "0")
        with site.worker():
            until(lambda: site.state(package_id) == "ready")

    def test_once_is_for_what_waits_now(self, site: Site) -> None:
        package_id = site.ask()
        with site.worker("--once") as worker:
            assert worker.wait(40) == 0
        assert site.state(package_id) == "ready"


class TestDisk:
    def test_a_full_one_is_told_and_nothing_stays(self, site: Site) -> None:
        before = set(site.staged)
        # The database must go on: a limit for files that its own do not reach.
        size = max((path.stat().st_size for path in site.server.folder.glob("db.sqlite3*")), default=0)
        large = some(max(size, 1 << 20) * 2 + (8 << 20), "large")
        site.host.bodies["/A"].octets = large
        try:
            package_id = site.ask()
            with site.worker(limit=len(large) - (2 << 20)):
                until(lambda: site.state(package_id) == "failed")
        finally:
            site.host.bodies["/A"].octets = A
        page = json.loads(get(site.server, f"/api/get/packages/{package_id}", accept="application/json").body)
        assert page["problem"]["code"] == "stage-unusable"
        assert get(site.server, f"/api/get/packages/{package_id}/content").status == 410
        until(lambda: set(site.staged) == before)


class TestBesideServe:
    def test_it_prepares_is_replaced_when_it_dies_and_ends_with_serve(self, tmp_path: Path) -> None:
        with ExitStack() as stack:
            site = stack.enter_context(running(tmp_path, worker=True))
            package_id = site.ask()
            until(lambda: site.state(package_id) == "ready")
            assert A in site.content(package_id)
            attendant = attendant_of(site.server)
            worker = worker_of(attendant)
            os.kill(worker, signal.SIGKILL)
            former = worker_of(attendant, former=worker)
            second = site.ask()
            until(lambda: site.state(second) == "ready")
            os.kill(site.server.pid, signal.SIGHUP)  # a new configuration: it is replaced as the web processes are
            worker = worker_of(attendant, former=former)
            os.kill(worker, signal.SIGINT)  # held back while it loads, and no longer
            until(lambda: not is_alive(worker))
            os.kill(site.server.pid, signal.SIGTERM)
            until(lambda: not is_alive(attendant) and not is_alive(site.server.pid))

    def test_it_is_there_again_when_its_attendant_was_killed(self, tmp_path: Path) -> None:
        with running(tmp_path, worker=True) as site:
            attendant = attendant_of(site.server)
            worker = worker_of(attendant)
            os.kill(attendant, signal.SIGKILL)
            until(lambda: not is_alive(worker))
            package_id = site.ask()
            until(lambda: site.state(package_id) == "ready")
            other = attendant_of(site.server)
            assert other != attendant
            assert site.server.log.count("has lost its attendant") == 1
            worker = worker_of(other)
            os.kill(site.server.pid, signal.SIGTERM)
            until(lambda: not is_alive(worker) and not is_alive(other) and not is_alive(site.server.pid))

    def test_it_does_not_outlive_a_serve_that_is_killed(self, tmp_path: Path) -> None:
        with running(tmp_path, worker=True) as site:
            attendant = attendant_of(site.server)
            worker = worker_of(attendant)
            web = [child for child in children(site.server.pid) if child != attendant]
            package_id = site.ask()
            until(lambda: site.state(package_id) == "ready")  # it has begun its work
            for pid in (site.server.pid, *web):
                os.kill(pid, signal.SIGKILL)
            until(lambda: not is_alive(worker) and not is_alive(attendant))

    def test_without_one_nothing_is_prepared_and_everything_else_goes_on(self, site: Site) -> None:
        assert not named(site.server.pid, "packaging_service.attendant")
