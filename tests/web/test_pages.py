"""The HTML answers: valid, escaped, inert, and of use without JavaScript (SPEC 1)."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from lxml import etree, html

import getapi
from getapi.core.source import ObjectRecord
from getapi.renderers import PAGE_POLICY, HtmlRenderer
from getapi.sources.registry import Registry
from tests.web.conftest import APPLICATION, Serve, get_token

HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LABEL = """<script>alert("x")</script>&amp;'"><img src=x onerror=alert(1)>"""


@pytest.fixture
def browser(db: None, serve: Serve) -> Client:
    serve()
    return Client(headers=HTML)


TEMPLATES = sorted((Path(getapi.__file__).parent / "templates" / "getapi").glob("*.html"))
PAGES = [
    "/api/try",
    "/",
    "/api/get/rutgers-lib:5678",
    "/api/get/rutgers-lib:6001",
    "/api/get/rutgers-etd:100",
    "/api/get/nobody:1",
    "/nothing",
    "/api/docs",
]


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_html_5_with_a_language_a_title_and_one_heading(browser: Client, address: str) -> None:
    answer = browser.get(address)
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer.content.startswith(b"<!doctype html>\n")
    page: Any = html.document_fromstring(answer.content)
    assert page.get("lang") == "en"
    assert (page.findtext("head/title") or "").strip()
    assert page.find("head/meta[@charset='utf-8']") is not None
    assert page.find("head/meta[@name='viewport']") is not None
    assert len(page.findall(".//main")) == 1
    assert address == "/api/docs" or len(page.findall(".//h1")) == 1


@pytest.mark.parametrize("address", PAGES)
def test_every_element_is_closed_as_it_was_opened(browser: Client, address: str) -> None:
    """With its void elements closed and its boolean attributes given values a page is well-formed XML: nothing was left open or crossed."""
    text = browser.get(address).content.decode().removeprefix("<!doctype html>\n")
    etree.fromstring(as_xml(text))


def as_xml(text: str) -> str:
    return re.sub(r"<(meta|link)([^>]*)>", r"<\1\2/>", text).replace(" defer>", ' defer="">')


@pytest.mark.parametrize("address", PAGES[1:-1])
def test_a_page_may_do_nothing_but_be_styled_from_here(browser: Client, address: str) -> None:
    answer = browser.get(address)
    policy = answer["Content-Security-Policy"]
    assert policy == PAGE_POLICY
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "no-referrer"
    page: Any = html.document_fromstring(answer.content)
    assert not page.xpath("//script | //style | //@style | //@*[starts-with(name(), 'on')]")
    for sheet in page.xpath("//link/@href"):
        assert browser.head(str(sheet)).status_code == 200


def test_an_object_s_page_leads_to_each_datastream(browser: Client) -> None:
    page: Any = html.document_fromstring(browser.get("/api/get/rutgers-lib:6001").content)
    addresses = [str(each) for each in page.xpath("//tbody//a/@href")]
    assert len(addresses) > 5
    assert all(browser.head(address).status_code == 200 for address in addresses)
    assert [cell.get("scope") for cell in page.findall(".//th")] == ["col"] * 4
    assert page.findtext(".//caption") == "Public datastreams"


def test_an_object_without_anything_open_says_so(browser: Client) -> None:
    page: Any = html.document_fromstring(browser.get("/api/get/rutgers-etd:100").content)
    assert page.find(".//table") is None
    assert "no datastream that is open to the public" in page.text_content()


