"""What a reader sees of packages that cannot be had yet, or any more, and of errors.

Pages of states that this test cannot bring about in time are rendered by the service's own renderer from data of the API's shape, and
answered in its stead; all else (style, scripts, links) is the running service's.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from getapi.renderers import PAGE_POLICY, HtmlRenderer
from tests.browser.conftest import SMALL
from tests.browser.forms import downloads
from tests.browser.sights import Sights, opens_fast
from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application
from tests.web.resume.material import configuration
from tests.web.server import Server, serving

ID = "0123456789abcdef0123456789abcdef"
PACKAGE: dict[str, Any] = {
    "id": ID, "state": "preparing", "format": "tar", "name": "high-water", "size": 0, "files": 0, "sent": 0, "rate": None, "progress": 0,
    "problem": None, "created": "2026-11-21T03:02:14Z", "expires": "2026-11-22T03:02:14Z", "content": f"/api/get/packages/{ID}/content",
    "tagmanifest_sha256": None, "datastreams": [], "notices": [],
}  # fmt: skip

Stage = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def stage(page: Any, service: Server) -> Stage:
    """``stage({...}, {...})``: what the service tells of the package, one look after the other, the last one for ever; the looks so far."""

    def play(*acts: dict[str, Any]) -> list[dict[str, Any]]:
        looks: list[dict[str, Any]] = []

        def answer(route: Any) -> None:
            act = PACKAGE | acts[min(len(looks), len(acts) - 1)]
            if "json" in route.request.headers["accept"]:
                looks.append(act)
                status = act.pop("status", 200)
                route.fulfill(status=status, content_type="application/json", body=json.dumps(act))
                return
            body = HtmlRenderer().render({"package": act})
            route.fulfill(content_type="text/html; charset=utf-8", body=body, headers={"Content-Security-Policy": PAGE_POLICY})

        page.route(f"**/api/get/packages/{ID}", answer)
        page.goto(f"{service.url}/api/get/packages/{ID}")
        return looks

    return play


def test_a_preparation_shows_how_far_it_is_and_then_starts_the_download_by_itself(
    page: Any, stage: Stage, application: Application
) -> None:
    ready = {"state": "ready", "size": 51200, "files": 3, "content": application.link(SMALL, "tar")}
    begun = downloads(page)
    stage({"progress": 10}, {"progress": 40}, {"progress": 71}, ready)
    page.get_by_text("71 % ready").wait_for(timeout=40000)
    page.get_by_role("heading", name="All of it has arrived").wait_for(timeout=40000)
    assert [one.failure() for one in begun] == [None]


def test_what_the_service_says_of_its_rate_is_shown_with_the_time_that_is_left(page: Any, stage: Stage) -> None:
    sending = {"state": "sending", "size": 9_000_000_000, "files": 1, "sent": 1_000_000_000, "rate": 20_000_000}
    stage({"state": "ready", "size": 9_000_000_000, "files": 1}, sending)
    page.get_by_text("20 MB a second").wait_for()
    assert page.get_by_text("about 7 minutes left").is_visible()
    assert page.get_by_text("1 GB of 9 GB").is_visible()


def test_without_javascript_a_preparation_loads_itself_again(plain: Any, service: Server) -> None:
    looks: list[int] = []

    def answer(route: Any) -> None:
        looks.append(1)
        body = HtmlRenderer().render({"package": PACKAGE | {"progress": 10 * len(looks)}})
        route.fulfill(content_type="text/html; charset=utf-8", body=body, headers={"Content-Security-Policy": PAGE_POLICY})

    plain.route(f"**/api/get/packages/{ID}", answer)
    plain.goto(f"{service.url}/api/get/packages/{ID}")
    plain.get_by_role("link", name="Look again").click()
    plain.get_by_text("20 % ready").wait_for()
    plain.get_by_text("30 % ready").wait_for(timeout=40000)


def test_a_preparation_in_pictures(page: Any, stage: Stage, sights: Sights) -> None:
    stage({"progress": 42})
    page.get_by_text("42 % ready").wait_for()
    sights.take(page, "preparing")


def test_a_preparation_that_fails_ends_as_that_and_nothing_is_asked_any_more(page: Any, stage: Stage, sights: Sights) -> None:
    problem = {"code": "source-unavailable", "text": "The repository cannot be read at the moment."}
    looks = stage({"progress": 10}, {"progress": 20}, {"state": "failed", "problem": problem})
    page.get_by_role("heading", name="This package could not be prepared").wait_for(timeout=40000)
    assert page.get_by_text("The repository cannot be read at the moment.").is_visible()
    seen = len(looks)
    sights.take(page, "failed")
    page.wait_for_timeout(3000)
    assert len(looks) == seen


@pytest.mark.parametrize(
    ("state", "heading"),
    [("expired", "This package has expired"), ("changed", "The repository has changed since"), ("canceled", "cancelled")],
)
def test_what_is_over_says_what_happened_and_what_to_do(page: Any, stage: Stage, sights: Sights, state: str, heading: str) -> None:
    looks = stage({"state": state})
    page.get_by_role("heading", name=heading).wait_for()
    assert page.get_by_text("ask for a new one").is_visible()
    assert page.locator("#download").count() == 0
    sights.take(page, state)
    page.wait_for_timeout(2000)
    assert looks == []


def test_a_service_that_is_away_is_told_and_asked_more_and_more_seldom(page: Any, stage: Stage, sights: Sights) -> None:
    looks = stage({"state": "ready", "size": 20480, "files": 1}, {"state": "sending", "size": 20480, "sent": 5000}, {"status": 502})
    page.get_by_text("The service does not answer at the moment").wait_for(timeout=60000)
    sights.take(page, "away")
    seen = len(looks)
    page.wait_for_timeout(4000)
    assert len(looks) - seen <= 1


def test_a_link_that_expires_while_its_page_is_open_and_for_who_opens_it_later(page: Any, store: BuiltStore, tmp_path: Path) -> None:
    with serving(tmp_path, toml='[packages]\nttl = "3 s"\n' + configuration(store)) as short:
        place = Application.at(short).link(SMALL, "tar").removesuffix("/content")
        page.goto(short.url + place)
        page.get_by_role("heading", name="This package has expired").wait_for(timeout=40000)
        page.goto(short.url + place)
        assert page.get_by_role("heading", name="This package has expired").is_visible()


def test_a_link_that_the_service_knows_no_more(page: Any, service: Server, application: Application, sights: Sights) -> None:
    page.goto(f"{service.url}/api/get/packages/{'0' * 32}")
    page.get_by_role("heading", name="There is no such package").wait_for()
    sights.take(page, "unknown")


def test_an_object_and_a_closed_datastream(page: Any, service: Server, sights: Sights) -> None:
    page.goto(f"{service.url}/api/get/survey:1903")
    page.get_by_role("table").wait_for()
    sights.take(page, "object")
    page.goto(f"{service.url}/api/get/survey:1904/DC")
    sights.take(page, "closed")


def test_a_thousand_files_are_a_page_that_can_be_read(page: Any, stage: Stage, sights: Sights) -> None:
    rows: list[dict[str, Any]] = [
        {
            "pid": f"maps:{n}",
            "dsid": "TIFF",
            "path": f"data/Volume {n // 100 + 1}/Sheet {n:04}/maps-{n}_TIFF.tif",
            "size": 8_000_000 + n * 977,
        }
        for n in range(1000)
    ]
    notices = [{"pid": f"maps:{n}", "dsid": "OCR", "code": "restricted", "text": "Not available to the public"} for n in range(40)]
    notices += [{"pid": "maps:7", "dsid": "PDF", "code": "renamed", "text": "a/b is in the package as a_b"}]
    size = sum(8_000_000 + n * 977 for n in range(1000))
    stage({"state": "ready", "size": size, "files": 1000, "datastreams": rows, "notices": notices, "tagmanifest_sha256": "ab" * 32})
    page.get_by_text("40 files are not open to the public").wait_for()
    assert opens_fast(page)
    sights.take(page, "thousand")


def test_on_paper_nothing_is_folded_away_and_no_button_is_left(
    page: Any, service: Server, application: Application, sights: Sights
) -> None:
    page.goto(service.url + application.link(SMALL, "tar").removesuffix("/content"))
    page.emulate_media(media="print")
    assert not page.locator("#download").is_visible()
    page.screenshot(path=sights.folder / "paper.png", full_page=True)
