"""Fedora 3 over REST: the disk adapter's answers, as far as it is allowed to see."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

import pytest

from fixtures.objects import OBJECTS
from fixtures.repository import Repository, build
from getapi.core.access import AccessRules, Allowed, Denied, decide
from getapi.core.errors import ContentChanged, ContentMissing, ObjectNotFound, ObjectUnreadable, SourceUnavailable
from getapi.core.layout import lay_out
from getapi.core.notice import NoticeCode
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.core.review import review
from getapi.core.source import ControlGroup, DatastreamRecord, ObjectRecord, Source, State
from getapi.sources.akubra import AkubraLayout
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.fedora3rest import Fedora3RestSource
from getapi.sources.peer import Login, Peer
from getapi.sources.registry import Registry, RoutedSource
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.core.test_planner import RULES
from tests.sources.contract import SourceContract, drain
from tests.sources.fedora import Fedora
from tests.sources.hostile import HostilePeer, Target
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.sources.stores import DC, BuiltStore, KnownPaths, Sample, datastream, digest, foxml, inline, location, managed, version
from tests.sources.tricks import PATIENCE, SILENCE
from tests.transport.material import no_doubt

PID = "demo:5"
BODY = bytes(range(256)) * 400
OTHER = b"another text that is not the first one"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> BuiltStore:
    return BuiltStore(root=tmp_path / "stores")


@pytest.fixture
def fedora(store: BuiltStore) -> Fedora:
    return Fedora(path=store.path)


@pytest.fixture
def server(fedora: Fedora) -> Iterator[PeerServer]:
    with running(PeerServer(fedora.answer)) as server:
        yield server


def source_of(server: PeerServer, **options: object) -> Fedora3RestSource:
    peer = Peer.at(f"{server.url}/fedora", repository="fedora", private=True, login=options.pop("login", None))  # type: ignore[arg-type]
    return Fedora3RestSource(name="fedora", peer=peer, **options)  # type: ignore[arg-type] # the tests' own


@pytest.fixture
def source(server: PeerServer) -> Fedora3RestSource:
    return source_of(server)


def written(name: str, octets: bytes, *, created: str = "2015-01-27T19:08:43.701Z", number: int = 0) -> str:
    reference = location(f"{PID}+{name}+{name}.{number}")
    attributes = {"SIZE": str(len(octets)), "CREATED": created}
    return datastream(
        name, "M", version(f"{name}.{number}", digest("SHA-256", hashlib.sha256(octets).hexdigest()) + reference, **attributes)
    )


def put(store: BuiltStore, **contents: bytes) -> None:
    for name, octets in contents.items():
        store.put(f"{PID}+{name}+{name}.0", octets)
    store.put(
        PID, foxml(PID, *(written(name, octets) for name, octets in contents.items()), datastream("DC", "X", version("DC.0", inline(DC))))
    )


@pytest.fixture
def sample(store: BuiltStore, fedora: Fedora, source: Fedora3RestSource) -> Sample:
    put(store, PDF=BODY, TXT=OTHER)
    fedora.pids = ["demo:Ab", "demo:aB", PID]
    return Sample(source=source, pid=PID, contents={"PDF": BODY, "TXT": OTHER, "DC": DC.encode()}, unknown="demo:404", ambiguous="DEMO:AB")


class TestContract(SourceContract):
    """A datastream is replaced in place, as Fedora does where it is not versionable."""

    def replace(self, sample: Sample, dsid: str, octets: bytes) -> None:
        store = self.store
        if dsid == "DC":
            store.path(PID).write_bytes(store.path(PID).read_bytes().replace(DC.encode(), DC.replace("/>", " />").encode()))
            return
        store.put(f"{PID}+{dsid}+{dsid}.0", octets)
        before = store.path(PID).read_text(encoding="utf-8")
        old = written(dsid, sample.contents[dsid])
        store.path(PID).write_text(before.replace(old, written(dsid, octets, created="2016-01-01T00:00:00.000Z")), encoding="utf-8")

    def remove(self, sample: Sample, dsid: str) -> None:
        if dsid == "DC":
            self.store.put(PID, foxml(PID))
        else:
            self.store.path(f"{PID}+{dsid}+{dsid}.0").unlink()

    @pytest.fixture(autouse=True)
    def _keep_store(self, store: BuiltStore) -> None:
        self.store = store

    def test_nothing_stays_open_on_any_way_out(self, sample: Sample) -> None:
        """Idle connections are kept for the next question; none of them is in use."""
        for _ in range(3):
            sample.source.open(sample.datastream("PDF")).close()
            with pytest.raises(ZeroDivisionError), sample.source.open(sample.datastream("PDF")):
                raise ZeroDivisionError
        assert sample.source._peer.client.gate.taken == 0  # type: ignore[attr-defined] # what is counted


def plain(record: ObjectRecord) -> list[tuple[object, ...]]:
    """What decides of what leaves and of what a package says of it."""
    return [
        (each.dsid, each.version, each.state, each.control_group, each.mime, each.label, each.created, each.size, each.fault)
        for each in record.datastreams
    ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("demonstration"))


class TestLikeTheDisk:
    """Over the demonstration repository, in which there is some of everything."""

    @pytest.fixture
    def both(self, repository: Repository) -> Iterator[tuple[Fedora3Source, Fedora3RestSource]]:
        def path(token: str) -> Path:
            return (repository.datastreams if "+" in token else repository.objects) / str(AkubraLayout(pattern="##").path(token))

        disk = Fedora3Source(name="fedora", objects=repository.objects, datastreams=repository.datastreams, index=KnownPaths())
        with running(PeerServer(Fedora(path=path).answer)) as server:
            yield disk, source_of(server)

    def test_every_object_is_told_alike_and_what_may_leave_is_the_same(self, both: tuple[Fedora3Source, Fedora3RestSource]) -> None:
        disk, rest = both
        compared = 0
        for made in OBJECTS:
            pid = made.pid
            try:
                expected = disk.describe(pid)
            except (ObjectNotFound, ObjectUnreadable) as error:
                with pytest.raises(type(error)):
                    rest.describe(pid)
                continue
            found = rest.describe(pid)
            assert (found.state, found.label, found.restrictions) == (expected.state, expected.label, expected.restrictions)
            lost = {each.dsid for each in expected.datastreams if each.fault == NoticeCode.CONTENT_MISSING}
            assert [each[:4] for each in plain(found)] == [each[:4] for each in plain(expected)]
            for mine, theirs in zip(found.datastreams, expected.datastreams, strict=True):
                assert isinstance(decide(found, mine, AccessRules(), NOW), Allowed) == isinstance(
                    decide(expected, theirs, AccessRules(), NOW), Allowed
                )
                if theirs.control_group in {ControlGroup.MANAGED, ControlGroup.INLINE} and mine.dsid not in lost and not theirs.fault:
                    if theirs.declared_size not in {None, theirs.size}:
                        self.is_told(rest, mine)
                        continue
                    with disk.open(theirs) as one, rest.open(mine) as other:
                        assert drain(one) == drain(other)
                    compared += 1
        assert compared > 20

    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_packages_are_equal_byte_for_byte(self, both: tuple[Fedora3Source, Fedora3RestSource], form: str) -> None:
        # Those whose bytes are lost or damaged: what is wrong with them can only be seen on the disk before it is read.
        files = ";".join(made.pid for made in OBJECTS if not made.pid.startswith("rutgers-lib:500"))
        one, other = (package_bytes(source, files, form) for source in both)
        assert one == other
        assert len(one) > 10**6

    def is_told(self, rest: Fedora3RestSource, lied: DatastreamRecord) -> None:
        """A size that is not the content's cannot be seen before it is read: then its length or its digest tells."""
        try:
            with rest.open(lied) as content:
                octets = drain(content)
        except ContentChanged:
            again = next(each for each in rest.describe(lied.pid).datastreams if each.dsid == lied.dsid)
            assert again.fault == NoticeCode.MALFORMED
        else:
            assert {hashlib.new(each.algorithm, octets).hexdigest() for each in lied.digests}.isdisjoint(
                {each.value for each in lied.digests}
            )


