#!/usr/bin/env python3
"""The command line of the packaging service: ``manage.py help`` lists what it can do."""

import os
import signal
import sys

from django.core.management import execute_from_command_line
from django.db import Error

MIGRATE = "Run 'manage.py migrate' first."
USER = "Commands need the rights of the user that the service runs as."
HINTS = {"no such": MIGRATE, "does not exist": MIGRATE, "readonly": USER, "unable to open": USER}
"""What to do, by words of the database's own sentence."""


def main() -> None:
    """What no command itself expects is told in a sentence; with ``--traceback`` as it is."""
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # Ctrl-C; where it means more the command has said so itself
    except Error as error:
        if "--traceback" in sys.argv:
            raise
        said = " ".join(str(error).split())
        hints = [hint for words, hint in HINTS.items() if words in said]
        sys.exit(" ".join([f"CommandError: The database cannot be used: {said.rstrip('.?')}.", *hints[:1]]))
    except BrokenPipeError:
        # Who reads has gone, such as `head`. What Python still holds, for him and of the database, is not worth a word either.
        os._exit(1)
    except OSError as error:
        if "--traceback" in sys.argv:
            raise
        about = "" if error.filename is None else f"{error.filename}: "
        sys.stderr.write(f"CommandError: {about}{error.strerror or error}\n")
        sys.stderr.flush()
        os._exit(1)  # a standard output that is full is no news at the end either


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "packaging_service.settings")
    main()
