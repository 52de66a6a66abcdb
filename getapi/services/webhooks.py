"""What applications are told when their packages are ready or have failed: a signed POST to the URL that was stored with the key.

Signed as Standard Webhooks says (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp``, and ``webhook-signature``, "v1,"
and the base64 of HMAC-SHA256 over ``ID.TIMESTAMP.BODY``. Nothing ever waits for it, and nobody but the administrator says where it goes.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, timedelta
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from getapi import conf
from getapi.models import Announcement, Package
from getapi.services.rounds import close_databases
from getapi.sources.addresses import is_public, resolve

logger = logging.getLogger("getapi.webhooks")

ATTEMPTS = 6
FIRST_PAUSE = timedelta(seconds=10)
"""Before the second attempt; four times as long before each further one, so that the last comes an hour after the first."""

CONNECTING, ANSWERING = 5.0, 10.0
"""Seconds until connected, and until a receiver that is silent is given up."""

DEADLINE = 20.0
"""Seconds for all of one attempt, however its receiver drips."""

AT_ONCE = 8
"""Attempts that one process makes at the same time."""

PREFIX = "whsec_"
_PORTS = {"http": 80, "https": 443}
_REFUSALS = {
    "private-address": (
        "Webhooks go to public addresses alone, and {host} is none: write the address itself, such as 10.0.0.7, or name the host in "
        "jobs.webhook_hosts"
    ),
    "unknown-host": "{host} is no host's name",
}
"""The reasons of WebhookRefused in words, for who stores a URL."""

_free = threading.BoundedSemaphore(AT_ONCE)


class WebhookRefused(Exception):
    """A URL that is not told anything; the text says why, and is fit for the log."""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def read_url(text: str) -> str:
    """Raises ValueError in plain words for what is no webhook's URL, or one of which it can be seen that it would be refused each time."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{text[:60]} is not a URL") from None
    if parts.scheme not in _PORTS or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("A webhook is an http:// or https:// URL")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("A webhook's URL holds neither a name and password nor a #")
    if len(url) > 500:
        raise ValueError("A webhook's URL has at most 500 characters")
    try:
        _address(host, port or _PORTS[parts.scheme], _seen)
    except WebhookRefused as error:
        raise ValueError(_REFUSALS[str(error)].format(host=host)) from None
    except OSError:
        pass  # a name, of which nobody has been asked yet
    return url


def _seen(host: str, port: int) -> list[str]:
    """The addresses that a host's own words tell: by number, however that is written, or localhost (RFC 6761 6.3).

    Raises OSError for any other name, UnicodeError.
    """
    if f".{host.lower().rstrip('.')}".endswith(".localhost"):
        return ["127.0.0.1"]
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]


