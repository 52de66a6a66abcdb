"""``make bench``: the product beside nginx and others, in one run; writes docs/performance.md itself.

A short run: ``--only throughput --octets 500000000 --rounds 2``. What is not the whole is printed, and written only where ``--output``
says.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import firstbyte, memory, planning, report, studies
from tests.benchmarks.contest import GB, compete
from tests.benchmarks.entrants import enter
from tests.benchmarks.report import Measured
from tests.benchmarks.servers import TOP

Section = Callable[[Path, argparse.Namespace, Measured], None]


def main() -> None:
    asked = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers and gigabytes do not outlive a run that is ended
    measured = Measured(count=asked.files, octets=asked.octets, rounds=asked.rounds)
    for name in asked.only or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="packaging-bench-") as folder:
            SECTIONS[name](Path(folder) / name, asked, measured)
    text = report.write(measured)
    print(text)
    output = asked.output or (None if asked.only else TOP / "docs" / "performance.md")
    if output is not None:
        output.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="a section; may be given again")
    parser.add_argument("--rounds", type=int, default=5, help="of throughput and of planning (5)")
    parser.add_argument("--files", type=int, default=325, help="of throughput (325)")
    parser.add_argument("--octets", type=int, default=2 * GB, help="of throughput (2 GB)")
    parser.add_argument("--large", type=int, default=20 * GB, help="octets of the large package (20 GB)")
    parser.add_argument("--readers", type=int, default=1000, help="slow readers (1000)")
    parser.add_argument("--huge", type=int, default=100 * GB, help="octets of the package whose end is asked for (100 GB)")
    parser.add_argument("--times", type=int, default=100, help="ranges of it (100)")
    parser.add_argument("--objects", type=int, default=1000, help="of planning (1000)")
    parser.add_argument("--output", type=Path, help="docs/performance.md, where all sections run")
    return parser


def _throughput(folder: Path, asked: argparse.Namespace, measured: Measured) -> None:
    folder.mkdir()
    with ExitStack() as stack:
        measured.results = compete(enter(folder, stack, count=asked.files, octets=asked.octets), rounds=asked.rounds)


def _large(folder: Path, asked: argparse.Namespace, measured: Measured) -> None:
    measured.large = memory.large(folder, octets=asked.large)


def _crowd(folder: Path, asked: argparse.Namespace, measured: Measured) -> None:
    measured.crowds = memory.crowds(folder, readers=asked.readers)


def _first_byte(folder: Path, asked: argparse.Namespace, measured: Measured) -> None:
    measured.first_bytes = [firstbyte.compare(folder, octets=asked.huge, times=asked.times)]


def _planning(folder: Path, asked: argparse.Namespace, measured: Measured) -> None:
    measured.planning = planning.rows(count=asked.objects, rounds=asked.rounds)


def _servers(folder: Path, asked: argparse.Namespace, measured: Measured) -> None:
    measured.studies = studies.study_rows(folder, rounds=asked.rounds)
    measured.slow = [studies.slow_members(folder / "slow")]


SECTIONS: dict[str, Section] = {
    "throughput": _throughput,
    "memory": _large,
    "readers": _crowd,
    "firstbyte": _first_byte,
    "planning": _planning,
    "servers": _servers,
}


if __name__ == "__main__":
    main()
