"""What all views of the API share: formats, parsers, and errors as answers."""

import logging
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import SuspiciousOperation
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from getapi import problems
from getapi.core.errors import DatabaseUnavailable, PackagingError
from getapi.negotiation import PreferredNegotiation
from getapi.refusals import refuse, tell
from getapi.renderers import RENDERERS
from getapi.services.rounds import AWAY
from getapi.views.parsers import JsonParser

logger = logging.getLogger("getapi.requests")


class ApiView(APIView):
    """XML, JSON or HTML by preference; every error of core is an answer."""

    http_method_names = ["get", "head", "post", "delete"]  # no OPTIONS of DRF's own: 405, and Allow does not claim it
    renderer_classes: Sequence[type[BaseRenderer]] = RENDERERS
    parser_classes = (FormParser, MultiPartParser, JsonParser)
    content_negotiation_class = PreferredNegotiation
    authentication_classes = ()
    permission_classes = ()

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, AWAY):
            logger.error("the database does not answer", extra={"error": str(exc)})
            exc = DatabaseUnavailable()
        if isinstance(exc, PackagingError):
            return tell(self.request, problems.document(exc), problems.headers(exc))
        if isinstance(exc, SuspiciousOperation):  # more fields or files than any request of ours has
            return refuse(self.request, 400)
        return refuse(self.request, super().handle_exception(exc).status_code)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        # DRF's request and answer lead back to themselves: they would wait for the garbage collector, with all that was sent to us.
        request.parser_context = {}
        if isinstance(response, Response):
            response.add_post_render_callback(_forget_context)
        return response


def _forget_context(response: Response) -> None:
    vars(response)["renderer_context"] = {}
