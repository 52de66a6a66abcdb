"""A repository whose every text is an attack: whatever it says stays text, in each page, each line to paste and each answer."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.forms import ask, repository_page
from tests.browser.sights import Sights
from tests.conformance.foreign import program
from tests.sources.stores import DC, BuiltStore, datastream, digest, foxml, inline, location, version
from tests.web.resume.asking import Application, manage
from tests.web.resume.asking import ask as request
from tests.web.server import Server, serving

RUN = "window.ran=1;alert(1)"
ATTACKS = (
    f"</script><script>{RUN}</script>",
    f"'\"><img src=x onerror={RUN}>",
    f"</code></pre><svg onload={RUN}>",
    "$(touch ran)`touch ran`;touch ran",
    "' ; touch ran ; '",
    "{{ request }}{% url 'home' %}",
    "\u202egpj.exe\u202c",
    "javascript:alert(1)",
    "=HYPERLINK(1)",
)
PID = "evil:1"
PASSWORD = "only for this very test"


def attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def dsid(attack: str) -> str:
    """What may be called a datastream of it: no slash, nothing that cannot be shown."""
    return re.sub("[/\u202a-\u202e]", "-", attack)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    made = BuiltStore(root=tmp_path_factory.mktemp("hostile"))
    listed = [datastream("DC", "X", version("DC.0", inline(DC)))]
    pointers = []
    for number, attack in enumerate(ATTACKS):
        name = dsid(attack)
        token = f"{PID}+{name}+{name}.0"
        made.put(token, b"%d" % number)
        listed.append(datastream(name, "M", version(f"{name}.0", location(token), LABEL=attack, MIMETYPE=attack)))
        pointers.append(f'<div LABEL="{attribute(attack)}"><fptr FILEID="{attribute(name)}"/></div>')
    wrong = digest("SHA-256", "0" * 64)
    made.put(f"{PID}+DAMAGED+DAMAGED.0", b"damaged")
    listed.append(datastream("DAMAGED", "M", version("DAMAGED.0", wrong + location(f"{PID}+DAMAGED+DAMAGED.0"))))
    listed.append(datastream("GONE", "M", version("GONE.0", location(f"{PID}+GONE+GONE.0"), LABEL=ATTACKS[0])))
    top = f'<div LABEL="{attribute(ATTACKS[1])}">{"".join(pointers)}</div>'
    chart = f'<mets xmlns="http://www.loc.gov/METS/"><structMap>{top}</structMap></mets>'
    listed.append(datastream("SMAP-PRES", "X", version("SMAP-PRES.0", inline(chart))))
    made.put(PID, foxml(PID, *listed, label=ATTACKS[0]))
    return made


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, store: BuiltStore) -> Iterator[Server]:
    whose = json.dumps(f"Library {ATTACKS[1]}")
    repository = f"""
