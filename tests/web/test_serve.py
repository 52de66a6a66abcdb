import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from getapi import conf
from getapi.management.commands import serve
from tests.conftest import Configure
from tests.ports import free_port
from tests.web.database import TOP, Database

pytestmark = pytest.mark.django_db


class Executed(Exception):
    """Instead of becoming gunicorn."""


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []

    def execve(path: str, arguments: list[str], environ: dict[str, str]) -> NoReturn:
        assert path == sys.executable
        assert environ["PYTHONPATH"].split(os.pathsep)[0] == str(TOP)
        calls.append([*arguments, environ[serve.WORKER]])
        raise Executed

    monkeypatch.setattr(os, "execve", execve)
    # What these tests name need not be free here.
    monkeypatch.setattr(serve, "refuse_taken", lambda _host, _port: None)
    return calls


def run(*arguments: str) -> None:
    call_command("serve", *arguments, skip_checks=True)


def without_secret(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = configure().model_copy(update={"secret_key_is_development": True})
    monkeypatch.setattr(conf, "current", lambda: configuration)


def test_it_becomes_gunicorn_with_room_for_waiting_connections(configure: Configure, executed: list[list[str]]) -> None:
    configure()
    with pytest.raises(Executed):
        run("--bind", "[::1]:9000", "--workers", "3", "--threads", "40")
    ((*arguments, _),) = executed
    expected = ["--bind", "[::1]:9000", "--workers", "3", "--threads", "40", "--worker-connections", "1040", "--graceful-timeout", "30"]
    assert arguments == [sys.executable, "-m", "gunicorn", "--config", serve.CONFIGURATION, *expected]


def test_without_words_it_listens_on_loopback_alone(configure: Configure, executed: list[list[str]]) -> None:
    configure()
    with pytest.raises(Executed):
        run()
    assert executed[0][-11:-5] == ["--bind", "127.0.0.1:8000", "--workers", "2", "--threads", "72"]


@pytest.mark.parametrize(("words", "preparing"), [([], "2"), (["--preparing", "5"], "5"), (["--no-worker"], "")])
def test_a_worker_goes_with_it_unless_it_is_told_otherwise(
    configure: Configure, executed: list[list[str]], words: list[str], preparing: str
) -> None:
    configure()
    with pytest.raises(Executed):
        run(*words)
    assert executed[0][-1] == preparing


def test_threads_that_wait_keep_no_freed_memory_unless_the_administrator_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert serve.environment()["GLIBC_TUNABLES"] == serve.ALLOCATOR
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=8")
    assert serve.environment()["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=8"


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", "192.0.2.1:80", "repository.example:80"])
def test_a_development_key_is_for_loopback_alone(
    configure: Configure, executed: list[list[str]], monkeypatch: pytest.MonkeyPatch, bind: str
) -> None:
    without_secret(configure, monkeypatch)
    with pytest.raises(CommandError, match="PACKAGING_SECRET_KEY"):
        run("--bind", bind)
    assert executed == []


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "127.8.8.8:1", "[::1]:8000", "::1:8000", "localhost:8000", "LocalHost:8000"])
def test_on_loopback_a_development_key_will_do(
    configure: Configure, executed: list[list[str]], monkeypatch: pytest.MonkeyPatch, bind: str
) -> None:
    without_secret(configure, monkeypatch)
    with pytest.raises(Executed):
        run("--bind", bind)


def test_with_a_key_of_its_own_it_listens_anywhere(configure: Configure, executed: list[list[str]]) -> None:
    configure()
    with pytest.raises(Executed):
        run("--bind", "0.0.0.0:8000")


def test_a_migration_that_is_not_applied_is_refused_by_name(configure: Configure, executed: list[list[str]]) -> None:
    configure()
    recorder = MigrationRecorder(connection)
    newest = max(name for app, name in recorder.applied_migrations() if app == "getapi")
    recorder.record_unapplied("getapi", newest)
    with pytest.raises(CommandError, match=rf"migrate.*getapi\.{newest}"):
        run()
    assert executed == []


