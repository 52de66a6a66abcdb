"""What planning 1,000 objects costs beside lxml's mere parsing of their FOXML, cold and when nothing has changed."""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import requests
from lxml import etree

from getapi.core.ledger import Examination
from getapi.core.plan import Entry, Plan
from tests.sources.stores import BuiltStore, datastream, digest, foxml, inline, location, version
from tests.web.database import TOP
from tests.web.server import Server, serving

SIZES = {"2 KB": 1, "20 KB": 4}
"""The FOXML's size in words, and how many managed datastreams such an object has."""

TARGETS = {"cold": 4.0, "again": 0.5, "again, all verified": 0.5, "review, all verified": 0.5}
"""In what lxml needs to read and parse the same files the first time."""

FIRST_BYTE = 1.0
"""Seconds, cold, over HTTP."""

T = TypeVar("T")

_SECRET = "a key for the time of this test alone"
_REPOSITORY = '[limits]\nfiles = 100000\n[[repositories]]\nname = "bench"\ntype = "fedora3"\nobjects = "{}"\ndatastreams = "{}"\n'
_DC = (
    '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:title>Letter {0} of a family</dc:title>{1}<dc:identifier>bench:{0}</dc:identifier></oai_dc:dc>"
)
_RELATIONS = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:fedora-model="info:fedora/fedora-system:def/model#">'
    '<rdf:Description rdf:about="info:fedora/bench:{}"><fedora-model:hasModel rdf:resource="info:fedora/islandora:sp_pdf"/>'
    "</rdf:Description></rdf:RDF>"
)
_RECORD = (
    '<audit:record ID="AUDREC{0}"><audit:process type="Fedora API-M"/><audit:action>modifyDatastreamByReference</audit:action>'
    "<audit:componentID>BLOB{1}</audit:componentID><audit:responsibility>fedoraAdmin</audit:responsibility>"
    "<audit:date>2015-01-27T19:08:43.701Z</audit:date><audit:justification>the scan was made anew</audit:justification></audit:record>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """What one round took for all objects; ``memory`` is lxml on bytes in memory, ``files`` lxml on files read one by one.

    ``cold`` is the first planning in a process, ``warm`` a later one; until then the fixity ledger knows nothing, for ``known`` and
    ``review`` it knows every managed datastream.
    """

    memory: float
    files: float
    cold: float
    warm: float
    known: float
    review: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians for one size of FOXML (``octets`` on average); ``first_byte`` and ``again`` are seconds over HTTP, cold and later."""

    octets: int
    count: int
    seconds: Seconds
    first_byte: float
    again: float


def measure(folder: Path, *, managed: int, count: int = 1000, rounds: int = 5) -> Row:
    """Builds a store in ``folder`` and measures it: each round in a process of its own, so that nothing is remembered."""
    store = build(folder / "store", count=count, managed=managed)
    toml = _REPOSITORY.format(store.objects, store.datastreams)
    first, again = zip(*(_first_bytes(folder / f"server{number}", toml, count) for number in range(rounds)), strict=True)
    paths = [store.path(f"bench:{number}") for number in range(count)]
    found = [_apart(_round, folder / "server0", paths) for _ in range(rounds)]
    return Row(
        octets=sum(path.stat().st_size for path in paths) // count,
        count=count,
        seconds=Seconds(**{name: statistics.median(getattr(each, name) for each in found) for name in Seconds.__slots__}),
        first_byte=statistics.median(first),
        again=statistics.median(again),
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown; ratios are to reading and parsing the files, and each has its target in the heading."""
    heads = "".join(f" {name} (target {target:g}) |" for name, target in TARGETS.items())
    lines = [
        f"| FOXML, octets | lxml in memory, us | lxml on files, us |{heads} first byte, s (target {FIRST_BYTE:g}) | again, s |",
        f"|{'---|' * (5 + len(TARGETS))}",
    ]
    for row in rows:
        memory, files, *planned = (seconds / row.count * 1e6 for seconds in astuple(row.seconds))
        ratios = "".join(f" {each / files:.2f} ({each:.0f} us) |" for each in planned)
        lines.append(f"| {row.octets} | {memory:.1f} | {files:.1f} |{ratios} {row.first_byte:.2f} | {row.again:.2f} |")
    return "\n".join(lines)


def build(folder: Path, *, count: int, managed: int) -> BuiltStore:
    """Objects with Dublin Core, relations and so many managed datastreams; those with several have versions and an audit trail too."""
    store = BuiltStore(root=folder)
    for number in range(count):
        store.put(f"bench:{number}", _object(store, number, managed))
    return store


def _object(store: BuiltStore, number: int, managed: int) -> bytes:
    pid, rich = f"bench:{number}", managed > 1
    subjects = "".join(f"<dc:subject>Subject {each} of the letter</dc:subject>" for each in range(30 if rich else 2))
    parts = [
        datastream("DC", "X", version("DC1.0", inline(_DC.format(number, subjects)), MIMETYPE="text/xml", LABEL="Dublin Core")),
        datastream("RELS-EXT", "X", version("RELS-EXT.0", inline(_RELATIONS.format(number)), MIMETYPE="application/rdf+xml")),
        *(_managed(store, pid, f"BLOB{each}", versions=6 if rich else 1) for each in range(managed)),
    ]
    if rich:
        records = "".join(_RECORD.format(each, each % managed) for each in range(24))
        trail = f'<audit:auditTrail xmlns:audit="info:fedora/fedora-system:def/audit#">{records}</audit:auditTrail>'
        parts.append(datastream("AUDIT", "X", version("AUDIT.0", inline(trail), MIMETYPE="text/xml")))
    return foxml(pid, *parts, label=f"Letter {number} of a family")


def _managed(store: BuiltStore, pid: str, dsid: str, *, versions: int) -> str:
    written = []
    for number in range(versions):
        octets, token = f"{pid} {dsid} {number}".encode() * 40, f"{pid}+{dsid}+{dsid}.{number}"
        store.put(token, octets)
        facts = {
            "MIMETYPE": "application/pdf",
            "LABEL": f"Scan {number}",
            "SIZE": str(len(octets)),
            "CREATED": f"2015-01-{number + 1:02d}T19:08:43.701Z",
        }
        written.append(version(f"{dsid}.{number}", digest("SHA-256", hashlib.sha256(octets).hexdigest()) + location(token), **facts))
    return datastream(dsid, "M", *written)


def _apart(function: Callable[[Path, list[Path]], Seconds], folder: Path, paths: list[Path]) -> Seconds:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, folder, paths).result()


def _round(folder: Path, paths: list[Path]) -> Seconds:
    """One round, in a process that has done nothing before; the files are in page cache."""
    os.environ |= _surroundings(folder)
    import packaging_service.wsgi  # noqa: F401 # the process is set up as a server's is
    from getapi import conf, models
    from getapi.core.planner import plan_package
    from getapi.core.review import review
    from getapi.services import fixity, packages, rules
    from getapi.services.repositories import registry

    documents = [path.read_bytes() for path in paths]
    files, _ = _timed(lambda: [_parse(path) for path in paths])
    memory, _ = _timed(lambda: [etree.fromstring(document) for document in documents])
    request = packages.read_request(files=_request(len(paths)), maps=None)
    planning = rules.planning_rules(conf.current())
    now, ledger, repositories = datetime.now(UTC), fixity.current_ledger(), registry()
    models.Fixity.objects.all().delete()

    def work() -> Plan:
        return plan_package(request, repositories=repositories, rules=planning, now=now, ledger=ledger)

    cold, plan = _timed(work)
    warm = _usual(work)
    fixity.record("bench", [(entry.datastream, _sound(entry, now)) for entry in plan.entries])
    known = _usual(work)
    reviewed = _usual(lambda: review(plan, repositories=repositories, rules=planning.access, now=now, ledger=ledger))
    return Seconds(memory=memory, files=files, cold=cold, warm=warm, known=known, review=reviewed)


def _sound(entry: Entry, now: datetime) -> Examination:
    digests = {digest.algorithm: digest.value for digest in entry.declared}
    return Examination(identity=entry.datastream.identity, size=entry.size, digests=digests, crc32=0, verified=now)


def _parse(path: Path) -> object:
    with path.open("rb") as file:
        return etree.fromstring(file.read())


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    found = work()
    return time.perf_counter() - begun, found


def _usual(work: Callable[[], object]) -> float:
    return statistics.median(_timed(work)[0] for _ in range(7))


def _first_bytes(folder: Path, toml: str, count: int) -> tuple[float, float]:
    """Seconds to the first byte of a new server's first package, and of a later one: the fastest, as each of its workers plans once."""
    folder.mkdir()
    with serving(folder, toml=toml) as server:
        token = _token(server)
        waited = [_wait(server, token, count) for _ in range(9)]
    return waited[0], min(waited)


def _wait(server: Server, token: str, count: int) -> float:
    begun = time.perf_counter()
    with requests.post(f"{server.url}/api/get/PACKAGE", data={"token": token, "files": _request(count)}, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        answer.raw.read(1)
        return time.perf_counter() - begun


def _token(server: Server) -> str:
    created = subprocess.run(
        [sys.executable, str(TOP / "manage.py"), "create_key", "bench", "--network", "127.0.0.1"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **_surroundings(server.folder)},
    )
    answer = requests.post(f"{server.url}/api/get/getToken", data={"key": created.stdout.splitlines()[-1]}, timeout=30)
    return answer.text.removeprefix("<token>").removesuffix("</token>")


def _surroundings(folder: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "packaging_service.settings",
        "PACKAGING_CONFIG": str(folder / "packaging.toml"),
        "PACKAGING_SECRET_KEY": _SECRET,
    }


def _request(count: int) -> str:
    return ";".join(f"bench:{number}" for number in range(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(table(rows(count=asked.count, rounds=asked.rounds)))


def rows(*, count: int = 1000, rounds: int = 5) -> list[Row]:
    found = []
    for managed in SIZES.values():
        with tempfile.TemporaryDirectory(prefix="packaging-planning-") as folder:
            found.append(measure(Path(folder), managed=managed, count=count, rounds=rounds))
    return found


if __name__ == "__main__":
    main()
