"""A browser, a running service over a store with objects of several kinds, and pictures of what is seen."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.proxy import Proxy
from tests.browser.sights import Sights
from tests.sources.stores import BuiltStore, datastream, foxml, inline, version
from tests.web.resume.asking import Application
from tests.web.resume.material import Part, configuration, put_object, some
from tests.web.server import Server, serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]

SMALL, BIG, MAPPED = "small:1", "big:1", "survey:1903"
EMBARGO = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns:i="info:islandora/islandora-system:def/scholar#">
<rdf:Description rdf:about="info:fedora/survey:1904"><i:embargo-until>2099-12-31T05:00:00Z</i:embargo-until></rdf:Description></rdf:RDF>"""
MAP = """<div LABEL="High water of 1903"><div LABEL="Field books"><fptr FILEID="BOOK-1"/><fptr FILEID="BOOK-2"/></div>
<div LABEL="Photographs"><div LABEL="The landing, morning"><fptr FILEID="PHOTO-1"/><fptr FILEID="PHOTO-2"/></div>
<fptr FILEID="PHOTO-3"/></div></div>"""


def put_all(store: BuiltStore) -> None:
    put_object(store, SMALL, Part(dsid="TEXT", octets=b"a few words\n", declares="sha256"), Part(dsid="PICTURE", octets=some(41_234, "p")))
    put_object(store, BIG, Part(dsid="A", octets=some(12_000_000, "A"), declares="sha256"), Part(dsid="B", octets=some(3_000_001, "B")))
    sizes = {"BOOK-1": 734_112, "BOOK-2": 1_210_455, "PHOTO-1": 2_402_118, "PHOTO-2": 2_114_871, "PHOTO-3": 901_004}
    parts = [Part(dsid=dsid, octets=some(size, dsid), declares="sha256") for dsid, size in sizes.items()]
    put_object(store, MAPPED, *parts, smap=MAP)
    listed = [datastream("RELS-EXT", "X", version("RELS-EXT.0", inline(EMBARGO))), datastream("DC", "X", version("DC.0", inline("<dc/>")))]
    store.put("survey:1904", foxml("survey:1904", *listed))


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    made = BuiltStore(root=tmp_path_factory.mktemp("store"))
    put_all(made)
    return made


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Server]:
    toml = '[packages]\nttl = "24 h"\nsource_organization = "Riverside University Libraries"\n'
    with serving(tmp_path_factory.mktemp("service"), toml=toml + configuration(store), worker=True) as server:
        yield server


@pytest.fixture(scope="package")
def application(service: Server) -> Application:
    return Application.at(service)


@pytest.fixture
def proxy(service: Server) -> Iterator[Proxy]:
    with closing(Proxy(service.port)) as made:
        yield made


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[Page]:
    """A reader of his own; whatever goes wrong on his page fails the test."""
    context = browser.new_context(accept_downloads=True, **{"viewport": {"width": 1000, "height": 900}, **options})
    faults: list[str] = []
    try:
        context.on("weberror", lambda error: faults.append(str(error.error)))
        page = context.new_page()
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        yield page
        assert not faults
    finally:
        context.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with visiting(chromium) as made:
        yield made


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """Without JavaScript."""
    with visiting(chromium, java_script_enabled=False) as made:
        yield made


@pytest.fixture(scope="session")
def sights() -> Sights:
    folder = Path(__file__).resolve().parents[2] / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return Sights(folder)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)
