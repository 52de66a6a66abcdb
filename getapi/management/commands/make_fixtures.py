"""``manage.py make_fixtures DEST``: writes the demonstration repository."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fixtures import build
from fixtures.store import FOLDERS


class Command(BaseCommand):
    help = "Writes a small Fedora 3 repository for demonstrations and tests below DEST (fixtures/README.md tells what is in it)."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("destination", type=Path, metavar="DEST", help="folder that the two stores are written into")
        parser.add_argument("--layout", choices=sorted(FOLDERS), default="akubra", help="how the stores are laid out (default: akubra)")
        parser.add_argument("--object-pattern", default="##", help="akubra's hash pattern of the object store (default: ##)")
        parser.add_argument("--datastream-pattern", default="##", help="akubra's hash pattern of the datastream store (default: ##)")

    def handle(self, *_args: Any, **options: Any) -> None:
        patterns = {name: options[name] for name in ("object_pattern", "datastream_pattern")}
        try:
            made = build(options["destination"], layout=options["layout"], **patterns)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(made.pids)} objects\nobjects = {made.objects}\ndatastreams = {made.datastreams}")
