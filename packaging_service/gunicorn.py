"""gunicorn's configuration: ``manage.py serve`` uses it, and so does ``gunicorn -c python:packaging_service.gunicorn``.

Why a thread a download, why these limits, and why gunicorn below 26: docs/architecture.md.
"""

import logging
import resource
import socket
import struct
from pathlib import Path
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers import gthread

from getapi import conf
from getapi.core.errors import PackagingError

RECEIVE_TIMEOUT = 10
"""Seconds that one read of a request may take: gthread itself waits without end for the rest of a header, a thread each."""

wsgi.SERVER = "packaging-service"  # the Server header says who answers, not what runs it
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.0  # a connection that has said nothing yet waits in the poller, not in a thread for 5 s

wsgi_app = "packaging_service.wsgi:application"
worker_class = "gthread"
workers = 2
threads = 72
worker_connections = threads + 1000  # waiting or kept alive; serve says so too for other numbers of threads
timeout = 120
graceful_timeout = 30
keepalive = 5
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190
forwarded_allow_ips = ",".join(["127.0.0.1", "::1", *map(str, conf.current().trusted_proxies)])
preload_app = False
accesslog = None
errorlog = "-"
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 # the heartbeat file must not wait for a disk


class _Expected(logging.Filter):
    """Drops what is no news: errors that deliveries log themselves, and peers that sent half a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (PackagingError, BlockingIOError))


def on_starting(server: Any) -> None:
    """A delivery has two descriptors, and the system's soft limit is often 1,024."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server.log.error_log.addFilter(_Expected())


def pre_fork(server: Any, _worker: Any) -> None:
    """Accepted connections inherit the listening socket's timeout."""
    for listener in server.LISTENERS:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_TIMEOUT, 0))


def post_worker_init(worker: Any) -> None:
    """By now the application is loaded in this process."""
    from getapi.services.watcher import watcher

    watcher.serve(threads=worker.cfg.threads, grace=worker.cfg.graceful_timeout, stopping=lambda: not worker.alive)


def worker_int(_worker: Any) -> None:
    """Told to stop at once (SIGINT, SIGQUIT)."""
    from getapi.services.watcher import watcher

    watcher.stop()