def package_bytes(source: Source, files: str, form: str) -> bytes:
    registry = Registry([RoutedSource(source=source, at_once=8)])
    request = parse_request(
        files=files, maps=None, name=None, formats=frozenset({"tar", "zip"}), format=form, max_text=2**20, max_entries=1000
    )
    layout = lay_out(plan_package(request, repositories=registry, rules=RULES, now=NOW))
    sending = send(
        layout, start=0, stop=layout.length, open_entry=registry.open, transfer=Transfer(None, total=layout.length), doubt=no_doubt()
    )
    return b"".join(sending)


def test_the_credentials_go_to_its_own_server_and_are_shown_nowhere(store: BuiltStore, fedora: Fedora, server: PeerServer) -> None:
    put(store, PDF=BODY)
    fedora.password = "secret-word"
    login = Login(user="reader", password="secret-word")
    source = source_of(server, login=login)
    assert source.describe(PID).pid == PID
    assert all(asked.headers["authorization"].startswith("Basic ") for asked in server.asked)
    assert "secret-word" not in repr((login, source._peer, source._peer.client._credentials))


def test_without_rights_everything_is_closed(store: BuiltStore, fedora: Fedora, source: Fedora3RestSource) -> None:
    put(store, PDF=BODY)
    fedora.rights = False
    record = source.describe(PID)
    assert [each.dsid for each in record.datastreams] == ["PDF", "DC"]
    assert all(isinstance(decide(record, each, AccessRules(), NOW), Denied) for each in record.datastreams)
    with pytest.raises(ObjectNotFound):
        source.describe("demo:404")


