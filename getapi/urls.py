"""The addresses of SPEC 1, with or without a trailing slash. Method names match without regard to case."""

from django.urls import URLPattern, path, re_path, register_converter
from django.urls.converters import StringConverter

from getapi.views.answer import ApiView
from getapi.views.health import LiveView, MetricsView, ReadyView
from getapi.views.home import HomeView
from getapi.views.objects import DatastreamView, ObjectView
from getapi.views.packages import EstimateView, KeptPackageView, PackageContentView, PackageView
from getapi.views.schema import DocsView, SchemaView
from getapi.views.studies import StudyPageView, StudyStatusView
from getapi.views.tokens import GetTokenView
from getapi.views.trial import TrialView
from getapi.views.zipdownload import ZipCancelView, ZipEstimateView, ZipItemView, ZipStatusView


class _Pid(StringConverter):
    """Its colon tells an object from a method of the API."""

    regex = "[^/]+:[^/]+"


register_converter(_Pid, "pid")


def _method(name: str, view: type[ApiView], url_name: str) -> list[URLPattern]:
    """By its own spelling for the description and for links, by every other one (Django cannot reverse ``(?i:...)``) as well."""
    letters = "".join(f"[{letter.lower()}{letter.upper()}]" for letter in name)
    return [path(f"api/get/{name}", view.as_view(), name=url_name), re_path(f"^api/get/{letters}/?$", view.as_view(schema=None))]


def _zip(route: str, view: type[ApiView], name: str) -> list[URLPattern]:
    """The module's addresses, also below a site's."""
    at = {"": name, "s/<str:site>/": f"{name}-of-site"}
    return [path(f"{site}zip-download/{route}", view.as_view(schema=None), name=called) for site, called in at.items()]


def _thing(route: str, view: type[ApiView], name: str) -> list[URLPattern]:
    return [path(route, view.as_view(), name=name), path(f"{route}/", view.as_view(schema=None))]


urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    *_method("getToken", GetTokenView, "token"),
    *_method("PACKAGE", PackageView, "package"),
    *_method("ESTIMATE", EstimateView, "estimate"),
    *_thing("api/get/packages/<str:package_id>", KeptPackageView, "kept-package"),
    *_thing("api/get/packages/<str:package_id>/content", PackageContentView, "package-content"),
    *_thing("api/get/<pid:pid>", ObjectView, "object"),
    *_thing("api/get/<pid:pid>/<str:dsid>", DatastreamView, "datastream"),
    *_thing("api/schema", SchemaView, "schema"),
    *_thing("api/docs", DocsView, "docs"),
    # Another service's addresses, for its clients: docs/api.md tells them, the API's own description does not.
    re_path("^api/studies/(?P<study>[^/]+)/archive/?$", StudyStatusView.as_view(schema=None), name="study-status"),
    re_path("^studies/(?P<study>[^/]+)/archive/?$", StudyPageView.as_view(schema=None), name="study-page"),
    *_zip("item/<int:item>", ZipItemView, "zip-item"),
    *_zip("estimate", ZipEstimateView, "zip-estimate"),
    *_zip("status", ZipStatusView, "zip-status"),
    *_zip("cancel", ZipCancelView, "zip-cancel"),
    *_thing("api/try", TrialView, "try"),
    *_thing("healthz", LiveView, "healthz"),
    *_thing("readyz", ReadyView, "readyz"),
    *_thing("metrics", MetricsView, "metrics"),
]
