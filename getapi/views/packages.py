"""``POST /api/get/PACKAGE``."""

from django.http import StreamingHttpResponse
from rest_framework.request import Request

from getapi.negotiation import accepts
from getapi.services import addresses, packages, tokens
from getapi.services.statistics import Recipient
from getapi.views.answer import ApiView
from getapi.views.parameters import Parameters, read_parameters
from getapi.views.sending import attachment


class PackageView(ApiView):
    """A token, files and maps for a package, built while it is sent."""

    def post(self, request: Request) -> StreamingHttpResponse:
        parameters = read_parameters(request)
        facts = addresses.read(request.META)
        grant = tokens.check(parameters.one("token"), facts)
        packages.check_delivery(parameters.one("delivery"))
        asked = packages.read_request(
            files=parameters.joined("files"),
            maps=parameters.joined("map"),
            format=_format(request, parameters),
            name=parameters.one("name"),
        )
        package = packages.prepare(asked)
        recipient = Recipient(key_id=grant.key_id, address=facts.address, user_agent=request.META.get("HTTP_USER_AGENT", ""))
        content = packages.send(package, recipient=recipient, meta=request.META)
        response = StreamingHttpResponse(content, content_type=package.media_type, headers=attachment(package.file_name))
        response["Content-Length"] = str(package.layout.length)
        response["ETag"] = package.plan.etag
        return response


def _format(request: Request, parameters: Parameters) -> str:
    """The parameter's word; without it, what ``Accept`` names (SPEC 3)."""
    named = parameters.one("format")
    if named is None and accepts(request.META.get("HTTP_ACCEPT", ""), "application/zip"):
        return "zip"
    return (named or "tar").strip().lower()
