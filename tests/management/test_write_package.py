"""``manage.py write_package``: what it writes, prints and refuses."""

import io
import os
import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError

from fixtures import Repository, build
from getapi.services import packages
from getapi.services.writing import replacing
from tests.conftest import Configure

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def akubra(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("akubra"))


@pytest.fixture(autouse=True)
def demonstration(akubra: Repository, configure: Configure) -> None:
    configure(f'[[repositories]]\nname = "demo"\ntype = "fedora3"\nobjects = "{akubra.objects}"\ndatastreams = "{akubra.datastreams}"')


def write(*arguments: str) -> str:
    out = io.StringIO()
    call_command("write_package", *arguments, stdout=out)
    return out.getvalue()


def test_the_package_and_what_was_left_out_are_told(tmp_path: Path) -> None:
    path = tmp_path / "package.tar"
    said = write("rutgers-lib:5678;rutgers-lib:5678x", "--output", str(path))
    assert said.splitlines()[0] == f"{path}: 4 datastreams, {path.stat().st_size} bytes"
    assert "object-not-found: rutgers-lib:5678x: No such object" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Missing parameter"),
        (("rutgers-lib:5678", "--format", "rar"), "Parameter format"),
        (("rutgers-lib:5678", "--output", "{tmp}"), "Is a directory"),
        (("rutgers-lib:5678", "--output", "{tmp}/none/x.tar"), "none/x.tar: No such file"),
        (("rutgers-lib:5678", "--output", "{tmp}/" + "x" * 300), "File name too long"),
        (("rutgers-lib:5002", "--output", "{tmp}/x.tar"), r"declared md5 digest \(rutgers-lib:5002/TXT-2\)"),
    ],
)
def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=sentence):
        write(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert not [path for path in tmp_path.iterdir() if path.name != "packaging.toml"]


def test_a_database_that_cannot_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_asked: object) -> None:
        raise OperationalError("no such table")

    monkeypatch.setattr(packages, "prepare", fail)
    with pytest.raises(CommandError, match=r"no such table. Try manage\.py migrate"):
        write("rutgers-lib:5678")


@pytest.mark.parametrize(
    ("name", "arguments", "begin"),
    [
        ("x.ZIP", (), b"PK"),
        ("x.zip", ("--format", "tar"), b"rutgers-lib-5678/"),
        ("zip", (), b"rutgers-lib-5678/"),
        ("x", ("--format", "zip"), b"PK"),
    ],
)
def test_the_format_is_what_is_said_else_what_the_files_name_says(
    name: str, arguments: tuple[str, ...], begin: bytes, tmp_path: Path
) -> None:
    write("rutgers-lib:5678", "--output", str(tmp_path / name), *arguments)
    assert (tmp_path / name).read_bytes().startswith(begin)


@pytest.mark.parametrize("arguments", [("--output", "rutgers-lib-5678.tar"), ()], ids=["named", "by its own name"])
def test_a_file_that_is_there_stays_unless_its_replacement_is_forced(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rutgers-lib-5678.tar"
    path.write_bytes(b"somebody's own")
    with pytest.raises(CommandError, match=r"rutgers-lib-5678\.tar is there already; --force replaces it"):
        write("rutgers-lib:5678", *arguments)
    assert path.read_bytes() == b"somebody's own"
    write("rutgers-lib:5678", *arguments, "--force")
    assert path.read_bytes().startswith(b"rutgers-lib-5678/")


def test_a_file_that_is_there_is_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_asked: object) -> None:
        raise AssertionError("the objects are looked up")

    monkeypatch.setattr(packages, "prepare", read)
    with pytest.raises(CommandError, match="is there already"):
        write("rutgers-lib:5678", "--output", str(tmp_path / "packaging.toml"))


def test_a_forced_replacement_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"before")
    with pytest.raises(CommandError, match="declared md5 digest"):
        write("rutgers-lib:5002", "--output", str(path), "--force")
    assert path.read_bytes() == b"before"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["packaging.toml", "x.tar"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write("rutgers-lib:5678", "--output", str(pipe))
    reader.join(10)
    assert pipe.is_fifo()
    assert read[0].startswith(b"rutgers-lib-5678/")


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"before")
    link.symlink_to(target)
    with replacing(link) as stream:
        stream.write(b"after")
        assert target.read_bytes() == b"before"
    assert link.is_symlink()
    assert target.read_bytes() == b"after"


def test_what_is_said_of_a_package_on_standard_output_goes_beside_it(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    error = io.StringIO()
    call_command("write_package", "rutgers-lib:5678", "--output", "-", stderr=error)
    assert capfdbinary.readouterr().out.startswith(b"rutgers-lib-5678/")
    assert error.getvalue().startswith("rutgers-lib-5678.tar: 4 datastreams, ")
