"""The addresses of SPEC 1. Method names match without regard to case, with or without a trailing slash."""

from django.urls import re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from getapi.views.health import live, ready
from getapi.views.objects import DatastreamView, ObjectView
from getapi.views.packages import PackageView
from getapi.views.tokens import GetTokenView


def _method(name: str) -> str:
    letters = "".join(f"[{letter.lower()}{letter.upper()}]" for letter in name)
    return f"^api/get/{letters}/?$"


urlpatterns = [
    re_path(_method("getToken"), GetTokenView.as_view(), name="token"),
    re_path(_method("PACKAGE"), PackageView.as_view(), name="package"),
    re_path(r"^api/get/(?P<pid>[^/]+:[^/]+)/?$", ObjectView.as_view(), name="object"),
    re_path(r"^api/get/(?P<pid>[^/]+:[^/]+)/(?P<dsid>[^/]+)/?$", DatastreamView.as_view(), name="datastream"),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path(r"^healthz$", live, name="healthz"),
    re_path(r"^readyz$", ready, name="readyz"),
]
