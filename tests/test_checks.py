import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connection

from getapi import checks, conf
from getapi.conf import tables
from getapi.services.addresses import ClientAddress, note_forwarding
from tests.conftest import Configure

REPOSITORY = '[[repositories]]\nname = "demo"\ntype = "ocfl"\nroot = "."'


def ids(messages: list[CheckMessage]) -> set[str | None]:
    return {message.id for message in messages if message.id and message.id.startswith("getapi")}


def manage(folder: Path, toml: str, *words: str) -> subprocess.CompletedProcess[str]:
    """``manage.py`` in a process of its own, as an administrator starts it."""
    path = folder / "packaging.toml"
    path.write_text(toml, encoding="utf-8")
    environ = {
        "PACKAGING_CONFIG": str(path),
        "PACKAGING_SECRET_KEY": "s3cret-" * 8,
        "PACKAGING_DATABASE": f"sqlite:///{folder}/rows.sqlite3",
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=tables.ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


class TestTheConfiguration:
    def test_mistakes_are_reported_together_by_name_and_stop_every_command(self, tmp_path: Path) -> None:
        for words in (["check"], ["create_key", "x"], ["list_keys"], ["check_sources"], ["migrate"]):
            found = manage(tmp_path, 'limits.files = 0\ntokens.bnd = "x"', *words)
            assert found.returncode == 1
            assert "limits.files: must be at least 1" in found.stderr
            assert "tokens.bnd: is not a known key; did you mean tokens.bind?" in found.stderr
            assert "Traceback" not in found.stderr
        assert not (tmp_path / "rows.sqlite3").exists()

    def test_a_server_does_not_start_on_mistakes(self, tmp_path: Path) -> None:
        path = tmp_path / "packaging.toml"
        path.write_text("limits.files = 0", encoding="utf-8")
        code = "import packaging_service.wsgi"
        environ = {"PACKAGING_CONFIG": str(path), "PACKAGING_SECRET_KEY": "s3cret-" * 8}
        found = subprocess.run(
            [sys.executable, "-c", code], cwd=tables.ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert found.returncode == 1
        assert "limits.files: must be at least 1" in found.stderr

    def test_a_right_one_is_silent_and_its_commands_work(self, tmp_path: Path) -> None:
        assert "no issues" in manage(tmp_path, REPOSITORY, "check").stdout
        assert manage(tmp_path, "", "migrate").returncode == 0
        made = manage(tmp_path, "", "create_key", "catalogue", "--network", "127.0.0.1")
        assert made.stdout.splitlines()[-1].startswith("gk")
        assert made.stderr == ""
        deployed = manage(tmp_path, f'allowed_hosts = ["packages.example.org"]\n{REPOSITORY}', "check", "--deploy")
        assert deployed.returncode == 0
        assert "(getapi." not in deployed.stderr
        assert "(security." not in deployed.stderr

    def test_mistakes_that_arise_in_the_process_are_errors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> conf.Configuration:
            raise conf.ConfigurationError(["a: is missing", "b: is missing"])

        monkeypatch.setattr(conf, "current", broken)
        assert [message.msg for message in checks.check_configuration()] == ["a: is missing", "b: is missing"]
        for check in (checks.check_development_key, checks.check_deployed_key, checks.check_hosts, checks.check_proxies):
            assert check() == []
        assert checks.check_repositories() == checks.check_key_files() == []

    def test_postgresql_without_its_driver_is_an_error(self, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
        configure('database = "postgresql://db/rows"')
        monkeypatch.setattr(checks, "find_spec", lambda _name: None)
        assert ids(list(checks.check_configuration())) == {"getapi.E002"}
        monkeypatch.setattr(checks, "find_spec", lambda _name: object())
        assert checks.check_configuration() == []

    def test_redis_without_its_driver_is_an_error(self, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
        configure('jobs.backend = "redis"\njobs.redis = "redis://:secret@queue.example.org/0"')
        monkeypatch.setattr(checks, "find_spec", lambda _name: None)
        assert ids(list(checks.check_configuration())) == {"getapi.E006"}
        monkeypatch.setattr(checks, "find_spec", lambda _name: object())
        assert checks.check_configuration() == []


class TestTheKey:
    def test_a_development_key_is_said_and_is_an_error_when_deployed(self) -> None:
        with conf.override(conf.unconfigured()):
            assert ids(run_checks(tags=["secret"])) == {"getapi.W001"}
            assert ids(list(checks.check_deployed_key())) == {"getapi.E004"}

    def test_a_key_of_one_s_own_is_not_mentioned(self, configure: Configure) -> None:
        configure()
        assert ids(run_checks(tags=["secret"])) == set()
        assert checks.check_deployed_key() == []


class TestTheKeysFile:
    @pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o620, False)])
    @pytest.mark.parametrize("setting", ['secret_key_file = "secret"', 'secret_key_fallbacks = ["secret"]'])
    def test_one_that_others_can_read_is_told_by_name(
        self, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, told: bool, setting: str
    ) -> None:
        monkeypatch.setattr(checks, "ROOT_USER", -1)  # so that root's own tests have files of somebody
        (tmp_path / "secret").write_text("s3cret-" * 8)
        (tmp_path / "secret").chmod(mode)
        configure(setting)
        found = run_checks(tags=["secret"])
        assert ids(found) == ({"getapi.W006"} if told else set())
        assert all(str(tmp_path / "secret") in message.msg and "s3cret" not in str(message) for message in found)

    @pytest.mark.parametrize(("mode", "told"), [(0o640, False), (0o644, True)])
    def test_roots_may_be_given_to_the_service_by_its_group(
        self, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, told: bool
    ) -> None:
        monkeypatch.setattr(checks, "ROOT_USER", os.geteuid())
        (tmp_path / "secret").write_text("s3cret-" * 8)
        (tmp_path / "secret").chmod(mode)
        configure('secret_key_file = "secret"')
        assert bool(checks.check_key_files()) is told

    def test_one_that_has_gone_since_is_not_looked_at(self, configure: Configure, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("s3cret-" * 8)
        configure('secret_key_file = "secret"')
        (tmp_path / "secret").unlink()
        assert checks.check_key_files() == []


class TestTheRepositories:
    def test_none_at_all_is_a_warning_that_says_what_to_add(self, configure: Configure) -> None:
        configure()
        (message,) = checks.check_repositories()
        assert (message.id, message.is_serious()) == ("getapi.W005", False)
        assert "No repository is configured" in message.msg
        assert "[[repositories]]" in str(message.hint)

    def test_check_says_so_and_does_not_fail(self, tmp_path: Path) -> None:
        found = manage(tmp_path, "", "check")
        assert found.returncode == 0
        assert found.stderr.count("No repository is configured") == 1

    def test_one_is_enough(self, configure: Configure) -> None:
        configure(REPOSITORY)
        assert ids(run_checks()) == set()


@pytest.mark.django_db
class TestTheDeployment:
    def test_a_forwarding_header_that_did_not_count_is_told_with_its_peer(self) -> None:
        assert checks.check_forwarding() == []
        note_forwarding(ClientAddress(address="192.0.2.9", forwarded_untrusted=True), datetime(2026, 3, 1, 12, tzinfo=UTC))
        (message,) = checks.check_forwarding()
        assert message.id == "getapi.W002"
        assert "192.0.2.9 (last seen 2026-03-01 12:00 UTC)" in message.msg

    def test_hosts_that_are_the_default_or_everything_are_told(self, configure: Configure) -> None:
        for toml, told in (("", True), ('allowed_hosts = ["*"]', True), ('allowed_hosts = ["packages.example.org"]', False)):
            configure(toml)
            assert bool(checks.check_hosts()) is told

    def test_proxies_that_trust_everybody_are_told(self, configure: Configure) -> None:
        for toml, told in (("", False), ('trusted_proxies = ["10.0.0.0/8"]', False), ('trusted_proxies = ["::/0"]', True)):
            configure(toml)
            assert bool(checks.check_proxies()) is told

    def test_a_migrated_database_is_right(self) -> None:
        assert checks.check_database() == []

    def test_a_database_that_lacks_a_migration_is_told(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'getapi'")
        (message,) = checks.check_database()
        assert "getapi.0001_initial" in message.msg

    def test_of_many_missing_migrations_the_first_are_named(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations")
        (message,) = checks.check_database()
        assert re.fullmatch(r"The database lacks migrations: (\S+, ){2}\S+ and \d+ more", message.msg)


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.sqlite3").write_bytes(b"this is no database" * 100)
    found = manage(tmp_path, 'allowed_hosts = ["packages.example.org"]', "check", "--deploy")
    assert found.returncode == 1
    assert "getapi.E003" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_deny_list_that_cannot_be_read_is_an_error(tmp_path: Path, configure: Configure) -> None:
    configure('access.deny_list = "list.txt"')
    assert ids(list(checks.check_deny_list())) == {"getapi.E005"}
    (tmp_path / "list.txt").write_text("demo:1\n")
    assert not checks.check_deny_list()
    configure()
    assert not checks.check_deny_list()


def test_a_deny_list_that_is_missing_is_told_once_and_not_logged_besides(tmp_path: Path) -> None:
    found = manage(tmp_path, f'access.deny_list = "list.txt"\n{REPOSITORY}', "check")
    assert found.returncode == 1
    told = [line for line in found.stderr.splitlines() if "list.txt" in line]
    assert told == [f"?: (getapi.E005) access.deny_list: {tmp_path}/list.txt: No such file or directory"]
