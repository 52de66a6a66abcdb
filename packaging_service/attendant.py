"""Keeps one worker running beside the web processes: ``python -m packaging_service.attendant PARENT COMMAND...``.

gunicorn's main process starts it (``packaging_service.gunicorn``). It is one of its own, since that one collects whatever child of it ends,
and must have no threads when it forks. It knows nothing of Django. SIGTERM ends it and the worker; SIGHUP has the worker replaced, for a
new configuration. It ends with its parent, however that ends.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from packaging_service.attendance import start

PR_SET_PDEATHSIG = 1
LOOK = 0.2
"""Seconds between two looks."""

FIRST_PAUSE, LAST_PAUSE = 1.0, 30.0
"""Seconds before a worker that died is replaced: twice as long each time, until one has lived for longer than the last."""

PATIENCE = 6.0
"""Seconds that a worker has to end; then it is killed. What it was about another one takes up."""


class Attendant:
    def __init__(self, parent: int, command: Sequence[str]) -> None:
        self._parent = parent
        self._command = [*command, "--parent", str(os.getpid())]
        self._ends = False
        self._replaces = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._replace)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # held back since it was started
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        pause = FIRST_PAUSE
        while not self._is_over():
            began = time.monotonic()
            self._attend()
            lived = time.monotonic() - began
            pause = FIRST_PAUSE if lived > LAST_PAUSE else min(pause * 2, LAST_PAUSE)
            self._rest(0.0 if self._replaces else pause)

    def _attend(self) -> None:
        """One worker, to its end."""
        self._replaces = False
        with start(self._command) as worker:
            while worker.poll() is None and not self._replaces and not self._is_over():
                time.sleep(LOOK)
            if worker.poll() is None:
                worker.terminate()
            try:
                worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._is_over():
            time.sleep(LOOK)

    def _is_over(self) -> bool:
        return self._ends or os.getppid() != self._parent

    def _end(self, *_: object) -> None:
        self._ends = True

    def _replace(self, *_: object) -> None:
        self._replaces = True


if __name__ == "__main__":
    Attendant(int(sys.argv[1]), sys.argv[2:]).run()
