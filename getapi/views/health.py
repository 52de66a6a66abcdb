"""``/healthz`` and ``/readyz`` for load balancers and people on call."""

from django.http import HttpResponse, JsonResponse
from rest_framework.request import Request

from getapi.services import health
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
