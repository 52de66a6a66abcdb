"""Databases that go away, come back, and have no room: no row is lost or doubled, no slot leaks, and errors are clear."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from tests import postgresql
from tests.postgresql import Cluster
from tests.sources.stores import BuiltStore
from tests.transport.material import wait_until
from tests.web.database import Database, migrate
from tests.web.resume.asking import Application, counted, get, package_of
from tests.web.resume.conftest import Twins
from tests.web.resume.material import configuration
from tests.web.server import Server, serving
from tests.web.slots.conftest import HUGE, SMALL
from tests.web.slots.reading import Reader
from tests.web.slots.test_services import HELD

DATASTREAMS = ["A", "DC"]
FEW = "[limits]\nconcurrent = 3\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Of its own: it is stopped in the middle."""
    if postgresql.programs() is None:
        pytest.skip(postgresql.MISSING)
    with postgresql.running() as started:
        yield started


@pytest.fixture
def nodes(cluster: Cluster, tmp_path: Path, store: BuiltStore) -> Iterator[Twins]:
    """Two web nodes on one PostgreSQL."""
    url = postgresql.create(cluster.url("postgres"), f"nodes_{time.time_ns()}")
    migrate(url)
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with ExitStack() as life:
        servers = [
            life.enter_context(serving(tmp_path / name, toml=configuration(store, FEW), environ={"PACKAGING_DATABASE": url}))
            for name in ("first", "second")
        ]
        os.environ["PACKAGING_DATABASE"] = url  # for the commands
        life.callback(os.environ.pop, "PACKAGING_DATABASE")
        yield Twins(first=servers[0], second=servers[1], application=Application.at(servers[0]))


def test_two_nodes_and_a_postgresql_that_is_away_for_ten_seconds(nodes: Twins, cluster: Cluster) -> None:
    paths = [nodes.application.link(HUGE, "tar") for _ in range(3)]
    late = nodes.application.link(SMALL, "tar")
    with ExitStack() as life:
        readers = [life.enter_context(closing(Reader(nodes.both[number % 2], path))) for number, path in enumerate(paths)]
        assert [reader.status for reader in readers] == [HTTPStatus.OK] * 3
        refused = get(nodes.second, late)
        assert (refused.status, b"limits.concurrent" in refused.body) == (HTTPStatus.TOO_MANY_REQUESTS, True)
        cluster.stop(signal.SIGQUIT)  # as a crash does
        gone = time.monotonic()
        lengths = [len(readers[0].answer.read()), len(readers[1].answer.read())]
        for server in nodes.both:
            answer = get(server, late)
            assert (answer.status, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "30")
            assert b"cannot reach its own records" in answer.body
            assert get(server, "/healthz").status == HTTPStatus.OK
            assert get(server, "/readyz").status == HTTPStatus.SERVICE_UNAVAILABLE
        while time.monotonic() - gone < 10:
            time.sleep(0.1)  # so long it is away: that is the matter of this test
        cluster.start()
        lengths.append(len(readers[2].answer.read()))
    for path, length in zip(paths, lengths, strict=True):
        assert counted(nodes.first, path, 2) == DATASTREAMS
        query = "SELECT outcome, sent FROM getapi_delivery WHERE package = ? AND outcome <> 'running'"
        assert nodes.second.wait_for_rows(query, package_of(path)) == [("done", length)]
    wait_until(lambda: not nodes.first.rows(HELD))
    assert get(nodes.second, late).status == HTTPStatus.OK
    assert counted(nodes.second, late, 2) == DATASTREAMS
    assert nodes.first.rows("SELECT count(*) FROM getapi_download") == [(8,)]


def test_a_node_that_is_killed_or_stopped_leaves_no_slot(nodes: Twins) -> None:
    paths = [nodes.application.link(HUGE, "tar") for _ in range(3)]
    with ExitStack() as life:
        for path in paths:
            assert life.enter_context(closing(Reader(nodes.first, path))).status == HTTPStatus.OK
        for process in {process for _, process in nodes.first.rows(HELD)}:
            os.kill(int(process.split("/")[1]), signal.SIGKILL)
        for path in paths:
            assert life.enter_context(closing(Reader(nodes.second, path))).status == HTTPStatus.OK
        os.kill(nodes.second.pid, signal.SIGQUIT)
        wait_until(lambda: not nodes.first.rows(HELD), seconds=20)
    outcomes = "SELECT count(*) FROM getapi_delivery WHERE outcome = 'shut-down'"
    assert nodes.first.rows(outcomes) == [(3,)]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("only root mounts a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_full_is_told_and_what_ran_is_on_record_once_there_is_room(tmp_path: Path, store: BuiltStore) -> None:
    with small_disk(tmp_path / "disk") as disk, ExitStack() as life:
        server, application = _on_disk(life, tmp_path, disk, store)
        running, late = application.link(HUGE, "tar"), application.link(SMALL, "tar")
        reader = life.enter_context(closing(Reader(server, running)))
        assert reader.status == HTTPStatus.OK
        ballast = disk / "ballast"
        with ballast.open("wb") as file:
            _fill(file.fileno())
        wait_until(lambda: "does not answer" in server.log, seconds=30)
        answer = get(server, late)
        assert (answer.status, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "30")
        length = len(reader.answer.read())
        ballast.unlink()
        assert counted(server, running, 2) == DATASTREAMS
        query = "SELECT outcome, sent FROM getapi_delivery WHERE package = ? AND outcome <> 'running'"
        assert server.wait_for_rows(query, package_of(running)) == [("done", length)]
        wait_until(lambda: not server.rows(HELD))
        assert get(server, late).status == HTTPStatus.OK
        assert counted(server, late, 2) == DATASTREAMS


def _on_disk(life: ExitStack, folder: Path, disk: Path, store: BuiltStore) -> tuple[Server, Application]:
    database = Database(f"sqlite:///{disk}/db.sqlite3")
    migrate(database.url)
    (folder / "service").mkdir()
    environ = {"PACKAGING_DATABASE": database.url}
    server = life.enter_context(serving(folder / "service", toml=configuration(store), environ=environ))
    os.environ |= environ  # for the commands
    life.callback(os.environ.pop, "PACKAGING_DATABASE")
    return server, Application.at(server)


def _fill(file: int) -> None:
    """Until nothing more goes in."""
    for size in (1 << 16, 1 << 12, 1):
        try:
            while True:
                os.write(file, bytes(size))
        except OSError:
            continue
