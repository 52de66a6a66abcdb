"""A worker that is killed between any two of its statements: another one goes on, and nothing is left lying about.

A sample of all moments; ``PACKAGING_KILLS=1000`` takes every one.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.database import TOP
from tests.web.preparing.test_workers import A, B, Site, running

SETTINGS = "tests.web.preparing.dying"
MOST = int(os.environ.get("PACKAGING_KILLS", "5"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path) as site:
        yield site


def work_once(site: Site, **environ: str) -> int:
    """A worker that does what waits, to its end; its exit status."""
    return manage(site, "worker", "--once", **environ)


def a_minute_goes_by(site: Site) -> None:
    """Whoever was killed with a message of the queue in hand, and had not taken its job, leaves that to be handed over again."""
    later = "timezone.now() - timedelta(minutes=2)"
    imports = "from datetime import timedelta; from django.utils import timezone; from getapi.models import Job"
    assert manage(site, "shell", "--no-imports", "-c", f"{imports}; Job.objects.filter(state='waiting').update(queued={later})") == 0


def manage(site: Site, *arguments: str, **environ: str) -> int:
    given = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "PACKAGING_CONFIG": str(site.server.folder / "packaging.toml"),
        "PACKAGING_SECRET_KEY": "a key for the time of this test alone",
        "PYTHONPATH": str(TOP),
        **environ,
    }
    command = [sys.executable, str(TOP / "manage.py"), *arguments]
    with (site.server.folder / "worker.log").open("ab") as log:
        return subprocess.run(command, env=given, cwd=site.server.folder, stdout=log, stderr=log, timeout=120, check=False).returncode


def test_at_any_moment_costs_nothing_but_another_attempt(site: Site) -> None:
    counted = site.server.folder / "counted"
    first = site.ask()
    assert work_once(site, COUNTED_IN=str(counted)) == 0
    assert site.state(first) == "ready"
    whole, count = site.content(first), int(counted.read_text(encoding="utf-8"))
    step = max(1, count // MOST)
    for number in range(1 + step // 2, count + 1, step):
        package_id = site.ask()
        status = work_once(site, DIES_AT=str(number))
        assert status in {0, 9}
        assert work_once(site) == 0
        if site.state(package_id) == "preparing":
            assert site.job("state", package_id) == "waiting", number
            a_minute_goes_by(site)
            assert work_once(site) == 0
        assert site.state(package_id) == "ready", number
        assert site.content(package_id) == whole
        assert int(site.job("attempts", package_id)) <= 2
        rows = site.server.rows("SELECT file FROM getapi_stagedmember")
        assert {path.name for path in site.staged} >= {file for (file,) in rows}
        assert not [path for path in site.staged if path.suffix == ".draft"], number
        assert site.server.rows("SELECT 1 FROM getapi_stagedmember WHERE size IS NULL") == []
    assert A in whole
    assert B in whole
