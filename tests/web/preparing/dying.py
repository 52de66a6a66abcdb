"""The service's settings in processes that end, as by SIGKILL, at the n-th statement or commit that they ask of their database.

``DIES_AT``: n. ``COUNTED_IN``: a file that gets the number of all of them when the process ends as it should.
"""

import atexit
import itertools
import os
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from tests.web.preparing.settings import *  # noqa: F403 # Django reads settings from module globals

_numbers = itertools.count(1)
_dies_at = int(os.environ.get("DIES_AT", "0"))
_execute, _commit = CursorWrapper._execute_with_wrappers, BaseDatabaseWrapper.commit  # type: ignore[attr-defined] # Django's own


def _step() -> None:
    if next(_numbers) == _dies_at:
        os._exit(9)


def _run(self: Any, sql: str, *arguments: Any, **named: Any) -> Any:
    _step()
    return _execute(self, sql, *arguments, **named)


def _end(self: Any) -> None:
    _step()
    _commit(self)
    _step()


CursorWrapper._execute_with_wrappers = _run  # type: ignore[attr-defined] # as above
BaseDatabaseWrapper.commit = _end  # type: ignore[method-assign] # as above
if "COUNTED_IN" in os.environ:
    atexit.register(lambda: Path(os.environ["COUNTED_IN"]).write_text(str(next(_numbers) - 1), encoding="utf-8"))
