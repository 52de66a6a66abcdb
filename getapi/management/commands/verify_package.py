"""``manage.py verify_package FILE``: is the bag inside a package whole?"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import SEEK_END, BufferedReader
from pathlib import Path
from typing import Any, Protocol, cast

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from getapi.core.archive import ArchiveReader, BinaryReader
from getapi.core.inventory import manifest_algorithms
from getapi.core.tagreader import DIGEST_LENGTHS
from getapi.core.tags import human_size, one_line
from getapi.core.tarreader import TarReader
from getapi.core.verdict import Problem, Verdict
from getapi.core.verify import DEFAULT_ALGORITHMS, verify_tar, verify_zip
from getapi.core.zip import END_SIGNATURE, LOCAL_SIGNATURE
from getapi.core.zipreader import ZipReader


class Judge(Protocol):
    def __call__(self, stream: BinaryReader, *, algorithms: Sequence[str]) -> Verdict: ...


class OpenReader(Protocol):
    def __call__(self, stream: BinaryReader, *, skip: Callable[[int], object]) -> ArchiveReader: ...


class Command(BaseCommand):
    help = (
        "Reads a .tar or .zip package as a stream, without unpacking it, and validates the bag inside. "
        "Exit status: 0 valid, 1 not valid, 2 the file cannot be read."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the package, or - for standard input")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            with _opened(options["file"]) as stream:
                verdict = _verify(stream)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror or error}", returncode=2) from None
        self._tell(verdict)
        if not verdict.valid:
            sys.exit(1)

    def _tell(self, verdict: Verdict) -> None:
        for warning in verdict.warnings:
            self._say(f"warning  {_line(warning)}")
        for problem in verdict.problems:
            self._say(f"problem  {_line(problem)}")
        if verdict.untold:
            self._say(f"problem  and {verdict.untold} more")
        self._say(f"bag        {one_line(verdict.name) or 'none'}")
        self._say(f"manifests  {', '.join(verdict.manifests) or 'none'}")
        self._say(f"payload    {verdict.payload_files} files, {verdict.payload_octets} bytes")
        self._say(f"tag files  {verdict.tag_files}")
        self._say(f"read       {verdict.octets} bytes ({human_size(verdict.octets)})")
        count = len(verdict.problems) + verdict.untold
        self._say("valid" if verdict.valid else f"NOT VALID: {count} problem{'' if count == 1 else 's'}")

    def _say(self, line: str) -> None:
        # A name may hold what this terminal's encoding cannot show.
        encoding = getattr(self.stdout, "encoding", None) or "utf-8"
        self.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding))


def _line(problem: Problem) -> str:
    return f"{problem.code}: {one_line(problem.path)}: {problem.text}" if problem.path else f"{problem.code}: {problem.text}"


@contextmanager
def _opened(name: str) -> Iterator[BufferedReader]:
    if name == "-":
        yield cast("BufferedReader", sys.stdin.buffer)
        return
    with Path(name).open("rb") as stream:
        yield stream


def _verify(stream: BufferedReader) -> Verdict:
    judge, open_reader = _reading(stream)
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    size = None
    if stream.seekable():
        size = stream.seek(0, SEEK_END)
        algorithms = _needed(stream, size, open_reader) or algorithms
        stream.seek(0)
    with tqdm.wrapattr(stream, "read", total=size, disable=None, unit="B", unit_scale=True, leave=False) as watched:
        return judge(watched, algorithms=algorithms)


def _reading(stream: BufferedReader) -> tuple[Judge, OpenReader]:
    """A ZIP begins with a member, or with its end where it has none; all else is taken for a TAR, which has no such mark in front."""
    if stream.peek(4)[:4] in {LOCAL_SIGNATURE, END_SIGNATURE}:
        return verify_zip, ZipReader
    return verify_tar, TarReader


def _needed(stream: BufferedReader, size: int, open_reader: OpenReader) -> tuple[str, ...]:
    """What the manifests speak of: they stand behind the payload, and nothing else need be computed."""
    stream.seek(0)
    # A header may lie about a size, and no file system seeks just anywhere.
    reader = open_reader(stream, skip=lambda count: stream.seek(min(stream.tell() + count, size)))
    return manifest_algorithms(reader, DIGEST_LENGTHS.__contains__)
