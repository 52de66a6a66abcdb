"""A stop gives running downloads their time, cuts them on the second, and loses nothing: they go on at another node."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.conformance.foreign import program
from tests.sources.stores import BuiltStore
from tests.web.resume.asking import Application, counted, curl, get, package_of
from tests.web.resume.material import Part, configuration, put_object, some
from tests.web.server import serving

GRACE = 3
MARGIN = 15.0
"""Seconds beyond: a look of the watcher, the last acknowledgements, a round of the database's thread, and a busy machine."""

PID = "stopped:1"
PARTS = (Part(dsid="A", octets=some(40_000_000, "A"), declares="sha256"), Part(dsid="B", octets=some(300_000, "B")))


def test_a_slow_download_is_cut_when_its_time_is_over_and_goes_on_at_another_node(tmp_path: Path) -> None:
    store = BuiltStore(root=tmp_path)
    put_object(store, PID, *PARTS)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    database = {"PACKAGING_DATABASE": f"sqlite:///{tmp_path}/one/db.sqlite3"}
    file = tmp_path / "package"
    with (
        serving(tmp_path / "one", toml=configuration(store), grace=GRACE) as one,
        serving(tmp_path / "other", toml=configuration(store), environ=database) as other,
    ):
        address = Application.at(one).link(PID, "tar")
        slow = [program("curl"), "-sS", "--limit-rate", "200k", "-o", str(file), one.url + address]
        with subprocess.Popen(slow, stderr=subprocess.DEVNULL) as download:
            one.wait_for_rows("SELECT 1 FROM getapi_delivery WHERE outcome = 'running' AND sent > 0")
            began = time.monotonic()
            os.kill(one.pid, signal.SIGTERM)
            time.sleep(GRACE * 0.7)
            assert download.poll() is None, "it has its time"
            row = "SELECT outcome, reason FROM getapi_delivery WHERE ended IS NOT NULL"
            assert one.wait_for_rows(row, seconds=GRACE + MARGIN) == [("shut-down", "delivery-shut-down")]
            assert GRACE * 0.7 < time.monotonic() - began < GRACE + MARGIN
            download.kill()  # at its rate it would go on reading what the kernels hold
        there = file.stat().st_size
        assert 0 < there < sum(len(part.octets) for part in PARTS)
        assert curl(other.url + address, file) == 0
        assert file.read_bytes() == get(other, address).body
        # The first node's row and this one's together count each datastream once.
        assert counted(one, address, 3) == ["A", "B", "DC"]
        assert package_of(address) not in one.log
