"""One vocabulary in three dresses, whatever the words in it are."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from getapi.renderers import HtmlRenderer, JsonRenderer, XmlRenderer, to_xml

OBJECT = {"object": {"pid": "demo:1", "label": "A & B", "datastreams": [{"dsid": "TXT", "label": "", "mime": "text/plain", "size": None}]}}
PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "No <such> object",
    "code": "object-not-found",
    "pid": "x:1",
}
any_text = st.text(st.characters(codec=None, exclude_categories=()))


def test_a_token_is_an_element_without_a_declaration() -> None:
    assert XmlRenderer().render({"token": "a.b"}) == b"<token>a.b</token>"
    assert JsonRenderer().render({"token": "a.b"}) == b'{"token": "a.b"}'


def test_an_object_s_fields_are_elements_and_keys_of_the_same_names() -> None:
    assert XmlRenderer().render(OBJECT) == (
        b"<object><pid>demo:1</pid><label>A &amp; B</label><datastreams><datastream><dsid>TXT</dsid><label></label>"
        b"<mime>text/plain</mime><size/></datastream></datastreams></object>"
    )
    assert json.loads(JsonRenderer().render(OBJECT)) == OBJECT["object"]


def test_an_error_is_its_sentence_in_xml_and_all_of_it_in_json() -> None:
    assert XmlRenderer().render(PROBLEM) == b"<error>No &lt;such&gt; object</error>"
    assert json.loads(JsonRenderer().render(PROBLEM)) == PROBLEM


@given(text=any_text)
def test_any_text_is_well_formed_xml(text: str) -> None:
    root = etree.fromstring(to_xml("label", text))
    assert len(root) == 0
    assert len((root.text or "").replace("\n", "")) >= len(text) - text.count("\r") - text.count("\n")


@given(text=any_text)
def test_any_text_is_json(text: str) -> None:
    rendered = json.loads(JsonRenderer().render({"token": text}).decode("utf-8"))
    assert rendered["token"] == text or any(0xD800 <= ord(letter) < 0xE000 for letter in text)


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)


def elements(page: bytes) -> Elements:
    parser = Elements()
    parser.feed(page.decode("utf-8"))
    return parser


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}", "javascript:alert(1)", "a/b", "", ".."]


@given(name=st.text() | st.sampled_from(HOSTILE), text=any_text | st.sampled_from(HOSTILE))
def test_no_text_adds_an_element_or_an_attribute_to_a_page(name: str, text: str) -> None:
    """Names come out of XML documents, which have no lone surrogates."""
    plain: dict[str, Any] = {"pid": "demo:1", "label": "x", "datastreams": [{"dsid": "TXT", "label": "x", "mime": "x", "size": 1}]}
    evil: dict[str, Any] = {"pid": name, "label": text, "datastreams": [{"dsid": name, "label": text, "mime": text, "size": 1}]}
    for page, harmless, hostile in (
        ("object", {"object": plain}, {"object": evil}),
        ("token", {"token": "x"}, {"token": text}),
        ("problem", PROBLEM, PROBLEM | {"detail": text or "x"}),
    ):
        expected, found = elements(HtmlRenderer().render(harmless)), elements(HtmlRenderer().render(hostile))
        assert (found.tags, found.attributes) == (expected.tags, expected.attributes), page


@pytest.mark.parametrize("data", [OBJECT, PROBLEM, {"token": "x"}])
def test_pages_hold_no_script_and_no_style_of_their_own(data: dict[str, Any]) -> None:
    found = elements(HtmlRenderer().render(data))
    assert not {"script", "style", "iframe", "object", "embed"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]


@given(name=st.text() | st.sampled_from(HOSTILE), text=any_text | st.sampled_from(HOSTILE))
def test_no_text_adds_an_element_to_a_package_s_page(name: str, text: str) -> None:
    def page(told: str, of: str) -> Elements:
        package = {
            "id": "0" * 32, "state": "ready", "format": "tar", "name": told, "size": 20480, "files": 1, "sent": 0, "rate": None,
            "created": told, "expires": told, "content": f"/api/get/packages/{'0' * 32}/content", "tagmanifest_sha256": told or None,
            "datastreams": [{"pid": of, "dsid": of, "path": f"data/{of.replace('/', '_')}", "size": 1}],
            "notices": [{"pid": of, "dsid": of, "code": "embargoed", "text": told}, {"pid": of, "dsid": of, "code": of, "text": told}],
        }  # fmt: skip
        return elements(HtmlRenderer().render({"package": package}))

    expected, found = page("x", "x"), page(text or "x", name or "x")
    assert (found.tags, found.attributes) == (expected.tags, expected.attributes)