def test_without_rights_an_object_that_is_not_shown_is_told_as_such(store: BuiltStore, fedora: Fedora, server: PeerServer) -> None:
    fedora.rights = False
    store.put(PID, foxml(PID, managed(PID, "PDF"), state="Inactive"))
    for trusted in (False, True):
        with pytest.raises(ObjectUnreadable):
            source_of(server, trust_api_a=trusted).describe(PID)


class TestTrustingApiA:
    @pytest.fixture
    def trusting(self, fedora: Fedora, server: PeerServer) -> Fedora3RestSource:
        fedora.rights = False
        return source_of(server, trust_api_a=True)

    def test_what_is_shown_may_leave(self, store: BuiltStore, trusting: Fedora3RestSource) -> None:
        put(store, PDF=BODY, TXT=OTHER)
        record = trusting.describe(PID)
        assert [(each.dsid, each.size) for each in record.datastreams] == [("PDF", len(BODY)), ("TXT", len(OTHER)), ("DC", len(DC))]
        assert all(isinstance(decide(record, each, AccessRules(), NOW), Allowed) for each in record.datastreams)
        for start in (0, 10, len(BODY)):
            with trusting.open(record.datastreams[0], start) as content:
                assert drain(content) == BODY[start:]
        assert trusting.describe(PID) is record

    def test_redirects_and_what_is_not_active_never_leave(self, store: BuiltStore, trusting: Fedora3RestSource) -> None:
        parts = (
            datastream("LINK", "R", version("LINK.0", location("http://example.org/x", "URL"))),
            managed(PID, "OLD", state="I"),
            managed(PID, "LOST"),
        )
        store.put(f"{PID}+OLD+OLD.0", b"old")
        store.put(PID, foxml(PID, *parts))
        link, old, lost = trusting.describe(PID).datastreams
        assert (link.control_group, old.state, lost.fault) == (ControlGroup.REDIRECT, State.INACTIVE, NoticeCode.CONTENT_MISSING)
        with pytest.raises(ContentMissing):
            trusting.open(link)

    def test_a_rights_statement_that_is_not_shown_closes_the_object(self, store: BuiltStore, trusting: Fedora3RestSource) -> None:
        policy = datastream("POLICY", "X", version("POLICY.0", inline("<Policy/>")), state="I")
        store.put(PID, foxml(PID, written("PDF", BODY), policy))
        store.put(f"{PID}+PDF+PDF.0", BODY)
        record = trusting.describe(PID)
        assert all(isinstance(decide(record, each, AccessRules(), NOW), Denied) for each in record.datastreams)


def test_where_foxml_has_no_size_the_stores_is_asked_for(store: BuiltStore, source: Fedora3RestSource, server: PeerServer) -> None:
    store.put(PID, foxml(PID, managed(PID, "PDF", SIZE="-1"), managed(PID, "LOST")))
    store.put(f"{PID}+PDF+PDF.0", BODY)
    pdf, lost = source.describe(PID).datastreams
    assert (pdf.size, pdf.fault, lost.fault) == (len(BODY), None, NoticeCode.CONTENT_MISSING)
    assert [asked.method for asked in server.asked] == ["GET", "HEAD", "HEAD"]


def test_an_old_fedora_without_ranges_and_tags_is_read_from_its_start(store: BuiltStore, fedora: Fedora, source: Fedora3RestSource) -> None:
    fedora.ranges = fedora.tags = False
    put(store, PDF=BODY)
    with source.open(source.describe(PID).datastreams[0], 5000) as content:
        assert (content.size, drain(content)) == (len(BODY), BODY[5000:])


def test_a_version_that_is_not_the_planned_one_is_not_sent_for_it(store: BuiltStore, source: Fedora3RestSource, server: PeerServer) -> None:
    put(store, PDF=BODY)
    planned = source.describe(PID).datastreams[0]
    assert source._peer.base + planned.location == (
        f"{server.url}/fedora/objects/demo%3A5/datastreams/PDF/content?asOfDateTime=2015-01-27T19%3A08%3A43.701Z"
    )


def test_the_same_foxml_is_parsed_once_and_gives_the_same_record(store: BuiltStore, source: Fedora3RestSource) -> None:
    put(store, PDF=BODY)
    first = source.describe(PID)
    assert source.describe(PID) is first
    put(store, PDF=BODY, TXT=OTHER)
    assert len(source.describe(PID).datastreams) == 3


