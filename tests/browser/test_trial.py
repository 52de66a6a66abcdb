"""The developers' page against a real service: what it shows, and that what it says to paste works."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import MAPPED, SMALL
from tests.browser.sights import Sights
from tests.conformance.foreign import program
from tests.web.resume.asking import Application
from tests.web.server import Server


@pytest.fixture
def trial(page: Any, service: Server) -> Any:
    page.goto(f"{service.url}/api/try")
    return page


def snippet(page: Any, label: str) -> str:
    text: str = page.get_by_label(label, exact=True).inner_text()
    return text


def test_it_shows_what_would_come_and_makes_the_package_in_a_new_window(trial: Any, application: Application, sights: Sights) -> None:
    sights.take(trial, "try")
    trial.get_by_label("Token", exact=True).fill(application.token)
    trial.get_by_label("Objects and datastreams").fill(f"{MAPPED}\nsurvey:1904\nnobody:1")
    trial.get_by_role("button", name="What would come?").click()
    picture = trial.get_by_label("What would come", exact=True)
    picture.get_by_role("heading", name="What is in it").wait_for()
    assert picture.get_by_text("1 object was not found").is_visible()
    sights.take(trial, "try-estimate")
    with trial.context.expect_page() as opened:
        trial.get_by_role("button", name="Make the package").click()
    with opened.value.expect_download() as begun:
        pass
    assert begun.value.suggested_filename.startswith("package-")
    assert application.token not in trial.url + opened.value.url


def test_a_refusal_is_shown_in_its_place(trial: Any) -> None:
    trial.get_by_label("Token", exact=True).fill("none")
    trial.get_by_label("Objects and datastreams").fill(SMALL)
    trial.get_by_role("button", name="What would come?").click()
    trial.get_by_role("heading", name="Your permission to download is missing or has run out").wait_for()


def test_the_lines_follow_what_is_typed_and_never_hold_the_token(trial: Any, application: Application) -> None:
    assert trial.get_by_text("They follow what you type").is_visible()
    trial.get_by_label("Token", exact=True).fill(application.token)
    trial.get_by_label("Objects and datastreams").fill("""a:1/"<b>&'\nb:2""")
    trial.get_by_label("Name of the download").fill("it's")
    trial.get_by_label("ZIP").check()
    assert """value="a:1/&quot;&lt;b>&amp;';b:2\"""" in snippet(trial, "HTML form")
    assert r"""files: "a:1/\"\u003cb>&';b:2",""" in snippet(trial, "JavaScript, fetch")
    assert r"""--data-urlencode 'files=a:1/"<b>&'\'';b:2'""" in snippet(trial, "curl")
    for label in ("HTML form", "JavaScript, fetch", "curl", "Python"):
        assert application.token not in snippet(trial, label)
        assert "zip" in snippet(trial, label)
        assert "map" not in snippet(trial, label)


def test_the_form_to_paste_works_without_javascript(trial: Any, plain: Any, application: Application, tmp_path: Path) -> None:
    trial.get_by_label("Objects and datastreams").fill(SMALL)
    trial.get_by_label("Name of the download").fill('"quoted" & <more>')
    form = snippet(trial, "HTML form").replace("TOKEN", application.token)
    (tmp_path / "page.html").write_text(f"<!doctype html><title>Mine</title>{form}", encoding="utf-8")
    plain.goto((tmp_path / "page.html").as_uri())
    with plain.context.expect_page() as opened:
        plain.get_by_role("button").click()
    opened.value.get_by_role("heading", name="Ready to download").wait_for()


def test_the_lines_for_curl_and_python_bring_the_package(trial: Any, application: Application, tmp_path: Path) -> None:
    trial.get_by_label("Objects and datastreams").fill(SMALL)
    trial.get_by_label("Name of the download").fill("it's")
    surroundings = {**os.environ, "TOKEN": application.token}
    sizes = []
    for command in ([program("sh"), "-c", snippet(trial, "curl")], [sys.executable, "-c", snippet(trial, "Python")]):
        subprocess.run(command, cwd=tmp_path, env=surroundings, check=True, capture_output=True, timeout=60)
        (package,) = tmp_path.glob("*.tar")
        sizes.append(package.stat().st_size)
        package.unlink()
    assert sizes[0] == sizes[1] > 40_000


def test_the_lines_for_fetch_lead_to_the_package(trial: Any, application: Application) -> None:
    trial.get_by_label("Objects and datastreams").fill(SMALL)
    lines = snippet(trial, "JavaScript, fetch").replace("TOKEN", application.token)
    with trial.context.expect_page() as opened:
        trial.evaluate(f"(async () => {{ {lines} }})()")
    opened.value.get_by_role("heading", name="Ready to download").wait_for()


def test_without_javascript_the_form_asks_all_the_same(plain: Any, service: Server, application: Application) -> None:
    plain.goto(f"{service.url}/api/try")
    assert not plain.get_by_text("They follow what you type").is_visible()
    plain.get_by_label("Token", exact=True).fill(application.token)
    plain.get_by_label("Objects and datastreams").fill(SMALL)
    for button, heading in (("What would come?", "This is what would come"), ("Make the package", "Ready to download")):
        with plain.context.expect_page() as opened:
            plain.get_by_role("button", name=button).click()
        opened.value.get_by_role("heading", name=heading).wait_for()


def test_what_a_reader_types_is_text_wherever_it_is_shown(trial: Any) -> None:
    evil = json.dumps("<img src=x onerror=alert(1)></code></pre><script>alert(2)</script>")
    trial.get_by_label("Objects and datastreams").fill(evil)
    trial.get_by_label("Structural maps").fill(evil)
    assert trial.locator("pre img, pre script").count() == 0
