"""Preparations that wait on Redis: by configuration alone, and the same job rows decide who works."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from packaging_service.attendant import PATIENCE
from tests.ports import free_port
from tests.web.preparing.elsewhere import is_listening
from tests.web.preparing.test_workers import A, Site, holding, running, until

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis that keeps nothing."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        until(lambda: is_listening(port))
        yield port
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, redis: int) -> Iterator[Site]:
    more = f'jobs.backend = "redis"\njobs.redis = "redis://127.0.0.1:{redis}/3"'
    with running(tmp_path_factory.mktemp("site"), more=more) as site:
        yield site


def test_they_are_done_by_a_worker_that_was_told_nothing_else(site: Site) -> None:
    packages = [site.ask() for _ in range(3)]
    with site.worker(), site.worker("--threads", "2"):
        until(lambda: all(site.state(package_id) == "ready" for package_id in packages), seconds=60)
    assert {site.job("attempts", package_id) for package_id in packages} == {"1"}
    assert A in site.content(packages[0])
    assert site.server.rows("SELECT count(*) FROM django_tasks_database_dbtaskresult") == [(0,)]  # nothing waits in the database


def test_one_whose_worker_is_killed_is_taken_up_again(site: Site) -> None:
    with holding(site):
        package_id = site.ask()
        with site.worker() as first:
            until(lambda: site.job("state", package_id) == "running")
            first.kill()
            first.wait(10)
    with site.worker():
        until(lambda: site.state(package_id) == "ready")
    assert site.job("attempts", package_id) == "2"


def test_one_that_is_told_to_stop_gives_its_job_back(site: Site) -> None:
    with holding(site):
        package_id = site.ask()
        with site.worker() as first:
            until(lambda: site.job("state", package_id) == "running")
            began = time.monotonic()
            first.terminate()
            assert first.wait(20) == 0
            assert time.monotonic() - began < PATIENCE
    with site.worker("--once") as second:
        assert second.wait(40) == 0
    assert site.state(package_id) == "ready"


def test_a_redis_that_is_away_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, more=f'jobs.backend = "redis"\njobs.redis = "redis://127.0.0.1:{free_port()}/0"') as site:
        package_id = site.ask()
        assert (site.state(package_id), site.job("state", package_id)) == ("preparing", "waiting")
        assert "a job could not be handed to the queue" in site.server.log
