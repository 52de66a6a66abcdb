"""A machine set up as docs/deploy says: the service as its unit starts it, Debian's nginx in front of it with TLS."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree, ignore_patterns

from fixtures.repository import build
from tests.conformance.foreign import program
from tests.deploy.guide import Place, exec_start, lines
from tests.ports import free_port
from tests.web.database import TOP
from tests.web.server import stop

HOST = "packages.library.example"
COPIED = ("getapi", "packaging_service", "docs", "manage.py", "README.md")

MAIN = """
pid {root}/nginx.pid;
{user}
worker_processes 1;
error_log {root}/var/log/nginx/error.log;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    include {root}/etc/nginx/sites-enabled/*;
}}
"""
"""What Debian's own nginx.conf says, as far as it matters here."""


@dataclass(slots=True)
class Machine:
    """``ran`` are the guide's lines that were run, with what they printed."""

    place: Place
    ran: dict[str, str] = field(default_factory=dict)
    service: subprocess.Popen[bytes] | None = None
    nginx: subprocess.Popen[bytes] | None = None

    def log(self, name: str) -> str:
        return (self.place.root / "var/log" / name).read_text(encoding="utf-8", errors="replace")

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PACKAGING_", "DJANGO_"))}
        path = f"{Path(program('nginx')).parent}:{kept.get('PATH', '')}"
        return {**kept, "PATH": path, "DJANGO_SUPERUSER_PASSWORD": "only for this very test"}

    def follow(self) -> None:
        """The guide, from its first line to its last."""
        for language, line in lines():
            if language == "toml":
                (self.place.home / "packaging.toml").write_text(self.place.move(line), encoding="utf-8")
                continue
            if line.startswith("systemctl enable --now packaging-service"):
                self.start_service()
            if line.startswith("curl ") and "https://" in line:
                self.start_nginx()
            command = self.place.adapt(line)
            if command is not None:
                self.ran[line] = self.shell(command)

    def shell(self, command: str) -> str:
        """In one shell's manner: where the guide is, and with what it named before."""
        named = self.place.root / "named"
        script = f". {named} 2>/dev/null; set -e -o pipefail\n{command}\ndeclare -p key token >{named} 2>/dev/null || true"
        run = subprocess.run(
            ["/bin/bash", "-c", script], cwd=self.place.home, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
        return run.stdout

    def start_service(self) -> None:
        with (self.place.root / "var/log/service").open("wb") as log:
            self.service = subprocess.Popen(exec_start(self.place), cwd=self.place.home, env=self.environment, stdout=log, stderr=log)
        self._wait("http://127.0.0.1:8000/healthz")

    def start_nginx(self) -> None:
        command = ["nginx", "-c", f"{self.place.root}/etc/nginx/nginx.conf", "-e", "stderr", "-g", "daemon off;"]
        with (self.place.root / "var/log/nginx/stderr").open("wb") as log:
            self.nginx = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self._wait(f"--cacert /etc/ssl/packaging-service/fullchain.pem https://{HOST}/healthz")

    def _wait(self, address: str) -> None:
        command = self.place.adapt(f"curl --silent --fail {address}")
        end = time.monotonic() + 60
        while True:
            with suppress(AssertionError):
                self.shell(str(command))
                return
            assert time.monotonic() < end, [
                path.read_text(errors="replace") for path in (self.place.root / "var/log").rglob("*") if path.is_file()
            ]
            time.sleep(0.1)

    def end(self) -> None:
        for process in (self.nginx, self.service):
            if process is not None:
                stop(process)


@contextmanager
def set_up(root: Path) -> Iterator[Machine]:
    """What a bare Debian has, the project's folder in its place, and a store; nothing of the guide is done yet."""
    stores = build(root / "fedora")
    place = Place(
        root=root,
        service=free_port(),
        http=free_port(),
        https=free_port(),
        stores={"objects": stores.objects, "datastreams": stores.datastreams},
    )
    for folder in (
        "etc/nginx/sites-available",
        "etc/nginx/sites-enabled",
        "etc/systemd/system",
        "etc/ssl",
        "var/log/nginx",
    ):
        (root / folder).mkdir(parents=True)
    _copy_project(place.home)
    machine = Machine(place)
    user = "user root;" if os.getuid() == 0 else ""  # a test's folder is closed to others
    (root / "etc/nginx/nginx.conf").write_text(MAIN.format(root=root, user=user), encoding="utf-8")
    (place.home / "docs/deploy/nginx.conf").write_text(
        place.move((TOP / "docs/deploy/nginx.conf").read_text(encoding="utf-8")), encoding="utf-8"
    )
    try:
        yield machine
    finally:
        machine.end()


def _copy_project(home: Path) -> None:
    home.mkdir(parents=True)
    for name in COPIED:
        if (TOP / name).is_dir():
            copytree(TOP / name, home / name, ignore=ignore_patterns("__pycache__"))
        else:
            (home / name).write_bytes((TOP / name).read_bytes())
    (home / ".venv/bin").mkdir(parents=True)
    (home / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (home / ".venv/bin/python").chmod(0o755)
