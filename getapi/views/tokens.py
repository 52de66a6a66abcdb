"""``POST /api/get/getToken``."""

from rest_framework.request import Request
from rest_framework.response import Response

from getapi.services import addresses, tokens
from getapi.views import description
from getapi.views.answer import ApiView
from getapi.views.parameters import read_parameters


class GetTokenView(ApiView):
    """A key, and optionally its readers' addresses, for a token."""

    @description.get_token
    def post(self, request: Request) -> Response:
        parameters = read_parameters(request)
        token = tokens.generate(parameters.one("key"), addresses.read(request.META), parameters.every("client"))
        return Response({"token": token})
