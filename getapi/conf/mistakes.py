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
    return [_explain(detail, model) for detail in error.errors(include_url=False, include_input=False)]


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> str:
    # An item of a list whose tables are of several types: pydantic puts the type's name into the place, which its writer never wrote.
    written, table = _follow(detail["loc"], model)
    sentence = _sentence(detail, written, table, model)
    return f"{_dotted(written)}: {sentence}" if written else sentence  # what concerns several keys names them itself


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
    "model_attributes_type": lambda _: "must be a table",
    "dict_type": lambda _: "must be a table",
    "tuple_type": lambda _: "must be a list",
    "greater_than": lambda facts: f"must be more than {facts['gt']:g}",
    "greater_than_equal": lambda facts: f"must be at least {facts['ge']}",
    "less_than_equal": lambda facts: f"must be at most {facts['le']}",
    "string_too_long": lambda facts: f"must have at most {facts['max_length']} characters",
    "value_error": lambda facts: str(facts["error"]),
}


def _sentence(detail: ErrorDetails, written: Location, table: type[BaseModel] | None, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return "is not a known key" + _suggestion(written, table, model)
    say = _SENTENCES.get(detail["type"])
    return detail["msg"] if say is None else say(detail.get("ctx", {}))


def _suggestion(written: Location, table: type[BaseModel] | None, model: type[BaseModel]) -> str:
    """The key next to it that is spelled most alike, else keys of that name elsewhere."""
    *above, name = written
    known = list(table.model_fields) if table else []
    meant = [_dotted([*above, near]) for near in difflib.get_close_matches(str(name), known, n=1)]
    meant = meant or [dotted for dotted in dict.fromkeys(_names(model)) if dotted.rpartition(".")[2] == name]
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def _follow(location: Location, model: type[BaseModel]) -> tuple[list[str | int], type[BaseModel] | None]:
    """A place as its writer would name it, and the table in which its last key stands."""
    written: list[str | int] = []
    tables, inside = [model], [model]
    for part in location:
        if isinstance(part, str) and len(tables) > 1:
            tables = [table for table in tables if part in get_args(table.model_fields["type"].annotation)]
            continue
        written.append(part)
        if isinstance(part, str):
            inside = tables
            field = tables[0].model_fields.get(part) if tables else None
            tables = _tables(field.annotation) if field else []
    return written, inside[0] if len(inside) == 1 else None


def _tables(annotation: Any) -> list[type[BaseModel]]:
    """The tables that a value may be: several where they are told apart by ``type``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [inner for argument in get_args(annotation) for inner in _tables(argument)]


def _names(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        for inner in _tables(field.annotation):
            yield from _names(inner, f"{above}{name}.")
