"""External datastreams (control group E): the hosts that an administrator allows are no more trusted than any other server."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from getapi.core.errors import ContentChanged, PackagingError, SizeUnknown, SourceUnavailable
from getapi.core.layout import lay_out
from getapi.core.plan import Plan
from getapi.core.planner import PlanningRules, plan_package
from getapi.core.request import parse_request
from getapi.core.review import review
from getapi.sources.addresses import PinnedAdapter
from getapi.sources.external import ExternalHosts
from getapi.sources.fedora3 import Fedora3Source
from getapi.sources.remotefile import RemoteFiles
from tests.core.test_planner import NOW, RULES
from tests.sources.hostile import HostilePeer, Target
from tests.sources.peers import NAME, Answer, PeerServer, running
from tests.sources.stores import BuiltStore, datastream, foxml, location, version
from tests.sources.tricks import CONTENT, METADATA, PATIENCE, SILENCE, broken_chunks, failing, garbage, page, short

PID = "demo:5"
BODY = bytes(range(256)) * 400
PUBLIC = "93.184.216.34"


@dataclass(frozen=True, kw_only=True)
class Outside(Target):
    """``host`` is allowed, as the administrator does it."""

    host: str

    def plan(self, form: str = "tar") -> Plan:
        request = parse_request(
            files=self.pid, maps=None, name=None, formats=frozenset({"tar", "zip"}), format=form, max_text=2**20, max_entries=10
        )
        return plan_package(request, repositories=self.registry, rules=self.rules, now=NOW)

    @property
    def rules(self) -> PlanningRules:
        return replace(RULES, access=replace(RULES.access, external_hosts=frozenset({self.host})))


@pytest.fixture
def server() -> Iterator[PeerServer]:
    body = Answer(body=BODY, headers={"Content-Type": "text/plain", "ETag": '"one"'}, ranged=True)
    with running(PeerServer(lambda _: body)) as server:
        yield server


def outside(server: PeerServer, root: Path) -> Outside:
    host, store = f"{NAME}:{server.port}", BuiltStore(root=root)
    store.put(PID, foxml(PID, datastream("EXT", "E", version("EXT.0", location(f"http://{host}/x", "URL")))))
    hosts = ExternalHosts(
        frozenset({host}), repository="main", resolver=lambda *_: [PUBLIC], adapter=lambda name, _: PinnedAdapter(name, "127.0.0.1")
    )
    hosts._files = RemoteFiles(client=hosts._files.client, patience=PATIENCE, silence=SILENCE)
    source = Fedora3Source(name="main", objects=store.objects, datastreams=store.datastreams, index=store.index, external_hosts=hosts)
    return Outside(source=source, server=server, pid=PID, is_content=lambda _: True, validated=False, host=host)


class TestHostileHost(HostilePeer):
    @pytest.fixture
    def target(self, server: PeerServer, tmp_path: Path) -> Target:
        return outside(server, tmp_path)

    @pytest.mark.parametrize("trick", [name for name in CONTENT if name != "other bytes"])
    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_a_package_is_right_or_is_cut(self, target: Target, trick: str, form: str) -> None:
        """Other bytes of the same length are what the host calls its own: what FOXML says of an external datastream is of another time."""
        super().test_a_package_is_right_or_is_cut(target, trick, form)

    @pytest.mark.parametrize("trick", METADATA)
    def test_planning_ends_with_a_notice_or_an_error(self, target: Target, trick: str) -> None:
        """What its object says lies on disk; a planning that opens it sees the answer's head alone."""
        target.server.trick = CONTENT[trick]
        with suppress(SourceUnavailable, SizeUnknown):
            plan = target.plan()
            assert plan.notices or plan.entries

    def test_no_place_is_kept_by_what_failed(self, target: Target) -> None:
        """There are no places: each question has a connection of its own."""
        plan = target.plan()
        for trick in (short, failing, garbage, page, broken_chunks):
            target.server.trick = trick
            with suppress(PackagingError):
                target.send(plan)
        target.server.trick = None
        assert len(target.send(plan)) == lay_out(plan).length
        assert target.server.open_at_once == 0


class TestAFileThatIsAnotherByNow:
    """Of the same size: nothing but its tag or its date tells."""

    @pytest.fixture
    def target(self, server: PeerServer, tmp_path: Path) -> Outside:
        return outside(server, tmp_path)

    @pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {"ETag": "staged:one"}, {"Last-Modified": "Tue, 01 Jan 2030 00:00:00 GMT"}])
    def test_is_not_sent_under_the_tag_of_the_first(self, target: Outside, headers: dict[str, str]) -> None:
        target.server.answer = lambda _: Answer(body=BODY, headers=headers, ranged=True)
        plan = target.plan()
        right = target.send(plan)
        review(plan, repositories=target.registry, rules=target.rules.access, now=NOW)
        other = {name: value.replace("one", "two").replace("2030", "2031") for name, value in headers.items()}
        target.server.answer = lambda _: Answer(body=BODY[::-1], headers=other, ranged=True)
        for start in (0, len(right) // 2):
            with pytest.raises(ContentChanged):
                target.send(plan, start)
        assert target.plan().etag != plan.etag

    def test_a_host_that_says_nothing_of_versions_is_asked_for_sizes_alone(self, target: Outside) -> None:
        target.server.answer = lambda _: Answer(body=BODY, ranged=True)
        plan = target.plan()
        assert plan.entries[0].datastream.identity == ""
        right = target.send(plan)
        assert target.send(plan, len(right) // 2) == right[len(right) // 2 :]
