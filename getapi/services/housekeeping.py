"""What has to be tidied up so that a service that was put into service once needs nobody: once an hour, by one process of each node.

``manage.py purge_expired`` does the same at once.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from django import db
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from getapi.services import coverage, meters, shelf, stage, webhooks, zipnames
from getapi.services.broom import Broom
from getapi.services.rounds import close_databases
from getapi.tally import tally

logger = logging.getLogger("getapi.housekeeping")

HOUR = 3600.0
"""Seconds between two times; the first one comes at a random moment of the first hour, so that several nodes do not meet."""


SWEEPING = 60.0
"""Seconds that the hourly work waits for the stage's disk."""

_broom = Broom()


def tidy_up(sweep: Callable[[], int] = stage.sweep) -> shelf.Purged:
    """Deletes what is expired, some hundred rows at a time, with a pause after each so that nobody waits for the database.

    ``sweep`` says how many files of the stage it deleted.
    Twice at once does no harm. Raises django.db.Error; what was deleted until then is gone.
    """
    while coverage.sweep():  # what a dead process sent is counted before its package goes
        time.sleep(shelf.PAUSE)
    purged = shelf.purge(timezone.now())
    webhooks.purge()
    zipnames.forget()
    SessionStore.clear_expired()  # the admin site's
    purged = replace(purged, files=sweep())
    for kind, count in asdict(purged).items():
        meters.count("purged_rows", kind, amount=count)
    return purged


class Housekeeping:
    """A thread that lives as long as its process. ``is_mine``: whether it is this process's turn."""

    def __init__(
        self,
        work: Callable[[], shelf.Purged] = lambda: tidy_up(lambda: _broom.sweep(SWEEPING)),
        *,
        interval: float = HOUR,
        first: Callable[[], float] = lambda: random.uniform(60, HOUR),  # noqa: S311 # no secret
        is_mine: Callable[[], bool] = lambda: tally.is_first,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._work, self._interval, self._first, self._is_mine, self._wait = work, interval, first, is_mine, wait

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._repeat, name="housekeeping", daemon=True)
        thread.start()
        return thread

    def once(self) -> None:
        """Nothing that goes wrong ends the thread; the next hour tries again."""
        if not self._is_mine():
            return
        try:
            purged = self._work()
        except db.Error as error:
            logger.warning("what is expired was not deleted and is tried again in an hour", extra={"error": str(error)})
        except Exception:  # the edge of a thread
            logger.exception("what is expired was not deleted and is tried again in an hour")
        else:
            if any(asdict(purged).values()):
                logger.info("expired rows deleted", extra=asdict(purged))
        finally:
            close_databases()

    def _repeat(self) -> None:
        self._wait(self._first())
        while True:
            self.once()
            self._wait(self._interval)
