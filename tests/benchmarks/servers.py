"""The servers of the contest, each on a free port of loopback, stopped by the process id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

_NGINX = """worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    sendfile_max_chunk 2m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[tuple[str, int]]:
    """nginx's address and process id; nothing is yielded but the caller has looked that it is installed."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    configuration = folder / "nginx.conf"
    # The worker of a server that root starts is another user, who may not look into a folder made for a test.
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(user + _NGINX.format(folder=folder, root=root, port=port), encoding="utf-8")
    with _running([str(find_nginx()), "-c", str(configuration)], port, {}) as pid:
        yield f"http://127.0.0.1:{port}", pid


def find_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def rivals(files: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    arguments = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--timeout", "600"]
    command = [sys.executable, "-m", "gunicorn", *arguments, "tests.benchmarks.rivals:application"]
    with _running(command, port, {"BENCHMARK_FILES": str(files)}) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def _running(command: Sequence[str], port: int, environ: dict[str, str]) -> Iterator[int]:
    process = subprocess.Popen(command, env={**os.environ, **environ}, cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start")
