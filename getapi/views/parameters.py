"""A POST's parameters, urlencoded, multipart or a JSON object alike; never from the query string (SPEC 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import QueryDict
from rest_framework.request import Request

from getapi.core.errors import MalformedParameter, RequestError


@dataclass(frozen=True, slots=True)
class Parameters:
    """Each name with the values that were given for it, in order. Only what is asked for must be text."""

    values: Mapping[str, Sequence[object]]

    def every(self, name: str) -> tuple[str, ...]:
        """The texts of a parameter; JSON's null is none. Raises MalformedParameter for a value that is no text."""
        given = [value for value in self.values.get(name, ()) if value is not None]
        texts = tuple(value for value in given if isinstance(value, str))
        if len(texts) < len(given):
            raise MalformedParameter(name, "it must be text")
        return texts

    def one(self, name: str) -> str | None:
        """The one text of a parameter, None where it was not given. Raises MalformedParameter, also where several differ."""
        given = set(self.every(name))
        if len(given) > 1:
            raise MalformedParameter(name, "it was given more than once")
        return given.pop() if given else None

    def joined(self, name: str) -> str | None:
        """A ``;``-joined list, which may also come in several parts. Raises MalformedParameter."""
        return ";".join(self.every(name)) if self.every(name) else None


def read_parameters(request: Request) -> Parameters:
    """Raises RequestError for JSON that is no object, and what DRF's parsers raise."""
    data = request.data
    if isinstance(data, QueryDict):
        return Parameters({name: data.getlist(name) for name in data})
    if not isinstance(data, Mapping):
        raise RequestError("The body must be a form or a JSON object")
    return Parameters({name: value if isinstance(value, list) else [value] for name, value in data.items()})
