"""What is read into the stage: whole, compared with what is declared, and given up where it must be."""

import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone

from getapi.core.errors import ContentChanged, FixityMismatch, PreparationStopped, StageUnusable, TooManyBytes
from getapi.core.plan import staged_identity
from getapi.core.source import Content, ControlGroup, DatastreamRecord, Digest, ObjectRecord
from getapi.models import Package, StagedMember
from getapi.services import fetching, intake, stage
from getapi.services.fetching import Course, Fetcher
from getapi.services.jobs import Claim
from getapi.services.pulse import Pulse
from getapi.services.stock import Stock
from getapi.sources.registry import Registry, RoutedSource
from tests.conftest import Configure
from tests.core.fakes import UnsizedContent

pytestmark = pytest.mark.django_db(transaction=True)
OCTETS = bytes(range(256)) * 3000


class Endless(UnsizedContent):
    """``then`` happens at its end."""

    def __init__(self, data: bytes, then: Callable[[], None] = lambda: None) -> None:
        super().__init__(data)
        self._then = then

    def read(self, count: int) -> bytes:
        block = super().read(min(count, 50_000))
        if not block:
            self._then()
        return block


def wait_for(event: threading.Event) -> None:
    event.wait(30)


class Origin:
    """A source of one datastream that is opened again and again."""

    name = "origin"

    def __init__(self, make: Callable[[], Content]) -> None:
        self._make = make

    def describe(self, pid: str) -> ObjectRecord:
        raise NotImplementedError(pid)

    def open(self, datastream: DatastreamRecord, start: int = 0) -> Content:
        assert start == 0
        return self._make()


DATASTREAM = DatastreamRecord(pid="a:1", dsid="E", version="E.0", control_group=ControlGroup.EXTERNAL, location="http://x/")


@pytest.fixture
def package(configure: Configure, tmp_path: Path) -> str:
    configure(f'stage.path = "{tmp_path}/stage"')
    return Package.objects.create(
        id="0" * 32, created=timezone.now(), format="tar", name="p", size=0, files=0, etag="", encoder=1, plan=b"", state="preparing"
    ).pk


def take(
    package: str,
    make: Callable[[], Content],
    datastream: DatastreamRecord = DATASTREAM,
    *,
    most: int = 10**9,
    look: Callable[[int], None] = lambda _: None,
) -> None:
    source = Origin(make)
    with intake.begin(source, datastream) as supply:
        intake.take_in(package, source.name, datastream, supply, algorithm="sha512", most=most, look=look)


def nothing_is_left(tmp_path: Path) -> bool:
    return not list((tmp_path / "stage").iterdir()) and not StagedMember.objects.exists()


def test_all_that_planning_and_sending_want_is_known_afterwards(package: str) -> None:
    take(package, lambda: Endless(OCTETS))
    ((key, member),) = stage.members(package).items()
    assert key == ("origin", "a:1", "E")
    assert (member.size, member.is_there(), member.path.read_bytes()) == (len(OCTETS), True, OCTETS)
    stock = Stock(package, "sha512", look=lambda: None)
    record = stock.recall("origin", DATASTREAM)
    assert record is not None
    assert (record.size, record.identity) == (len(OCTETS), staged_identity(hashlib.sha256(OCTETS).hexdigest(), ""))
    assert record.digests == (Digest(algorithm="sha512", value=hashlib.sha512(OCTETS).hexdigest()),)
    assert stock.recall("origin", replace(DATASTREAM, version="E.1")) is None
    assert stock.recall("other", DATASTREAM) is None
    assert stock.recall("origin", replace(DATASTREAM, identity="another by now")) is None
    assert Stock(package, "md5", look=lambda: None).recall("origin", DATASTREAM) is None


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_declared_digest_is_compared_in_its_own_algorithm(package: str, tmp_path: Path, algorithm: str) -> None:
    right = Digest(algorithm=algorithm, value=hashlib.new(algorithm, OCTETS).hexdigest())
    take(package, lambda: Endless(OCTETS), replace(DATASTREAM, digests=(right,)))
    stage.discard(package)
    wrong = Digest(algorithm=algorithm, value=hashlib.new(algorithm, b"").hexdigest())
    with pytest.raises(FixityMismatch):
        take(package, lambda: Endless(OCTETS), replace(DATASTREAM, digests=(wrong,)))
    assert nothing_is_left(tmp_path)


