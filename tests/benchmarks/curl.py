"""One download by curl, which throws the octets away."""

import os
import subprocess
from dataclasses import dataclass

from tests.benchmarks.processes import CLIENT, bound_to

_TOLD = "%{size_download} %{time_starttransfer} %{time_total}"


class Refused(Exception):
    """The server answered with an error, or broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """``first_byte`` and ``whole`` are seconds since curl began to connect."""

    octets: int
    first_byte: float
    whole: float


def fetch(url: str, *arguments: str) -> Download:
    """Raises Refused."""
    command = ["curl", "--silent", "--show-error", "--fail", "--output", os.devnull, "--write-out", _TOLD, *arguments, url]
    with bound_to(CLIENT):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr.strip())
    octets, first_byte, whole = done.stdout.split()
    return Download(octets=int(octets), first_byte=float(first_byte), whole=float(whole))