[[repositories]]
name = "store"
type = "fedora3"
objects = "{store.objects}"
datastreams = "{store.datastreams}"
"""
    with serving(tmp_path_factory.mktemp("served"), toml=f"[packages]\nsource_organization = {whose}\n{repository}") as server:
        os.environ["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        try:
            manage(server, "createsuperuser", "--noinput", "--username", "administrator", "--email", "staff@library.example")
        finally:
            del os.environ["DJANGO_SUPERUSER_PASSWORD"]
        manage(server, "create_key", ATTACKS[1], "--network", "127.0.0.1")
        yield server


@pytest.fixture(scope="module")
def application(service: Server) -> Application:
    return Application.at(service)


@pytest.fixture
def watched(page: Any, service: Server) -> Iterator[Any]:
    """Nothing that these pages bring along ever runs, opens a dialog, or asks another host for anything."""
    faults: list[str] = []

    def on_dialog(dialog: Any) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    def on_request(asked: Any) -> None:
        if not asked.url.startswith((service.url, "file:", "blob:")):
            faults.append(asked.url)

    page.context.on("dialog", on_dialog)
    page.context.on("request", on_request)
    yield page
    for each in page.context.pages:
        assert each.evaluate("window.ran") is None
    assert faults == []


def is_inert(page: Any) -> None:
    """No element or attribute came of what the repository says."""
    assert page.evaluate("window.ran") is None
    assert page.locator("main img, main script, [onerror], [onload]").count() == 0
    assert page.locator("main svg:not(.share)").count() == 0
    for link in page.locator("a[href], form[action]").all():
        target = link.get_attribute("href") or link.get_attribute("action")
        assert target.startswith(("/", "#", "?")), target


def test_an_object_s_page(watched: Any, service: Server, sights: Sights) -> None:
    watched.goto(f"{service.url}/api/get/{PID}")
    watched.get_by_role("table").wait_for()
    is_inert(watched)
    assert watched.get_by_role("heading", level=1).inner_text() == ATTACKS[0]
    assert watched.locator("tbody a").count() >= len(ATTACKS)
    shown = watched.get_by_role("table").inner_text()
    assert "gpj.exe" in shown
    assert "\u202e" not in shown
    for link in watched.locator("tbody a").all():
        answer = watched.request.get(service.url + link.get_attribute("href"))
        assert answer.status in {200, 404, 502}
        if answer.status == 200:
            assert answer.headers["content-security-policy"].endswith("sandbox")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-disposition"].startswith("attachment; ")
    sights.take(watched, "hostile-object")


def test_a_package_from_its_form_to_its_end(watched: Any, service: Server, application: Application, target: Path, sights: Sights) -> None:
    # Another service's page is of a file: it may ask for what it likes.
    files = ";".join([PID, "evil:2", f"evil:1/{dsid(ATTACKS[1])}x", f"<script>{RUN}</script>", f"{PID}/GONE"])
    form = repository_page(target, application, service.url, files=files, name=f"$(touch ran) '\"><script>{RUN}</script>")
    window = ask(watched, form)
    window.get_by_role("button", name="Wait, not yet").click()
    is_inert(window)
    sights.take(window, "hostile-package")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+\.tar", window.get_by_role("heading", level=1).inner_text())
    for block in window.locator("pre code").all():
        assert "touch ran" not in block.inner_text().replace("touch_ran", "")
    with window.expect_download() as begun:
        window.locator("#download").click()
    begun.value.save_as(target / "package.tar")
    for system in ("Linux", "macOS"):
        window.get_by_text(system, exact=True).first.click()
    lines = window.get_by_label("Linux", exact=True).inner_text()
    (target / window.get_by_role("heading", level=1).inner_text()).write_bytes((target / "package.tar").read_bytes())
    done = subprocess.run([program("sh"), "-c", lines], cwd=target, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(target.rglob("ran"))
    window.get_by_text("I do not need this package any more").click()
    window.get_by_role("button", name="Cancel this package").click()
    window.get_by_role("heading", name="This package was cancelled").wait_for()
    is_inert(window)


def test_the_developers_page_and_its_estimate(watched: Any, service: Server, application: Application) -> None:
    watched.goto(f"{service.url}/api/try")
    watched.get_by_label("Token", exact=True).fill(application.token)
    watched.get_by_label("Objects and datastreams").fill(f"{PID}\n<script>{RUN}</script>\nevil:1/{dsid(ATTACKS[2])}y")
    watched.get_by_role("button", name="What would come?").click()
    watched.get_by_label("What would come", exact=True).get_by_role("heading", name="What is in it").wait_for()
    is_inert(watched)


@pytest.mark.parametrize("place", ["/api/get/{}", "/{}", "/api/get/evil:1/{}x", "/api/get/packages/{}", "/api/try?{}", "/#{}"])
def test_an_address_that_is_an_attack(watched: Any, service: Server, place: str) -> None:
    for attack in ATTACKS:
        watched.goto(service.url + place.format(attack.replace("%", "%25").replace("#", "%23").replace("?", "%3F")))
        is_inert(watched)


def test_no_command_is_in_the_lines_of_another_host_s_name(service: Server, application: Application) -> None:
    content = application.link(PID, "tar")
    for host in ("$(touch ran)", "a';touch ran;'", "127.0.0.1`touch ran`", '"><script>'):
        answer = request(service, "GET", content.removesuffix("/content"), headers={"Host": host, "Accept": "text/html"})
        assert answer.status == 400
        assert host.encode() not in answer.body


def test_the_admin_site(watched: Any, service: Server, application: Application, sights: Sights) -> None:
    take(service, application)
    watched.goto(f"{service.url}/admin/login/?next=/admin/")
    watched.fill("#id_username", "administrator")
    watched.fill("#id_password", PASSWORD)
    watched.click("input[type=submit]")
    watched.wait_for_url(f"{service.url}/admin/")
    for name in ("key", "package", "delivery", "download", "download/plots", "fixity"):
        watched.goto(f"{service.url}/admin/getapi/{name}/")
        assert watched.get_by_role("heading", level=1).count() >= 1
        assert watched.evaluate("window.ran") is None
        assert watched.locator("#content script, #content img[src=x]").count() == 0
        watched.screenshot(path=sights.folder / f"hostile-admin-{name.replace('/', '-')}.png", full_page=True)
    watched.goto(f"{service.url}/admin/getapi/key/?q={ATTACKS[1]}")
    watched.locator("#result_list tbody a").first.click()
    assert watched.locator("#id_label").input_value() == ATTACKS[1]
    assert watched.evaluate("window.ran") is None


def take(service: Server, application: Application) -> None:
    """As a reader does whose program has an attack for its name; it is counted then."""
    agent = f"=cmd()<script>{RUN}</script>"
    assert request(service, "GET", application.link(PID, "tar"), headers={"User-Agent": agent}).is_whole
    service.wait_for_rows("SELECT 1 FROM getapi_download WHERE user_agent = ?", agent)


def test_exports_begin_no_cell_like_a_formula_and_log_lines_are_one_object_each(service: Server, application: Application) -> None:
    take(service, application)
    for kind in ("csv", "counter"):
        days = ("2026-01-01", "2030-12-31")
        told = manage(service, "export_statistics", "--from", days[0], "--to", days[1], "--format", kind)
        assert not re.search(r"(?:^|[,\t])\"?[=+@-]", told, re.MULTILINE)
    lines = service.log.splitlines()
    assert lines
    assert all(json.loads(line) for line in lines if line.startswith("{"))
    assert [line for line in lines if not line.startswith("{")] == []
