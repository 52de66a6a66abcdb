import socket
import time

import pytest

from getapi.core.errors import DeliveryOverdue, DeliveryShutDown, DeliveryStalled
from getapi.transport.transfer import Transfer
from tests.transport.material import AMOUNT, connected, entry, fill, wait_until


def test_what_waits_in_the_socket_is_not_acknowledged() -> None:
    with connected(paused=True) as (connection, receiver):
        transfer = Transfer(connection, total=AMOUNT)
        transfer.hand(fill(connection))
        assert 0 < transfer.acknowledged < transfer.handed
        assert not transfer.is_settled
        receiver.resume.set()
        wait_until(lambda: transfer.is_settled)
        assert transfer.acknowledged == transfer.handed


def test_octets_of_the_headers_that_wait_do_not_make_less_than_nothing() -> None:
    with connected(paused=True) as (connection, _):
        transfer = Transfer(connection, total=AMOUNT)
        fill(connection)
        assert transfer.acknowledged == 0


def test_without_a_socket_all_that_was_handed_over_counts() -> None:
    transfer = Transfer(None, total=10)
    transfer.hand(7)
    assert transfer.acknowledged == 7
    assert transfer.is_settled


def test_a_receiver_that_has_gone_settles_at_once_and_has_not_got_the_rest() -> None:
    with connected(paused=True) as (connection, receiver):
        transfer = Transfer(connection, total=AMOUNT)
        transfer.hand(fill(connection))
        receiver.connection.close()
        wait_until(lambda: transfer.is_settled)
        assert transfer.acknowledged < transfer.handed


def test_of_a_socket_that_was_closed_under_it_no_more_is_asked() -> None:
    """As of an answer that an error threw away: whoever looks at all transfers must come to the others still."""
    with connected(paused=True) as (connection, _):
        transfer = Transfer(connection, total=AMOUNT, clock=lambda: 100.0)
        transfer.hand(fill(connection))
        known = transfer.acknowledged
        connection.close()
        assert transfer.progress == transfer.handed
        assert transfer.acknowledged == known
        assert not transfer.is_settled
        assert transfer.idle(200.0) == 0
        assert transfer.idle(260.0) == 60
        transfer.cut(DeliveryStalled())
        transfer.release()


def test_idle_time_counts_from_the_last_octet_acknowledged_not_from_the_last_call_that_returned() -> None:
    with connected(paused=True) as (connection, receiver):
        transfer = Transfer(connection, total=AMOUNT, clock=lambda: 100.0)
        transfer.hand(fill(connection))
        wait_until(lambda: transfer.idle(200.0) == 0 and transfer.idle(200.0) == 0)
        time.sleep(0.2)
        transfer.idle(200.0)
        assert transfer.idle(230.0) == 30
        receiver.resume.set()
        wait_until(lambda: transfer.idle(231.0) == 0)  # nothing was handed over meanwhile


def test_the_first_cut_stays_and_ends_the_connection() -> None:
    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=AMOUNT)
        transfer.check()
        transfer.cut(DeliveryStalled())
        transfer.cut(DeliveryOverdue())
        with pytest.raises(DeliveryStalled):
            transfer.check()
        with pytest.raises(BrokenPipeError):
            connection.send(b"more")
        assert receiver.result() == b""


def test_a_connection_that_is_gone_already_can_still_be_cut() -> None:
    with connected() as (connection, _):
        transfer = Transfer(connection, total=AMOUNT)
        connection.shutdown(socket.SHUT_RDWR)
        transfer.cut(DeliveryStalled())
        assert isinstance(transfer.error, DeliveryStalled)


def test_after_release_the_connections_next_response_is_safe_from_the_watcher() -> None:
    with connected() as (connection, receiver):
        transfer = Transfer(connection, total=AMOUNT)
        connection.sendall(b"body")
        transfer.hand(4)
        wait_until(lambda: transfer.is_settled)
        transfer.release()
        transfer.cut(DeliveryShutDown())
        connection.sendall(b"the next response")
        assert transfer.acknowledged == 4
        connection.shutdown(socket.SHUT_WR)
        assert receiver.result() == b"bodythe next response"


def test_the_time_in_an_entry_counts_from_its_beginning() -> None:
    now = [5.0]
    transfer = Transfer(None, total=1, clock=lambda: now[0])
    member = entry("a", b"")
    now[0] = 9.0
    transfer.enter(member)
    assert (transfer.started, transfer.entry, transfer.entered) == (5.0, member, 9.0)
    transfer.leave()
    assert transfer.entry is None
