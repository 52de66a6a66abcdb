"""``manage.py demo`` as a new user meets it, and what it says when something is not as it should be."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from fixtures.demonstration import DemonstrationFailed
from fixtures.demonstration.judges import check_sums, extract, validate
from fixtures.demonstration.place import MARK, prepare
from fixtures.demonstration.reader import Reader
from fixtures.demonstration.service import manage
from fixtures.orthanc import PROGRAM
from fixtures.orthanc import demonstration as orthanc_demonstration

TOP = Path(__file__).parent.parent
SECONDS = 240


def start(folder: Path, **environ: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(TOP / "manage.py"), "demo", "--folder", str(folder)]
    own = {name: value for name, value in os.environ.items() if name not in {"DJANGO_SETTINGS_MODULE", "PACKAGING_CONFIG"}}
    return subprocess.Popen(command, env=own | environ, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder: Path, **environ: str) -> tuple[int, str, str]:
    with start(folder, **environ) as process:
        output, errors = process.communicate(timeout=SECONDS)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of one whole demonstration, on a machine whose own settings must not matter."""
    folder = tmp_path_factory.mktemp("machine") / "demo"
    theirs = folder.parent / "theirs.sqlite3"
    environ = {
        "PACKAGING_CONFIG": str(folder.parent / "mistaken.toml"),
        "PACKAGING_DATABASE": f"sqlite:///{theirs}",
        "PACKAGING_SECRET_KEY": "short",
        "http_proxy": "http://127.0.0.1:9",
    }
    (folder.parent / "mistaken.toml").write_text("limits.file = 3\n")
    status, output, errors = run(folder, **environ)
    assert (status, errors) == (0, "")
    assert not theirs.exists()
    return folder, output


def test_both_packages_come_whole_and_three_judges_find_them_valid(told: tuple[Path, str]) -> None:
    folder, output = told
    assert output.count("exactly as many as Content-Length announced") == 2
    assert len(re.findall(r"valid: +python -m bagit --validate (\S+)", output)) == 2
    assert re.findall(r"verify_package \S+: (\d+) files", output) == ["8", "10"]
    if shutil.which("sha256sum"):
        assert re.findall(r"sha256sum -c manifest-sha256.txt: (\d+) files", output) == ["8", "10"]
    packages = sorted((folder / "packages").glob("*.tar"))
    assert [path.name for path in packages][1] == "rutgers-lib-1234.tar"
    assert all(f"{path.stat().st_size:,} bytes" in output for path in packages)


def test_the_papers_requests_are_sent_as_curl_would_send_them(told: tuple[Path, str]) -> None:
    _, output = told
    assert "files=rutgers-lib:1234/mods;rutgers-lib:5678/pdf-1;rutgers-lib:5678/jpeg-1;rutgers-lib:1234" in output
    assert "map=rutgers-lib:1234/SMAP-PRES" in output
    assert re.search(r"curl --data key=gk[0-9a-f]{10}_[0-9a-f]{64} http://127\.0\.0\.1:\d+/api/get/getToken", output)


def test_the_tree_is_that_of_the_archive_and_holds_no_master(told: tuple[Path, str]) -> None:
    folder, output = told
    with tarfile.open(folder / "packages" / "rutgers-lib-1234.tar") as archive:
        members = {Path(member.name).name: member.size for member in archive if member.isfile()}
    tree = output.partition("6. ")[2].partition("notices.txt says")[0]
    drawn = {name: int(size.replace(",", "")) for size, name in re.findall(r"^ +([\d,]+) {2,}(\S.*)$", tree, re.MULTILINE)}
    assert drawn == members
    assert "ARCH1" not in output.partition("6. ")[2]
    assert "Photographs/" in tree


def test_notices_and_statistics_are_shown(told: tuple[Path, str]) -> None:
    _, output = told
    assert re.findall(r"Datastreams in this package: (\d+)", output) == ["8", "10"]
    assert len(re.findall(r"^ +rutgers-lib:\d+ .* Demonstration page .*(?:true|false)$", output, re.MULTILINE)) == 18


def test_no_service_is_left_behind(told: tuple[Path, str]) -> None:
    folder, output = told
    address = re.search(r"The service runs at (http://\S+)", output)
    assert address
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address[1]}/healthz", timeout=5)
    assert not is_running(server_pid(folder))


