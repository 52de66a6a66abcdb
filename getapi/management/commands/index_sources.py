"""``index_sources``: where the stores keep what; needed for the legacy layout, and for PIDs that are asked for in another case."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from getapi.core.errors import SourceUnavailable
from getapi.services.index import scan
from getapi.services.repositories import stores
from getapi.sources.holdings import Holdings


class Command(BaseCommand):
    help = "Indexes the stores that lie on disk. A scan that was interrupted goes on where it stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="REPOSITORY", help="which repositories (default: all)")
        parser.add_argument("--restart", action="store_true", help="begin anew, also after an interrupted scan")

    def handle(self, *_: Any, names: list[str], restart: bool, **__: Any) -> None:
        known = {store.name: store for store in stores()}
        if unknown := sorted(set(names) - set(known)):
            raise CommandError(f"No repository is configured by the name {', '.join(unknown)}")
        failed = [name for name in names or known if not self._index(known[name], restart=restart)]
        if failed:
            raise CommandError(f"Not indexed to the end: {', '.join(failed)}")

    def _index(self, store: Holdings, *, restart: bool) -> bool:
        files = 0
        with tqdm(desc=store.name, unit=" files", disable=None, file=sys.stderr) as bar:

            def count(more: int) -> None:
                nonlocal files
                files += more
                bar.update(more)

            try:
                finished = scan(store, restart=restart, progress=count)
            except SourceUnavailable as error:
                self.stderr.write(f"{store.name}: {error.in_full}")
                return False
        self.stdout.write(f"{store.name}: {files} files, {'indexed' if finished else 'another scan took over'}")
        return finished
