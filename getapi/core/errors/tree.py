"""The root of the tree of errors."""

from typing import ClassVar


class PackagingError(Exception):
    """The root of the tree; never raised itself."""

    code: ClassVar[str]

    def __init__(self, sentence: str, **facts: int | str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts

    @property
    def system(self) -> str:
        """What the operating system said, such as "Input/output error", where that is behind it; else ""."""
        cause = self.__cause__
        return (cause.strerror or "") if isinstance(cause, OSError) else ""

    @property
    def in_full(self) -> str:
        """The sentence as administrators are told it: with what the system said."""
        return f"{self.sentence} ({self.system})" if self.system else self.sentence
