"""The index of the stores: scans that can be cut anywhere, and looks that are bounded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from getapi.core.errors import AmbiguousName, ObjectNotFound, SourceUnavailable
from getapi.models import IndexedPath, IndexScan
from getapi.services import index as module
from getapi.services.index import DatabaseIndex, scan
from getapi.sources.akubra import AkubraLayout
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.fedora3stores import Fedora3Stores
from getapi.sources.legacy import file_name
from tests.sources.stores import SHARED, foxml, managed

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, kw_only=True)
class Folders:
    """A repository's stores in a folder of the test's own."""

    name: str = "main"
    root: Path
    layout: str = "legacy"

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def datastreams(self) -> Path:
        return self.root / "datastreams"

    @property
    def held(self) -> Fedora3Stores:
        return Fedora3Stores(name=self.name, objects=self.objects, datastreams=self.datastreams, layout=self.layout)

    def put(self, token: str, octets: bytes = b"", *, minute: str = "2015/0430/16/01") -> Path:
        path = f"{minute}/{file_name(token)}" if self.layout == "legacy" else AkubraLayout().path(token)
        assert path is not None
        whole = (self.datastreams if "+" in token else self.objects) / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(octets)
        return whole


@pytest.fixture
def stores(tmp_path: Path) -> Folders:
    return made(tmp_path, "legacy")


def made(root: Path, layout: str) -> Folders:
    folders = Folders(root=root, layout=layout)
    folders.objects.mkdir()
    folders.datastreams.mkdir()
    folders.put("demo:A", foxml("demo:A", managed("demo:A", "IMG")), minute="2015/0430/16/02")
    folders.put("demo:b", foxml("demo:b"))
    folders.put("demo:A+IMG+IMG.0", b"image")
    return folders


def known(repository: str = "main") -> dict[str, str]:
    return dict(IndexedPath.objects.filter(repository=repository).values_list("token", "path"))


def clock(*times: float) -> Callable[[], float]:
    told: Iterator[float] = iter(times)
    return lambda: next(told)


def index_of(stores: Folders, times: list[float]) -> DatabaseIndex:
    """``times`` holds the present as its last item."""
    return DatabaseIndex(stores.held, interval=60, clock=lambda: times[-1])


def source_of(stores: Folders, index: DatabaseIndex) -> Fedora3Source:
    return Fedora3Source(name="main", objects=stores.objects, datastreams=stores.datastreams, layout=stores.layout, index=index)


def test_a_scan_knows_every_blob_and_the_folded_pids(stores: Folders) -> None:
    seen = list[int]()
    assert scan(stores.held, progress=seen.append)
    assert known() == {
        "demo:A": "2015/0430/16/02/demo_A",
        "demo:b": "2015/0430/16/01/demo_b",
        "demo:A+IMG+IMG.0": "2015/0430/16/01/demo_A+IMG+IMG.0",
    }
    assert dict(IndexedPath.objects.values_list("token", "folded")) == {"demo:A": "demo:a", "demo:b": "demo:b", "demo:A+IMG+IMG.0": ""}
    assert sum(seen) == 3
    assert IndexScan.objects.get().finished


def test_leftovers_and_what_lies_in_the_wrong_store_are_left_out(tmp_path: Path) -> None:
    stores = made(tmp_path, "akubra")
    (stores.objects / "ab").mkdir()
    for name in ("info%3Afedora%2Fdemo%3Ab%2Fnew", "info%3Afedora%2Fdemo%3Ab%2Fold", "info%3Afedora%2Fdemo%3Ab%2FDC%2FDC.0", "README"):
        (stores.objects / "ab" / name).write_bytes(b"")
    (stores.datastreams / "info%3Afedora%2Fdemo%3Az").write_bytes(b"")
    (stores.objects / "link").symlink_to(stores.datastreams)
    scan(stores.held)
    assert set(known()) == {"demo:A", "demo:b", "demo:A+IMG+IMG.0"}


def test_what_a_finished_scan_did_not_see_is_forgotten(stores: Folders) -> None:
    scan(stores.held)
    stores.put("demo:b").unlink()
    IndexedPath.objects.create(repository="other", token="demo:b", path="x", folded="demo:b")
    scan(stores.held)
    assert "demo:b" not in known()
    assert known("other") == {"demo:b": "x"}


def test_a_scan_that_was_cut_goes_on_where_it_stopped(stores: Folders) -> None:
    cuts = 0
    while not scan(stores.held, seconds=-1):
        cuts += 1
        assert cuts < 30
    assert cuts > 5
    assert len(known()) == 3
    assert IndexScan.objects.get().number == 1


def test_a_scan_that_is_cut_forgets_nothing(stores: Folders) -> None:
    scan(stores.held)
    stores.put("demo:b").unlink()
    scan(stores.held, seconds=-1)
    assert "demo:b" in known()
    assert scan(stores.held, restart=True)
    assert "demo:b" not in known()


def test_a_scan_ends_when_another_is_started_anew(stores: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtake(_: int) -> None:
        IndexScan.objects.update(number=7)

    assert not scan(stores.held, progress=overtake)
    assert IndexScan.objects.get().finished is None
    assert known() == {}


def test_a_scan_ends_when_another_is_started_anew_at_its_very_end(stores: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = module._keep

    def overtake(repository: str, number: int, paths: dict[str, str], position: str | None = None) -> bool:
        kept = keep(repository, number, paths, position)
        IndexScan.objects.update(number=7)
        return kept

    monkeypatch.setattr(module, "_keep", overtake)
    assert not scan(stores.held)
    assert IndexScan.objects.get().finished is None


def test_batches_are_no_bound(stores: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(7):
        stores.put(f"demo:{number}")
    assert scan(stores.held)
    assert len(known()) == 10


def test_a_name_that_lies_in_two_folders_is_in_the_later(stores: Folders) -> None:
    stores.put("demo:b", minute="2016/0101/00/00")
    scan(stores.held)
    assert known()["demo:b"] == "2016/0101/00/00/demo_b"


def test_a_store_that_is_not_there_is_unavailable_and_its_index_stays(stores: Folders) -> None:
    scan(stores.held)
    stores.datastreams.rename(stores.root / "away")
    with pytest.raises(SourceUnavailable):
        scan(stores.held)
    assert len(known()) == 3


def test_the_first_miss_scans_and_the_next_ones_wait(stores: Folders) -> None:
    times = [0.0]
    index = index_of(stores, times)
    assert index.path("demo:b") == "2015/0430/16/01/demo_b"
    today = timezone.now().strftime("%Y/%m%d/10/00")
    stores.put("demo:new", minute=today)
    assert index.path("demo:new") is None
    times.append(59.0)
    assert index.path("demo:new") is None
    times.append(61.0)
    assert index.path("demo:new") == f"{today}/demo_new"


def test_a_legacy_store_is_read_only_from_the_day_before_on(stores: Folders) -> None:
    scan(stores.held)
    stores.put("demo:late", minute="2015/0430/16/03")
    recent = (timezone.now() - timedelta(days=1)).strftime("%Y/%m%d/23/59")
    stores.put("demo:recent+IMG+IMG.0", minute=recent)
    index = index_of(stores, [0.0])
    assert index.path("demo:late") is None
    assert known()["demo:recent+IMG+IMG.0"] == f"{recent}/demo_recent+IMG+IMG.0"


def test_catching_up_goes_on_where_its_time_ended(stores: Folders) -> None:
    scan(stores.held)
    IndexScan.objects.update(started=datetime(2020, 1, 10, tzinfo=UTC))
    for day in ("0109", "0111", "0112"):
        stores.put(f"demo:{day}", minute=f"2020/{day}/00/00")
    times = [0.0]
    index = DatabaseIndex(stores.held, interval=1, budget=-1, clock=lambda: times[-1])
    rounds = 0
    while index.path("demo:0112") is None:
        times.append(times[-1] + 2)
        rounds += 1
        assert rounds < 30
    assert rounds > 2
    assert {"demo:0109", "demo:0111"} <= set(known())


def test_catching_up_ends_when_another_scan_begins(stores: Folders) -> None:
    scan(stores.held)
    stores.put("demo:late", minute=timezone.now().strftime("%Y/%m%d/10/00"))
    index = index_of(stores, [0.0])
    index._catch_up(99, timezone.now() - timedelta(days=9))
    assert index._after == {}


def test_akubra_is_scanned_again_bit_by_bit(tmp_path: Path) -> None:
    stores = made(tmp_path, "akubra")
    times = [0.0]
    index = DatabaseIndex(stores.held, interval=1, budget=-1, clock=lambda: times[-1])
    rounds = 0
    while not index.pids("demo:a"):
        times.append(times[-1] + 2)
        rounds += 1
        assert rounds < 30
    assert index.pids("demo:a") == ("demo:A",)


def test_a_path_that_is_gone_is_looked_for_once_more(stores: Folders) -> None:
    scan(stores.held)
    index = index_of(stores, [0.0])
    old = "2015/0430/16/01/demo_b"
    assert index.path("demo:b") == old
    today = timezone.now().strftime("%Y/%m%d/10/00")
    (stores.objects / old).unlink()
    stores.put("demo:b", minute=today)
    assert index.path("demo:b", gone=old) == f"{today}/demo_b"
    assert index.path("demo:A", gone="2015/0430/16/02/demo_A") is None


def test_while_one_thread_looks_the_others_answer_from_what_is_known(stores: Folders) -> None:
    index = index_of(stores, [0.0])
    with index._lock:
        assert index.path("demo:b") is None
        assert index.pids("demo:b") == ()


def test_a_database_that_cannot_be_written_ends_the_search_and_not_the_answer(stores: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    scan(stores.held)
    times, looks = [0.0], []

    def full(*_: object, **__: object) -> bool:
        looks.append(times[-1])
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(DatabaseIndex, "_refresh", full)
    index = DatabaseIndex(stores.held, interval=60, clock=lambda: times[-1])
    assert index.path("demo:none") is None
    assert index.pids("demo:none") == ()
    assert index.path("demo:A")
    assert looks == [0.0]
    times.append(61)
    assert index.path("demo:none") is None
    assert looks == [0.0, 61]


def test_a_database_that_cannot_be_read_is_a_repository_that_does_not_answer(stores: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(DatabaseIndex, "_path", away)
    monkeypatch.setattr(DatabaseIndex, "_pids", away)
    with pytest.raises(SourceUnavailable):
        DatabaseIndex(stores.held).path("demo:A")
    with pytest.raises(SourceUnavailable):
        DatabaseIndex(stores.held).pids("demo:a")


def test_datastreams_have_no_folded_pid(stores: Folders) -> None:
    scan(stores.held)
    assert index_of(stores, [0.0]).pids("") == ()


@pytest.mark.parametrize("layout", ["akubra", "legacy"])
def test_a_source_finds_objects_and_content_by_the_index(tmp_path: Path, layout: str) -> None:
    stores = made(tmp_path, layout)
    source = source_of(stores, DatabaseIndex(stores.held))
    record = source.describe("DEMO:a")
    assert (record.pid, record.datastreams[0].size) == ("demo:A", 5)
    stores.put("demo:B", foxml("demo:B"))
    scan(stores.held)
    with pytest.raises(ObjectNotFound):
        source.describe("demo:none")
    stores.put("demo:TWIN", foxml("demo:TWIN"))
    stores.put("demo:Twin", foxml("demo:Twin"))
    scan(stores.held)
    with pytest.raises(AmbiguousName):
        source.describe("demo:tWIN")


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/foxml is not there")
def test_a_real_legacy_store_is_read_by_its_index() -> None:
    root = SHARED / "legacyFS"
    held = Fedora3Stores(name="main", objects=root / "objects", datastreams=root / "datastreams", layout="legacy")
    source = Fedora3Source(name="main", objects=held.objects, datastreams=held.datastreams, layout="legacy", index=DatabaseIndex(held))
    found = next(one for one in source.describe("EXAMPLE:1").datastreams if one.dsid == "DS2")
    assert (found.size, found.location) == (46168, "2015/0430/16/01/example_1+DS2+DS2.0")


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def configured(self, stores: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("getapi.management.commands.index_sources.stores", lambda: [stores.held])

    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("index_sources", *arguments, stdout=out, stderr=StringIO())
        return out.getvalue()

    def test_it_indexes_all_repositories_and_says_how_much(self) -> None:
        assert self.run() == "main: 3 files, indexed\n"
        assert len(known()) == 3
        assert self.run("main") == "main: 3 files, indexed\n"

    def test_it_begins_anew_when_told(self, stores: Folders) -> None:
        scan(stores.held, seconds=-1)
        assert self.run("--restart") == "main: 3 files, indexed\n"

    def test_it_refuses_names_that_are_not_configured(self) -> None:
        with pytest.raises(CommandError, match="other"):
            self.run("other")

    def test_it_fails_where_a_store_cannot_be_read(self, stores: Folders) -> None:
        stores.objects.rename(stores.root / "away")
        with pytest.raises(CommandError, match="Not indexed to the end: main"):
            self.run()


@pytest.mark.parametrize(("query", "column"), [(module._PATH, "token"), (module._PIDS, "folded")])
def test_a_question_is_answered_by_an_index_however_much_is_known(query: str, column: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the words are SQLite's own")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}", ("main", "demo:1"))
        (told,) = [row[-1] for row in cursor.fetchall()]
    assert told.startswith("SEARCH")
    assert f"(repository=? AND {column}=?)" in told
