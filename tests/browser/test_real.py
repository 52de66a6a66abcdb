"""States that the repository itself brings about: a file that is changed under a package, and a package of a thousand files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.sights import Sights, opens_fast
from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application
from tests.web.resume.material import Part, configuration, file_of, put_object
from tests.web.server import Server, serving

SHEETS, VOLUMES = 1000, 8
LETTER = "letters:1"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    made = BuiltStore(root=tmp_path_factory.mktemp("atlas"))
    volumes: list[list[str]] = [[] for _ in range(VOLUMES)]
    for number in range(SHEETS):
        volumes[number * VOLUMES // SHEETS].append(f'<div LABEL="Sheet {number + 1}"><fptr FILEID="TIFF-{number + 1}"/></div>')
    chart = "".join(f'<div LABEL="Volume {number + 1}">{"".join(sheets)}</div>' for number, sheets in enumerate(volumes))
    parts = [Part(dsid=f"TIFF-{number + 1}", octets=b"%d\n" % number * (number + 1), declares="sha256") for number in range(SHEETS)]
    put_object(made, "atlas:1", *parts, smap=f'<div LABEL="Atlas of the coast">{chart}</div>')
    put_object(made, LETTER, Part(dsid="TEXT", octets=b"Dear Sir\n"))
    return made


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Server]:
    toml = 'limits.files = 2000\n[packages]\nsource_organization = "Riverside University Libraries"\n'
    with serving(tmp_path_factory.mktemp("library"), toml=toml + configuration(store)) as server:
        yield server


@pytest.fixture(scope="module")
def asking(library: Server) -> Application:
    return Application.at(library)


def place(asking: Application, files: str) -> str:
    return asking.server.url + asking.link(files, "tar").removesuffix("/content")


def test_a_file_that_was_changed_ends_its_package_and_the_page_says_so(
    page: Any, asking: Application, store: BuiltStore, sights: Sights
) -> None:
    address = place(asking, LETTER)
    page.goto(address)
    page.get_by_role("heading", name="Ready to download").wait_for()
    file_of(store, LETTER, "TEXT").write_bytes(b"Dear Madam\n")
    page.locator("#download").click()
    page.get_by_role("heading", name="The repository has changed since").wait_for(timeout=40000)
    assert page.locator("#download").count() == 0
    assert page.get_by_text("letters-1_TEXT").count() == 0
    sights.take(page, "changed-really")
    page.reload()
    assert page.get_by_role("heading", name="The repository has changed since").is_visible()


def test_a_service_that_is_started_again_is_missed_and_found_again(page: Any, store: BuiltStore, tmp_path: Path, sights: Sights) -> None:
    with serving(tmp_path, toml=configuration(store)) as server:
        page.goto(place(Application.at(server), "atlas:1/TIFF-1"))
        page.get_by_role("heading", name="Ready to download").wait_for()
    missed = page.get_by_text("The service does not answer at the moment")
    missed.wait_for(timeout=60000)
    sights.take(page, "away-really")
    with serving(tmp_path, toml=configuration(store), port=server.port):
        missed.wait_for(state="hidden", timeout=60000)
        with page.expect_download() as begun:
            page.locator("#download").click()
        assert begun.value.failure() is None
        page.get_by_role("heading", name="All of it has arrived").wait_for()


def test_nothing_that_a_page_asks_for_tells_its_address(page: Any, asking: Application) -> None:
    told: list[str] = []

    def note(asked: Any) -> None:
        told.append(asked.url + " from " + (asked.headers.get("referer") or "nowhere"))

    page.on("request", note)
    page.goto(place(asking, "atlas:1/TIFF-1"))
    page.wait_for_timeout(2000)
    with page.expect_download():
        page.locator("#download").click()
    page.get_by_role("heading", name="All of it has arrived").wait_for()
    assert any(".css from" in each for each in told)
    assert [each for each in told if not each.endswith(" from nowhere")] == []


def test_a_package_of_a_thousand_files_is_a_page_that_opens_fast_and_can_be_found_through_by_keyboard(
    page: Any, asking: Application, sights: Sights
) -> None:
    looks: list[int] = []

    def note(answer: Any) -> None:
        if "json" in answer.request.headers.get("accept", ""):
            looks.append(len(answer.body()))

    page.on("response", note)
    page.goto(place(asking, "atlas:1"))
    page.get_by_role("heading", name="Ready to download").wait_for()
    assert opens_fast(page)
    tree = page.locator(".tree")
    assert tree.get_by_text(re.compile("1,00[0-9] files")).first.is_visible()
    sights.take(page, "thousand-really")
    summaries = tree.locator("summary:visible")
    names = [name.replace("\n", " ") for name in summaries.all_inner_texts()]
    assert len(names) == 2 + VOLUMES
    assert all(f"Volume {number + 1}/" in name for number, name in enumerate(names[2:]))
    summaries.nth(2).focus()
    page.keyboard.press("Enter")
    assert tree.get_by_text("Sheet 1", exact=False).first.is_visible()
    page.keyboard.press("Tab")
    assert "Sheet 1" in page.evaluate("document.activeElement.textContent")
    page.get_by_role("heading", name="What is in it").scroll_into_view_if_needed()
    page.screenshot(path=sights.folder / "thousand-open.png")
    page.wait_for_timeout(2500)
    assert looks
    assert max(looks) < 500
