"""What a thread of its own brings, one item after the other: whoever takes them can leave at any moment, wherever that thread hangs."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from getapi.core.errors import PackagingError, PreparationStopped
from getapi.services.rounds import close_databases
from getapi.sources.waiting import stepping_aside

AHEAD = 8
"""Items that are brought before they are taken."""

PAUSE = 0.25
"""Seconds after which who waits for the next item looks whether it is still to go on."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Exception


class _End(_Failure):
    """There are no more."""


class Supply(Generic[T]):
    """The items of a generator that runs in a thread of its own. Must be closed: its thread then ends with the next item, or as soon as it
    is to wait for a server again."""

    def __init__(
        self,
        make: Callable[[], Generator[T, None, None]],
        *,
        patience: float,
        stalled: Callable[[], PackagingError],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``stalled`` is raised after ``patience`` seconds without an item, and without an answer by a server; 0: never."""
        self._make = make
        self._patience = patience
        self._stalled = stalled
        self._clock = clock
        self._signed = clock()
        self._items: queue.Queue[T | _Failure] = queue.Queue(AHEAD)
        self._abandoned = threading.Event()
        threading.Thread(target=self._run, name="supply", daemon=True).start()

    def items(self, look: Callable[[], None]) -> Iterator[T]:
        """``look`` is called again and again and may raise. Raises what the generator does."""
        since = self._clock()
        while True:
            look()
            try:
                item = self._items.get(timeout=PAUSE)
            except queue.Empty:
                if 0 < self._patience <= self._clock() - max(since, self._signed):
                    raise self._stalled() from None
                continue
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
            since = self._clock()  # how long its taker was busy with it says nothing

    def close(self) -> None:
        self._abandoned.set()

    def _run(self) -> None:
        try:
            with stepping_aside(self._waiting):
                self._bring()
        except Exception as error:  # noqa: BLE001 # the edge of a thread: whoever takes its items is told
            self._put(_Failure(error))
        finally:
            close_databases()

    def _bring(self) -> None:
        with closing(self._make()) as items:
            for item in items:
                if not self._put(item):
                    return
        self._put(_End(StopIteration()))

    @contextmanager
    def _waiting(self, _whom: str) -> Iterator[None]:
        """For a server, of which a second reading of the same body brings no item for a long time."""
        if self._abandoned.is_set():
            raise PreparationStopped
        yield
        self._signed = self._clock()

    def _put(self, item: T | _Failure) -> bool:
        """Whether anybody will take it."""
        while not self._abandoned.is_set():
            try:
                self._items.put(item, timeout=PAUSE)
            except queue.Full:
                continue
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def bring(work: Callable[[], T], look: Callable[[], None], *, patience: float, stalled: Callable[[], PackagingError]) -> T:
    """What ``work`` returns in a thread of its own, which is left behind where it hangs. Raises what it raises, and as ``Supply.items``."""

    def once() -> Generator[T, None, None]:
        yield work()

    with Supply(once, patience=patience, stalled=stalled) as supply:
        (done,) = supply.items(look)
        return done
