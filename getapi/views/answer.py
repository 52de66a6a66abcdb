"""What all views of the API share: formats, parsers, and errors as answers."""

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from getapi import problems
from getapi.core.errors import PackagingError
from getapi.negotiation import PreferredNegotiation
from getapi.renderers import RENDERERS


class ApiView(APIView):
    """XML, JSON or HTML by preference; every error of core is an answer."""

    renderer_classes = RENDERERS
    parser_classes = (FormParser, MultiPartParser, JSONParser)
    content_negotiation_class = PreferredNegotiation
    authentication_classes = ()
    permission_classes = ()
    metadata_class = None

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, PackagingError):
            response = Response(problems.document(exc), status=problems.status(exc), headers=problems.headers(exc))
        elif isinstance(exc, APIException):
            response = super().handle_exception(exc)
            response.data = problems.plain(response.status_code)
        else:
            return super().handle_exception(exc)
        response.exception = True
        return response

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response) and response.exception and response.accepted_renderer.format == "json":
            response.content_type = "application/problem+json"
        response.headers.setdefault("Cache-Control", "no-store")
        return response
