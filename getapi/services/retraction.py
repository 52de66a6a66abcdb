"""Packages of which nobody was told: their request failed after they were kept, so that they must neither stay nor count for their key.

Where it was the database that failed they are taken back once it answers again, by the process's database thread.
"""

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from django import db

from getapi.core.errors import DatabaseUnavailable
from getapi.models import Package
from getapi.services.rounds import AWAY, Rounds, rounds

logger = logging.getLogger("getapi.packages")


class Retraction:
    def __init__(self, writer: Rounds) -> None:
        self._writer = writer
        self.reset()
        writer.every_second(self.write)

    def reset(self) -> None:
        """Forgets the requests of the process that this one was forked from."""
        self._left: deque[str] = deque()

    def unless_told(self, package_id: str) -> "_Telling":
        """Within it the package is told to whoever asked for it, or begins to be sent; what is raised takes it back."""
        return _Telling(self, package_id)

    @contextmanager
    def unless_sure(self, package_id: str) -> Iterator[None]:
        """Around the transaction that keeps it: a COMMIT may be done though its answer never came."""
        try:
            yield
        except db.Error:
            self.leave(package_id)
            raise

    def take_back(self, package_id: str) -> None:
        """Deletes the package, or what there is of it; where the database is away, later."""
        try:
            Package.objects.filter(pk=package_id).delete()
        except db.Error:
            self.leave(package_id)

    def leave(self, package_id: str) -> None:
        """The database just failed, and may have kept the package nevertheless: it is not asked at once again."""
        self._left.append(package_id)
        self._writer.engage()

    def write(self) -> bool:
        """A round. Raises django.db.Error where the database is away; what it refuses for another reason it would refuse for ever."""
        while self._left:
            try:
                Package.objects.filter(pk=self._left[0]).delete()
            except AWAY:
                raise
            except db.Error:
                logger.exception("a package that nobody was told of stays until it expires")
            self._left.popleft()
        return False


class _Telling:
    def __init__(self, retraction: Retraction, package_id: str) -> None:
        self._retraction = retraction
        self._package_id = package_id

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (DatabaseUnavailable, db.Error)):
            self._retraction.leave(self._package_id)
        elif error is not None:
            self._retraction.take_back(self._package_id)


retraction = Retraction(rounds)
"""This process's."""

os.register_at_fork(after_in_child=retraction.reset)
