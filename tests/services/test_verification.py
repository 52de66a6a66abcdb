"""What a process finds of the bytes that it sends goes into the ledger, and what the ledger knows need not be read."""

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError

from getapi.core.errors import FixityMismatch
from getapi.core.ledger import Examination
from getapi.core.plan import Entry, enter
from getapi.core.source import ControlGroup, Digest
from getapi.models import Fixity, FixityRevision
from getapi.services import fixity, packages, verification
from getapi.services.fixity import DatabaseLedger
from getapi.services.repositories import registry
from getapi.services.rounds import rounds
from getapi.services.verification import Findings, doubt, unread
from getapi.transport.examination import checks_of
from getapi.transport.verifier import Reading, Verifier
from tests.conftest import Configure
from tests.core.fakes import managed
from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
BYTES = b"what was deposited"
MD5 = hashlib.md5(BYTES, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(BYTES).hexdigest()


def entry(dsid: str = "A", *, control_group: ControlGroup = ControlGroup.MANAGED, learned: str | None = None) -> Entry:
    record = managed("x:1", dsid, BYTES, digests=(Digest(algorithm="md5", value=MD5),), control_group=control_group)
    return enter(record, path=f"data/{dsid}", repository="main", algorithm="sha256", undated=0, learned=learned)


def sound(of: Entry, *, mismatch: str = "", age: float = 0) -> Examination:
    return Examination(
        identity=of.datastream.identity,
        size=len(BYTES),
        digests={"md5": MD5, "sha256": SHA256},
        crc32=7,
        verified=NOW - timedelta(seconds=age),
        mismatch=mismatch,
    )


LEDGER = DatabaseLedger(max_age=60, now=NOW)


def doubted(*entries: Entry, age: float | None, digests: bool = True, checksums: bool = False) -> frozenset[str]:
    seen = {} if age is None else {("main", "x:1", each.datastream.dsid): sound(each, age=age) for each in entries}
    return frozenset(doubt(entries, seen=seen, ledger=LEDGER, algorithm="sha256", digests=digests, checksums=checksums).paths)


def test_what_was_never_read_or_long_ago_is_doubted() -> None:
    known = entry(learned=SHA256)
    assert doubted(known, age=None) == {"data/A"}
    assert doubted(known, age=60) == {"data/A"}
    assert doubted(known, age=59) == frozenset()


def test_what_the_package_must_tell_and_nobody_knows_is_read_though_it_was_verified() -> None:
    assert doubted(entry(), age=1) == {"data/A"}
    assert doubted(entry(learned=SHA256), age=1, checksums=True) == {"data/A"}
    assert doubted(entry(), age=1, digests=False) == frozenset()


def test_a_single_datastream_of_which_nothing_is_declared_has_nothing_to_be_held_against() -> None:
    bare = enter(managed("x:1", "A", BYTES, digests=()), path="a", repository="main", algorithm="sha256", undated=0)
    assert doubted(bare, age=None, digests=False) == frozenset()
    assert doubted(bare, age=None) == {"a"}
    assert doubted(replace(bare, digest=SHA256), age=60, digests=False) == {"a"}  # as it was when it was read before


def test_only_what_the_store_holds_is_read_beforehand() -> None:
    others = [entry(group.name, control_group=group) for group in ControlGroup]
    assert unread(others) == {"data/MANAGED"}


def test_findings_are_written_together_and_once() -> None:
    findings = Findings()
    findings.add(entry("A"), sound(entry("A")))
    findings.add(entry("B"), sound(entry("B"), mismatch="md5"))
    assert not Fixity.objects.exists()
    findings.write()
    assert sorted(Fixity.objects.values_list("dsid", "verdict")) == [("A", "ok"), ("B", "mismatch")]
    Fixity.objects.all().delete()
    findings.write()
    assert not Fixity.objects.exists()


def test_what_a_database_that_is_away_does_not_take_is_written_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("away")

    findings = Findings()
    findings.add(entry("A"), sound(entry("A")))
    with monkeypatch.context() as patched:
        patched.setattr(fixity, "record", refuse)
        with pytest.raises(OperationalError):
            findings.write()
    findings.add(entry("B"), sound(entry("B")))
    findings.write()
    assert sorted(Fixity.objects.values_list("dsid", flat=True)) == ["A", "B"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_finding_that_no_column_takes_costs_no_other_and_is_told_once(caplog: pytest.LogCaptureFixture, place: int) -> None:
    """A version holds what another server said of it."""
    entries = [entry("A"), entry("B")]
    wrong = entry("W")
    entries.insert(place, replace(wrong, datastream=replace(wrong.datastream, version="\ud800")))
    findings = Findings()
    for each in entries:
        findings.add(each, sound(each))
    assert not findings.write()
    assert sorted(Fixity.objects.values_list("dsid", flat=True)) == ["A", "B"]
    assert not findings.write()
    assert [line.__dict__["dsid"] for line in caplog.records if line.getMessage() == "finding not recorded"] == ["W"]


def test_no_more_is_kept_for_a_database_that_stays_away_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST_WAITING", 2)
    findings = Findings()
    for name in "ABC":
        findings.add(entry(name), sound(entry(name)))
    findings.write()
    assert sorted(Fixity.objects.values_list("dsid", flat=True)) == ["B", "C"]


def test_what_this_process_finds_is_written_in_its_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(rounds, "engage", lambda: asked.append(True))
    verification.note(entry("A"), sound(entry("A")))
    assert asked == [True]
    rounds.go()
    assert Fixity.objects.get().dsid == "A"


@pytest.fixture
def stored(tmp_path: Path, configure: Configure) -> BuiltStore:
    built = BuiltStore(root=tmp_path / "store")
    built.put("x:1", foxml("x:1", datastream("A", "M", version("A.0", digest("MD5", MD5) + location("x:1+A+A.0")))))
    built.put("x:1+A+A.0", BYTES)
    configure(f'[[repositories]]\nname = "main"\ntype = "fedora3"\nobjects = "{built.objects}"\ndatastreams = "{built.datastreams}"')
    return built


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Findings:
    """A process that has sent nothing yet."""
    found = Findings()
    monkeypatch.setattr(verification, "verifier", Verifier(tell=found.add, remember=verification.remembered))
    return found


def prepared(serialization: str = "tar") -> packages.Package:
    return packages.prepare(packages.read_request(files="x:1", maps=None, format=serialization))


def read(package: packages.Package) -> Reading:
    """The first entry's reading at its end."""
    entry = package.plan.entries[0]
    reading = package.doubt.verifier.ask(entry, registry().open, checks_of(entry, "sha256", checksum=True))
    assert reading.wait(10)
    return reading


def test_a_package_that_was_delivered_is_free_the_next_time_and_its_manifest_is_known(stored: BuiltStore, process: Findings) -> None:
    first = prepared("zip")
    only = first.plan.entries[0]
    assert (first.doubt.paths, only.digest, only.checksum) == ({only.path}, None, None)
    read(first).result()
    process.write()
    second = prepared("zip")
    assert (second.doubt.paths, second.plan.entries[0].digest) == (frozenset(), SHA256)
    assert second.plan.entries[0].checksum is not None
    assert second.plan.etag == first.plan.etag


def write_by_hand(**facts: object) -> None:
    """What was read of the table is forgotten, as whoever changes it so must see to."""
    Fixity.objects.update(**facts)
    FixityRevision.objects.update(value=secrets.token_hex(16))


def test_a_checksum_on_record_counts_as_long_as_the_digests_do(stored: BuiltStore, process: Findings) -> None:
    read(prepared("zip")).result()
    process.write()
    right = prepared("zip").plan.entries[0].checksum
    write_by_hand(crc32=777)
    assert prepared("zip").plan.entries[0].checksum == 777
    write_by_hand(verified=NOW - timedelta(days=31))
    stale = prepared("zip")
    assert (stale.plan.entries[0].checksum, stale.plan.entries[0].digest) == (None, SHA256)
    assert read(stale).result().crc32 == right


def test_damage_is_on_record_before_the_next_package_is_planned(stored: BuiltStore, process: Findings) -> None:
    stored.path("x:1+A+A.0").write_bytes(BYTES[:-1] + b"?")
    with pytest.raises(FixityMismatch):
        read(prepared()).result()
    process.write()
    assert [(notice.dsid, notice.code) for notice in prepared().plan.notices] == [("A", "fixity")]


@pytest.mark.parametrize(("max_age", "seconds"), [("30 days", 60.0), ("20 s", 20.0), ("0 s", 0.0)])
def test_a_process_remembers_for_a_minute_at_most_what_it_found(configure: Configure, max_age: str, seconds: float) -> None:
    configure(f'[fixity]\nmax_age = "{max_age}"')
    assert verification.remembered() == seconds
