import socket
import ssl
import struct

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from getapi.core.errors import ServerUnsuitable
from getapi.transport.connection import acknowledged_ever, encrypted_socket, is_reset, raw_socket, shut_down, unacknowledged
from tests.transport.material import connected, wait_until

ENVIRON = {"wsgi.version": (1, 0), "SERVER_PROTOCOL": "HTTP/1.1"}


def test_gunicorns_plain_blocking_socket_is_for_zero_copy() -> None:
    with connected() as (connection, _):
        assert raw_socket({**ENVIRON, "gunicorn.socket": connection}) is connection


def test_a_socket_that_does_not_block_is_left_to_the_server() -> None:
    with connected() as (connection, _):
        connection.setblocking(False)
        assert raw_socket({**ENVIRON, "gunicorn.socket": connection}) is None
        connection.setblocking(True)


def test_a_servers_time_for_an_answer_does_not_count_for_a_delivery() -> None:
    with connected() as (connection, _):
        connection.settimeout(5)  # the descriptor itself does not block then
        assert raw_socket({**ENVIRON, "SERVER_PROTOCOL": "HTTP/2", "gunicorn.socket": connection}) is None
        assert connection.gettimeout() == 5
        assert raw_socket({**ENVIRON, "gunicorn.socket": connection}) is connection
        assert connection.gettimeout() is None


def test_tls_is_left_to_the_server() -> None:
    near, far = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with far, context.wrap_socket(near, server_side=True, do_handshake_on_connect=False) as encrypted:
        assert raw_socket({**ENVIRON, "gunicorn.socket": encrypted}) is None


def test_http_2_and_other_servers_are_left_to_themselves() -> None:
    with connected() as (connection, _):
        assert raw_socket({**ENVIRON, "SERVER_PROTOCOL": "HTTP/2", "gunicorn.socket": connection}) is None
    assert raw_socket(RequestFactory().get("/").META) is None


def test_under_asgi_it_refuses_clearly_instead_of_gathering_a_package_in_memory() -> None:
    with pytest.raises(ServerUnsuitable, match=r"manage\.py serve"):
        raw_socket(AsyncRequestFactory().get("/").META)


def test_a_header_cannot_pretend_to_be_a_socket() -> None:
    assert raw_socket(RequestFactory().get("/", headers={"gunicorn.socket": "3"}).META) is None


def test_the_kernel_tells_what_was_acknowledged_and_what_was_not() -> None:
    with connected() as (connection, _):
        before = acknowledged_ever(connection)
        connection.sendall(b"x" * 1000)
        wait_until(lambda: unacknowledged(connection) == 0)
        assert acknowledged_ever(connection) - before == 1000
        assert not is_reset(connection)


def test_a_reset_connection_is_told_from_a_slow_one() -> None:
    with connected(paused=True) as (connection, receiver):
        connection.sendall(b"x")
        receiver.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        receiver.connection.close()
        wait_until(lambda: is_reset(connection))


def test_a_unix_socket_has_a_queue_but_no_count_of_acknowledgements() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(b"x" * 1000)
        assert unacknowledged(near) >= 1000
        far.recv(2000)
        assert unacknowledged(near) == 0
        assert acknowledged_ever(near) == 0
        assert not is_reset(near)


def test_an_encrypted_socket_is_for_watching_and_its_time_for_an_answer_is_taken_off() -> None:
    near, far = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with far, context.wrap_socket(near, server_side=True, do_handshake_on_connect=False) as encrypted:
        encrypted.settimeout(5)
        assert encrypted_socket({**ENVIRON, "SERVER_PROTOCOL": "HTTP/2", "gunicorn.socket": encrypted}) is None
        assert encrypted.gettimeout() == 5
        assert encrypted_socket({**ENVIRON, "gunicorn.socket": encrypted}) is encrypted
        assert encrypted.gettimeout() is None
        shut_down(encrypted)
        assert far.recv(1) == b"", "nothing is said any more, not even goodbye"
    with connected() as (connection, _):
        assert encrypted_socket({**ENVIRON, "gunicorn.socket": connection}) is None
