"""gunicorn's main process sees to it that there is an attendant, and with it a worker (``packaging_service.attendant``)."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence

PATIENCE = 8.0
"""Seconds for the attendant and its worker to end."""

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
"""Seconds before one that died is started again: twice as long each time, until one has lived for longer than the last."""


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Begins a process from which a Ctrl-C is held back until it lets it in: one that is still loading would end with a trace.

    It does so by ``signal.pthread_sigmask``. Raises OSError.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(command)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Attendance:
    """Of one attendant. It is looked at again and again by whoever is its parent, who may have collected it."""

    def __init__(self, command: Sequence[str], *, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._command = command
        self._tell = tell
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._due: float | None = None
        self._start()

    def look(self) -> None:
        """Starts it again where it died, after a pause. Takes no time."""
        if self._process.poll() is None:
            return
        now = self._clock()
        if self._due is None:
            lived = now - self._began
            self._pause = FIRST_PAUSE if lived > LAST_PAUSE else min(self._pause * 2, LAST_PAUSE)
            self._due = now + self._pause
            self._tell(f"The worker that prepares packages has lost its attendant; both are started again in {self._pause:.0f} s")
        elif now >= self._due:
            try:
                self._start()
            except OSError as error:  # no memory, no process more: the web processes go on
                self._due = now + LAST_PAUSE
                self._tell(f"The worker's attendant cannot be started and is tried again: {error.strerror}")

    def reload(self) -> None:
        """Its worker is replaced, for a new configuration."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _start(self) -> None:
        self._process = start(self._command)
        self._began, self._due = self._clock(), None