def test_what_it_tells_to_type_next_works(told: tuple[Path, str], tmp_path: Path) -> None:
    _, output = told
    line = next(line.strip() for line in output.splitlines() if "write_package" in line)
    line = line.replace("--output book.tar", f"--output {tmp_path / 'book.tar'}")
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PACKAGING_", "DJANGO_"))}
    done = subprocess.run(line, shell=True, cwd=TOP, env=own, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S602 # as typed
    assert (done.returncode, done.stderr) == (0, "")
    assert "object-not-found" not in done.stdout
    assert (tmp_path / "book.tar").is_file()


def test_a_second_run_starts_afresh_and_a_signal_stops_its_service(told: tuple[Path, str], tmp_path: Path) -> None:
    folder = shutil.copytree(told[0], tmp_path / "demo")
    (folder / "kept.txt").write_text("somebody's own")
    former = made(folder)
    with start(folder) as process:
        pid = wait_for_server(folder, server_pid(told[0]))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGTERM
    assert not is_running(pid)
    assert (folder / "kept.txt").exists()
    assert len(former) == 2
    assert not former & made(folder), "whatever it had made before the signal came, nothing of the first run is left"


def made(folder: Path) -> set[tuple[str, int]]:
    """The packages, by their names and times."""
    return {(path.name, path.stat().st_mtime_ns) for path in (folder / "packages").glob("*.tar")}


def server_pid(folder: Path) -> int | None:
    try:
        found = re.search(r"Listening at: \S+ \((\d+)\)", (folder / "server.log").read_text())
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None


def wait_for_server(folder: Path, former: int | None) -> int:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pid = server_pid(folder)
        if pid not in {None, former}:
            return pid or 0
        time.sleep(0.01)
    raise AssertionError("the service did not start")


def is_running(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_folder_in_other_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "packaging.toml").write_text("mine")
    status, _, errors = run(tmp_path)
    assert status == 1
    assert "is in use, and not by an earlier demonstration" in errors
    assert (tmp_path / "packaging.toml").read_text() == "mine"


def test_a_place_has_a_secret_of_its_own_that_nobody_else_reads(tmp_path: Path) -> None:
    place = prepare(tmp_path / "a" / "b")
    assert (place.folder / MARK).is_file()
    assert (place.folder / "secret-key").stat().st_mode & 0o077 == 0
    first = (place.folder / "secret-key").read_text()
    assert (prepare(tmp_path / "a" / "b").folder / "secret-key").read_text() != first


def test_a_command_that_fails_is_told_by_its_last_words(tmp_path: Path) -> None:
    place = prepare(tmp_path)
    with pytest.raises(DemonstrationFailed, match=r"check_sources failed: .*2 of 2 stores cannot be used"):
        manage(place, "check_sources")


@pytest.fixture
def bag(told: tuple[Path, str], tmp_path: Path) -> Path:
    return extract(told[0] / "packages" / "rutgers-lib-1234.tar", tmp_path)


def test_judges_find_a_changed_file(bag: Path) -> None:
    next(bag.glob("data/**/*.jpg")).write_bytes(b"another picture")
    with pytest.raises(DemonstrationFailed, match="bagit-python does not find the bag valid"):
        validate(bag)
    if shutil.which("sha256sum"):
        with pytest.raises(DemonstrationFailed, match="sha256sum does not find the bag valid"):
            check_sums(bag)


def test_without_bagit_it_says_what_brings_it(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.demonstration.judges.find_spec", lambda _: None)
    with pytest.raises(DemonstrationFailed, match="'make install' brings it"):
        validate(bag)


def test_an_archive_that_is_cut_or_leaves_its_folder_is_not_extracted(told: tuple[Path, str], tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar"
    whole = told[0] / "packages" / "rutgers-lib-1234.tar"
    with tarfile.open(whole) as archive:
        middle = next(member.offset_data + 1000 for member in archive if member.size > 1000)
    cut.write_bytes(whole.read_bytes()[:middle])
    with pytest.raises(DemonstrationFailed, match="cannot be extracted"):
        extract(cut, tmp_path)
    if hasattr(tarfile, "data_filter"):
        with tarfile.open(tmp_path / "out.tar", "w") as archive:
            archive.addfile(tarfile.TarInfo("../out"))
        with pytest.raises(DemonstrationFailed, match="cannot be extracted"):
            extract(tmp_path / "out.tar", tmp_path / "in")


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes) -> Iterator[Reader]:
    """A reader of a server that gives every POST this answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server, requests.Session() as session:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Reader(session, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


def test_a_refusal_is_told_in_the_services_words() -> None:
    with (
        answering(403, {}, b"<error>Token could not be generated</error>") as reader,
        pytest.raises(DemonstrationFailed, match="getToken answered 403: <error>Token could not be generated"),
    ):
        reader.ask_token("key")


def test_an_answer_that_is_no_token_is_told() -> None:
    with answering(200, {}, b"<html>") as reader, pytest.raises(DemonstrationFailed, match="something else than a token"):
        reader.ask_token("key")


def test_a_package_that_breaks_off_is_no_package(tmp_path: Path) -> None:
    headers = {"Content-Length": "100", "Content-Disposition": 'attachment; filename="a.tar"'}
    with answering(200, headers, b"x" * 99) as reader, pytest.raises(DemonstrationFailed, match=r"99 bytes|broke off"):
        reader.take_package("token", {"files": "a:1"}, tmp_path)


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "1"}, {"Content-Length": "1", "Content-Disposition": 'attachment; filename="../a.tar"'}]
)
def test_a_package_without_a_plain_name_is_not_stored(headers: dict[str, str], tmp_path: Path) -> None:
    with answering(200, headers, b"x") as reader, pytest.raises(DemonstrationFailed, match="lacks a file name"):
        reader.take_package("token", {"files": "a:1"}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_told() -> None:
    with requests.Session() as session, pytest.raises(DemonstrationFailed, match="getToken was not answered: ConnectionError"):
        Reader(session, "http://127.0.0.1:9").ask_token("key")


@pytest.mark.skipif(PROGRAM is None, reason="Orthanc is not installed")
def test_a_study_out_of_orthanc_is_resumed_after_a_restart_of_both(tmp_path: Path) -> None:
    command = [sys.executable, str(TOP / "manage.py"), "demo", "--orthanc", "--folder", str(tmp_path / "demo")]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the MD5s of all 40 instances" in done.stdout
    assert done.stdout.endswith("All is well.\n")


def test_without_orthanc_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthanc_demonstration, "PROGRAM", None)
    with pytest.raises(DemonstrationFailed, match="apt install orthanc"):
        orthanc_demonstration.demonstrate_orthanc(tmp_path, print)
