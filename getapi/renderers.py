"""One vocabulary in three dresses: XML elements, JSON keys, and a plain HTML page (SPEC 1)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from lxml import etree
from rest_framework.renderers import BaseRenderer

from getapi import conf
from getapi.pages.advice import explain
from getapi.pages.presentation import present

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of pages (``middleware.confine``): whatever a repository's label says, nothing runs but our own files."""

_ITEMS = {"datastreams": "datastream", "notices": "notice"}
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 2.2 has no way to write."""


def to_xml(name: str, value: object) -> bytes:
    """An element without an XML declaration: mappings become child elements, lists are wrapped item by item."""
    return etree.tostring(_element(name, value), encoding="utf-8", xml_declaration=False)


def _element(name: str, value: object) -> etree._Element:
    element = etree.Element(name)
    if isinstance(value, Mapping):
        element.extend(_element(key, inner) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        element.extend(_element(_ITEMS[name], inner) for inner in value)
    elif value is not None:
        element.text = _UNFIT.sub("\ufffd", str(value))
    return element


class XmlRenderer(BaseRenderer):
    """``{"token": "..."}`` is ``<token>...</token>``; a problem is ``<error>its detail</error>``."""

    media_type = "application/xml"
    format = "xml"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None) -> bytes:
        if is_problem(data):
            return to_xml("error", data["detail"])
        ((name, value),) = data.items()
        return to_xml(name, value)


class JsonRenderer(BaseRenderer):
    """``{"token": "..."}`` as it is; an object's or package's fields at the top."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None) -> bytes:
        if is_problem(data):
            return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
        ((name, value),) = data.items()
        return json.dumps(value if isinstance(value, Mapping) else {name: value}, ensure_ascii=False).encode("utf-8", "replace")


class HtmlRenderer(BaseRenderer):
    """A page for people; it says all it has to say without scripts."""

    media_type = "text/html"
    format = "html"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None) -> bytes:
        if is_problem(data):
            return render_page("getapi/problem.html", explain(data))
        ((name, value),) = data.items()
        request = (renderer_context or {}).get("request")
        return render_page(f"getapi/{name}.html", present(name, value, _as_it_is if request is None else request.build_absolute_uri))


def render_page(template: str, context: Mapping[str, Any]) -> bytes:
    """One of our own pages, for which PAGE_POLICY holds; its head says whose service it is."""
    whose = {"organization": conf.current().packages.source_organization}
    return render_to_string(template, whose | dict(context)).encode("utf-8", "replace")


def _as_it_is(address: str) -> str:
    return address


def is_problem(data: Mapping[str, Any]) -> bool:
    return "detail" in data and "status" in data


RENDERERS = (XmlRenderer, JsonRenderer, HtmlRenderer)
"""The first is the default."""
