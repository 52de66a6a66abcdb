"""``/api/try``: the page for developers of a repository's front end."""

from django.http import HttpResponse
from django.urls import reverse
from rest_framework.request import Request

from getapi.pages.presentation import present_trial
from getapi.renderers import render_page
from getapi.views.answer import ApiView


class TrialView(ApiView):
    """A form that asks the API, and lines to paste. No secret is in it, and nothing that is typed is sent but by its own buttons."""

    schema = None

    def get(self, request: Request) -> HttpResponse:
        service = request.build_absolute_uri(reverse("token")).removesuffix("/getToken")
        return HttpResponse(render_page("getapi/trial.html", present_trial(service)))

    def head(self, request: Request) -> HttpResponse:
        return self.get(request)
