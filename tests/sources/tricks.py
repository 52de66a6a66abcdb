"""What a server may do to whoever asks it, on purpose or because something in between does not know better."""

import gzip
import socket
import struct
import time
from contextlib import suppress

from tests.sources.peers import Answer, Asked, Trick, head, ranged

PATIENCE, SILENCE = 1.5, 0.8
"""Of the adapters under test, in seconds."""

LONGEST = 40.0
"""Seconds that anything may take; alone it is two or three."""


def short(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    body = ranged(answer, asked).body
    connection.sendall(head(answer, asked) + body[: len(body) // 2])


def reset(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    short(asked, answer, connection)
    time.sleep(0.05)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def endless(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """Without a length; HEAD tells the right one."""
    if asked.method == "HEAD":
        return connection.sendall(head(answer, asked))
    without = Answer(headers={**answer.headers, "Content-Length": ""})
    connection.sendall(head(without, asked) + answer.body)
    end = time.monotonic() + LONGEST
    with suppress(OSError):
        while time.monotonic() < end:
            connection.sendall(bytes(1 << 16))
    return None


def told_longer(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    longer = Answer(headers={**answer.headers, "Content-Length": str(len(answer.body) + 5)})
    connection.sendall(head(longer, asked) + answer.body + b"extra")


def told_shorter(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    shorter = Answer(headers={**answer.headers, "Content-Length": str(len(answer.body) - 5)})
    connection.sendall(head(shorter, asked) + answer.body[:-5])


def _drip(octets: bytes, connection: socket.socket) -> None:
    end = time.monotonic() + LONGEST
    with suppress(OSError):
        for octet in octets:
            if time.monotonic() > end:
                return
            connection.sendall(bytes([octet]))
            time.sleep(0.05)


def dripping_body(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    connection.sendall(head(answer, asked))
    _drip(answer.body, connection)


def dripping_head(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    _drip(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: and so on\r\n" * 1000, connection)


def silent(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    with suppress(OSError):
        connection.settimeout(LONGEST)
        connection.recv(1)


def silent_after_half(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    short(asked, answer, connection)
    silent(asked, answer, connection)


def failing(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    connection.sendall(head(Answer(status=500, body=b"<h1>Error</h1>"), asked) + b"<h1>Error</h1>")


def failing_after_half(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """A proxy in between does not know better."""
    short(asked, answer, connection)
    connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


def garbage(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    connection.sendall(bytes(range(256)) * 64)


def page(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """A form to log in at, padded to the length that was promised."""
    body = b"<html>please log in</html>".ljust(len(answer.body))
    connection.sendall(head(Answer(body=body, headers={"Content-Type": "text/html; charset=utf-8"}), asked) + body)


def other_bytes(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    body = bytes(len(answer.body))
    connection.sendall(head(Answer(body=body, headers=answer.headers), asked) + body)


def redirecting(target: str) -> Trick:
    def redirect(asked: Asked, answer: Answer, connection: socket.socket) -> None:
        connection.sendall(head(Answer(status=302, headers={"Location": target}), asked))

    return redirect


def compressed(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    connection.sendall(head(Answer(headers={**answer.headers, "Content-Encoding": "gzip"}, body=answer.body), asked) + answer.body)


def really_compressed(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    body = gzip.compress(answer.body)
    told = Answer(headers={**answer.headers, "Content-Encoding": "gzip", "Content-Length": str(len(body))}, body=body)
    connection.sendall(head(told, asked) + body)


def flooding_head(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: and so on\r\n" * 1_000_000)


def long_header(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Filler: " + bytes(range(65, 91)) * 1_000_000)


def continuing(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """The true answer is always about to come (RFC 9110 15.2)."""
    end = time.monotonic() + LONGEST
    with suppress(OSError):
        while time.monotonic() < end:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.001)


def _chunk(octets: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(octets), octets)


def chunked_with_more_behind(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """Right so far; what comes then would be the next question's answer, if anybody believed it."""
    if asked.method == "HEAD":
        return connection.sendall(head(answer, asked))
    given = ranged(answer, asked)
    told = Answer(status=given.status, headers={**given.headers, "Content-Length": "", "Transfer-Encoding": "chunked"})
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer.body) + bytes(len(answer.body))
    connection.sendall(head(told, Asked(method="GET", path="", query={}, headers={}, connection=0)) + _chunk(given.body))
    connection.sendall(b"0\r\n\r\n" + forged)
    return silent(asked, answer, connection)


def broken_chunks(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    told = Answer(headers={**answer.headers, "Content-Length": "", "Transfer-Encoding": "chunked"})
    connection.sendall(head(told, asked) + _chunk(answer.body[: len(answer.body) // 2]) + b"-5\r\nand so on\r\n0\r\n\r\n")


def another_range(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """Of the right length, from another place; also where no range was asked for."""
    size, wanted = len(answer.body), asked.headers.get("range", "bytes=0-")
    start = min(int(wanted[6:-1]) + 1, size - 1)
    body = answer.body[start:]
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
    connection.sendall(head(Answer(status=206, headers=headers, body=body), asked) + body)


def part_of_the_range(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """Less than was asked for, and honestly so (RFC 9110 15.3.7 allows it)."""
    size, wanted = len(answer.body), asked.headers.get("range", "bytes=0-")
    start = int(wanted[6:-1])
    body = answer.body[start : start + 100]
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{start + len(body) - 1}/{size}"}
    connection.sendall(head(Answer(status=206, headers=headers, body=body), asked) + body)


def range_of_another_size(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    size, wanted = len(answer.body), asked.headers.get("range", "bytes=0-")
    start = int(wanted[6:-1])
    body = answer.body[start:] + b"more"
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{size + 3}/{size + 4}"}
    connection.sendall(head(Answer(status=206, headers=headers, body=body), asked) + body)


def whole_in_place_of_a_range(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    told = Answer(headers=answer.headers, body=answer.body)
    connection.sendall(head(told, asked) + (b"" if asked.method == "HEAD" else answer.body))


def range_in_place_of_the_whole(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    """Says that it is all, and is its end."""
    body = answer.body[len(answer.body) // 2 :]
    connection.sendall(head(Answer(headers=answer.headers, body=body), asked) + body)


def two_lengths(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    body = answer.body[:-7]
    lines = [
        f"Content-Length: {len(body)}",
        f"Content-Length: {len(answer.body)}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    connection.sendall("\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1") + body)


def no_number(asked: Asked, answer: Answer, connection: socket.socket) -> None:
    told = Answer(headers={**answer.headers, "Content-Length": "-1"})
    connection.sendall(head(told, asked) + answer.body[:-7])


CONTENT: dict[str, Trick] = {
    "short": short,
    "reset": reset,
    "endless": endless,
    "told longer": told_longer,
    "told shorter": told_shorter,
    "dripping body": dripping_body,
    "dripping head": dripping_head,
    "silent": silent,
    "silent after half": silent_after_half,
    "failing": failing,
    "failing after half": failing_after_half,
    "garbage": garbage,
    "page": page,
    "other bytes": other_bytes,
    "compressed": compressed,
    "really compressed": really_compressed,
    "flooding head": flooding_head,
    "long header": long_header,
    "continuing": continuing,
    "chunked with more behind": chunked_with_more_behind,
    "broken chunks": broken_chunks,
    "another range": another_range,
    "part of the range": part_of_the_range,
    "range of another size": range_of_another_size,
    "whole in place of a range": whole_in_place_of_a_range,
    "range in place of the whole": range_in_place_of_the_whole,
    "two lengths": two_lengths,
    "no number": no_number,
    "to the cloud's own": redirecting("http://169.254.169.254/latest/meta-data"),
    "to this machine": redirecting("http://127.0.0.1:1/x"),
    "to a file": redirecting("file:///etc/passwd"),
    "to itself": redirecting("/again"),
}
_RIGHT_FOR_A_DOCUMENT = {"told longer", "other bytes", "told shorter", "page", "chunked with more behind", "whole in place of a range"}
METADATA = {name: CONTENT[name] for name in CONTENT if name not in _RIGHT_FOR_A_DOCUMENT}
