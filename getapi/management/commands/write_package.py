"""``manage.py write_package FILES [--map] [--output FILE|-] [--force] [--format]``."""

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from tqdm import tqdm

from getapi.core.errors import PackagingError
from getapi.core.tags import one_line
from getapi.services import packages
from getapi.services.packages import Package
from getapi.services.spool import Spool
from getapi.services.writing import replacing, write


class Command(BaseCommand):
    help = (
        "Writes a package to a file, as PACKAGE would send it. Every byte is compared with every digest that the repository declares, in "
        "whatever algorithm. What is left out, and why, is printed and stands in the package's notices.txt."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="?", help="PID or PID/DSID, several joined by ; (in quotes)")
        parser.add_argument("--map", help="PID/DSID of a structural map, several joined by ;")
        parser.add_argument("--output", default="", help="the file, or - for standard output (default: the package's own name)")
        parser.add_argument("--force", action="store_true", help="replace the file if it is there")
        parser.add_argument("--format", help="tar or zip (default: as the file's name ends, else tar)")
        parser.add_argument("--name", help="the package's name (default: the PID, or one made of the request)")

    def handle(self, *args: Any, **options: Any) -> None:
        output, force = options["output"], options["force"]
        try:
            if output:
                _refuse_taken(output, force=force)  # before all that a package may take
            form = options["format"] or _format_of(output)
            asked = packages.read_request(files=options["files"], maps=options["map"], format=form, name=options["name"])
            with Spool() as spool:
                planned = packages.prepare(asked, spool)
                package = replace(planned, open_entry=spool.opener(planned.open_entry))
                _refuse_taken(output or package.file_name, force=force)
                self._write(package, output)
        except PackagingError as error:
            raise CommandError(f"{error.in_full} {_subject(error)}".strip()) from None
        except OSError as error:
            where = f" to {output}" if output else ""
            raise CommandError(f"The package could not be written{where}: {error.strerror}") from None
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used, which knows where things lie: {error}. Try manage.py migrate") from None
        with suppress(BrokenPipeError):  # the package is written; who reads what is said of it may have gone
            self._report(package, output)

    def _write(self, package: Package, output: str) -> None:
        with tqdm(total=package.layout.length, unit="B", unit_scale=True, file=sys.stderr, disable=None) as bar:
            if output == "-":
                write(package, sys.stdout.buffer, progress=bar.update)
                sys.stdout.buffer.flush()
            else:
                with replacing(Path(output or package.file_name)) as stream:
                    write(package, stream, progress=bar.update)

    def _report(self, package: Package, output: str) -> None:
        plan, written = package.plan, package.file_name if output == "-" else output or package.file_name
        self._say(f"{written}: {len(plan.entries)} datastreams, {package.layout.length} bytes", output)
        for notice in plan.notices:
            about = f"{notice.pid}/{notice.dsid}" if notice.dsid else notice.pid
            self._say(f"  {notice.code}: {one_line(about)}: {one_line(notice.text)}", output)

    def _say(self, line: str, output: str) -> None:
        """Where standard output is the package itself, what is said of it goes beside."""
        if output == "-":
            self.stderr.write(line, style_func=str)
        else:
            self.stdout.write(line)


def _refuse_taken(output: str, *, force: bool) -> None:
    """Raises CommandError where a file of that name is there. A device or a pipe is written to."""
    if output != "-" and not force and Path(output).is_file():
        raise CommandError(f"{output} is there already; --force replaces it")


def _format_of(output: str) -> str:
    return "zip" if output.lower().endswith(".zip") else "tar"


def _subject(error: PackagingError) -> str:
    """The object and datastream that an error is about."""
    names = [str(error.facts[name]) for name in ("pid", "dsid") if name in error.facts]
    return f"({'/'.join(names)})" if names else ""
