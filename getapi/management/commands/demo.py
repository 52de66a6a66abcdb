"""``manage.py demo``: the whole service from nothing, in some seconds, in a folder of its own."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from subprocess import TimeoutExpired
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fixtures.demonstration import FOLDER, DemonstrationFailed, demonstrate


class Command(BaseCommand):
    help = (
        "Makes a demonstration repository, starts the service on it, takes two packages from it, has them examined by independent "
        "programs, and tells what was sent. All of it lies in a folder of its own; your configuration and database are not touched."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--folder", type=Path, default=FOLDER, help="where to (default: var/demo; what an earlier run left is replaced)"
        )

    def handle(self, *_args: Any, folder: Path, **_options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        try:
            demonstrate(folder, self._tell)
        except DemonstrationFailed as failure:
            raise CommandError(f"The demonstration failed: {failure}") from None
        except OSError as error:
            raise CommandError(f"The demonstration failed: {error}") from error
        except TimeoutExpired as error:
            raise CommandError(f"The demonstration failed: a program took more than {error.timeout:.0f} s") from None

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _leave(number: int, _frame: FrameType | None) -> None:
    """Out through every ``finally``: the service that was started must be stopped."""
    sys.exit(128 + number)
