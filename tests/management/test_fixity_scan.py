"""``manage.py fixity_scan``: what it reads, remembers, tells and lifts."""

import errno
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from fixtures import Repository, build
from getapi.core.source import DatastreamRecord
from getapi.models import Fixity
from getapi.services import fixity, fixityscan, packages
from getapi.services.fixityscan import Finding, Outcome, Scan
from getapi.services.repositories import registry
from getapi.sources.content import FileContent
from getapi.sources.fedora3 import Fedora3Source
from tests.conftest import Configure
from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version

pytestmark = pytest.mark.django_db

SOUND = b"what was deposited"
MD5 = hashlib.md5(SOUND, usedforsecurity=False).hexdigest()


def told(*arguments: str) -> list[str]:
    """The lines that it says; it may fail."""
    out = io.StringIO()
    try:
        call_command("fixity_scan", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        out.write(f"exit {error.returncode}: {error}\n")
    return out.getvalue().splitlines()


class Reads:
    """The DSIDs of the managed datastreams that were opened, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[str] = []
        original = Fedora3Source._open_managed

        def open_managed(source: Fedora3Source, record: DatastreamRecord, start: int = 0) -> FileContent:
            self.opened.append(f"{record.pid}/{record.dsid}")
            return original(source, record, start)

        monkeypatch.setattr(Fedora3Source, "_open_managed", open_managed)

    def take(self) -> list[str]:
        taken, self.opened = self.opened, []
        return taken


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def configured(configure: Configure, objects: Path, datastreams: Path, *, layout: str = "akubra") -> None:
    configure(f"""
    [[repositories]]
    name = "main"
    type = "fedora3"
    layout = "{layout}"
    objects = "{objects}"
    datastreams = "{datastreams}"
    """)


def put(built: BuiltStore, pid: str, octets: bytes = SOUND, *, declared: str = MD5) -> Path:
    """An object with one managed datastream that declares an MD5, and inline XML beside it."""
    managed = datastream("A", "M", version("A.0", (digest("MD5", declared) if declared else "") + location(f"{pid}+A+A.0")))
    inline = datastream("DC", "X", version("DC.0", "<foxml:xmlContent><a/></foxml:xmlContent>", MIMETYPE="text/xml"))
    built.put(pid, foxml(pid, managed, inline))
    return built.put(f"{pid}+A+A.0", octets)


@pytest.fixture
def built(tmp_path: Path, configure: Configure) -> BuiltStore:
    made = BuiltStore(root=tmp_path / "store")
    configured(configure, made.objects, made.datastreams)
    return made


def planned(pid: str) -> set[str]:
    """The datastreams of its package, and those left out by the ledger after an exclamation mark."""
    plan = packages.prepare(packages.read_request(files=pid, maps=None)).plan
    left_out = {f"!{notice.dsid}" for notice in plan.notices if notice.code == "fixity"}
    return {entry.datastream.dsid for entry in plan.entries} | left_out


def test_all_is_read_once_and_remembered(built: BuiltStore, reads: Reads) -> None:
    for name in ("x:1", "x:2"):
        put(built, name)
    assert told() == [f"main: 2 read and right, 0 known from before, 0 not what was deposited, 0 not readable; {2 * len(SOUND)} bytes read"]
    assert sorted(reads.take()) == ["x:1/A", "x:2/A"]
    row = Fixity.objects.get(pid="x:1")
    assert (row.digests, row.crc32, row.size) == (
        {"md5": MD5, "sha256": hashlib.sha256(SOUND).hexdigest()},
        crc32(SOUND),
        len(SOUND),
    )
    assert told()[-1].startswith("main: 0 read and right, 2 known from before")
    assert reads.take() == []


def test_what_is_new_old_or_lacks_a_checksum_is_read_again(built: BuiltStore, reads: Reads, configure: Configure) -> None:
    paths = [put(built, f"x:{number}") for number in range(4)]
    told()
    reads.take()
    os.utime(paths[0], (0, 0))
    Fixity.objects.filter(pid="x:1").update(crc32=None)
    Fixity.objects.filter(pid="x:2").update(verified="2020-01-01T00:00Z")
    told()
    assert sorted(reads.take()) == ["x:0/A", "x:1/A", "x:2/A"]
    told("--algorithm", "sha512", "--algorithm", "sha256")
    assert len(reads.take()) == 4
    assert set(Fixity.objects.get(pid="x:3").digests) == {"md5", "sha256", "sha512"}


def test_the_wrong_is_read_twice_named_left_out_and_back_when_it_was_repaired(built: BuiltStore, reads: Reads) -> None:
    path = put(built, "x:1", SOUND[:-1] + b"?")
    line = "mismatch\tmain\tx:1/A\tThe content does not match its recorded checksum (md5)"
    assert told()[0] == line
    assert reads.take() == ["x:1/A", "x:1/A"]
    assert planned("x:1") == {"!A", "DC"}
    assert told()[::2] == [line, "exit 1: Not all is as it should be: main"]
    assert reads.take() == []
    path.write_bytes(SOUND)
    os.utime(path, (0, 0))
    assert planned("x:1") == {"A", "DC"}
    assert told()[0].startswith("main: 1 read and right")


def test_failed_lifts_what_is_right_now_and_reads_nothing_else(built: BuiltStore, reads: Reads) -> None:
    put(built, "x:1", declared="0" * 32)
    put(built, "x:2", declared="0" * 32)
    put(built, "x:3")
    told()
    put(built, "x:1")  # its record is corrected; the file is as it was
    os.utime(built.path("x:1+A+A.0"), ns=(0, mtime("x:1")))
    reads.take()
    assert planned("x:1") == {"!A", "DC"}
    lines = told("--failed")
    assert [line.partition("\t")[0] for line in lines[:1]] == ["mismatch"]
    assert lines[1].startswith("main: 1 read and right, 0 known from before, 1 not what")
    assert sorted(set(reads.take())) == ["x:1/A", "x:2/A"]
    assert planned("x:1") == {"A", "DC"}
    assert planned("x:2") == {"!A", "DC"}


def mtime(pid: str) -> int:
    """Of the file as the ledger saw it, in nanoseconds."""
    return int(Fixity.objects.get(pid=pid).identity.split("-")[1])


def test_failed_forgets_what_the_object_has_no_more(built: BuiltStore) -> None:
    put(built, "x:1", declared="0" * 32)
    told()
    built.put("x:1", foxml("x:1"))
    assert told("--failed") == ["main: 0 read and right, 0 known from before, 0 not what was deposited, 0 not readable; 0 bytes read"]
    assert not Fixity.objects.exists()


def test_rot_is_seen_where_nothing_is_declared_but_the_file_was_read_before(built: BuiltStore) -> None:
    path = put(built, "x:1", declared="")
    told()
    Fixity.objects.update(verified="2020-01-01T00:00Z")
    status = path.stat()
    path.write_bytes(SOUND[:-1] + b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert told()[0] == "mismatch\tmain\tx:1/A\tThe content does not match its recorded checksum (sha256)"


def test_what_cannot_be_read_is_named_and_the_rest_is_read(built: BuiltStore) -> None:
    put(built, "x:1").unlink()
    put(built, "x:2")
    built.put("x:3", b"<broken")
    lines = told()
    assert "unread\tmain\tx:1/A\tThe datastream's content is not in the store" in lines
    assert any(line.startswith("unread\tmain\tx:3\tThe object's description cannot be read") for line in lines)
    assert lines[-2].startswith("main: 1 read and right, 0 known from before, 0 not what was deposited, 2 not readable")
    assert lines[-1].startswith("exit 1")


def test_what_its_disk_cannot_read_is_told_in_the_disks_words(built: BuiltStore, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = put(built, "x:1").stat().st_ino
    put(built, "x:2")
    original = os.preadv

    def failing(descriptor: int, buffers: Sequence[bytearray], offset: int, *more: int) -> int:
        if os.fstat(descriptor).st_ino == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(descriptor, buffers, offset, *more)

    monkeypatch.setattr(os, "preadv", failing)
    lines = told()
    assert "unread\tmain\tx:1/A\tThe repository cannot be read at the moment (Input/output error)" in lines
    assert lines[-2].startswith("main: 1 read and right")
    with pytest.raises(CommandError, match=r"cannot be read at the moment \(Input/output error\) \(x:1/A\)"):
        call_command("write_package", "x:1", "--output", os.devnull)


def test_a_store_that_is_not_there_is_no_empty_one(built: BuiltStore) -> None:
    built.objects.rmdir()
    assert told() == [
        "main: The repository cannot be read at the moment (No such file or directory)",
        "exit 1: Not all is as it should be: main",
    ]


def test_the_empty_folder_where_a_disk_is_not_mounted_is_no_store_whose_scan_finds_all_right(built: BuiltStore) -> None:
    built.objects.mkdir(exist_ok=True)
    assert told() == ["main: The repository cannot be read at the moment (is empty)", "exit 1: Not all is as it should be: main"]


@pytest.mark.parametrize("arguments", [(), ("--failed",)])
def test_a_store_that_goes_away_ends_the_scan_instead_of_each_object_in_turn(built: BuiltStore, arguments: tuple[str, ...]) -> None:
    for name in ("x:1", "x:2", "x:3"):
        put(built, name, b"rotten")
    assert sum(line.startswith("mismatch") for line in told()) == 3
    built.datastreams.rename(built.root / "away")
    end = ["main: The repository cannot be read at the moment (No such file or directory)", "exit 1: Not all is as it should be: main"]
    assert told(*arguments) == end
    (built.root / "away").rename(built.datastreams)
    assert sum(line.startswith("mismatch") for line in told(*arguments)) == 3


def scan() -> Scan:
    return Scan(source=registry().by_name("main"), ledger=fixity.current_ledger(), learn=frozenset({"sha256"}))


def test_a_datastream_that_was_replaced_meanwhile_is_read_as_it_is_now(built: BuiltStore) -> None:
    paths = [put(built, name) for name in ("x:1", "x:2", "x:3")]

    def meanwhile(pids: list[str]) -> Iterator[list[Finding]]:
        with closing(scan().run(pids)) as findings:
            yield next(findings)
            os.utime(paths[1], (0, 0))
            paths[2].unlink()
            yield from findings

    outcomes = [(finding.pid, finding.outcome) for found in meanwhile(["x:1", "x:2", "x:3"]) for finding in found]
    assert outcomes == [("x:1", Outcome.SOUND), ("x:2", Outcome.SOUND), ("x:3", Outcome.UNREAD)]
    assert Fixity.objects.get(pid="x:2").identity.split("-")[1] == "0"


def test_a_datastream_that_is_replaced_and_lost_meanwhile_is_told(built: BuiltStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(built, "x:1")
    scanning = scan()
    described = scanning.source.describe("x:1").datastreams[0]
    path.unlink()
    os.mkfifo(path)
    assert scanning._find(described, None, fixityscan._Pages("main", lift=False, clock=lambda: 0.0)).text == "No such datastream"


def test_an_interrupted_scan_keeps_what_it_read_and_goes_on(built: BuiltStore, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        put(built, f"x:{number}")
    original = Scan._find

    def interrupted(self: Scan, record: DatastreamRecord, *rest: object) -> Finding:
        if len(reads.opened) == 3:
            raise KeyboardInterrupt
        return original(self, record, *rest)  # type: ignore[arg-type] # what it was given

    with monkeypatch.context() as patch:
        patch.setattr(Scan, "_find", interrupted)
        assert told()[-1] == "exit 130: Interrupted; the next scan goes on from here"
    first = reads.take()
    told()
    assert len(first) == 3
    assert sorted(first + reads.take()) == [f"x:{number}/A" for number in range(5)]


@pytest.mark.parametrize(("page", "seconds"), [(1, 0.0), (200, 6.0)])
def test_what_was_read_is_written_before_the_end(built: BuiltStore, monkeypatch: pytest.MonkeyPatch, page: int, seconds: float) -> None:
    for number in range(3):
        put(built, f"x:{number}")
    monkeypatch.setattr(fixityscan, "PAGE", page)
    times = iter(number * seconds for number in range(100))
    scanning = Scan(source=registry().by_name("main"), ledger=fixity.current_ledger(), learn=frozenset(), clock=lambda: next(times))
    with closing(scanning.run(["x:0", "x:1", "x:2"])) as findings:
        next(findings)
        assert Fixity.objects.count() == 1


def test_shares_are_all_of_it_and_nothing_twice(built: BuiltStore, reads: Reads) -> None:
    for number in range(20):
        put(built, f"x:{number}")
    for number in (1, 2, 3):
        told("--share", f"{number}/3")
    assert sorted(reads.take()) == sorted(f"x:{number}/A" for number in range(20))


@pytest.mark.parametrize("share", ["0/3", "4/3", "1", "a/b", "1/"])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    with pytest.raises(CommandError, match="a share is written 1/4"):
        call_command("fixity_scan", "--share", share)


def test_only_repositories_that_are_configured_can_be_named(built: BuiltStore, reads: Reads) -> None:
    put(built, "x:1")
    assert told("--repository", "other") == ["exit 1: No repository is configured by the name other"]
    assert told("--repository", "main")[0].startswith("main: 1 read")


@pytest.mark.parametrize("layout", ["akubra", "legacy"])
def test_the_demonstration_is_read_whole_in_both_layouts(
    layout: str, tmp_path_factory: pytest.TempPathFactory, configure: Configure
) -> None:
    made: Repository = build(tmp_path_factory.mktemp(layout), layout=layout)
    configured(configure, made.objects, made.datastreams, layout=layout)
    if layout == "legacy":
        call_command("index_sources", stdout=io.StringIO(), stderr=io.StringIO())
    lines = told()
    wrong = [line.split("\t")[2:] for line in lines if line.startswith("mismatch")]
    assert wrong == [
        ["rutgers-lib:5002/TXT-2", "The content does not match its recorded checksum (md5)"],
        ["rutgers-lib:5002/TXT-3", "The content does not match its recorded checksum (sha256)"],
    ]
    assert planned("rutgers-lib:5002") >= {"TXT-1", "!TXT-2", "!TXT-3"}
    rotted = next(each for each in registry().describe("rutgers-lib:5002").datastreams if each.dsid == "TXT-2")
    (made.datastreams / rotted.location).write_bytes(b"as it was")
    assert planned("rutgers-lib:5002") >= {"TXT-1", "TXT-2", "!TXT-3"}
    assert [line.split("\t")[2:] for line in told() if line.startswith("mismatch")] == wrong[1:]
