"""``make bench``: the product beside nginx and others, on the same files, in one run; writes docs/performance.md itself."""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import requests

from tests.benchmarks.contest import GB, Contestant, Result, compete
from tests.benchmarks.material import Material, build
from tests.benchmarks.servers import TOP, find_nginx, nginx, rivals
from tests.web.server import Server, serving

STATIC = "nginx, the same TAR as a static file (sendfile)"
TARFILE = "tarfile with SHA-256, in Django"
ZIPSTREAM = "zipstream-ng, in Django"
STREAMZIP = "stream-zip, in Django"
OURS = "this service, SHA-256 declared (zero-copy)"
OURS_MD5 = "this service, MD5 declared (hashed while sent, MD5 compared)"

REPOSITORY = '[[repositories]]\nname = "bench"\ntype = "fedora3"\nobjects = "{objects}"\ndatastreams = "{datastreams}"\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=325)
    parser.add_argument("--octets", type=int, default=2 * GB)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=TOP / "docs" / "performance.md")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="packaging-bench-") as folder, ExitStack() as stack:
        contestants = _enter(Path(folder), asked.files, asked.octets, stack)
        results = compete(contestants, rounds=asked.rounds)
    text = _report(results, asked.files, asked.octets, asked.rounds)
    asked.output.write_text(text, encoding="utf-8")
    print(text)


def _enter(folder: Path, count: int, octets: int, stack: ExitStack) -> list[Contestant]:
    contestants = []
    declared = build(folder / "sha256", count=count, octets=octets, kind="SHA-256")
    compared = build(folder / "md5", count=count, octets=octets, kind="MD5")
    for name, material in ((OURS, declared), (OURS_MD5, compared)):
        place = folder / f"server-{material.store.root.name}"
        place.mkdir()
        server = stack.enter_context(serving(place, toml=_toml(material)))
        contestants.append(_ours(name, material, server))
    if find_nginx():
        root = folder / "static"
        root.mkdir()
        _write_package(declared, root / "package.tar", folder / "server-sha256" / "packaging.toml")
        url, pid = stack.enter_context(nginx(folder / "nginx", root))
        contestants.insert(0, Contestant(name=STATIC, url=f"{url}/package.tar", pid=pid))
    listed = folder / "files"
    listed.write_text("\n".join(map(str, declared.files)), encoding="utf-8")
    url, pid = stack.enter_context(rivals(listed))
    contestants += [Contestant(name=name, url=f"{url}/{path}", pid=pid) for name, path in _rivals()]
    return contestants


def _rivals() -> tuple[tuple[str, str], ...]:
    return (TARFILE, "tarfile"), (ZIPSTREAM, "zipstream"), (STREAMZIP, "streamzip")


def _toml(material: Material) -> str:
    return REPOSITORY.format(objects=material.store.objects, datastreams=material.store.datastreams)


def _ours(name: str, material: Material, server: Server) -> Contestant:
    environ = {"PACKAGING_CONFIG": str(server.folder / "packaging.toml"), "PACKAGING_SECRET_KEY": "a key for the time of this test alone"}
    created = _manage(environ, "create_key", "bench", "--network", "127.0.0.1")
    answer = requests.post(f"{server.url}/api/get/getToken", data={"key": created.splitlines()[-1]}, timeout=30)
    token = answer.text.removeprefix("<token>").removesuffix("</token>")
    arguments = ("--data", f"token={token}", "--data-urlencode", f"files={material.request}")
    return Contestant(name=name, url=f"{server.url}/api/get/PACKAGE", pid=server.pid, arguments=arguments)


def _write_package(material: Material, path: Path, configuration: Path) -> None:
    environ = {"PACKAGING_CONFIG": str(configuration), "PACKAGING_SECRET_KEY": "a key for the time of this test alone"}
    _manage(environ, "write_package", material.request, "--output", str(path))


def _manage(environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, str(TOP / "manage.py"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environ}).stdout


def _report(results: list[Result], count: int, octets: int, rounds: int) -> str:
    first = results[0]
    rows = [
        f"| {result.name} | {result.rate:.2f} | {result.rate / first.rate:.2f} | {result.processor:.2f} "
        f"| {result.processor / first.processor:.2f} | {result.peak:.0f} |"
        for result in results
    ]
    missing = "" if first.name == STATIC else "\nnginx is not installed here, so its row is missing and the first row is the measure.\n"
    return f"""# Performance

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {count} files of {octets / GB:.2f} GB in all, in page cache, one curl on loopback,
the median of {rounds} rounds, {os.cpu_count()} cores shared with the client. Absolute figures drift from machine to machine; the ratios to
the first row hold.
{missing}
| how | GB/s | ratio | CPU s per GB | ratio | peak memory of all its processes, MB |
|---|---|---|---|---|---|
{chr(10).join(rows)}

Rates include planning: the service reads and decides on {count} objects in each request. The rows in Django share one server, so the
memory shown for each is that server's after all of them.
"""


if __name__ == "__main__":
    main()
