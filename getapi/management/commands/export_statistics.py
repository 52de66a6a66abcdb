"""``manage.py export_statistics``: what was downloaded, as CSV or JSON lines, or as COUNTER counts it."""

import codecs
import csv
import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import date, tzinfo
from pathlib import Path
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from getapi import conf
from getapi.checks import CONFIGURATION
from getapi.services import counterreport
from getapi.services.statistics import FIELDS, Exported, export_downloads
from getapi.services.writing import replacing

FORMULA = re.compile(r"(?:\A|(?<=[;\t\r\n]))(?=\s*[=+\-@＝＋－＠]|\A\s)")
"""Where a cell begins that would be taken for a formula: also behind a semicolon, which parts cells where a comma is the decimal point."""


class Output(Protocol):
    def write(self, text: str, /) -> object: ...


class Command(BaseCommand):
    help = (
        "Writes one record for each datastream that was delivered whole: time, PID, DSID, version, bytes, the key's label, the first 8 "
        "characters of the package's id, what is kept of the reader's address, user agent, whether the COUNTER list calls it a robot, "
        "and whether it was a double click (the same reader and datastream within 30 s). Or, with --format counter, the uses of each "
        "object by month, as COUNTER's Item Report counts them."
    )
    requires_system_checks = [CONFIGURATION]

    def add_arguments(self, parser: ArgumentParser) -> None:
        days = "YYYY-MM-DD, included, in the configured time zone"
        parser.add_argument("--from", dest="first", type=_day, required=True, metavar="DATE", help=f"first day: {days}")
        parser.add_argument("--to", dest="last", type=_day, required=True, metavar="DATE", help=f"last day: {days}")
        parser.add_argument(
            "--format",
            choices=sorted(FORMATS),
            default="csv",
            help=(
                "csv, in which an apostrophe goes before text that a spreadsheet would take for a formula; jsonl, exact; counter, whole "
                "months as tab-separated values (default: csv)"
            ),
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="file to write, replaced if it is there (default: standard output)")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["first"] > options["last"]:
            raise CommandError("--from is later than --to")
        collect, write = FORMATS[options["format"]]
        try:
            records = collect(options["first"], options["last"], zone=conf.current().zone)
        except OverflowError:
            raise CommandError("--from or --to lies outside of the calendar") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        self._write(records, write, options["output"])

    def _write(self, records: Iterable[Any], write: Callable[[Iterable[Any], Any], None], path: Path | None) -> None:
        if path is None:
            write(records, self.stdout)
            return
        try:
            with replacing(path) as stream:  # what was exported before stays until all of this is there
                write(records, codecs.getwriter("utf-8")(stream))
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
    """Spreadsheets run a cell that begins like a formula, blanks before it or not: user agents come from strangers, and so do names."""
    if not isinstance(value, str):
        return str(value).lower()
    return FORMULA.sub("'", value)


def _write_jsonl(records: Iterable[Exported], output: Output) -> None:
    for record in records:
        output.write(json.dumps(record, ensure_ascii=False) + "\n")


def _count(first: date, last: date, *, zone: tzinfo) -> Iterable[counterreport.Row]:
    configuration = conf.current()
    platform = configuration.packages.source_organization or configuration.allowed_hosts[0]
    publisher = configuration.packages.source_organization
    return counterreport.report(first, last, zone=zone, platform=platform, publisher=publisher, created=timezone.now())


def _write_tabular(rows: Iterable[counterreport.Row], output: Output) -> None:
    """Tab-separated values in UTF-8 (3.2), with the byte order mark by which spreadsheets know it (5.2)."""
    writer, mark = csv.writer(output, dialect="excel-tab"), "\ufeff"
    for row in rows:
        cells = [_cell(value) for value in row]
        writer.writerow([mark + cells[0], *cells[1:]] if mark else cells)
        mark = ""


FORMATS: dict[str, tuple[Callable[..., Iterable[Any]], Callable[[Iterable[Any], Any], None]]] = {
    "csv": (export_downloads, _write_csv),
    "jsonl": (export_downloads, _write_jsonl),
    "counter": (_count, _write_tabular),
}
"""What is collected, and how it is written."""
