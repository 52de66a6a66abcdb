"""From a repository's form to a verified file (the download page against a real service)."""

import subprocess
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import bagit
import pytest

from tests.browser.conftest import BIG, MAPPED, SMALL
from tests.browser.forms import ask, downloads, repository_page
from tests.browser.proxy import Proxy
from tests.browser.sights import Sights
from tests.conformance.foreign import program
from tests.web.resume.asking import FORM, Application, get, window
from tests.web.resume.asking import ask as request
from tests.web.server import Server


def whole(service: Server, content: str) -> bytes:
    return get(service, content).body


def unpacked(file: Path, folder: Path) -> Path:
    folder.mkdir()
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as package:
            package.extractall(folder)  # noqa: S202 # our own
    else:
        with tarfile.open(file) as package:
            package.extractall(folder, filter="data")
    (bag,) = folder.iterdir()
    return bag


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_form_leads_to_a_page_whose_download_starts_by_itself_and_is_a_valid_bag(
    page: Any, service: Server, application: Application, target: Path, kind: str
) -> None:
    window = ask(page, repository_page(target, application, service.url, files=SMALL, format=kind))
    with window.expect_download() as begun:
        pass
    file = target / begun.value.suggested_filename
    begun.value.save_as(file)
    assert file.name == f"small-1.{kind}"
    bagit.Bag(str(unpacked(file, target / "bag"))).validate()
    window.get_by_role("heading", name="All of it has arrived").wait_for()
    assert "#" not in window.url


def test_a_package_that_is_prepared_first_starts_by_itself_once_it_is_ready(
    page: Any, service: Server, application: Application, target: Path
) -> None:
    body = urlencode({"token": application.token, "files": BIG, "delivery": "link"})
    answer = request(service, "POST", "/api/get/PACKAGE", body=body, headers={**FORM, "Accept": "text/html", "Prefer": "respond-async"})
    assert (answer.status, answer.headers["Preference-Applied"]) == (303, "respond-async")
    with page.expect_download(timeout=60000) as begun:
        page.goto(service.url + answer.headers["Location"])
    begun.value.save_as(target / "package.tar")
    bagit.Bag(str(unpacked(target / "package.tar", target / "bag"))).validate()
    page.get_by_role("heading", name="All of it has arrived").wait_for()


def test_it_starts_once_neither_a_reload_nor_the_way_back_nor_the_address_alone_start_it_again(
    page: Any, service: Server, application: Application, target: Path
) -> None:
    window = ask(page, repository_page(target, application, service.url, files=SMALL, format="tar"))
    with window.expect_download():
        pass
    another = page.context.new_page()
    begun = downloads(window, another)
    window.reload()
    window.goto(f"{service.url}/api/docs")
    window.go_back()
    another.goto(window.url)
    another.wait_for_timeout(2000)
    assert begun == []


def test_before_it_starts_the_reader_may_wait_or_take_the_other_format(
    page: Any, service: Server, application: Application, target: Path, sights: Sights
) -> None:
    window = ask(page, repository_page(target, application, service.url, files=f"{MAPPED};survey:1904;nobody:1", name="high-water"))
    begun = downloads(window)
    window.get_by_text("starts by itself in a moment").wait_for()
    window.get_by_role("button", name="Wait, not yet").click()
    sights.take(window, "ready")
    window.wait_for_timeout(4500)
    assert begun == []
    with window.expect_download() as started:
        window.get_by_role("button", name="As ZIP instead").click()
    file = target / started.value.suggested_filename
    started.value.save_as(file)
    assert file.name == "high-water.zip"
    bagit.Bag(str(unpacked(file, target / "bag"))).validate()
    window.get_by_role("heading", name="All of it has arrived").wait_for()
    sights.take(window, "done")


def test_while_it_is_sent_the_page_tells_how_far_how_fast_and_how_long(
    page: Any, proxy: Proxy, application: Application, target: Path, sights: Sights
) -> None:
    window = ask(page, repository_page(target, application, proxy.url, files=BIG, format="tar"))
    proxy.rate = 300_000
    with window.expect_download() as begun:
        pass
    window.get_by_role("heading", name="On its way to you").wait_for()
    window.get_by_text("a second").wait_for()
    window.get_by_text("left", exact=False).first.wait_for()
    bar = window.get_by_role("progressbar", name="Sent so far")
    first = float(bar.get_attribute("value") or 0)
    end = time.monotonic() + 30
    while float(bar.get_attribute("value") or 0) <= first:
        assert time.monotonic() < end
        window.wait_for_timeout(200)
    sights.take(window, "sending")
    proxy.rate = None
    assert begun.value.failure() is None
    window.get_by_role("heading", name="All of it has arrived").wait_for(timeout=60000)


def test_a_connection_that_is_cut_in_the_middle_is_resumed_by_the_browser_itself(
    page: Any, service: Server, proxy: Proxy, application: Application, target: Path
) -> None:
    """Chromium goes on by itself with Range and If-Range, up to five times; the bytes are the package's."""
    proxy.cut_after = 5_000_000
    window = ask(page, repository_page(target, application, proxy.url, files=BIG, format="tar"))
    with window.expect_download() as begun:
        pass
    begun.value.save_as(target / "resumed.tar")
    assert proxy.cuts >= 3
    assert (target / "resumed.tar").read_bytes() == whole(service, window.locator("#download").get_attribute("href"))
    window.get_by_role("heading", name="All of it has arrived").wait_for(timeout=60000)


