"""Where each blob of a repository's stores lies, by token, and which PIDs are alike but for case (SPEC 3).

Written by scans that can be cut at any folder and taken up again, in another process too.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django import db
from django.db import connection, transaction
from django.utils import timezone

from getapi.core.errors import SourceUnavailable
from getapi.models import IndexedPath, IndexScan
from getapi.sources.holdings import Holdings

logger = logging.getLogger("getapi.index")

BATCH = 1000
"""Rows that one transaction writes at most."""

MAX_PATH = 1024
MAX_TOKEN = 255

# Written out, for a map may name many thousands of objects, and Django takes several times as long to word a question as the database to
# answer it. Neither is sorted: SQLite would go through all tokens of a repository in their order rather than sort the one that it finds.
_PATH = "SELECT path FROM getapi_indexedpath WHERE repository = %s AND token = %s"
_PIDS = "SELECT token FROM getapi_indexedpath WHERE repository = %s AND folded = %s"


def scan(
    stores: Holdings, *, restart: bool = False, progress: Callable[[int], object] = lambda _: None, seconds: float | None = None
) -> bool:
    """Indexes a repository, from where the last unfinished scan stopped; True when it came to the end.

    Then what it did not see is forgotten. ``progress`` is told the number of files of each folder; after ``seconds`` it stops. A scan
    that was started anew elsewhere ends this one. Raises SourceUnavailable where a folder cannot be read; what was indexed stays.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    number, position = _begin(stores.name, restart=restart)
    waiting: dict[str, str] = {}
    for place, paths, files in _found(stores, position):
        position = place
        waiting |= paths
        progress(files)
        overdue = deadline is not None and time.monotonic() > deadline
        if len(waiting) < BATCH and not overdue:
            continue
        if not _keep(stores.name, number, waiting, position) or overdue:
            return False
        waiting = {}
    return _keep(stores.name, number, waiting, position) and _finish(stores.name, number)


def _begin(repository: str, *, restart: bool) -> tuple[int, str]:
    with transaction.atomic():
        row, _ = IndexScan.objects.select_for_update().get_or_create(repository=repository)
        if restart or row.finished or not row.number:
            row.number, row.position, row.started, row.finished = row.number + 1, "", timezone.now(), None
            row.save()
        return row.number, row.position


def _finish(repository: str, number: int) -> bool:
    with transaction.atomic():
        ended = IndexScan.objects.filter(repository=repository, number=number).update(finished=timezone.now())
        if ended:
            IndexedPath.objects.filter(repository=repository, scan__lt=number).delete()
        return bool(ended)


def _found(stores: Holdings, position: str) -> Iterator[tuple[str, dict[str, str], int]]:
    """For each folder that comes after a position: the position, paths by token, and the number of files."""
    kinds = list(stores.roots)
    current, _, after = position.partition("/")
    for kind in kinds[kinds.index(current) if position else 0 :]:
        for folder, paths, files in _tokens(stores, kind, after if kind == current else None):
            yield f"{kind}/{folder}", paths, files


def _tokens(stores: Holdings, kind: str, after: str | None) -> Iterator[tuple[str, dict[str, str], int]]:
    try:
        for folder in stores.walk(kind, after):
            found = stores.tokens(kind, folder)
            fits = {token: path for token, path in found.items() if len(path) <= MAX_PATH and len(token) <= MAX_TOKEN}
            yield folder.path, fits, len(folder.names)
    except OSError as error:
        raise SourceUnavailable(stores.name) from error


def _keep(repository: str, number: int, paths: dict[str, str], position: str | None = None) -> bool:
    """Writes paths by token, and with the last of them the position; False where another scan took over."""
    rows = [
        IndexedPath(repository=repository, token=token, path=path, folded="" if "+" in token else token.lower(), scan=number)
        for token, path in paths.items()
    ]
    for start in range(0, max(len(rows), 1), BATCH):
        with transaction.atomic():
            current = IndexScan.objects.select_for_update().filter(repository=repository, number=number)
            if current.first() is None:
                return False
            IndexedPath.objects.bulk_create(
                rows[start : start + BATCH],
                update_conflicts=True,
                unique_fields=["repository", "token"],
                update_fields=["path", "folded", "scan"],
            )
            if position is not None and start + BATCH >= len(rows):
                current.update(position=position)
    return True


class DatabaseIndex:
    """One repository's index (sources.pathindex.PathIndex). Safe for threads.

    What it does not know it looks for in the stores, but not more often than every ``interval`` seconds, and no longer than ``budget``
    seconds at once: an unfinished scan goes on; a dated store that was scanned is read from the day before on, as its folders are
    named for the time of writing; any other is scanned anew, bit by bit. A database that cannot be written ends the search, not the answer.
    """

    def __init__(self, stores: Holdings, *, interval: float = 60, budget: float = 2, clock: Callable[[], float] = time.monotonic) -> None:
        self._stores = stores
        self._interval = interval
        self._budget = budget
        self._clock = clock
        self._looked: float | None = None
        self._after: dict[str, str] = {}
        self._lock = threading.Lock()

    def path(self, token: str, *, gone: str = "") -> str | None:
        """Raises SourceUnavailable, also where the database does not answer: then nobody knows what the repository has."""
        with self._reading():
            known = self._path(token)
            if known in {None, gone} and self._look():
                known = self._path(token)
        return None if known == gone else known

    def pids(self, folded: str) -> Sequence[str]:
        """Raises as ``path`` does."""
        with self._reading():
            return self._pids(folded) or (self._pids(folded) if self._look() else ())

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except db.Error as error:
            raise SourceUnavailable(self._stores.name) from error

    def _path(self, token: str) -> str | None:
        return next(iter(self._ask(_PATH, token)), None)

    def _pids(self, folded: str) -> tuple[str, ...]:
        return tuple(sorted(self._ask(_PIDS, folded))) if folded else ()

    def _ask(self, query: str, name: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(query, (self._stores.name, name))
            return [found for (found,) in cursor.fetchall()]

    def _look(self) -> bool:
        """Whether it looked; one thread does, the others answer from what is known."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            now = self._clock()
            if self._looked is not None and now - self._looked < self._interval:
                return False
            self._refresh()
            self._looked = self._clock()
            return True
        except db.Error:
            logger.exception("the index could not be refreshed", extra={"repository": self._stores.name})
            self._looked = self._clock()
            return False
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        last = IndexScan.objects.filter(repository=self._stores.name, finished__isnull=False).first()
        if last is not None and last.started is not None and self._stores.dated:
            self._catch_up(last.number, last.started)
        else:
            scan(self._stores, seconds=self._budget)

    def _catch_up(self, number: int, started: datetime) -> None:
        """Reads what was written since the last scan, or since the last time it caught up."""
        began, deadline = timezone.now(), time.monotonic() + self._budget
        for kind in self._stores.roots:
            for folder, paths, _ in _tokens(self._stores, kind, self._after.get(kind, _day_before(started))):
                if not _keep(self._stores.name, number, paths):
                    return
                self._after[kind] = folder
                if time.monotonic() > deadline:
                    return
            self._after[kind] = _day_before(began)


def _day_before(moment: datetime) -> str:
    """The folder of the day before: Fedora names folders by its own server's clock, which may be up to 14 hours off UTC."""
    return (moment - timedelta(days=1)).strftime("%Y/%m%d")
