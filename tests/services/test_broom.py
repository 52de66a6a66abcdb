"""A stage whose disk hangs holds up nobody but whoever needs it."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from getapi.models import Job, Package, StagedMember
from getapi.services import jobs, preparation, stage, workshop
from getapi.services.broom import LONG, Broom
from getapi.services.housekeeping import tidy_up
from getapi.services.workshop import Custodian
from tests.conftest import Configure
from tests.transport.material import wait_until
from tests.web.conftest import Spoken, spoken

__all__ = ["spoken"]


class Disk:
    """It hangs until it is told to go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.asked = 0

    def sweep(self) -> int:
        self.asked += 1
        self.goes_on.wait(30)
        return 3


def test_one_that_hangs_is_begun_once_told_of_once_and_holds_up_nobody(spoken: Spoken) -> None:
    now, disk = [0.0], Disk()
    sweeps = Broom(disk.sweep, clock=lambda: now[0])
    began = time.monotonic()
    assert [sweeps.sweep() for _ in range(3)] == [0, 0, 0]
    now[0] = LONG + 1
    for _ in range(3):
        sweeps.sweep()
    assert time.monotonic() - began < 20
    wait_until(lambda: disk.asked == 1)
    assert [record.getMessage() for record in spoken.records if record.name == "getapi.stage"] == [
        "the stage's disk does not answer: nothing of it can be swept, prepared or sent"
    ]
    disk.goes_on.set()
    assert sweeps.sweep(20) == 3
    assert sweeps.sweep(20) == 3
    assert disk.asked == 2


def test_one_that_fails_is_made_again() -> None:
    results: Iterator[OSError | int] = iter((OSError("once"), 2))

    def work() -> int:
        result = next(results)
        if isinstance(result, int):
            return result
        raise result

    sweeps = Broom(work)
    assert [sweeps.sweep(20), sweeps.sweep(20)] == [0, 2]


@pytest.mark.django_db(transaction=True)
def test_the_custodian_takes_jobs_of_the_dead_up_while_the_disk_hangs(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(f'stage.path = "{tmp_path}/stage"')
    disk = Disk()
    monkeypatch.setattr(workshop, "Broom", lambda: Broom(disk.sweep))
    monkeypatch.setattr(stage, "unlink", lambda _: disk.goes_on.wait(30))
    custodian = Custodian()
    custodian.look()
    wait_until(lambda: disk.asked == 1)
    now = timezone.now()
    for number, attempts in enumerate((1, jobs.ATTEMPTS)):
        package = Package.objects.create(
            id=f"{number}" * 32, created=now, format="tar", name="p", size=0, files=0, etag="", encoder=1, plan=b"", state="preparing"
        )
        silent = now - jobs.LEASE - timedelta(seconds=5)
        Job.objects.create(package=package, content="/", state="running", attempts=attempts, holder="dead#1", renewed=silent, touched=now)
        facts = {"repository": "r", "pid": "a:1", "dsid": "D", "file": f"{number}" * 32, "created": now}
        StagedMember.objects.create(package=package, **facts)
    began = time.monotonic()
    custodian.look()
    assert time.monotonic() - began < 20
    assert list(Job.objects.order_by("attempts").values_list("state", flat=True)) == ["waiting", "failed"]
    assert StagedMember.objects.get().package_id == "0" * 32
    disk.goes_on.set()


@pytest.mark.django_db
def test_what_is_expired_goes_although_the_disk_hangs(configure: Configure) -> None:
    disk = Disk()
    facts = {"format": "tar", "name": "n", "size": 1, "files": 1, "etag": "", "encoder": 1, "plan": b""}
    Package.objects.create(id="0" * 32, created=timezone.now() - timedelta(days=40), **facts)
    purged = tidy_up(lambda: Broom(disk.sweep).sweep(0.1))
    assert (purged.packages, purged.files) == (1, 0)
    disk.goes_on.set()


@pytest.mark.django_db(transaction=True)
def test_whoever_ends_a_package_waits_for_its_disk_for_a_moment_only(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(f'stage.path = "{tmp_path}/stage"')
    disk, now = Disk(), timezone.now()
    package = Package.objects.create(
        id="0" * 32, created=now, format="tar", name="p", size=0, files=0, etag="", encoder=1, plan=b"", state="preparing"
    )
    StagedMember.objects.create(package=package, repository="r", pid="a:1", dsid="D", file="0" * 32, created=now)
    monkeypatch.setattr(stage, "unlink", lambda _: disk.sweep())
    monkeypatch.setattr(stage, "HANGS", 0.5)
    began = time.monotonic()
    preparation.cancel(package.pk)
    assert time.monotonic() - began < 20
    assert disk.asked == 1
    package.refresh_from_db()
    assert package.state == "canceled"
    assert not StagedMember.objects.exists()
    disk.goes_on.set()