def sign(secret: str, message: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` of a body."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    mac = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode("ascii")


def announce(package_id: str, *, state: str, content: str, problem: Mapping[str, str] | None = None) -> None:
    """The package's key has something to tell, if it has a webhook; in the transaction that makes it so."""
    key_id = Package.objects.filter(pk=package_id).exclude(key__webhook="").values_list("key", flat=True).first()
    if key_id is None:
        return
    now = timezone.now()
    told = {"id": package_id, "state": str(state), "content": content, "problem": problem}
    stamp = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = json.dumps({"type": f"package.{state}", "timestamp": stamp, "data": told})
    Announcement.objects.create(uid=uuid.uuid4(), key_id=key_id, package=package_id, body=body, due=Now(), created=now)


def send_due(*, wait: bool = False) -> int:
    """Begins what is due, each in a thread of its own, and returns how many; ``wait`` for their ends."""
    begun = []
    for pk in (
        Announcement.objects.filter(state=Announcement.State.WAITING, due__lte=Now()).order_by("due").values_list("pk", flat=True)[:AT_ONCE]
    ):
        if not _free.acquire(blocking=False):
            break
        with ExitStack() as place:
            place.callback(_free.release)
            if not _claim(pk):
                continue
            thread = threading.Thread(target=_work, args=(pk,), name="webhook", daemon=True)
            thread.start()
            place.pop_all()  # it is the thread's now
            begun.append(thread)
    for thread in begun if wait else ():
        thread.join(DEADLINE + 10)
    return len(begun)


def _claim(pk: int) -> bool:
    """One UPDATE decides whose attempt it is. Whoever dies in it is as one who failed: the next one is due when it would have been."""
    row = Announcement.objects.filter(pk=pk, state=Announcement.State.WAITING, due__lte=Now())
    attempts = row.values_list("attempts", flat=True).first()
    if attempts is None:
        return False
    pause = FIRST_PAUSE * 4**attempts + timedelta(seconds=DEADLINE)
    return bool(row.filter(attempts=attempts).update(attempts=F("attempts") + 1, due=Now() + pause))


def _work(pk: int) -> None:
    try:
        _attempt(pk)
    except Exception:  # the edge of a thread
        logger.exception("a webhook could not be told")
    finally:
        close_databases()
        _free.release()


def _attempt(pk: int) -> None:
    row = Announcement.objects.select_related("key").filter(pk=pk).first()
    if row is None:
        return
    reason = _tell(row)
    gone = reason in {"revoked", "410"}
    given_up = bool(reason) and (gone or row.attempts >= ATTEMPTS)
    state = Announcement.State.GIVEN_UP if given_up else Announcement.State.WAITING if reason else Announcement.State.TOLD
    Announcement.objects.filter(pk=pk).update(state=state, reason=reason[:64])
    facts = {"prefix": row.key.prefix, "package": row.package[:8], "attempt": row.attempts, "reason": reason}
    logger.log(logging.WARNING if reason else logging.INFO, "webhook %s", state, extra=facts)


def _tell(row: Announcement) -> str:
    """What was wrong; empty where the receiver took it."""
    key = row.key
    if not key.webhook or not key.webhook_secret or (key.revoked is not None and key.revoked <= timezone.now()):
        return "revoked"
    timestamp, message, body = int(time.time()), f"msg_{row.uid.hex}", row.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "packaging-service",
        "Connection": "close",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(key.webhook_secret, message, timestamp, body),
    }
    try:
        status = post(key.webhook, body, headers)
    except WebhookRefused as error:
        return str(error)
    except (HTTPException, OSError, ValueError) as error:  # the last of a name that TLS cannot take
        return type(error).__name__
    return "" if 200 <= status < 300 else str(status)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    resolver: Callable[[str, int], Sequence[str]] = resolve,
    deadline: float = DEADLINE,
) -> int:
    """The status of the answer, of which no more is read; a redirect is one like any other, and leads nowhere.

    On a connection of its own, without proxies, cookies or .netrc. Raises WebhookRefused for an address that is not public, unless
    ``jobs.webhook_hosts`` names the host or the URL itself does by number; HTTPException, OSError.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    said = {**headers, "Host": name if port == _PORTS[parts.scheme] else f"{name}:{port}"}
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _connected(_address(host, port, resolver), port, host if parts.scheme == "https" else None) as sock:
        # Octets that come one by one reset every timeout of a socket; shut down, it wakes whoever waits.
        limit = threading.Timer(deadline, _shut_down, (sock,))
        limit.daemon = True
        limit.start()
        try:
            connection = HTTPConnection(host, port)
            connection.sock = sock
            connection.request("POST", target, body, said)
            return connection.getresponse().status
        finally:
            limit.cancel()


def _connected(address: str, port: int, tls_name: str | None) -> socket.socket:
    with ExitStack() as held:
        plain = held.enter_context(socket.create_connection((address, port), CONNECTING))
        plain.settimeout(ANSWERING)
        connected = plain if tls_name is None else ssl.create_default_context().wrap_socket(plain, server_hostname=tls_name)
        held.pop_all()  # it is the caller's now
        return connected


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        sock.shutdown(socket.SHUT_RDWR)


def _address(host: str, port: int, resolver: Callable[[str, int], Sequence[str]]) -> str:
    """The address to connect to: of a name, one that is public, as all of them must be."""
    try:
        addresses = resolver(host, port)
    except UnicodeError:
        raise WebhookRefused("unknown-host") from None
    if not addresses:
        raise WebhookRefused("unknown-host")
    explicit = {*map(str.lower, conf.current().jobs.webhook_hosts)}
    written = host.lower() in explicit or f"[{host.lower()}]" in explicit or list(addresses) == [host]
    if not written and not all(map(is_public, addresses)):
        raise WebhookRefused("private-address")
    return addresses[0]


def purge(keep: timedelta = timedelta(days=7)) -> int:
    """Deletes what was told or given up some days ago."""
    ended = Announcement.objects.filter(~Q(state=Announcement.State.WAITING), created__lt=timezone.now() - keep)
    return ended.delete()[0]