@pytest.mark.parametrize("status", [400, 409, 500, 502, 503])
def test_another_answer_is_no_answer(fedora: Fedora, server: PeerServer, source: Fedora3RestSource, status: int) -> None:
    server.answer = lambda _: Answer(status=status)
    with pytest.raises(SourceUnavailable):
        source.describe(PID)


def test_a_pid_in_another_case_is_found_where_search_knows_it(store: BuiltStore, fedora: Fedora, source: Fedora3RestSource) -> None:
    put(store, PDF=BODY)
    assert source.describe("DEMO:5").pid == PID
    store.put("Demo:Ab", foxml("Demo:Ab"))
    fedora.pids = ["Demo:Ab"]
    assert source.describe("DEMO:AB").pid == "Demo:Ab"
    with pytest.raises(ObjectNotFound):
        source.describe("no pid")


class TestHostilePeer(HostilePeer):
    @pytest.fixture(params=[True, False], ids=["ranges", "3.7"])
    def target(self, store: BuiltStore, fedora: Fedora, server: PeerServer, request: pytest.FixtureRequest) -> Target:
        fedora.ranges = fedora.tags = request.param
        put(store, PDF=BODY)
        peer = Peer.at(f"{server.url}/fedora", repository="fedora", private=True, patience=PATIENCE, silence=SILENCE)
        source = Fedora3RestSource(name="fedora", peer=peer)
        return Target(
            source=source, server=server, pid=PID, is_content=lambda asked: asked.path.endswith("/content"), validated=request.param
        )


SLOW = 0.3
"""Seconds that a slow server takes to open anything."""


def slow_down(server: PeerServer, is_slow: Callable[[Asked], bool], seconds: float) -> list[int]:
    """How many are asked for together, whenever one of the slow ones is: the time that is saved, whatever the machine does meanwhile."""
    together: list[int] = []

    def delay(asked: Asked) -> float:
        if not is_slow(asked):
            return 0.0
        together.append(server.open_at_once)
        return seconds

    server.delay = delay
    return together


def test_a_hundred_members_that_are_slow_to_open_take_a_fifth_of_one_after_the_other(store: BuiltStore, server: PeerServer) -> None:
    put(store, **{f"PAGE-{number}": bytes([number]) * 2000 for number in range(100)})
    target = Target(source=source_of(server), server=server, pid=PID, is_content=lambda asked: asked.path.endswith("/content"))
    plan = target.plan()
    together = slow_down(server, target.is_content, SLOW)
    began = time.monotonic()
    assert len(target.send(plan)) == lay_out(plan).length
    assert time.monotonic() - began < 100 * SLOW / 2, "and that on a busy machine"
    assert mean(together) > 5


def test_the_records_of_many_objects_come_together(store: BuiltStore, server: PeerServer) -> None:
    pids = [f"demo:{number}" for number in range(200)]
    for pid in pids:
        store.put(pid, foxml(pid, datastream("DC", "X", version("DC.0", inline(DC)))))
    together = slow_down(server, lambda asked: asked.path.endswith("/objectXML"), 0.05)
    registry = Registry([RoutedSource(source=source_of(server), at_once=8)])
    request = parse_request(files=";".join(pids), maps=None, name=None, formats=frozenset({"tar"}), max_text=2**20, max_entries=1000)
    plan = plan_package(request, repositories=registry, rules=RULES, now=NOW)
    assert mean(together) > 4
    assert len(plan.entries) == 200
    together.clear()
    review(plan, repositories=registry, rules=RULES.access, now=NOW)
    assert mean(together) > 4
    assert server.most_at_once <= 8


def test_a_size_that_could_not_be_asked_for_once_makes_no_other_version(
    store: BuiltStore, source: Fedora3RestSource, server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process keeps what it was told first: those that were told it and those that were not must know the same package."""
    store.put(PID, foxml(PID, managed(PID, "PDF", SIZE="-1")))
    store.put(f"{PID}+PDF+PDF.0", BODY)
    registry = Registry([RoutedSource(source=source)])
    request = parse_request(files=f"{PID}/PDF", maps=None, name=None, formats=frozenset({"tar"}), max_text=2**20, max_entries=10)
    plan = plan_package(request, repositories=registry, rules=RULES, now=NOW)
    assert [entry.size for entry in plan.entries] == [len(BODY)]
    review(plan, repositories=registry, rules=RULES.access, now=NOW)
    monkeypatch.setattr("getapi.sources.http.PAUSES", (0.0,))
    answer = server.answer
    server.answer = lambda asked: Answer(status=503) if asked.method == "HEAD" else answer(asked)
    another = source_of(server)
    assert another.describe(PID).datastreams[0].size is None
    review(plan, repositories=Registry([RoutedSource(source=another)]), rules=RULES.access, now=NOW)