def test_a_connection_that_stays_cut_is_told_and_the_page_s_own_loop_goes_on_to_the_same_bytes(
    page: Any, service: Server, proxy: Proxy, application: Application, target: Path, sights: Sights
) -> None:
    proxy.cut_after, proxy.cut_then = 5_000_000, 20_000
    window = ask(page, repository_page(target, application, proxy.url, files=BIG, format="tar"))
    with window.expect_download() as begun:
        pass
    assert begun.value.failure() is not None
    proxy.cut_after, proxy.cut_then, proxy.cuts = 5_000_000, None, 0
    window.get_by_role("heading", name="The download broke off").wait_for()
    sights.take(window, "broken")
    content = window.locator("#download").get_attribute("href")
    window.get_by_text("Let a terminal do it").click()
    loop = window.get_by_label("Lines for a terminal", exact=True).inner_text()
    assert f"url='{proxy.url}{content}'" in loop
    done = subprocess.run([program("sh"), "-c", loop], cwd=target, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, proxy.cuts >= 2) == (0, True), done.stderr
    assert (target / "big-1.tar").read_bytes() == whole(service, content)
    proxy.cut_after = None
    with window.expect_download() as again:
        window.locator("#download").click()
    again.value.save_as(target / "again.tar")
    assert (target / "again.tar").read_bytes() == whole(service, content)


def test_what_a_browser_kept_of_a_broken_download_is_the_beginning_of_the_package(service: Server, application: Application) -> None:
    """Resume in a browser is a GET with Range and If-Range, of which the service keeps its word."""
    content = application.link(BIG, "tar")
    etag = get(service, content, range="bytes=0-0").headers["ETag"]
    answer = get(service, content, range="bytes=1000000-", if_range=etag)
    assert (answer.status, answer.body[:1000]) == (206, window(service, content, 1_000_000, 1_001_000))


def test_cancelling_cuts_and_says_so(page: Any, service: Server, application: Application, sights: Sights) -> None:
    address = application.link(SMALL, "tar").removesuffix("/content")
    page.goto(service.url + address)
    page.get_by_text("I do not need this package any more").click()
    page.get_by_role("button", name="Cancel this package").click()
    page.get_by_role("heading", name="This package was cancelled").wait_for()
    assert page.locator("#download").count() == 0
    sights.take(page, "canceled")


def test_a_page_that_is_open_when_its_package_ends_shows_that(page: Any, service: Server, application: Application) -> None:
    address = application.link(SMALL, "tar").removesuffix("/content")
    page.goto(service.url + address)
    page.get_by_role("heading", name="Ready to download").wait_for()
    page.evaluate("address => fetch(address, {method: 'DELETE'})", address)
    page.get_by_role("heading", name="This package was cancelled").wait_for(timeout=60000)


def test_a_package_of_nothing_says_so_and_does_not_start_by_itself(page: Any, service: Server, application: Application) -> None:
    begun: list[Any] = []

    def note(download: Any) -> None:
        begun.append(download)

    page.on("download", note)
    page.goto(service.url + application.link("nothing:1", "tar").removesuffix("/content") + "#start")
    page.get_by_role("heading", name="Nothing of it can be had").wait_for()
    page.wait_for_timeout(5000)
    assert begun == []
    with page.expect_download():
        page.locator("#download").click()
    page.get_by_role("heading", name="All of it has arrived").wait_for()


def test_with_the_keyboard_alone(page: Any, service: Server, application: Application) -> None:
    page.goto(service.url + application.link(SMALL, "tar").removesuffix("/content"))
    focused = "document.activeElement.id || document.activeElement.textContent.trim()"
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if seen[-1] == "download":
            with page.expect_download():
                page.keyboard.press("Enter")
        if "I do not need" in seen[-1]:
            page.keyboard.press("Enter")
        if seen[-1] == "Cancel this package":
            page.keyboard.press("Enter")
            break
    page.get_by_role("heading", name="This package was cancelled").wait_for()
    assert seen[0] == "download"


def test_without_javascript_all_of_it_can_be_had(
    plain: Any, service: Server, application: Application, target: Path, sights: Sights
) -> None:
    window = ask(plain, repository_page(target, application, service.url, files=f"{MAPPED};survey:1904"))
    window.screenshot(path=sights.folder / "without-javascript.png", full_page=True)
    before = window.url
    window.get_by_role("button", name="As ZIP instead").click()
    window.wait_for_url(lambda url: url != before)
    with window.expect_download() as begun:
        window.locator("#download").click()
    begun.value.save_as(target / "package.zip")
    bagit.Bag(str(unpacked(target / "package.zip", target / "bag"))).validate()
    window.get_by_text("I do not need this package any more").click()
    window.get_by_role("button", name="Cancel this package").click()
    window.get_by_role("heading", name="This package was cancelled").wait_for()
    assert window.get_by_role("heading", level=2).first.inner_text() == "This package was cancelled"
