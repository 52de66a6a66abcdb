"""``/healthz`` and ``/readyz`` for load balancers and people on call."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from getapi.services import health


def live(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database and every repository can be read, 503 otherwise; names what cannot."""
    state = health.examine()
    return JsonResponse(state, status=200 if all(state.values()) else 503)
