"""Whatever a repository says of who may read, no octet of what is closed leaves: in no package, and not alone (SPEC 4)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from getapi import conf
from getapi.core.restriction import Ground, Restriction
from getapi.core.source import ControlGroup, DatastreamRecord, ObjectRecord, State
from getapi.services import keys
from getapi.sources.registry import Registry, RoutedSource
from tests.core.fakes import FakeRepository, managed
from tests.web.conftest import APPLICATION, get_token, leave, octets

NOW = datetime.now(UTC)
PIDS = ("demo:1", "demo:2")
DSIDS = ("PDF", "JPEG", "Text", "ARCH", "arch2", "Archive", "RELS-EXT", "policy", "AUDIT")
RESERVED = ("RELS-EXT", "POLICY", "AUDIT")
LONG = timedelta(days=400)

moments = st.sampled_from([None, NOW - LONG, NOW + LONG, (NOW - LONG).date(), (NOW + LONG).date()])
restrictions = st.builds(
    Restriction,
    ground=st.sampled_from(Ground),
    dsid=st.none() | st.sampled_from([*DSIDS, "pdf", "JPEG", "PDF"]),
    begins=moments,
    ends=moments,
)
states = st.sampled_from([State.ACTIVE] * 8 + [State.INACTIVE, State.DELETED])
groups = st.sampled_from([ControlGroup.MANAGED] * 3 + [ControlGroup.INLINE, ControlGroup.EXTERNAL, ControlGroup.REDIRECT])


def marker(pid: str, dsid: str) -> bytes:
    return hashlib.sha256(f"{pid}/{dsid}".encode()).digest() * 2


@dataclass(frozen=True)
class World:
    objects: tuple[ObjectRecord, ...]
    denied: frozenset[str]

    def repository(self) -> FakeRepository:
        repository = FakeRepository()
        for record in self.objects:
            repository.objects[record.pid] = record
            repository.contents.update({(record.pid, each.dsid): marker(record.pid, each.dsid) for each in record.datastreams})
        document = "".join(f'<mptr xlink:href="info:fedora/{r.pid}/{each.dsid}"/>' for r in self.objects for each in r.datastreams)
        smap = f'<mets xmlns="http://www.loc.gov/METS/" xmlns:xlink="http://www.w3.org/1999/xlink"><structMap><div>{document}</div></structMap></mets>'
        repository.add("demo:map", {"SMAP1": smap.encode()})
        return repository

    def everything(self) -> list[tuple[ObjectRecord, DatastreamRecord]]:
        return [(record, datastream) for record in self.objects for datastream in record.datastreams]

    def is_closed(self, record: ObjectRecord, datastream: DatastreamRecord) -> bool:
        """SPEC 4 in the plainest words, apart from the service's own."""
        dsid = datastream.dsid.upper()
        if record.state is not State.ACTIVE or datastream.state is not State.ACTIVE:
            return True
        if dsid.startswith("ARCH") or dsid in RESERVED:
            return True
        if datastream.control_group in {ControlGroup.EXTERNAL, ControlGroup.REDIRECT}:
            return True
        if self.denied & {record.pid, f"{record.pid}/{datastream.dsid}"}:
            return True
        concerned = [each for each in record.restrictions if each.dsid is None or each.dsid.upper() == dsid]
        return any(not is_future(each.begins, default=False) and is_future(each.ends, default=True) for each in concerned)


def is_future(moment: date | datetime | None, *, default: bool) -> bool:
    if moment is None:
        return default
    return (moment.date() if isinstance(moment, datetime) else moment) > NOW.date()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    objects = []
    for pid in PIDS:
        dsids = draw(st.lists(st.sampled_from(DSIDS), min_size=1, max_size=5, unique=True))
        made = [
            replace(
                managed(pid, dsid, marker(pid, dsid)),
                state=draw(states),
                created=draw(st.sampled_from([None, NOW - LONG])),
                control_group=draw(groups),
                location="http://example.org/x",
            )
            for dsid in dsids
        ]
        held = tuple(draw(st.lists(restrictions, max_size=2)))
        objects.append(ObjectRecord(pid=pid, repository="fake", state=draw(states), datastreams=tuple(made), restrictions=held))
    named = list(PIDS) + [f"{record.pid}/{each.dsid}" for record in objects for each in record.datastreams]
    return World(objects=tuple(objects), denied=draw(st.frozensets(st.sampled_from(named), max_size=2)))


@pytest.fixture
def key(db: None) -> str:
    return keys.create_key("application", [APPLICATION])


@contextmanager
def serving(world: World, folder: Path) -> Iterator[None]:
    """A service on a world in memory, and its deny list."""
    denied = folder / hashlib.sha256(repr(sorted(world.denied)).encode()).hexdigest()
    denied.write_text("\n".join(world.denied), encoding="utf-8")
    table = '[[repositories]]\nname = "fake"\ntype = "fedora3"\nobjects = "."\ndatastreams = "."'
    (folder / "packaging.toml").write_text(f'[access]\ndeny_list = "{denied}"\n{table}', encoding="utf-8")
    registry = Registry([RoutedSource(source=world.repository())])
    with conf.override(conf.load(folder / "packaging.toml", {"PACKAGING_SECRET_KEY": "k" * 40})), pytest.MonkeyPatch.context() as patch:
        for service in ("packages", "objects"):
            patch.setattr(f"getapi.services.{service}.registry", lambda: registry)
        yield


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(), data=st.data())
def test_no_octet_of_a_closed_datastream_leaves_and_every_open_one_does(
    world: World, data: st.DataObject, key: str, tmp_path: Path
) -> None:
    everything = [f"{record.pid}/{datastream.dsid}" for record, datastream in world.everything()]
    parameters = data.draw(
        st.sampled_from(
            [{"files": ";".join(PIDS)}, {"files": ";".join(everything)}, {"files": ";".join(everything).lower()}, {"map": "demo:map/SMAP1"},
             {"files": "demo:1", "map": "demo:map/SMAP1"}]
        )
    )  # fmt: skip
    with serving(world, tmp_path):
        api = Client(REMOTE_ADDR=APPLICATION)
        answer = api.post("/api/get/PACKAGE", {"token": get_token(api, key), **parameters})
        package = octets(answer)
        for record, datastream in world.everything():
            own = marker(record.pid, datastream.dsid)
            closed = world.is_closed(record, datastream)
            event("closed" if closed else "open")
            assert (own in package) is not closed, (parameters, datastream)
            alone = api.get(f"/api/get/{record.pid}/{datastream.dsid}")
            body = octets(alone)
            assert (alone.status_code, own in body) == ((alone.status_code, False) if closed else (200, True))
            assert not closed or alone.status_code in {403, 404}
            part = api.get(f"/api/get/{record.pid}/{datastream.dsid}", headers={"range": "bytes=1-"})
            assert part.status_code == (alone.status_code if closed else 206)
            leave(part)
