"""``manage.py worker``: prepares packages, beside ``serve`` or on a machine of its own."""

import ctypes
import os
import signal
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from getapi.checks import CONFIGURATION
from getapi.management.commands.serve import at_least, refuse_unapplied
from getapi.services.workshop import Workshop, run_once

PR_SET_PDEATHSIG = 1
"""prctl(2): which signal a process gets when its parent dies."""

PARENT_CHECK = 1.0
"""Seconds between two looks whether the parent is still there, where the system does not tell."""


class Command(BaseCommand):
    help = (
        "Prepares packages and tells webhooks, until it is told to stop (SIGTERM); what it is about then another worker goes on with. "
        "serve starts one itself, unless it is told --no-worker."
    )
    requires_system_checks = [CONFIGURATION]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", metavar="N", type=at_least(1), default=2, help="preparations at once (2)")
        parser.add_argument("--once", action="store_true", help="do all that waits now, and end")
        parser.add_argument("--parent", metavar="PID", type=int, help="end with this process, which must be the one that started it")

    def handle(self, *, threads: int, once: bool, parent: int | None, **_options: Any) -> None:
        refuse_unapplied()
        if once:
            run_once()
            return
        workshop = Workshop(threads)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: workshop.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # an attendant's worker is started with it held back
        if parent is not None:
            follow(parent, workshop)
        workshop.run()
        sys.stdout.flush()
        sys.stderr.flush()
        # A thread may hang in a disk or a source: nothing that it holds is needed any more.
        os._exit(0)


def follow(parent: int, workshop: Workshop) -> None:
    """From now on this process ends with its parent, however that ends. Raises CommandError where it is another's child."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be noticed
        raise CommandError("The process that started this worker is gone")
    threading.Thread(target=_watch, args=(parent, workshop), name="parent", daemon=True).start()


def _watch(parent: int, workshop: Workshop) -> None:
    while not workshop.wait(PARENT_CHECK):
        if os.getppid() != parent:
            workshop.stop()
