"""A package that is cancelled at one service ends at the other: short, at once, and for good."""

import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.sources.stores import BuiltStore
from tests.web.resume.asking import ask, get, package_of
from tests.web.resume.conftest import Twins
from tests.web.resume.material import Part, file_of, put_object

SPARSE = 1 << 30
NARROW = 64 << 10


@pytest.fixture
def large(store: BuiltStore) -> Iterator[str]:
    """More than a connection holds. It goes again, as nobody is to read it whole."""
    put_object(store, "large:1", Part(dsid="A", octets=b""))
    with file_of(store, "large:1", "A").open("wb") as handle:
        handle.truncate(SPARSE)
    yield "large:1"
    for file in (store.path("large:1"), file_of(store, "large:1", "A")):
        file.unlink()


def test_cancelling_cuts_what_the_other_service_is_sending(twins: Twins, large: str) -> None:
    address = twins.application.link(large, "tar")
    with twins.first.connect(receive_buffer=NARROW) as connection:
        connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = len(connection.recv(1 << 16))
        assert ask(twins.second, "DELETE", address.removesuffix("/content")).status == HTTPStatus.NO_CONTENT
        began = time.monotonic()
        query = "SELECT reason FROM getapi_delivery WHERE package = ? AND outcome = 'canceled'"
        assert twins.first.wait_for_rows(query, package_of(address)) == [("package-canceled",)]
        assert time.monotonic() - began < 10, "a look each second, and a busy machine: a stall, or a lease that ran out, takes longer"
        try:
            while octets := connection.recv(1 << 20):
                received += len(octets)
        except ConnectionError:
            pass
    assert received < SPARSE // 2
    assert "package-canceled" in twins.first.log
    assert package_of(address) not in twins.first.log
    for server in twins.both:
        assert get(server, address, range="bytes=5-").status == HTTPStatus.GONE
