"""What a load balancer is told."""

import os
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from getapi.services import health
from getapi.services.probe import Probe
from tests.conftest import Configure
from tests.transport.material import wait_until

pytestmark = pytest.mark.django_db

WELL = {"database": True, "disk": True} if connection.vendor == "sqlite" else {"database": True}


def test_each_repository_is_told_by_its_name_even_one_that_is_named_database(tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "store/00").mkdir(parents=True)
    table = '[[repositories]]\nname = "{name}"\ntype = "fedora3"\nobjects = "store"\ndatastreams = "{folder}"\n'
    configure(table.format(name="database", folder="gone") + table.format(name="other", folder="store"))
    assert health.examine() == {**WELL, "repositories.database": False, "repositories.other": True}


def test_the_empty_folder_where_the_disk_of_objects_is_not_mounted_is_no_repository(tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "datastreams").mkdir()
    configure('[[repositories]]\nname = "main"\ntype = "fedora3"\nobjects = "objects"\ndatastreams = "datastreams"')
    assert health.examine() == {**WELL, "repositories.main": False}
    (tmp_path / "objects/00").mkdir()
    assert health.examine() == {**WELL, "repositories.main": True}


def test_a_deny_list_that_cannot_be_read_is_told(tmp_path: Path, configure: Configure) -> None:
    configure('access.deny_list = "list.txt"')
    assert health.examine() == {**WELL, "deny_list": False}
    (tmp_path / "list.txt").write_text("demo:1\n")
    assert health.examine() == {**WELL, "deny_list": True}


def test_a_database_without_our_tables_does_not_answer(configure: Configure) -> None:
    configure("")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE getapi_key RENAME TO gone")
    assert health.examine() == WELL | {"database": False}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the database lies on another machine")
def test_a_disk_without_room_for_the_database_is_told(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("")
    monkeypatch.setattr(health, "LEAST_FREE", 1 << 60)
    assert health.examine() == WELL | {"disk": False}


def test_a_database_that_cannot_be_written_has_no_usable_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "db"
    with pytest.raises(OSError, match="No such file"):
        health.has_room(tmp_path / "gone" / "db")
    assert not health.has_room(file)
    file.touch()
    assert health.has_room(file)
    monkeypatch.setattr(os, "access", lambda path, _mode: path != file)  # root may write anything
    assert not health.has_room(file)


class TestProbe:
    def test_what_hangs_is_no_and_holds_one_thread_however_many_ask(self) -> None:
        hung, asked = threading.Event(), []

        def ask() -> bool:
            asked.append(True)
            return hung.wait(30)

        probe = Probe(ask, patience=0.1)
        began = time.monotonic()
        assert [probe.says_yes() for _ in range(3)] == [False] * 3
        assert time.monotonic() - began < 20
        assert asked == [True]
        hung.set()
        wait_until(probe.says_yes)

    def test_an_error_is_no_until_it_is_gone(self, tmp_path: Path) -> None:
        probe = Probe(lambda: bool(os.listdir(tmp_path / "store") or True), patience=20)
        assert not probe.says_yes()
        (tmp_path / "store").mkdir()
        assert probe.says_yes()
