"""``manage.py verify_package``: what it prints and how it ends."""

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from getapi.core.archive import BinaryReader
from getapi.core.verdict import Verdict
from getapi.core.verify import DEFAULT_ALGORITHMS, verify_tar
from tests.core import ziparchives
from tests.core.archives import archive, bag_of, complete, file, patched
from tests.core.packages import package, plan_of

PAYLOAD = {"data/été.txt": b"alpha", "data/b.bin": bytes(3000)}
Run = Callable[[bytes], tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Exit status and output for a file of these octets."""

    def verify(data: bytes) -> tuple[int, str]:
        path = tmp_path / "package.tar"
        path.write_bytes(data)
        return _run(str(path))

    return verify


def _run(name: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_package", name, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.mark.parametrize("serialization", ["tar", "zip"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_valid_package_is_told_with_its_counts(run: Run, algorithm: str, serialization: str) -> None:
    status, said = run(package(plan_of(PAYLOAD, algorithm=algorithm, format=serialization), PAYLOAD))
    assert status == 0
    assert f"manifests  manifest-{algorithm}.txt, tagmanifest-{algorithm}.txt" in said
    assert "payload    2 files, 3005 bytes" in said
    assert said.splitlines()[-1] == "valid"


def test_every_problem_has_its_line(run: Run) -> None:
    files = complete(PAYLOAD) | {"data/b.bin": b"x", "note.txt": b"", "data/\u001b[2J": b""}
    status, said = run(bag_of(files))
    assert status == 1
    problems = [line for line in said.splitlines() if line.startswith("problem  ")]
    assert [line.split(": ")[:2] for line in problems] == [
        ["problem  not-listed", "data/ [2J"],
        ["problem  digest", "data/b.bin"],
        ["problem  not-listed", "note.txt"],
    ]
    assert said.splitlines()[-1] == "NOT VALID: 3 problems"
    assert "\u001b" not in said


def test_a_file_that_is_no_archive_is_told_in_one_line(run: Run) -> None:
    status, said = run(gzip.compress(package(plan_of(PAYLOAD), PAYLOAD)))
    assert status == 1
    told = [line for line in said.splitlines() if line.startswith(("warning", "problem"))]
    assert [line.split(": ")[0] for line in told] == ["problem  no-archive"]
    assert said.splitlines()[-1] == "NOT VALID: 1 problem"


def test_warnings_are_told_and_problems_beyond_the_list_are_counted(run: Run) -> None:
    absent = "".join(f"{'a' * 64}  data/{number}\n" for number in range(1200)).encode()
    files = complete({}, {"manifest-sha256.txt": absent})
    del files["tagmanifest-sha256.txt"]
    status, said = run(bag_of(files))
    assert status == 1
    assert "warning  no-tagmanifest: " in said
    assert "problem  and 200 more" in said
    assert "NOT VALID: 1200 problems" in said


def test_only_the_algorithm_that_the_manifests_name_is_computed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def watched(stream: BinaryReader, *, algorithms: tuple[str, ...]) -> Verdict:
        asked.append(algorithms)
        return verify_tar(stream, algorithms=algorithms)

    monkeypatch.setattr("getapi.management.commands.verify_package.verify_tar", watched)
    monkeypatch.setattr("getapi.management.commands.verify_package.verify_zip", watched)
    run(bag_of(complete(PAYLOAD, algorithm="md5")))
    run(ziparchives.bag_of(complete(PAYLOAD, algorithm="sha1")))
    run(b"")
    assert asked == [("md5",), ("sha1",), DEFAULT_ALGORITHMS]


@pytest.mark.parametrize("serialization", ["tar", "zip"])
def test_standard_input_is_read_as_a_stream(serialization: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = package(plan_of(PAYLOAD, format=serialization), PAYLOAD)
    for data, expected in ((whole, 0), (whole[:-1], 1)):
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)
        with os.fdopen(reading, encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert _run("-")[0] == expected


def test_a_header_that_lies_about_its_size_is_told_and_does_not_send_the_reader_astray(run: Run) -> None:
    for size in (b"\x80" + b"\xff" * 11, b"\x80" + (2**63).to_bytes(11, "big"), b"77777777777\0"):
        status, said = run(archive(patched(file("bag/data/x"), 124, size)))
        assert status == 1
        assert "truncated" in said


def test_what_cannot_be_read_ends_with_2(tmp_path: Path) -> None:
    assert _run(str(tmp_path / "nowhere.tar"))[0] == 2
    status, said = _run(str(tmp_path))
    assert status == 2
    assert "cannot be read" in said


@pytest.mark.parametrize("data", [b"PK\x03\x04 and more", b"PK\x05\x06" + bytes(18), ziparchives.bag_of({"data/x": b""})[:-1]])
def test_a_zip_is_told_apart_and_judged_as_one(run: Run, data: bytes) -> None:
    status, said = run(data)
    assert status == 1
    assert ("truncated" in said) == (not data.endswith(bytes(18)))
    assert ("no-bag" in said) == data.endswith(bytes(18))


def test_a_zip_that_lies_about_its_sizes_is_told_and_does_not_send_the_reader_astray(run: Run) -> None:
    for size in (2**32 - 2, 2**63, 2**64 - 1):
        zip64 = ziparchives.extra_field(1, size.to_bytes(8, "little") * 2)
        member = ziparchives.file("bag/data/x", local_extra=zip64).lying(local={"size": 2**32 - 1, "compressed": 2**32 - 1})
        status, said = run(ziparchives.archive(member))
        assert status == 1
        assert "truncated" in said


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "package.tar"
    path.write_bytes(bag_of(complete({"data/a": b""}) | {"data/é": b""}))
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    with pytest.raises(SystemExit):
        call_command("verify_package", str(path), stdout=out)
    out.seek(0)
    assert "not-listed: data/\\xe9" in out.read()
