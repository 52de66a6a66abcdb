"""``POST /api/get/PACKAGE``."""

from django.http import StreamingHttpResponse
from rest_framework.request import Request

from getapi.core.errors import MalformedParameter
from getapi.negotiation import choose_named
from getapi.services import addresses, packages, tokens
from getapi.services.statistics import Recipient
from getapi.views import description
from getapi.views.answer import ApiView
from getapi.views.parameters import Parameters, read_parameters
from getapi.views.sending import attachment


class PackageView(ApiView):
    """A token, files and maps for a package, built while it is sent."""

    @description.package
    def post(self, request: Request) -> StreamingHttpResponse:
        parameters = read_parameters(request)
        facts = addresses.read(request.META)
        grant = tokens.check(_token(parameters), facts)
        packages.check_delivery(parameters.one("delivery"))
        asked = packages.read_request(
            files=parameters.joined("files"),
            maps=parameters.joined("map"),
            format=_format(request, parameters),
            name=parameters.one("name"),
        )
        package = packages.prepare(asked)
        headers = {
            **attachment(package.file_name),
            "Content-Type": package.media_type,
            "Content-Length": str(package.layout.length),
            "ETag": package.plan.etag,
        }
        recipient = Recipient(key_id=grant.key_id, address=facts.address, user_agent=request.META.get("HTTP_USER_AGENT", ""))
        # The last step: what has begun to be sent must be drained or closed by the server.
        return StreamingHttpResponse(packages.send(package, recipient=recipient, meta=request.META), headers=headers)


def _token(parameters: Parameters) -> str | None:
    """None for what is no single text: whatever else the request holds, it has no valid token (SPEC 1)."""
    try:
        return parameters.one("token")
    except MalformedParameter:
        return None


def _format(request: Request, parameters: Parameters) -> str:
    """The parameter's word; without it, what ``Accept`` names (SPEC 3): best what is offered."""
    named = parameters.one("format")
    if named is None:
        accept = request.META.get("HTTP_ACCEPT", "")
        offered = {media_type: word for word, media_type in packages.MEDIA_TYPES.items()}
        named = choose_named(accept, offered) or choose_named(accept, {"application/zip": "zip"})
    return named or "tar"
