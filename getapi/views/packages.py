"""``POST /api/get/PACKAGE``, and the packages that it makes as resources (SPEC 1)."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from getapi.core.errors import MalformedParameter, MissingParameter, SizeUnknown
from getapi.core.request import PackageRequest
from getapi.negotiation import choose_named, preferred_format, prefers_async, prefers_minimal
from getapi.services import addresses, counterpart, packages, preparation, summary, tokens
from getapi.services.deliveries import conclude
from getapi.services.packages import Package
from getapi.services.retraction import retraction
from getapi.services.statistics import Recipient
from getapi.views import description
from getapi.views.answer import ApiView
from getapi.views.parameters import Parameters, read_parameters
from getapi.views.sending import Representation, answer, send_part


class PackageView(ApiView):
    """A token, files and maps for a package, built while it is sent; or for a link to it."""

    @description.package
    def post(self, request: Request) -> HttpResponseBase:
        parameters = read_parameters(request)
        grant = tokens.check(_token(parameters), addresses.read(request.META))
        link = packages.wants_link(parameters.one("delivery"))
        asked = _asked(request, parameters)
        if prefers_async(request.headers.get("Prefer", "")):
            return _accept(request, asked, grant, thorough=True)
        try:
            prepared = packages.prepare(asked)
        except SizeUnknown:
            return _accept(request, asked, grant, thorough=False)
        package = packages.keep(prepared, client=grant.client, recipient=_recipient(request, grant.key_id))
        if link:
            return _link(request, package, chosen=parameters.one("format") is not None)
        return send_part(request, _represent(request, package, first=True), 0, package.layout.length)


class EstimateView(ApiView):
    """What PACKAGE would send for the same parameters; nothing is sent, kept or counted."""

    @description.estimate
    def post(self, request: Request) -> Response:
        parameters = read_parameters(request)
        tokens.check(_token(parameters), addresses.read(request.META))
        packages.wants_link(parameters.one("delivery"))
        return Response({"package": summary.estimate(_asked(request, parameters))})


class KeptPackageView(ApiView):
    """A package as a resource: what is in it, how it stands, and its end."""

    @description.kept_package
    def get(self, request: Request, package_id: str) -> Response:
        """All of it; to a program that prefers that (RFC 7240 4.2) only how it stands."""
        is_page = preferred_format(request.META.get("HTTP_ACCEPT", "")) == "html"
        is_minimal = not is_page and prefers_minimal(request.headers.get("Prefer", ""))
        tell = summary.outline if is_minimal else summary.summarize
        headers = {"Vary": "Prefer"} | ({"Preference-Applied": "return=minimal"} if is_minimal else {})
        return Response({"package": tell(package_id, content=_content_address(package_id))}, headers=headers)

    def head(self, request: Request, package_id: str) -> Response:
        return self.get(request, package_id)

    @description.change_package
    def post(self, request: Request, package_id: str) -> HttpResponse:
        """What its page can do without scripts: the other format, and its end. The id is all that either asks for, as with DELETE."""
        parameters = read_parameters(request)
        form, cancel = parameters.one("format"), parameters.one("cancel")
        if cancel == "yes":
            self.delete(request, package_id)
            return HttpResponse(status=303, headers={"Location": reverse("kept-package", args=[package_id])})
        if form is None:
            raise MissingParameter("format", "cancel")
        made = counterpart.find_or_make(package_id, form, recipient=_recipient(request, None))
        return HttpResponse(status=303, headers={"Location": f"{reverse('kept-package', args=[made])}#now"})

    @description.cancel_package
    def delete(self, request: Request, package_id: str) -> HttpResponse:
        preparation.cancel(package_id)
        response = HttpResponse(status=204)
        del response["Content-Type"]
        return response


class PackageContentView(ApiView):
    """A package's bytes, whole or one range of them."""

    @description.package_content
    def get(self, request: Request, package_id: str) -> HttpResponseBase:
        return answer(request, _represent(request, packages.open_package(package_id)))

    def head(self, request: Request, package_id: str) -> HttpResponseBase:
        return self.get(request, package_id)


def _represent(request: Request, package: Package, *, first: bool = False) -> Representation:
    """``first``: it was made by this very request, and is of no use to anybody where it cannot be sent."""
    recipient = _recipient(request, package.key_id)
    sender = packages.send_first if first else packages.send
    return Representation(
        length=package.layout.length,
        etag=package.plan.etag,
        modified=package.created,
        file_name=package.file_name,
        media_type=package.media_type,
        location=_content_address(package.id),
        send=lambda start, stop: sender(package, start=start, stop=stop, recipient=recipient, meta=request.META),
        end=lambda: conclude(package.layout, recipient=recipient, package=package.id, name=package.plan.name),
    )


def _link(request: Request, package: Package, *, chosen: bool) -> HttpResponseBase:
    """Programs get the package's description at once, browsers are sent to its page.

    The fragment tells the page's script that it may start the download: at once where the format was ``chosen``, else after a moment in
    which the reader can choose. No reload, way back or address handed on has it.
    """
    place, content = reverse("kept-package", args=[package.id]), _content_address(package.id)
    if preferred_format(request.META.get("HTTP_ACCEPT", "")) == "html":
        return HttpResponse(status=303, headers={"Location": f"{place}#{'now' if chosen else 'start'}"})
    with retraction.unless_told(package.id):
        body = {"package": summary.summarize(package.id, content=content)}
    return Response(body, status=201, headers={"Location": place, "Content-Location": content})


def _accept(request: Request, asked: PackageRequest, grant: tokens.Grant, *, thorough: bool) -> HttpResponseBase:
    """The package is prepared first; ``thorough``: because the caller prefers that (RFC 7240), who is told that it counts."""
    recipient = _recipient(request, grant.key_id)
    package_id = preparation.ask(asked, client=grant.client, recipient=recipient, thorough=thorough, address=_content_address)
    headers = {"Location": reverse("kept-package", args=[package_id])} | ({"Preference-Applied": "respond-async"} if thorough else {})
    if preferred_format(request.META.get("HTTP_ACCEPT", "")) == "html":
        # It may be ready before its page is there.
        return HttpResponse(status=303, headers=headers | {"Location": f"{headers['Location']}#start"})
    with retraction.unless_told(package_id):
        body = {"package": summary.summarize(package_id, content=_content_address(package_id))}
    return Response(body, status=202, headers=headers)


def _content_address(package_id: str) -> str:
    return reverse("package-content", args=[package_id])


def _recipient(request: Request, key_id: int | None) -> Recipient:
    address = addresses.read(request.META).address
    return Recipient(key_id=key_id, address=address, user_agent=request.META.get("HTTP_USER_AGENT", ""))


def _asked(request: Request, parameters: Parameters) -> PackageRequest:
    return packages.read_request(
        files=parameters.joined("files"),
        maps=parameters.joined("map"),
        format=_format(request, parameters),
        name=parameters.one("name"),
    )


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
        named = choose_named(accept, offered)
    return named or "tar"
