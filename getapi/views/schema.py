"""``/api/schema`` and ``/api/docs``: the API described for programs and for people."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from getapi.negotiation import PreferredNegotiation, choose_named
from getapi.views.answer import ApiView

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of the page whose script, Swagger UI, draws itself with styles and pictures of its own."""

_JSON_TYPES = {"application/json": "json", "application/vnd.oai.openapi+json": "json", "application/openapi+json": "json"}


class _SchemaNegotiation(PreferredNegotiation):
    """JSON to who names it, else YAML."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        yaml, json = renderers
        chosen = json if choose_named(request.META.get("HTTP_ACCEPT", ""), _JSON_TYPES) else yaml
        return chosen, chosen.media_type or ""


class SchemaView(ApiView):
    """OpenAPI 3, as YAML or JSON."""

    renderer_classes = (OpenApiYamlRenderer, OpenApiJsonRenderer2)
    content_negotiation_class = _SchemaNegotiation
    schema = None

    def get(self, request: Request) -> Response:
        return Response(_describe())

    def head(self, request: Request) -> Response:
        return self.get(request)


class DocsView(ApiView):
    """Swagger UI, from this site's own files."""

    schema = None

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(render_to_string("getapi/docs.html"), headers={"Content-Security-Policy": DOCS_POLICY})

    def head(self, request: Request) -> HttpResponse:
        return self.get(request)


@cache
def _describe() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call] # drf-spectacular's own
