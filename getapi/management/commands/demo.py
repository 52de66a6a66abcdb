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
            "--folder",
            type=Path,
            help="where to (default: var/demo, or var/demo-orthanc; what an earlier run left is replaced)",
        )
        parser.add_argument(
            "--orthanc", action="store_true", help="a study out of a real Orthanc, resumed after a restart of both, instead"
        )

    def handle(self, *_args: Any, folder: Path | None, orthanc: bool, **_options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        try:
            if orthanc:
                from fixtures.orthanc.demonstration import FOLDER as ORTHANC_FOLDER  # pydicom is a development dependency
                from fixtures.orthanc.demonstration import demonstrate_orthanc

                demonstrate_orthanc(folder or ORTHANC_FOLDER, self._tell)
            else:
                demonstrate(folder or FOLDER, self._tell)
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
