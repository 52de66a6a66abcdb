"""What every remote adapter's tests inherit: whatever a peer does, there is never a complete-looking wrong package, and never a hang."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from getapi.core.errors import PackagingError, SourceUnavailable
from getapi.core.layout import lay_out
from getapi.core.plan import Plan
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.core.source import Source
from getapi.sources import http, standing
from getapi.sources.registry import Registry, RoutedSource
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.core.test_planner import NOW, RULES
from tests.sources.peers import Answer, Asked, PeerServer
from tests.sources.tricks import (
    CONTENT,
    LONGEST,
    METADATA,
    another_range,
    broken_chunks,
    chunked_with_more_behind,
    dripping_head,
    failing,
    flooding_head,
    garbage,
    page,
    reset,
    short,
)
from tests.transport.material import no_doubt


@dataclass(frozen=True, kw_only=True)
class Target:
    """An object of which one datastream's bytes come from a server that can be made hostile: ``is_content`` tells its requests.

    ``validated``: the server names a validator, so that a broken connection is no end.
    """

    source: Source
    server: PeerServer
    pid: str
    is_content: Callable[[Asked], bool]
    validated: bool = True
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "registry", Registry([RoutedSource(source=self.source)]))

    def plan(self, form: str = "tar") -> Plan:
        formats = frozenset({"tar", "zip"})
        request = parse_request(files=self.pid, maps=None, name=None, formats=formats, format=form, max_text=2**20, max_entries=10)
        return plan_package(request, repositories=self.registry, rules=RULES, now=NOW)

    def send(self, plan: Plan, start: int = 0) -> bytes:
        layout = lay_out(plan)
        transfer = Transfer(None, total=layout.length - start)
        blocks = send(layout, start=start, stop=layout.length, open_entry=self.registry.open, transfer=transfer, doubt=no_doubt())
        return b"".join(blocks)


class HostilePeer:
    """Subclasses give the fixture ``target``."""

    @pytest.fixture(autouse=True)
    def _hurry(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(http, "LEAST", 0.05)
        monkeypatch.setattr(http, "PAUSES", (0.01,))
        monkeypatch.setattr(standing, "AWAY", 0.0)
        began = time.monotonic()
        yield
        assert time.monotonic() - began < LONGEST

    @pytest.mark.parametrize("trick", CONTENT)
    @pytest.mark.parametrize("form", ["tar", "zip"])
    def test_a_package_is_right_or_is_cut(self, target: Target, trick: str, form: str) -> None:
        plan = target.plan(form)
        right = target.send(plan)
        assert len(right) == lay_out(plan).length
        target.server.trick, target.server.tricked = CONTENT[trick], target.is_content
        for start in (0, len(right) // 2):
            with suppress(PackagingError):
                assert target.send(plan, start) == right[start:]

    @pytest.mark.parametrize("trick", METADATA)
    def test_planning_ends_with_a_notice_or_an_error(self, target: Target, trick: str) -> None:
        target.server.trick = CONTENT[trick]
        try:
            plan = target.plan()
        except SourceUnavailable:
            return
        assert plan.notices
        assert not plan.entries

    def test_what_breaks_off_once_goes_on(self, target: Target) -> None:
        plan = target.plan()
        right = target.send(plan)
        played: list[Asked] = []

        def once(asked: Asked) -> bool:
            if target.is_content(asked) and not played:
                played.append(asked)
                return True
            return False

        for trick in (short, reset):
            played.clear()
            target.server.trick, target.server.tricked = trick, once
            if target.validated:
                assert target.send(plan) == right
            else:
                with suppress(PackagingError):  # a window that was opened ahead is opened again
                    assert target.send(plan) == right

    def test_what_changed_in_between_is_not_put_together(self, target: Target) -> None:
        """The second half would come from other bytes."""
        plan = target.plan()
        target.send(plan)
        content = [asked for asked in target.server.asked if target.is_content(asked)]
        first, true = [True], target.server.answer

        def changing(asked: Asked) -> Answer:
            answer = true(asked)
            if not target.is_content(asked) or first[0]:
                return answer
            headers = {name: f'"other-{value}"' if name == "ETag" else value for name, value in answer.headers.items()}
            return Answer(body=bytes(len(answer.body)), headers={**headers, "Last-Modified": "Tue, 01 Jan 2030 00:00:00 GMT"}, ranged=True)

        def once(asked: Asked) -> bool:
            if not target.is_content(asked) or not first[0]:
                return False
            first[0] = False
            return True

        assert content
        target.server.answer, target.server.trick, target.server.tricked = changing, short, once
        with pytest.raises(PackagingError):
            target.send(plan)

    def test_no_place_is_kept_by_what_failed(self, target: Target) -> None:
        plan = target.plan()
        for trick in (short, failing, garbage, page, dripping_head, flooding_head, broken_chunks, another_range, chunked_with_more_behind):
            target.server.trick, target.server.tricked = trick, target.is_content
            with suppress(PackagingError):
                target.send(plan)
        target.server.trick = None
        client = target.source._peer.client  # type: ignore[attr-defined] # of any adapter that asks a server
        end = time.monotonic() + 30
        while client.gate.taken or client._brief.taken:
            assert time.monotonic() < end, "connections are still in use"
            time.sleep(0.01)
        assert len(target.send(plan)) == lay_out(plan).length
