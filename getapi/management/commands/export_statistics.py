"""``manage.py export_statistics``: what was downloaded, as CSV or JSON lines."""

import csv
import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError

from getapi import conf
from getapi.services.statistics import FIELDS, Exported, export_downloads

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


class Output(Protocol):
    def write(self, text: str, /) -> object: ...


class Command(BaseCommand):
    help = (
        "Writes one record for each datastream that was delivered whole: time, PID, DSID, version, bytes, the key's label, the first 8 "
        "characters of the package's id, what is kept of the reader's address, user agent, whether the COUNTER list calls it a robot, "
        "and whether it was a double click (the same reader and datastream within 30 s)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        days = "YYYY-MM-DD, included, in the configured time zone"
        parser.add_argument("--from", dest="first", type=_day, required=True, metavar="DATE", help=f"first day: {days}")
        parser.add_argument("--to", dest="last", type=_day, required=True, metavar="DATE", help=f"last day: {days}")
        parser.add_argument(
            "--format",
            choices=sorted(WRITERS),
            default="csv",
            help="csv, in which an apostrophe goes before text that a spreadsheet would take for a formula, or jsonl, exact (default: csv)",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="file to write, replaced if it is there (default: standard output)")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["first"] > options["last"]:
            raise CommandError("--from is later than --to")
        try:
            records = export_downloads(options["first"], options["last"], zone=conf.current().zone)
        except OverflowError:
            raise CommandError("--from or --to lies outside of the calendar") from None
        self._write(records, WRITERS[options["format"]], options["output"])

    def _write(self, records: Iterable[Exported], write: Any, path: Path | None) -> None:
        if path is None:
            write(records, self.stdout)
            return
        try:
            with path.open("w", encoding="utf-8", newline="") as output:
                write(records, output)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date like 2024-03-31") from None


def _write_csv(records: Iterable[Exported], output: Output) -> None:
    """RFC 4180, with a header line."""
    writer = csv.writer(output)
    writer.writerow(FIELDS)
    writer.writerows([_cell(record[name]) for name in FIELDS] for record in records)


def _cell(value: str | int) -> str:
    """Spreadsheets run a cell that begins like a formula, blanks before it or not: user agents come from strangers."""
    if not isinstance(value, str):
        return str(value).lower()
    return f"'{value}" if value.lstrip().startswith(FORMULA_STARTS) or value[:1].isspace() else value


def _write_jsonl(records: Iterable[Exported], output: Output) -> None:
    for record in records:
        output.write(json.dumps(record, ensure_ascii=False) + "\n")


WRITERS = {"csv": _write_csv, "jsonl": _write_jsonl}
