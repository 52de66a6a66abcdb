"""A POST's parameters, urlencoded, multipart or a JSON object alike; never from the query string (SPEC 1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.http import QueryDict
from rest_framework.request import Request

from getapi.core.errors import MalformedParameter, RequestError


@dataclass(frozen=True, slots=True)
class Parameters:
    """Each name with the texts that were given for it, in order."""

    values: Mapping[str, tuple[str, ...]]

    def every(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())

    def one(self, name: str) -> str | None:
        """The one text of a parameter, None where it was not given. Raises MalformedParameter where several differ."""
        given = set(self.every(name))
        if len(given) > 1:
            raise MalformedParameter(name, "it was given more than once")
        return given.pop() if given else None

    def joined(self, name: str) -> str | None:
        """A ``;``-joined list, which may also come in several parts."""
        return ";".join(self.every(name)) if self.every(name) else None


def read_parameters(request: Request) -> Parameters:
    """Raises RequestError for JSON that is no object, MalformedParameter for a value that is neither a text nor a list of texts."""
    data = request.data
    if isinstance(data, QueryDict):
        return Parameters({name: _texts(name, data.getlist(name)) for name in data})
    if not isinstance(data, Mapping):
        raise RequestError("The body must be a form or a JSON object")
    return Parameters({str(name): _texts(str(name), value if isinstance(value, list) else [value]) for name, value in data.items()})


def _texts(name: str, values: Iterable[object]) -> tuple[str, ...]:
    texts = []
    for value in values:
        if value is None:
            continue
        if not isinstance(value, str):
            raise MalformedParameter(name, "it must be text")
        texts.append(value)
    return tuple(texts)
