"""Keeps what is the operator's, the admin site and the metrics, to the networks that ``metrics.networks`` names (SPEC 8)."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse

from getapi import conf
from getapi.services import addresses


class NetworkGuard:
    """Middleware: from elsewhere than ``metrics.networks`` the admin site and /metrics are addresses where nothing is.

    Raises ConfigurationError when a server loads it with a configuration that has mistakes: such a service must not start.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        conf.current()
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        match = request.resolver_match
        guarded = match and ("admin" in match.app_names or getattr(getattr(match.func, "cls", None), "is_for_operators", False))
        if guarded and not addresses.read(request.META).within(conf.current().metrics.networks):
            raise Http404
