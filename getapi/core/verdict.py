"""What the judge of packages says."""

from dataclasses import dataclass

MAX_TOLD = 1000
"""Problems that are told one by one; a hostile archive could have as many as it has octets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """``code`` is stable; ``path`` is as the archive or manifest has it, "" where it concerns the whole: clean it before it is shown."""

    code: str
    text: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``manifests`` are the names of all manifests found, ``octets`` counts what was read, ``untold`` the problems beyond MAX_TOLD."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    untold: int = 0
    name: str = ""
    manifests: tuple[str, ...] = ()
    payload_files: int = 0
    payload_octets: int = 0
    tag_files: int = 0
    octets: int

    @property
    def valid(self) -> bool:
        return not self.problems
