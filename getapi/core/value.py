"""Values that planning makes by the thousand."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_origin

__all__ = ["maker", "value"]

P = ParamSpec("P")
T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(**options: bool) -> Callable[[type[T]], type[T]]:
        """As ``dataclass(frozen=True, slots=True, kw_only=True)``, but frozen for the type checker alone, which sees a dataclass.

        At run time the refusal to change a value is two thirds of what it takes to make one, and that a sixth of planning.
        """
        return dataclass(**{**options, "frozen": False}, unsafe_hash=True)


def maker(kind: Callable[P, T]) -> Callable[P, T]:
    """A function that makes what the class ``kind``, a ``value``, makes when it is called with the same names, in a third of the time.

    Called itself, a class gathers all names in a dictionary, and then hands them to its ``__init__`` one by one: of sixteen of them that
    takes longer than all else about the value. Raises TypeError for a class with a ``default_factory`` or a ``__post_init__``.
    """
    made: Any = get_origin(kind) or kind
    if hasattr(made, "__post_init__"):
        raise TypeError(f"{made.__name__} has a __post_init__")
    for each in fields(made):
        if each.default_factory is not MISSING:
            raise TypeError(f"{each.name} has a default_factory")
    known = {"new": object.__new__, "kind": made}
    names = [_parameter(each, known) for each in fields(made) if each.init]
    assignments = _assignments(fields(made), known)
    source = "\n ".join((f"def make(*, {', '.join(names)}):", "self = new(kind)", *assignments, "return self"))
    exec(source, known)  # noqa: S102 # as dataclasses writes its own __init__: of field names alone, which are our own
    function: Callable[P, T] = known["make"]
    return function


def _parameter(each: Field[Any], known: dict[str, Any]) -> str:
    if each.default is MISSING:
        return each.name
    known[f"_{each.name}"] = each.default
    return f"{each.name}=_{each.name}"


def _assignments(given: tuple[Field[Any], ...], known: dict[str, Any]) -> Iterator[str]:
    for each in given:
        if each.init:
            yield f"self.{each.name} = {each.name}"
        else:
            known[f"_{each.name}"] = each.default
            yield f"self.{each.name} = _{each.name}"
