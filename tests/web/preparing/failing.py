"""A database of which one statement, or one commit, fails: the n-th of whatever this process asks of it, in whatever thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

COMMITTED = "COMMITTED"
"""Stands for the moment after a commit."""


class Fault:
    """``error`` comes in the place of the ``number``-th statement that ``concerns`` is true of; ``struck``: it came."""

    def __init__(self, number: int, error: Callable[[], DatabaseError], concerns: Callable[[str], bool]) -> None:
        self._left = number
        self._error = error
        self._concerns = concerns
        self._lock = threading.Lock()
        self.struck = ""

    def look(self, statement: str) -> None:
        if self.struck or not self._concerns(statement):
            return
        with self._lock:
            self._left -= 1
            if self._left != 0:
                return
            self.struck = statement
        raise self._error()


def anything(statement: str) -> bool:
    return statement != COMMITTED


def committed(statement: str) -> bool:
    """The connection breaks before the word that all went well."""
    return statement == COMMITTED


def writes(statement: str) -> bool:
    return statement.split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE"}


@contextmanager
def failing(fault: Fault) -> Iterator[None]:
    execute, commit = CursorWrapper._execute_with_wrappers, BaseDatabaseWrapper.commit  # type: ignore[attr-defined] # Django's own

    def run(self: Any, sql: str, *arguments: Any, **named: Any) -> Any:
        fault.look(str(sql))
        return execute(self, sql, *arguments, **named)

    def end(self: Any) -> None:
        fault.look("COMMIT")
        commit(self)
        fault.look(COMMITTED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute_with_wrappers", run)
        patch.setattr(BaseDatabaseWrapper, "commit", end)
        yield
