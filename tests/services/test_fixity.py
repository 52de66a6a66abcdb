"""The fixity ledger: what was read is known in every process, and a mismatch stays one until it is lifted."""

import hashlib
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from getapi.core.errors import FixityMismatch
from getapi.core.ledger import Examination
from getapi.core.source import ControlGroup, DatastreamRecord, Digest
from getapi.models import Fixity
from getapi.services import fixity, objects, packages
from getapi.services.fixity import DatabaseLedger, recall, record
from getapi.services.repositories import registry
from tests.conftest import Configure
from tests.core.fakes import managed
from tests.sources.stores import BuiltStore, datastream, digest, foxml, location, version

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BYTES = b"what was deposited"
MD5 = hashlib.md5(BYTES, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(BYTES).hexdigest()


def store(root: Path, octets: bytes = BYTES) -> BuiltStore:
    """One object of which one datastream declares an MD5 and one nothing; both hold the same octets."""
    built = BuiltStore(root=root / "store")
    datastreams = [
        datastream("A", "M", version("A.0", digest("MD5", MD5) + location("x:1+A+A.0"))),
        datastream("B", "M", version("B.0", location("x:1+B+B.0"))),
    ]
    built.put("x:1", foxml("x:1", *datastreams))
    built.put("x:1+A+A.0", octets)
    built.put("x:1+B+B.0", octets)
    return built


@pytest.fixture
def stored(tmp_path: Path, configure: Configure) -> BuiltStore:
    built = store(tmp_path)
    configure(f'[[repositories]]\nname = "main"\ntype = "fedora3"\nobjects = "{built.objects}"\ndatastreams = "{built.datastreams}"')
    return built


def kept(dsid: str = "A", **facts: Any) -> DatastreamRecord:
    return managed("x:1", dsid, BYTES, **{"digests": (Digest(algorithm="md5", value=MD5),), **facts})


def sound(**facts: object) -> Examination:
    seen = Examination(identity=kept().identity, size=len(BYTES), digests={"md5": MD5, "sha256": SHA256}, verified=NOW)
    return replace(seen, **facts)  # type: ignore[arg-type] # the tests' own facts


def ledger(*, max_age: float = 60, later: float = 0) -> DatabaseLedger:
    return DatabaseLedger(max_age=max_age, now=NOW + timedelta(seconds=later))


def known(datastream: DatastreamRecord, *, max_age: float = 60, later: float = 0) -> Examination | None:
    return ledger(max_age=max_age, later=later).look_up("main", [datastream]).get(("x:1", datastream.dsid))


def found(dsid: str) -> DatastreamRecord:
    return next(each for each in registry().by_name("main").describe("x:1").datastreams if each.dsid == dsid)


def plan(files: str = "x:1") -> packages.Package:
    return packages.prepare(packages.read_request(files=files, maps=None))


def test_what_was_read_stays_known_but_need_be_verified_again_once_it_is_old() -> None:
    record("main", [(kept(), sound())])
    assert known(kept(), later=1e9) == sound()
    assert ledger(later=59).is_fresh(sound(), kept())
    assert not ledger(later=60).is_fresh(sound(), kept())
    assert not ledger(max_age=0).is_fresh(sound(), kept())


def test_a_mismatch_is_known_for_ever() -> None:
    record("main", [(kept(), sound(mismatch="md5"))])
    found = known(kept(), max_age=0, later=1e9)
    assert found is not None
    assert found.mismatch == "md5"


@pytest.mark.parametrize(
    "other",
    [
        kept(identity="18-2-1"),
        kept(version="A.1"),
        kept(dsid="B"),
        kept(identity=""),
        kept(control_group=ControlGroup.INLINE),
        kept(digests=(Digest(algorithm="md5", value="0" * 32),)),
        kept(digests=(Digest(algorithm="sha1", value="0" * 40),)),
    ],
    ids=["another file", "another version", "another datastream", "no identity", "inline", "another digest", "a digest not compared"],
)
def test_nothing_is_known_of_anything_else(other: DatastreamRecord) -> None:
    record("main", [(kept(), sound())])
    assert known(other) is None
    assert ledger().look_up("other", [kept()]) == {}


@pytest.mark.parametrize("facts", [{"identity": ""}, {"version": "v" * 256}, {"control_group": ControlGroup.EXTERNAL}])
def test_what_cannot_be_kept_is_not_recorded(facts: dict[str, object]) -> None:
    record("main", [(replace(kept(), **facts), sound())])  # type: ignore[arg-type] # the tests' own facts
    assert not Fixity.objects.exists()


def test_recording_twice_is_as_recording_once_and_forgets_nothing_of_the_same_bytes() -> None:
    record("main", [(kept(), sound(digests={"md5": MD5}, crc32=crc32(BYTES)))])
    for _ in range(2):
        record("main", [(kept(), sound(verified=NOW + timedelta(seconds=5)))])
    assert recall("main", [kept()]) == {("x:1", "A"): sound(crc32=crc32(BYTES), verified=NOW + timedelta(seconds=5))}


def test_what_is_learned_late_does_not_undo_the_news() -> None:
    record("main", [(kept(), sound())])
    record("main", [(kept(), sound(verified=NOW - timedelta(days=1), digests={"md5": MD5}))])
    assert recall("main", [kept()])["x:1", "A"] == sound()


@pytest.mark.parametrize("facts", [{}, {"identity": "18-2-1"}], ids=["same bytes", "others"])
def test_what_was_read_while_the_clock_was_wrong_does_not_count_until_that_day_comes(facts: dict[str, str]) -> None:
    new, year = kept(**facts), timedelta(days=365)
    record("main", [(kept(), sound(verified=NOW + year))])
    seen = recall("main", [kept()])["x:1", "A"]
    assert not ledger().is_fresh(seen, kept())
    assert ledger(later=year.total_seconds() - 1).is_fresh(seen, kept())  # two machines' clocks are never quite the same
    record("main", [(new, sound(identity=new.identity))])
    assert recall("main", [new])["x:1", "A"] == sound(identity=new.identity)


def test_without_max_age_nothing_is_fresh_however_the_clocks_of_two_machines_differ() -> None:
    assert not ledger(max_age=0).is_fresh(sound(verified=NOW + timedelta(seconds=1)), kept())


def test_checksums_that_contradict_the_former_ones_are_not_mixed_with_them() -> None:
    record("main", [(kept(), sound(digests={"md5": "aa", "sha1": "bb"}, crc32=7))])
    record("main", [(kept(), sound())])
    assert recall("main", [kept()])["x:1", "A"] == sound()


def test_a_new_identity_replaces_the_row() -> None:
    new = kept(identity="18-2-1")
    record("main", [(kept(), sound(mismatch="md5"))])
    record("main", [(new, sound(identity=new.identity, digests={"md5": MD5}))])
    assert Fixity.objects.count() == 1
    assert recall("main", [new])["x:1", "A"] == sound(identity=new.identity, digests={"md5": MD5})


def test_a_new_version_replaces_the_former_ones_row() -> None:
    record("main", [(kept(), sound())])
    record("main", [(kept(version="A.1"), sound())])
    assert list(Fixity.objects.values_list("version", flat=True)) == ["A.1"]


@pytest.mark.parametrize("facts", [{"version": "A.1"}, {"identity": "18-2-1"}], ids=["version", "identity"])
@pytest.mark.parametrize("mismatch", ["", "md5"])
def test_who_read_the_former_one_does_not_undo_what_is_known_of_the_present_one(facts: dict[str, str], mismatch: str) -> None:
    new = kept(**facts)
    record("main", [(new, sound(identity=new.identity, mismatch="sha256"))])
    record("main", [(kept(), sound(verified=NOW - timedelta(seconds=1), mismatch=mismatch))])
    assert recall("main", [new])["x:1", "A"].mismatch == "sha256"


def test_a_mismatch_stays_until_it_is_lifted() -> None:
    later = sound(verified=NOW + timedelta(seconds=1))
    record("main", [(kept(), sound(mismatch="md5"))])
    record("main", [(kept(), later)])
    assert recall("main", [kept()])["x:1", "A"].mismatch == "md5"
    record("main", [(kept(), later)], lift=True)
    assert recall("main", [kept()])["x:1", "A"] == later


def test_of_a_mismatch_the_checksums_from_before_are_kept() -> None:
    record("main", [(kept(), sound())])
    record("main", [(kept(), sound(digests={"md5": "bad", "sha256": "bad"}, mismatch="md5"))])
    assert recall("main", [kept()])["x:1", "A"] == sound(mismatch="md5")


def test_a_thousand_entries_cost_few_queries() -> None:
    many = [managed(f"x:{number}", "A", BYTES) for number in range(1000)]
    record("main", [(each, sound()) for each in many[::2]])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(recall("main", many)) == 500
    assert len(queries) <= 2


@pytest.mark.django_db(transaction=True)
def test_those_who_record_at_once_leave_one_row_and_no_mismatch_is_lost() -> None:
    barrier, failures = threading.Barrier(4), []

    def write(mismatch: str) -> None:
        try:
            barrier.wait(30)
            for second in range(5):
                record("main", [(kept(name), sound(mismatch=mismatch, verified=NOW + timedelta(seconds=second))) for name in "ABC"])
        except Exception as error:  # noqa: BLE001 # whatever a thread died of is shown by the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(mismatch,)) for mismatch in ("", "", "", "md5")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(Fixity.objects.values_list("dsid", "verdict")) == [("A", "mismatch"), ("B", "mismatch"), ("C", "mismatch")]


def test_a_package_takes_from_the_ledger_what_the_repository_does_not_declare(stored: BuiltStore, configure: Configure) -> None:
    assert [each.digest for each in plan().plan.entries] == [None, None]
    fixity.record("main", [(found("B"), sound(identity=found("B").identity))])
    assert [each.digest for each in plan().plan.entries] == [None, SHA256]
    single = objects.find_single("x:1", "B", meta={"REMOTE_ADDR": "198.51.100.7"}, token=None)
    assert single.entry.digest == SHA256


def test_what_write_package_finds_wrong_is_left_out_of_the_next_until_it_is_repaired(stored: BuiltStore, tmp_path: Path) -> None:
    path, output = stored.path("x:1+A+A.0"), tmp_path / "package.tar"
    path.write_bytes(BYTES[:-1] + b"?")
    with pytest.raises(CommandError, match="declared md5 digest"):
        call_command("write_package", "x:1", "--output", str(output))
    first = plan().plan
    assert [each.datastream.dsid for each in first.entries] == ["B"]
    assert [(notice.dsid, notice.code) for notice in first.notices] == [("A", "fixity")]
    with pytest.raises(FixityMismatch):
        objects.find_single("x:1", "A", meta={"REMOTE_ADDR": "198.51.100.7"}, token=None)
    call_command("write_package", "x:1", "--output", str(output))
    path.write_bytes(BYTES)
    os.utime(path, (0, 0))
    assert [each.datastream.dsid for each in plan().plan.entries] == ["A", "B"]