def test_what_a_repository_says_is_text_on_the_page(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    describe = Registry.describe

    def evil(self: Registry, pid: str, **how: Any) -> ObjectRecord:
        record = describe(self, pid, **how)
        made = [replace(each, label=LABEL, mime=LABEL) for each in record.datastreams]
        return replace(record, label=LABEL, datastreams=tuple(made))

    monkeypatch.setattr(Registry, "describe", evil)
    answer = browser.get("/api/get/rutgers-lib:5678")
    page: Any = html.document_fromstring(answer.content)
    assert page.findtext(".//h1") == page.findtext("head/title") == LABEL
    assert not page.xpath("//script | //img")
    root = etree.fromstring(browser.get("/api/get/rutgers-lib:5678", headers={"accept": "text/xml"}).content)
    assert root.findtext("label") == LABEL
    sent = browser.head("/api/get/rutgers-lib:5678/PDF-1")
    assert "script" not in sent["Content-Type"] or sent["Content-Security-Policy"].endswith("sandbox")


def test_a_token_is_shown_on_a_page_that_nothing_keeps(browser: Client, key: str) -> None:
    answer = Client(REMOTE_ADDR="192.0.2.10", headers=HTML).post("/api/get/getToken", {"key": key})
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Security-Policy"] == PAGE_POLICY
    assert len(html.document_fromstring(answer.content).findtext(".//code") or "") > 40


@pytest.fixture
def kept(browser: Client, key: str) -> str:
    """The address of a package's page."""
    application = Client(REMOTE_ADDR=APPLICATION)
    asked = {"token": get_token(application, key), "files": "rutgers-lib:1234;rutgers-etd:100/PDF;nobody:1", "delivery": "link"}
    return str(application.post("/api/get/PACKAGE", asked)["Location"])


def test_a_package_s_page_is_whole_in_every_state_and_runs_nothing_but_our_own_files(browser: Client, kept: str) -> None:
    for end in (False, True):
        if end:
            browser.delete(kept)
        answer = browser.get(kept)
        assert answer["Content-Security-Policy"] == PAGE_POLICY
        text = answer.content.decode().removeprefix("<!doctype html>\n")
        page: Any = etree.fromstring(as_xml(text))
        assert not page.xpath("//style | //@style | //@*[starts-with(name(), 'on')] | //script[not(@src)]")
        for file in page.xpath("//script/@src | //link/@href"):
            assert browser.head(str(file)).status_code == 200
        assert len(page.findall(".//h1")) == 1
        identifiers = page.xpath("//@id")
        assert len(identifiers) == len(set(identifiers))


def test_no_search_engine_keeps_a_package_s_address_or_takes_what_it_leads_to(browser: Client, kept: str) -> None:
    page: Any = html.document_fromstring(browser.get(kept).content)
    assert page.xpath("string(//meta[@name='robots']/@content)") == "noindex, nofollow"
    listed: Any = html.document_fromstring(browser.get("/api/get/rutgers-lib:1234").content)
    assert not listed.xpath("//meta[@name='robots']")


def test_no_page_keeps_or_wants_a_cookie(browser: Client, kept: str) -> None:
    for address in (kept, "/api/try"):
        assert not browser.get(address).cookies
        assert "Cookie" not in browser.get(address).get("Vary", "")


def test_who_types_the_host_s_name_alone_is_told_what_this_is_and_where_to_go(browser: Client) -> None:
    for client in (browser, Client()):
        answer = client.get("/")
        page: Any = html.document_fromstring(answer.content)
        assert (answer.status_code, page.findtext(".//h1")) == (200, "Packaging service")
        addresses = [str(each) for each in page.xpath("//main//a/@href")]
        assert addresses == ["/api/try", "/api/docs", "/api/schema"]
        assert all(browser.head(address).status_code == 200 for address in addresses)
    assert browser.head("/").status_code == 200
    assert browser.post("/")["Allow"] == "GET, HEAD"


def test_the_description_s_page_is_light_for_who_likes_it_dark_since_its_script_writes_in_dark_colours(browser: Client) -> None:
    schemes = {
        address: html.document_fromstring(browser.get(address).content).xpath("string(//meta[@name='color-scheme']/@content)")
        for address in PAGES
    }
    assert {address for address in PAGES if schemes[address] == "only light"} == {"/api/docs"}
    assert set(schemes.values()) == {"only light", "light dark"}


def test_the_developers_page_names_the_limits_and_holds_no_secret(browser: Client, key: str) -> None:
    text = browser.get("/api/try").content.decode()
    assert all(said in text for said in ("1,000 files", "100 GB", "1.05 MB", "30 minutes", "names them in cors.origins"))
    assert key not in text
    assert browser.get("/api/try/").status_code == browser.head("/api/try").status_code == 200
    assert browser.post("/api/try").status_code == 405


NAMES = {"Linux", "macOS", "Windows (PowerShell", "TAR", "ZIP", "curl", "Python", "OpenAPI"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_word_of_a_page_carries_a_translation_mark(template: Path) -> None:
    """What is left of a template without its marked text, tags, code and names has no letter that a reader would see."""
    text = template.read_text(encoding="utf-8")
    text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", text, flags=re.DOTALL)
    text = re.sub(r"<(pre|code|script)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"{%.*?%}|{{.*?}}|<!doctype html>", "", text, flags=re.DOTALL)
    left = {piece.strip(" \n·/().,") for piece in re.split(r"<[^>]*>", text)}
    assert {piece for piece in left if re.search("[a-z]", piece, re.IGNORECASE)} <= NAMES


def shown(**package: Any) -> Any:
    """What the page of that package says at its head."""
    whole = {
        "id": "0" * 32, "state": "ready", "format": "tar", "name": "x", "size": 10240, "files": 1, "sent": 0, "rate": None,
        "progress": None, "created": "2026-11-21T03:02:14Z", "expires": "2026-11-22T03:02:14Z",
        "content": f"/api/get/packages/{'0' * 32}/content",
        "datastreams": [], "notices": [],
    }  # fmt: skip
    return html.document_fromstring(HtmlRenderer().render({"package": whole | package}))


@pytest.mark.parametrize("state", ["canceled", "expired"])
def test_of_a_package_that_ended_before_it_was_prepared_no_size_is_told(db: None, state: str) -> None:
    assert shown(state=state, size=0, files=0).findtext(".//p[@class='lead']") == "TAR archive · not prepared"
    assert "10.2 kB (10,240 bytes)" in shown(state=state).find(".//p[@class='lead']").text_content()


def test_a_size_is_told_once_where_its_short_form_is_exact(db: None) -> None:
    rows = [{"pid": "a:1", "dsid": "D", "path": "data/d", "size": 71}, {"pid": "a:1", "dsid": "E", "path": "data/e", "size": 7100}]
    origins = [each.text_content() for each in shown(size=700, format="zip", datastreams=rows).xpath("//span[@class='origin']")]
    assert origins == ["a:1/D", "a:1/E · 7,100 bytes"]
    assert shown(size=700).find(".//p[@class='lead']").text_content() == "TAR archive · 1 file · 700 bytes"


def test_an_estimate_is_called_exact_where_it_is(db: None) -> None:
    exact, inexact = (shown(id=None, size=size).text_content() for size in (10240, None))
    assert "exact to the byte" in exact
    assert "exact to the byte" not in inexact
    assert "known only when the files are read" in inexact
