"""``/healthz`` and ``/readyz`` for load balancers and people on call, ``/metrics`` for Prometheus."""

from django.http import HttpResponse, JsonResponse
from rest_framework.request import Request

from getapi.services import health, metrics
from getapi.views import description
from getapi.views.answer import ApiView


class LiveView(ApiView):
    """The process answers."""

    @description.live
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse("ok\n", content_type="text/plain")

    def head(self, request: Request) -> HttpResponse:
        return self.get(request)


class ReadyView(ApiView):
    """200 when the database and every repository can be read, 503 otherwise; names what cannot."""

    @description.ready
    def get(self, request: Request) -> HttpResponse:
        state = health.examine()
        return JsonResponse(state, status=200 if all(state.values()) else 503)

    def head(self, request: Request) -> HttpResponse:
        return self.get(request)


class MetricsView(ApiView):
    """What the processes of this node counted, and what the database knows; from ``metrics.networks`` alone (``networkguard``)."""

    is_for_operators = True

    @description.metrics
    def get(self, request: Request) -> HttpResponse:
        told, media_type = metrics.render(request.META.get("HTTP_ACCEPT", ""))
        return HttpResponse(told, content_type=media_type)

    def head(self, request: Request) -> HttpResponse:
        return self.get(request)