def test_a_database_that_cannot_be_asked_is_told_in_a_sentence(
    configure: Configure, executed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_executor: object, _connection: object) -> None:
        raise OperationalError("unable to open database file")

    configure()
    monkeypatch.setattr("getapi.checks.MigrationExecutor.__init__", away)
    with pytest.raises(CommandError, match="unable to open"):
        run()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bind", "8000"],
        ["--bind", ":8000"],
        ["--bind", "127.0.0.1:http"],
        ["--bind", "127.0.0.1:65536"],
        ["--bind", "127.0.0.1:٣"],
        ["--bind", "[::1:8000"],
        ["--bind", "::1]:8000"],
        ["--bind", "unix:8000"],
        ["--bind", "unix:/run/packaging.sock"],
        ["--bind", "fd://3:8000"],
        ["--bind", "127.0.0.1,127.0.0.2:8000"],
        ["--workers", "1"],
        ["--threads", "8"],
        ["--threads", "many"],
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_a_port_that_is_taken_is_told_once_and_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "packaging.toml").write_text(f'database = "{Database.of(tmp_path).url}"\n', encoding="utf-8")
        product = {"DJANGO_SETTINGS_MODULE": "packaging_service.settings", "PACKAGING_CONFIG": str(tmp_path / "packaging.toml")}
        command = [sys.executable, str(TOP / "manage.py"), "serve", "--bind", f"127.0.0.1:{port}"]
        done = subprocess.run(command, cwd=tmp_path, env=os.environ | product, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count(str(port))) == (1, 1), done.stderr
    (told,) = [line for line in done.stderr.splitlines() if str(port) in line]
    assert told.startswith(f"CommandError: 127.0.0.1:{port} is in use: another program listens there")
    assert "gunicorn" not in done.stderr


@pytest.mark.parametrize("seconds", [0.2, 0.6, 10.0])
def test_ctrl_c_ends_it_without_a_word_of_error_however_soon_it_comes(tmp_path: Path, seconds: float) -> None:
    """As a terminal does it: every process is told, ``seconds`` after they were begun: while they load, and while they serve."""
    port = free_port()
    (tmp_path / "packaging.toml").write_text(f'database = "{Database.of(tmp_path).url}"\n', encoding="utf-8")
    product = {"DJANGO_SETTINGS_MODULE": "packaging_service.settings", "PACKAGING_CONFIG": str(tmp_path / "packaging.toml")}
    command = [sys.executable, str(TOP / "manage.py"), "serve", "--bind", f"127.0.0.1:{port}"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=tmp_path, env=os.environ | product, stderr=log, start_new_session=True) as process,
    ):
        try:
            wait_for_words(tmp_path / "log", "Booting worker", times=2)
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGINT)
            process.wait(40)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert (process.returncode, said.count("Traceback"), said.count('"ERROR"')) == (0, 0, 0), said
    assert said.count("Worker exiting") == 2, said


def wait_for_words(path: Path, words: str, *, times: int, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while (said := path.read_text(encoding="utf-8")).count(words) < times:
        assert time.monotonic() < end, said
        time.sleep(0.02)


def test_a_port_whose_holder_is_just_ending_is_waited_for() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    end = threading.Timer(0.3, taken.close)
    end.start()
    serve.refuse_taken("127.0.0.1", port, patience=30)
    end.join()
    serve.refuse_taken("127.0.0.1", port, patience=0)


@pytest.mark.parametrize(
    ("host", "words"),
    [("192.0.2.1", "192.0.2.1:8000 .* no address of this machine"), ("nowhere.invalid", "nowhere.invalid:8000 cannot be")],
)
def test_an_address_that_is_not_this_machine_s_is_told_in_a_sentence(host: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        serve.refuse_taken(host, 8000, patience=0)


@pytest.mark.parametrize(("given", "expected"), [({}, CommandError), ({"LISTEN_FDS": "1"}, Executed)])
def test_a_socket_that_is_handed_over_is_not_asked_for(
    configure: Configure,
    executed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    expected: type[Exception],
) -> None:
    def refuse(host: str, port: int) -> NoReturn:
        raise CommandError(serve.written(host, port))

    configure()
    monkeypatch.setattr(serve, "refuse_taken", refuse)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(expected):
        run("--bind", "[::1]:8000")


def test_its_help_names_its_options() -> None:
    shown = subprocess.run([sys.executable, TOP / "manage.py", "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert all(option in shown for option in ("--bind HOST:PORT", "--workers N", "--threads N"))
