"""What is wrong with a configuration, in plain words, by the dotted names that its writer used."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = Sequence[str | int]


class ConfigurationError(Exception):
    """``mistakes`` are all of them, each a sentence that begins with the key's name; none repeats a secret."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("The configuration cannot be used:\n" + "\n".join(f"- {mistake}" for mistake in mistakes))
        self.mistakes = list(mistakes)


def explain(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """A sentence for each of pydantic's findings."""
    return [f"{_dotted(detail['loc'])}: {_sentence(detail, model)}" for detail in error.errors(include_url=False, include_input=False)]


def _dotted(location: Location) -> str:
    """``repositories[1].objects``: items of a list are counted from 1."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    "bool_type": lambda _: "must be true or false",
    "int_type": lambda _: "must be a whole number",
    "string_type": lambda _: "must be text in quotes",
    "literal_error": lambda facts: f"must be {facts['expected']}",
    "model_type": lambda _: "must be a table",
    "dict_type": lambda _: "must be a table",
    "tuple_type": lambda _: "must be a list",
    "greater_than": lambda facts: f"must be more than {facts['gt']:g}",
    "greater_than_equal": lambda facts: f"must be at least {facts['ge']}",
    "less_than_equal": lambda facts: f"must be at most {facts['le']}",
    "string_too_long": lambda facts: f"must have at most {facts['max_length']} characters",
    "value_error": lambda facts: str(facts["error"]),
}


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return "is not a known key" + _suggestion(detail["loc"], model)
    say = _SENTENCES.get(detail["type"])
    return detail["msg"] if say is None else say(detail.get("ctx", {}))


def _suggestion(location: Location, model: type[BaseModel]) -> str:
    """The key next to it that is spelled most alike, else keys of that name elsewhere."""
    *above, name = location
    table = _table(model, above)
    known = list(table.model_fields) if table else []
    meant = [_dotted([*above, near]) for near in difflib.get_close_matches(str(name), known, n=1)]
    meant = meant or [dotted for dotted in _names(model) if dotted.rpartition(".")[2] == name]
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def _table(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    found: type[BaseModel] | None = model
    for part in location:
        if found is not None and isinstance(part, str):
            found = _inner(found.model_fields[part].annotation)
    return found


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for inner in map(_inner, get_args(annotation)) if inner is not None), None)


def _names(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        inner = _inner(field.annotation)
        if inner is not None:
            yield from _names(inner, f"{above}{name}.")
