"""The plot page in a real browser: whole in light, dark and on a phone, and nothing serious that axe finds."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conformance.foreign import program
from tests.web.resume.asking import manage
from tests.web.server import Server, serving

QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
PASSWORD = "only for this very test"
PAGE = "/admin/getapi/download/plots/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("plots")) as started:
        os.environ["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        try:
            manage(started, "createsuperuser", "--noinput", "--username", "administrator", "--email", "staff@library.example")
        finally:
            del os.environ["DJANGO_SUPERUSER_PASSWORD"]
        fill(started)
        yield started


def fill(server: Server) -> None:
    """Thirty days, each with more than the one before."""
    now = datetime.now(UTC)
    columns = "time, pid, dsid, version, bytes, package, address, user_agent, robot, double_click"
    rows = [
        (
            (now - timedelta(days=30 - day, minutes=number)).strftime("%Y-%m-%d %H:%M:%S"),
            f"demo:{number}",
            "PDF",
            "0",
            10**8,
            "",
            "",
            "",
            0,
            0,
        )
        for day in range(30)
        for number in range(day + 1)
    ]
    with closing(connect(server.folder / "db.sqlite3", timeout=20)) as database, database:
        database.executemany(f"INSERT INTO getapi_download ({columns}) VALUES ({', '.join('?' * 10)})", rows)  # noqa: S608 # names of our own


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program("chromium"), args=QUIET)
        yield started
        started.close()


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 390)], ids=["light", "dark", "phone"])
def page(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    scheme, width = request.param
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 1400})
    opened = context.new_page()
    opened.goto(f"{server.url}/admin/login/?next={PAGE}")
    opened.fill("#id_username", "administrator")
    opened.fill("#id_password", PASSWORD)
    opened.click("input[type=submit]")
    opened.wait_for_url(f"{server.url}{PAGE}")  # until it is loaded; the page before has this address in its own
    yield opened
    context.close()


def test_it_is_whole_and_axe_finds_nothing_serious(page: Page, tmp_path: Path) -> None:
    assert page.title().startswith("What was downloaded")
    for picture in page.locator("svg.plot").all():
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 70
    assert page.locator("svg.plot rect").count() >= 58
    page.screenshot(path=str(tmp_path / "plots.png"), full_page=True)
    found = Axe().run(page, context=".plots")
    serious = [violation for violation in found.response["violations"] if violation["impact"] in {"serious", "critical"}]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []
