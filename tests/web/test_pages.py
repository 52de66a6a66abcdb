"""The HTML answers: valid, escaped, inert, and of use without JavaScript (SPEC 1)."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from lxml import etree, html

from getapi.core.source import ObjectRecord
from getapi.renderers import PAGE_POLICY
from getapi.sources.registry import Registry
from tests.web.conftest import Serve

HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
LABEL = """<script>alert("x")</script>&amp;'"><img src=x onerror=alert(1)>"""


@pytest.fixture
def browser(db: None, serve: Serve) -> Client:
    serve()
    return Client(headers=HTML)


PAGES = ["/api/get/rutgers-lib:5678", "/api/get/rutgers-lib:6001", "/api/get/rutgers-etd:100", "/api/get/nobody:1", "/nothing", "/api/docs"]


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
    text = re.sub(r"<(meta|link)([^>]*)>", r"<\1\2/>", text).replace(" defer>", ' defer="">')
    etree.fromstring(text)


@pytest.mark.parametrize("address", PAGES[:-1])
def test_a_page_may_do_nothing_but_be_styled_from_here(browser: Client, address: str) -> None:
    answer = browser.get(address)
    policy = answer["Content-Security-Policy"]
    assert policy == PAGE_POLICY
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
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

    def evil(self: Registry, pid: str) -> ObjectRecord:
        record = describe(self, pid)
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
