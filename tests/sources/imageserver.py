"""A real image server: Debian's iipimage-server behind nginx, with a tiled pyramid that libvips made (measured.md, IIIF)."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

IIPSRV = Path("/usr/lib/iipimage-server/iipsrv.fcgi")
PARTS = {"iipimage-server": IIPSRV.exists(), "nginx": shutil.which("nginx") is not None, "libvips-tools": shutil.which("vips") is not None}
MISSING = [name for name, there in PARTS.items() if not there]
WAIT = 60.0
"""Seconds for each of the two to listen."""

_NGINX = """daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        rewrite ^/iiif/(.*)$ /fcgi?IIIF=$1 last;
        location /fcgi {{
            fastcgi_pass 127.0.0.1:{fastcgi};
            fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param HTTP_HOST $http_host; fastcgi_param HTTPS $https if_not_empty;
        }}
    }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class ImageServer:
    """``folder`` holds the pictures, each of which is at ``url/iiif/NAME``."""

    url: str
    folder: Path

    def put(self, name: str, *, width: int = 300, height: int = 200) -> None:
        """A tiled pyramid of noise, so that two pictures are never alike."""
        plain = self.folder / f"{name}.v"
        run = ["vips", "gaussnoise", str(plain), str(width), str(height)]
        subprocess.run(run, check=True, capture_output=True, timeout=60)
        cast = self.folder / f"{name}.cast.v"
        subprocess.run(["vips", "cast", str(plain), str(cast), "uchar"], check=True, capture_output=True, timeout=60)
        saved = ["vips", "tiffsave", str(cast), str(self.folder / name), "--tile", "--pyramid", "--compression", "jpeg"]
        subprocess.run(saved, check=True, capture_output=True, timeout=60)


@contextmanager
def image_server(folder: Path) -> Iterator[ImageServer]:
    fastcgi, port = free_port(), free_port()
    pictures = folder / "pictures"
    pictures.mkdir()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, fastcgi=fastcgi), encoding="ascii")
    environment = {"FILESYSTEM_PREFIX": f"{pictures}/", "LOGFILE": str(folder / "iipsrv.log"), "PATH": "/usr/bin:/bin"}
    nginx = [str(shutil.which("nginx")), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "nginx.log")]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in ([str(IIPSRV), "--bind", f"127.0.0.1:{fastcgi}"], nginx):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started.append(process)
        for at in (fastcgi, port):
            _wait(at)
        yield ImageServer(url=f"http://127.0.0.1:{port}", folder=pictures)
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(port: int) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")
