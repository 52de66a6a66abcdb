"""The digests of one member, computed from the octets that leave and held against those that were declared."""

import hashlib
from collections.abc import Iterable

from getapi.core.source import Digest


class Verification:
    """Hashes a member's octets in order, in every algorithm of ``declared`` and in ``learn``, the manifest's, where there is one."""

    def __init__(self, declared: Iterable[Digest] = (), *, learn: str | None = None) -> None:
        self._declared = tuple(declared)
        self._learn = learn
        names = {digest.algorithm for digest in self._declared} | ({learn} if learn is not None else set())
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(names)}

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to compare or to learn."""
        return bool(self._hashes)

    def update(self, octets: bytes) -> None:
        for running in self._hashes.values():
            running.update(octets)

    def mismatch(self) -> str | None:
        """The first algorithm whose declared digest is not that of the octets seen."""
        return next((digest.algorithm for digest in self._declared if self._hashes[digest.algorithm].hexdigest() != digest.value), None)

    def digests(self) -> dict[str, str]:
        """Hex by algorithm, of the octets seen."""
        return {name: running.hexdigest() for name, running in self._hashes.items()}

    def learned(self) -> str | None:
        """Hex, for the manifest."""
        return None if self._learn is None else self._hashes[self._learn].hexdigest()
