"""Values that planning makes by the thousand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

__all__ = ["value"]

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(**options: bool) -> Callable[[type[T]], type[T]]:
        """As ``dataclass(frozen=True, slots=True, kw_only=True)``, but frozen for the type checker alone, which sees a dataclass.

        At run time the refusal to change a value is two thirds of what it takes to make one, and that a sixth of planning.
        """
        return dataclass(**{**options, "frozen": False}, unsafe_hash=True)
