"""``/``: for who typed the host's name and nothing else."""

from django.http import HttpResponse
from rest_framework.request import Request

from getapi.renderers import render_page
from getapi.views.answer import ApiView


class HomeView(ApiView):
    """What this is, and where to go from here."""

    schema = None

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(render_page("getapi/home.html", {}))

    def head(self, request: Request) -> HttpResponse:
        return self.get(request)
