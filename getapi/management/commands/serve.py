"""``manage.py serve``: the service under gunicorn, as it is meant to run."""

import errno
import ipaddress
import math
import os
import re
import socket
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import Error

from getapi import conf
from getapi.checks import unapplied
from getapi.services.watcher import RESERVED_THREADS, STOP_MARGIN

CONFIGURATION = "python:packaging_service.gunicorn"
WORKER = "PACKAGING_WORKER"
"""The variable by which gunicorn's hooks (packaging_service.gunicorn) know that a worker is wanted."""

SPARE_CONNECTIONS = 1000
"""Connections that a process holds beyond its threads: kept alive, or waiting for a thread."""

ALLOCATOR = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"
"""Else the C library keeps freed memory for each of hundreds of threads, of which most do nothing but wait for a slow reader: measured with
1,000 of them, 190 KB each instead of 102, and no faster for it. Other C libraries pass it over."""

HOST = re.compile(r"\[([0-9a-fA-F:.%]+)\]|(?!unix$)([\w.:%-]+)")
"""An IPv6 address in brackets, or a name or address; unix is no host but gunicorn's word for a socket in the file system."""

PATIENCE = 2.0
"""Seconds for which a port may still be a predecessor's, who is just ending."""

HANDED_OVER = frozenset({"LISTEN_FDS", "GUNICORN_FD"})
"""Variables by which gunicorn is given a socket that listens already: ``--bind`` counts for nothing then."""


class Command(BaseCommand):
    help = "Starts the service under gunicorn. It ends on SIGTERM, giving running downloads 25 seconds (--grace) to finish."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind", metavar="HOST:PORT", type=address, default=("127.0.0.1", 8000), help="where to listen (127.0.0.1:8000)"
        )
        parser.add_argument("--workers", metavar="N", type=at_least(2), default=2, help="processes, at least 2 (2)")
        fewest = RESERVED_THREADS + 1
        shown = f"threads of each process; all but {RESERVED_THREADS} may send a download (72)"
        parser.add_argument("--threads", metavar="N", type=at_least(fewest), default=72, help=shown)
        parser.add_argument(
            "--preparing", metavar="N", type=at_least(1), default=2, help="preparations at once, by a worker beside them (2)"
        )
        parser.add_argument("--no-worker", action="store_true", help="start none: 'manage.py worker' runs elsewhere")

        shown = "seconds for which running downloads go on after SIGTERM; what is cut then can be taken up again (25)"
        parser.add_argument("--grace", metavar="SECONDS", type=at_least(0), default=25, help=shown)

    def handle(
        self, *, bind: tuple[str, int], workers: int, threads: int, grace: int, preparing: int, no_worker: bool, **_options: Any
    ) -> None:
        host, port = bind
        if conf.current().secret_key_is_development and not is_loopback(host):
            raise CommandError(
                "Tokens are signed with a development key: set PACKAGING_SECRET_KEY or secret_key_file, or listen on 127.0.0.1 only."
            )
        refuse_unapplied()
        if not HANDED_OVER & os.environ.keys():
            refuse_taken(host, port)
        arguments = [sys.executable, "-m", "gunicorn", "--config", CONFIGURATION, "--bind", written(host, port)]
        arguments += ["--workers", str(workers), "--threads", str(threads), "--worker-connections", str(threads + SPARE_CONNECTIONS)]
        arguments += ["--graceful-timeout", str(grace + math.ceil(STOP_MARGIN))]
        sys.stdout.flush()
        # The same process goes on as gunicorn: it forks before anything of Django, its threads or its connections is there.
        os.execve(sys.executable, arguments, environment(None if no_worker else preparing))  # noqa: S606 # no shell is wanted


def environment(preparing: int | None = None) -> dict[str, str]:
    """gunicorn finds the project wherever the command was called from; what the administrator says of the allocator counts.

    ``preparing``: how many preparations the worker beside the web processes does at once; None: there is none.
    """
    top = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join([top, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"GLIBC_TUNABLES": ALLOCATOR, **os.environ, "PYTHONPATH": path, WORKER: str(preparing or "")}


def refuse_unapplied() -> None:
    """Raises CommandError where the database cannot be asked, or lacks a migration."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        missing = unapplied()
    except Error as error:
        raise CommandError(f"The database cannot be used: {error}") from error
    finally:
        connection.close()
    if missing:
        raise CommandError(f"Run 'manage.py migrate' first; the database lacks {missing}.")


def refuse_taken(host: str, port: int, *, patience: float = PATIENCE) -> None:
    """Raises CommandError where nobody can listen there, in one sentence: gunicorn would say so eleven times, and try for five seconds."""
    end = time.monotonic() + patience
    while (error := _try_to_listen(host, port)) is not None:
        if error.errno != errno.EADDRINUSE or time.monotonic() >= end:
            raise CommandError(_reason(error, host, port)) from error
        time.sleep(0.1)


def _try_to_listen(host: str, port: int) -> OSError | None:
    """As gunicorn does, which takes a port that a connection of before still lingers on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            return error
    return None


def _reason(error: OSError, host: str, port: int) -> str:
    shown = written(host, port)
    reasons = {
        errno.EADDRINUSE: f"{shown} is in use: another program listens there, maybe this service. Stop it, or choose another --bind.",
        errno.EADDRNOTAVAIL: f"{shown} cannot be listened on: {host} is no address of this machine.",
        errno.EACCES: f"{shown} cannot be listened on: a port below 1024 is for root alone. Choose another --bind, and put nginx in front.",
    }
    return reasons.get(error.errno or 0, f"{shown} cannot be listened on: {error.strerror or error}.")


def written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPV6]:PORT`` in its two parts."""
    host, _, port = text.rpartition(":")
    named = HOST.fullmatch(host)
    if named is None or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return named[1] or named[2], int(port)


def is_loopback(host: str) -> bool:
    """A name other than localhost may mean any address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def at_least(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        number = int(text)
        if number < least:
            raise ArgumentTypeError(f"must be at least {least}")
        return number

    return count
