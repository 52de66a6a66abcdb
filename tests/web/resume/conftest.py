"""Two services on one database and one secret key: what one made the other sends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application
from tests.web.resume.kept import Kept
from tests.web.resume.material import FORMATS, Part, configuration, put_object, some
from tests.web.resume.sites import Site, running
from tests.web.server import Server, serving

MIXED = "mixed:1"
"""With each kind of digest, and an empty datastream; some of them in folders whose names are no words for a URL."""

DECLARED = "declared:1"
"""All of it with SHA-256: nothing has to be waited for."""

BIG = "big:1"
"""Some 20 MB, as mixed; large enough for eight connections, and for a download to be broken off."""

PARTS = {
    MIXED: (
        Part(dsid="A", octets=some(2_600_003, "A"), declares="sha256"),
        Part(dsid="B", octets=some(300_001, "B"), declares="md5"),
        Part(dsid="C", octets=b""),
        Part(dsid="D", octets=some(70_000, "D")),
        Part(dsid="E", octets=b"short", declares="sha1"),
    ),
    DECLARED: (
        Part(dsid="A", octets=some(65_536, "1"), declares="sha256"),
        Part(dsid="B", octets=some(1_100_000, "2"), declares="sha256"),
    ),
    BIG: (
        Part(dsid="A", octets=some(12_000_000, "A"), declares="sha256"),
        Part(dsid="B", octets=some(3_000_001, "B")),
        Part(dsid="C", octets=b""),
        Part(dsid="D", octets=some(5_000_000, "D"), declares="md5"),
    ),
}
BIG_DATASTREAMS = sorted(["DC", *(part.dsid for part in PARTS[BIG])])
MAP = '<div><div LABEL="With spaces + signs, 100 % of them"><fptr FILEID="B"/><fptr FILEID="C"/></div></div>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    first: Server
    second: Server
    application: Application

    @property
    def both(self) -> tuple[Server, Server]:
        return self.first, self.second


@contextmanager
def twin_services(folder: Path, toml: str) -> Iterator[Twins]:
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    with ExitStack() as stack:
        first = stack.enter_context(serving(folder / "first", toml=toml))
        shared = {"PACKAGING_DATABASE": first.database.url}
        second = stack.enter_context(serving(folder / "second", toml=toml, environ=shared))
        yield Twins(first=first, second=second, application=Application.at(first))


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    made = BuiltStore(root=tmp_path_factory.mktemp("store") / "a store + 100 %")
    for pid, parts in PARTS.items():
        put_object(made, pid, *parts, smap=MAP if pid == MIXED else "")
    return made


@pytest.fixture(scope="package")
def twins(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Twins]:
    with twin_services(tmp_path_factory.mktemp("services"), configuration(store)) as started:
        yield started


@pytest.fixture(scope="package", params=FORMATS)
def kind(request: pytest.FixtureRequest) -> str:
    """The package's format."""
    found: str = request.param
    return found


@pytest.fixture(scope="package")
def kept(twins: Twins, kind: str) -> Kept:
    return Kept(twins.application.package(MIXED, kind), kind)


@pytest.fixture(scope="package")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], Site]]:
    """``sites(verified)``: started when it is first wanted."""
    started: dict[bool, Site] = {}
    with ExitStack() as stack:

        def site(verified: bool) -> Site:
            if verified not in started:
                started[verified] = stack.enter_context(running(tmp_path_factory.mktemp("site"), verified=verified))
            return started[verified]

        yield site
