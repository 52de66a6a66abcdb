"""``/metrics``: from inside alone, and one answer for all processes of a node."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.test import Client

from fixtures.repository import Repository
from tests.conftest import Configure
from tests.services.test_metrics import samples
from tests.sources.stores import BuiltStore
from tests.transport.material import wait_until
from tests.web.conftest import Serve, octets
from tests.web.resume.asking import Application, get
from tests.web.resume.material import Part, configuration, put_object, some
from tests.web.server import Server, serving

ASKED = 40


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("address", ["/metrics", "/metrics/"])
def test_from_elsewhere_nothing_is_there(client: Client, configure: Configure, db: None, method: str, address: str) -> None:
    configure()
    ask = getattr(client, method)
    assert ask(address).status_code == 200
    assert ask(address, REMOTE_ADDR="192.0.2.7").status_code == 404
    assert ask(address, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404
    configure('metrics.networks = ["192.0.2.0/24"]')
    assert ask(address, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_health_is_told_with_or_without_a_slash_as_all_else(client: Client, configure: Configure, db: None) -> None:
    configure()
    for address in ("/healthz", "/healthz/", "/readyz", "/readyz/"):
        assert client.get(address).status_code == 200


def test_a_download_shows_in_it(api: Client, serve: Serve, token: str) -> None:
    inside = Client()
    before = samples(inside.get("/metrics").content.decode())
    answer = api.post("/api/get/PACKAGE", {"token": token, "files": "rutgers-lib:5678"})
    size = len(octets(answer))
    after = samples(inside.get("/metrics").content.decode())

    def rose(*name: str) -> float:
        return after[name] - before.get(name, 0)

    assert rose("packaging_deliveries_total", "done") == 1
    assert rose("packaging_delivered_bytes_total") == size
    assert rose("packaging_requests_total", "POST", "200", "Package") == 1
    assert rose("packaging_requests_total", "GET", "200", "Metrics") == 1


def test_where_there_is_nothing_no_name_of_a_client_s_making_appears(client: Client, configure: Configure, db: None) -> None:
    configure()
    for path in ("/of-a-stranger", "/api/get/of-a-stranger", "/static/of-a-stranger", "/admin/of-a-stranger"):
        client.get(path)
    told = client.get("/metrics").content.decode()
    assert "of-a-stranger" not in told
    assert 'view="static"' in told
    assert 'view="admin"' in told


def workers(server: Server) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii").split()]


def test_whichever_process_answers_it_tells_all_that_any_of_them_counted(tmp_path: Path, demonstration: Repository) -> None:
    with serving(tmp_path) as server:

        def counted() -> float:
            return samples(get(server, "/metrics").body.decode())["packaging_requests_total", "GET", "200", "Live"]

        for _ in range(ASKED):
            assert get(server, "/healthz").status == 200
        assert {counted() for _ in range(10)} == {ASKED}
        killed = workers(server)[0]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in workers(server) and len(workers(server)) == 2)
        for _ in range(ASKED):
            assert get(server, "/healthz").status == 200
        assert {counted() for _ in range(10)} == {2 * ASKED}
        wait_until(lambda: len(slots(server)) == 2)
        assert slots(server) == {"0": 64, "1": 64}
        assert not [file for file in tmp_path.iterdir() if file.suffix == ".db"], "counters need no files"


def slots(server: Server) -> dict[str, float]:
    """By the places of the processes that serve by now."""
    told = samples(get(server, "/metrics").body.decode())
    return {name[1]: value for name, value in told.items() if name[0] == "packaging_delivery_slots"}


def test_with_every_slot_taken_health_tokens_and_metrics_are_answered_at_once(tmp_path: Path) -> None:
    store = BuiltStore(root=tmp_path)
    put_object(store, "large:1", Part(dsid="A", octets=some(60_000_000, "A")))
    (tmp_path / "service").mkdir()
    with serving(tmp_path / "service", toml=configuration(store), threads=9) as server, ExitStack() as stack:
        application = Application.at(server)
        address = application.link("large:1", "tar")
        wait_until(lambda: len(slots(server)) == 2)  # both serve, and one of them may be quicker again and again
        asked = taken = 0
        while asked < 30 or (taken < 2 and asked < 300):
            connection = stack.enter_context(server.connect(receive_buffer=64 << 10))
            connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            asked, taken = asked + 1, taken + (connection.recv(12) == b"HTTP/1.1 200")
        assert taken == 2, "one of each process"
        began = time.monotonic()
        for _ in range(20):
            assert get(server, "/healthz").status == 200
            assert get(server, "/readyz").status == 200
            assert get(server, "/metrics").status == 200
        assert Application.at(server).token
        assert time.monotonic() - began < 30
        server.wait_for_rows("SELECT 1 WHERE (SELECT count(*) FROM getapi_delivery WHERE outcome = 'running') = 2")
        told = samples(get(server, "/metrics").body.decode())
        assert told["packaging_deliveries_running",] == 2
        assert told["packaging_deliveries_unsent_bytes",] > 30_000_000
        assert sum(value for name, value in told.items() if name[0] == "packaging_delivery_slots") == 2
        assert told["packaging_requests_total", "GET", "429", "PackageContent"] == asked - 2
