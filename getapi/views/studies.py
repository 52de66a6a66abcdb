"""The addresses of Orthanc's resumable-download sample, where ``[compat.orthanc]`` names a repository (docs/api.md)."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.request import Request

from getapi import problems
from getapi.core.errors import PackagingError
from getapi.services import studyarchives
from getapi.views.answer import ApiView


class StudyStatusView(ApiView):
    """The sample's status, as JSON whatever is accepted."""

    http_method_names = ["get"]

    def get(self, request: Request, study: str) -> HttpResponseBase:
        package = studyarchives.find(study, meta=request.META, token=request.query_params.get("token"))
        content = request.build_absolute_uri(reverse("package-content", args=[package]))
        job = {"ID": package, "Path": reverse("kept-package", args=[package])}
        return JsonResponse({"studyId": study, "job": job, "download-url": content, "status": studyarchives.READY})

    def handle_exception(self, exc: Exception) -> Any:
        """A status that ends the waiting, with the problem beside it."""
        if not isinstance(exc, PackagingError):
            return super().handle_exception(exc)
        told = {"studyId": self.kwargs.get("study", ""), "job": None, "download-url": None, "status": f"error - {exc.sentence}"}
        document = problems.document(exc)
        return JsonResponse({**document, **told, "status": told["status"]}, status=int(problems.status(exc)), headers=problems.headers(exc))


class StudyPageView(ApiView):
    """The page that prepares and starts the download: the package's own."""

    http_method_names = ["get"]

    def get(self, request: Request, study: str) -> HttpResponseBase:
        package = studyarchives.find(study, meta=request.META, token=request.query_params.get("token"))
        return HttpResponse(status=303, headers={"Location": reverse("kept-package", args=[package])})
