"""The root of the tree of errors."""

from typing import ClassVar


class PackagingError(Exception):
    """The root of the tree; never raised itself."""

    code: ClassVar[str]

    def __init__(self, sentence: str, **facts: int | str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts
