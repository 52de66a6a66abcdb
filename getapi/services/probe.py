"""Asks what may not answer for a long time, such as a disk behind a network that is gone, without waiting with it."""

import threading
from collections.abc import Callable, Hashable

PATIENCE = 2.0
"""Seconds."""


class Probe:
    """``ask`` in a thread of its own, one at a time: however many ask while one hangs, one thread hangs."""

    def __init__(self, ask: Callable[[], bool], *, patience: float = PATIENCE) -> None:
        self._ask = ask
        self._patience = patience
        self._lock = threading.Lock()
        self._done: threading.Event | None = None
        self._said = False

    def says_yes(self) -> bool:
        """False also where no answer comes in time. Who asks while another one waits gets the same answer."""
        with self._lock:
            if self._done is None:
                self._done = threading.Event()
                threading.Thread(target=self._work, args=(self._done,), name="probe", daemon=True).start()
            done = self._done
        return done.wait(self._patience) and self._said

    def _work(self, done: threading.Event) -> None:
        try:
            self._said = self._ask()
        except OSError:
            self._said = False
        finally:
            with self._lock:
                self._done = None
            done.set()


_probes: dict[Hashable, Probe] = {}
_lock = threading.Lock()


def says_yes(name: Hashable, ask: Callable[[], bool]) -> bool:
    """The process's one probe of that name, which asks as it did the first time."""
    with _lock:
        probe = _probes.setdefault(name, Probe(ask))
    return probe.says_yes()
