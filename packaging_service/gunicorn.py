"""gunicorn's configuration: ``manage.py serve`` uses it, and so does ``gunicorn -c python:packaging_service.gunicorn``.

Why a thread a download, why these limits, and why gunicorn below 26: docs/architecture.md.
"""

import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.http import wsgi

from getapi import conf
from getapi.core.errors import PackagingError
from getapi.tally import SLOTS, tally  # made here, before any process is forked, so that all share it
from packaging_service.attendance import Attendance
from packaging_service.settings import LOGGING

wsgi.SERVER = "packaging-service"  # the Server header says who answers, not what runs it

wsgi_app = "packaging_service.wsgi:application"
worker_class = "packaging_service.worker.Worker"
workers = 2
threads = 72
worker_connections = threads + 1000  # waiting or kept alive; serve says so too for other numbers of threads
timeout = 120
graceful_timeout = 30
keepalive = 5
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190
forwarder_headers = ""  # SCRIPT_NAME from a client would show its proxy one path and us another
forwarded_allow_ips = ",".join(["127.0.0.1", "::1", *map(str, conf.current().trusted_proxies)])
preload_app = False
accesslog = None
errorlog = "-"
# Its lines may hold what a client sent, a token too: they are written as ours are.
logconfig_dict = {**LOGGING, "loggers": {"gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True}}}
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # the heartbeat file must not wait for a disk


WORKER = "PACKAGING_WORKER"
"""Variable: set by ``serve``, it holds how many preparations run at once beside the web processes; without it there is no worker."""

_attendants: list[Attendance] = []
"""At most one, of this main process."""

LAST_WORD = 4.0
"""Seconds that a stopping process has to write down what it sent; within ``watcher.STOP_MARGIN``."""


class _Expected(logging.Filter):
    """Drops what is no news: errors that deliveries log themselves, and peers that sent half a request or did not take its answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (PackagingError, BlockingIOError, TimeoutError))


def on_starting(server: Any) -> None:
    """A delivery has two descriptors, and the system's soft limit is often 1,024."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server.log.error_log.addFilter(_Expected())


def pre_fork(server: Any, worker: Any) -> None:
    """A place among the node's counters that no living process has."""
    taken = {getattr(other, "slot", None) for other in server.WORKERS.values()}
    worker.slot = next((slot for slot in range(SLOTS) if slot not in taken), None)


def child_exit(_server: Any, worker: Any) -> None:
    """What it counted stays."""
    if worker.slot is not None:
        tally.leave(worker.slot, worker.pid)


def when_ready(server: Any) -> None:
    """A worker beside the web processes, and who looks after it (packaging_service.attendant)."""
    threads = os.environ.get(WORKER)
    if not threads:
        return
    worker = [sys.executable, str(Path(__file__).resolve().parents[1] / "manage.py"), "worker", "--threads", threads]
    attendant = [sys.executable, "-m", "packaging_service.attendant", str(os.getpid()), *worker]
    _attendants.append(Attendance(attendant, tell=server.log.error))
    server.manage_workers = partial(_manage, server.manage_workers)


def _manage(manage_workers: Callable[[], object]) -> None:
    """What the main process does each second, and for its worker too: gunicorn has no hook for a child that is no web process."""
    manage_workers()
    for attendance in _attendants:
        attendance.look()


def on_reload(_server: Any) -> None:
    """The worker reads the configuration anew as the web processes do."""
    for attendance in _attendants:
        attendance.reload()


def on_exit(_server: Any) -> None:
    for attendance in _attendants:
        attendance.stop()


def post_worker_init(worker: Any) -> None:
    """By now the application is loaded in this process."""
    from getapi.services.heap import Heap
    from getapi.services.housekeeping import Housekeeping
    from getapi.services.rounds import rounds
    from getapi.services.watcher import RESERVED_THREADS, watcher

    if worker.slot is None:
        tally.abstain()
    else:
        tally.take(worker.slot)
    tally.put("delivery_slots", value=worker.cfg.threads - RESERVED_THREADS)
    Housekeeping().start()
    rounds.every_second(Heap().tidy)
    watcher.serve(threads=worker.cfg.threads, grace=worker.cfg.graceful_timeout, stopping=lambda: not worker.alive)


def worker_int(_worker: Any) -> None:
    """Told to stop at once (SIGINT, SIGQUIT).

    On Ctrl-C that comes twice, from the terminal and from the main process; the second must not cut the first one's end short.
    """
    from getapi.services.watcher import watcher

    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _pass_over)
    watcher.stop()


def _pass_over(_number: int, _frame: object) -> None:
    """Not ``SIG_IGN``: with that Python complains of a signal that has come already and is not told yet."""


def worker_exit(_server: Any, worker: Any) -> None:
    """What this process sent is on record before it goes. The main process calls this too, for one that it lost."""
    if worker.pid == os.getpid() and worker.booted:
        from getapi.services.rounds import rounds

        rounds.flush(LAST_WORD)