def test_an_empty_one_is_one_too(package: str) -> None:
    take(package, lambda: Endless(b""))
    assert next(iter(stage.members(package).values())).size == 0


def test_one_that_never_ends_is_too_much(package: str, tmp_path: Path) -> None:
    class Ever(Endless):
        def read(self, count: int) -> bytes:
            return b"x" * count

    with pytest.raises(TooManyBytes) as caught:
        take(package, lambda: Ever(b""), most=3_000_000)
    assert caught.value.facts["limit"] == 3_000_000
    assert nothing_is_left(tmp_path)


def test_what_the_source_says_is_said(package: str, tmp_path: Path) -> None:
    def breaks() -> None:
        raise ContentChanged("a:1", "E")

    def bug() -> None:
        raise RuntimeError("an adapter's")

    with pytest.raises(ContentChanged):
        take(package, lambda: Endless(OCTETS, breaks))
    with pytest.raises(RuntimeError, match="an adapter's"):  # it is a fault of ours, and its trace goes into the log
        take(package, lambda: Endless(OCTETS, bug))
    assert nothing_is_left(tmp_path)


def test_whoever_must_stop_does_at_once_though_the_source_hangs(package: str, tmp_path: Path) -> None:
    hangs = threading.Event()
    seen = []

    def look(octets: int) -> None:
        seen.append(octets)
        if octets == len(OCTETS):
            raise PreparationStopped

    began = time.monotonic()
    with pytest.raises(PreparationStopped):
        take(package, lambda: Endless(OCTETS, lambda: wait_for(hangs)), look=look)
    assert time.monotonic() - began < 20
    assert seen == sorted(seen)
    assert nothing_is_left(tmp_path)
    hangs.set()


def test_what_is_taken_in_again_replaces_what_was_there(package: str, tmp_path: Path) -> None:
    for octets in (OCTETS, b"others"):
        take(package, lambda octets=octets: Endless(octets))  # type: ignore[misc]
    assert [path.read_bytes() for path in (tmp_path / "stage").iterdir()] == [b"others"]


def test_a_package_that_is_gone_takes_nothing_in(package: str, tmp_path: Path) -> None:
    Package.objects.all().delete()
    with pytest.raises(PreparationStopped):
        take(package, lambda: Endless(OCTETS))


def test_one_that_is_discarded_meanwhile_is_not_kept(package: str, tmp_path: Path) -> None:
    with pytest.raises(PreparationStopped):
        take(package, lambda: Endless(OCTETS, lambda: stage.discard(package)))
    assert nothing_is_left(tmp_path)


def test_what_began_to_come_ends_where_the_stage_cannot_be_written(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold its connection, and a thread, for as long as the process lives."""
    (tmp_path / "stage").write_bytes(b"no folder")
    closed = threading.Event()

    class Told(Endless):
        def close(self) -> None:
            super().close()
            closed.set()

    origin = Origin(lambda: Told(OCTETS * 10))
    monkeypatch.setattr(fetching, "registry", lambda: Registry([RoutedSource(source=origin)]))
    pulse = Pulse(Claim(job=0, package=package, holder="h", attempt=1, request=None, thorough=False))
    with closing(Fetcher(package, "sha512", [("origin", DATASTREAM)])) as fetcher, pytest.raises(StageUnusable):
        fetcher.fetch(10**9, Course(pulse, 99, 0, 1, None))
    assert closed.wait(20)
