"""What applications are told, by whom it is signed, and where it never goes."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from getapi.models import Announcement, Key, Package
from getapi.services import keys, webhooks
from getapi.services.webhooks import WebhookRefused
from tests.conftest import Configure
from tests.web.conftest import Spoken, spoken
from tests.web.preparing.failing import Fault, anything, failing

__all__ = ["spoken"]

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = "/api/get/packages/x/content"
LONG = "https://a.example/" + "x" * 500


class Receiver(ThreadingHTTPServer):
    """Answers as ``answer`` says, and remembers what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = status(204)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/told?secret=1"

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


@pytest.fixture
def package(configure: Configure, receiver: Receiver) -> Package:
    """Of a key that has a webhook."""
    configure()
    keys.create_key("application")
    keys.set_webhook("application", receiver.url)
    return make()


def make() -> Package:
    return Package.objects.create(
        id=f"{Package.objects.count():032x}", key=Key.objects.get(), created=timezone.now(), format="tar", name="p", size=0, files=0,
        etag="", encoder=1, plan=b"",
    )  # fmt: skip


def tell(package: Package, state: str = "ready", **facts: Any) -> Announcement:
    webhooks.announce(package.pk, state=state, content=CONTENT, **facts)
    webhooks.send_due(wait=True)
    return Announcement.objects.get(package=package.pk)


def again() -> Announcement:
    Announcement.objects.update(due=Now())
    webhooks.send_due(wait=True)
    return Announcement.objects.get()


def test_it_is_told_what_and_how_it_stands_signed_as_standard_webhooks_says(package: Package, receiver: Receiver) -> None:
    row = tell(package)
    ((path, headers, body),) = receiver.came
    assert path == "/told?secret=1"
    told = json.loads(body)
    assert told["type"] == "package.ready"
    assert told["data"] == {"id": package.pk, "state": "ready", "content": CONTENT, "problem": None}
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    secret = Key.objects.get().webhook_secret
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert headers["content-type"] == "application/json"
    assert (row.state, row.attempts, row.reason) == ("told", 1, "")


def test_the_signature_is_that_of_the_specification() -> None:
    body = b'{"test": 2432232314}'
    found = webhooks.sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_failure_is_told_with_its_reason(package: Package, receiver: Receiver) -> None:
    tell(package, "failed", problem={"code": "too-many-bytes", "text": "Too much"})
    told = json.loads(receiver.came[0][2])
    assert (told["type"], told["data"]["problem"]) == ("package.failed", {"code": "too-many-bytes", "text": "Too much"})


def test_nobody_is_told_of_a_key_without_a_webhook(package: Package, receiver: Receiver) -> None:
    keys.set_webhook("application", None)
    webhooks.announce(package.pk, state="ready", content=CONTENT)
    assert webhooks.send_due(wait=True) == 0
    assert Announcement.objects.count() == 0


def test_what_fails_is_tried_again_later_with_the_same_id_and_not_for_ever(package: Package, receiver: Receiver) -> None:
    receiver.answer = status(500)
    row = tell(package)
    assert (row.state, row.reason) == ("waiting", "500")
    assert row.due > timezone.now() + timedelta(seconds=5)
    assert webhooks.send_due(wait=True) == 0  # not yet
    pauses = []
    for _ in range(webhooks.ATTEMPTS - 1):
        row = again()
        pauses.append((row.due - timezone.now()).total_seconds())
    assert (row.state, row.attempts) == ("given-up", webhooks.ATTEMPTS)
    assert pauses == sorted(pauses)
    assert len(receiver.came) == webhooks.ATTEMPTS
    assert len({headers["webhook-id"] for _, headers, _ in receiver.came}) == 1
    assert webhooks.send_due(wait=True) == 0


def test_a_receiver_that_comes_back_is_told(package: Package, receiver: Receiver) -> None:
    receiver.answer = status(503)
    tell(package)
    receiver.answer = status(200)
    assert again().state == "told"


def test_one_that_is_gone_is_told_no_more(package: Package, receiver: Receiver) -> None:
    receiver.answer = status(410)
    assert tell(package).state == "given-up"


def test_a_redirect_is_not_followed(package: Package, receiver: Receiver) -> None:
    receiver.answer = status(307, Location=receiver.url)
    row = tell(package)
    assert (row.state, row.reason, len(receiver.came)) == ("waiting", "307", 1)


def test_of_two_workers_one_tells_it(package: Package, receiver: Receiver) -> None:
    webhooks.announce(package.pk, state="ready", content=CONTENT)
    pk = Announcement.objects.get().pk
    assert [webhooks._claim(pk) for _ in range(3)] == [True, False, False]


def test_a_receiver_that_drips_is_given_up_in_time(receiver: Receiver, configure: Configure) -> None:
    configure()
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(600):
            handler.wfile.write(b"H")
            if ended.wait(0.1):
                return

    receiver.answer = drip
    began = time.monotonic()
    with pytest.raises((OSError, Exception)):
        webhooks.post(receiver.url, b"{}", {}, deadline=0.5)
    assert time.monotonic() - began < 20
    ended.set()


def test_a_revoked_keys_is_told_nothing(package: Package, receiver: Receiver) -> None:
    Key.objects.update(revoked=timezone.now())
    assert tell(package).state == "given-up"
    assert receiver.came == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"])
def test_a_name_that_leads_to_a_private_address_is_not_asked(configure: Configure, address: str) -> None:
    configure()
    for addresses in ([address], ["93.184.216.34", address]):
        with pytest.raises(WebhookRefused, match="private-address"):
            webhooks.post("http://inside.example.org/", b"", {}, resolver=lambda *_, found=addresses: found)


def test_a_host_that_the_configuration_names_is(configure: Configure, receiver: Receiver) -> None:
    configure('[jobs]\nwebhook_hosts = ["inside.example.org"]')
    url = receiver.url.replace("127.0.0.1", "Inside.example.org")
    assert webhooks.post(url, b"{}", {"x": "y"}, resolver=lambda *_: ["127.0.0.1"]) == 204
    assert receiver.came[0][1]["host"].lower() == f"inside.example.org:{receiver.server_address[1]}"


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a.example/", "https://", "http://user:pass@a.example/", "https://a.example/#x", "https://a b/", "http://[", LONG],
)
def test_what_is_no_url_of_a_webhook_is_refused_in_words(package: Package, url: str) -> None:
    with pytest.raises(keys.KeyRefused):
        keys.set_webhook("application", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "https://LOCALHOST:8443/told",
        "http://localhost./",
        "http://inside.localhost/",
        "http://127.1/",
        "http://[0:0::1]/",
    ],
)
def test_what_would_never_be_told_is_refused_when_it_is_stored(package: Package, url: str) -> None:
    with pytest.raises(keys.KeyRefused, match=r"public addresses alone.*jobs\.webhook_hosts"):
        keys.set_webhook("application", url)
    assert Key.objects.get().webhook != url


def test_a_name_that_is_none_is_refused_when_it_is_stored(package: Package) -> None:
    with pytest.raises(keys.KeyRefused, match=r"a\.\.example is no host's name"):
        keys.set_webhook("application", "https://a..example/")


@pytest.mark.parametrize("url", ["http://10.0.0.7/told", "http://[::1]:8000/", "https://93.184.216.34/", "https://receiver.example.org/"])
def test_an_address_that_is_written_itself_and_a_name_can_be_stored(package: Package, url: str) -> None:
    assert keys.set_webhook("application", url)


@pytest.mark.parametrize(("host", "url"), [("localhost", "http://Localhost:8000/"), ("127.1", "http://127.1/")])
def test_a_host_that_the_configuration_names_can_be_stored(package: Package, configure: Configure, host: str, url: str) -> None:
    configure(f'[jobs]\nwebhook_hosts = ["{host}"]')
    assert keys.set_webhook("application", url)


def test_another_url_has_another_secret(package: Package) -> None:
    before = Key.objects.get().webhook_secret
    secret = keys.set_webhook("application", "https://receiver.example.org/")
    assert secret == Key.objects.get().webhook_secret != before
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


def test_no_log_line_holds_the_secret_the_url_or_the_packages_id(package: Package, receiver: Receiver, spoken: Spoken) -> None:
    package = Package.objects.create(
        id="abcdef0123456789" * 2, key=Key.objects.get(), created=timezone.now(), format="tar", name="p", size=0, files=0, etag="",
        encoder=1, plan=b"",
    )  # fmt: skip
    receiver.answer = status(500)
    tell(package)
    assert "webhook waiting" in spoken.text
    for told in (Key.objects.get().webhook_secret, "secret=1", package.pk):
        assert told not in spoken.text


def test_what_was_told_is_forgotten_after_some_days(package: Package) -> None:
    tell(package)
    Announcement.objects.update(created=timezone.now() - timedelta(days=8))
    assert webhooks.purge() == 1


def test_whichever_statement_fails_and_however_often_the_next_is_told_all_the_same(package: Package, receiver: Receiver) -> None:
    """A place that a failure keeps is one fewer of the few: after some of them nobody would ever be told anything."""
    webhooks.announce(package.pk, state="ready", content=CONTENT)
    for number in range(1, 40):
        fault = Fault(number, lambda: OperationalError("database is locked"), anything)
        with failing(fault), suppress(OperationalError):
            webhooks.send_due(wait=True)
        if not fault.struck:
            break
        Announcement.objects.update(due=Now(), attempts=0, state=Announcement.State.WAITING)
    assert number > 3
    for _ in range(2 * webhooks.AT_ONCE):
        with failing(Fault(2, lambda: OperationalError("database is locked"), anything)), suppress(OperationalError):
            webhooks.send_due(wait=True)
        Announcement.objects.update(due=Now(), attempts=0, state=Announcement.State.WAITING)
    before = len(receiver.came)
    assert again().state == "told"
    assert len(receiver.came) == before + 1


def test_a_name_that_is_none_for_tls_is_a_failure_like_any_other(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")

    monkeypatch.setattr(webhooks, "post", refuse)
    row = tell(package)
    assert (row.state, row.reason) == ("waiting", "ValueError")
    for _ in range(webhooks.ATTEMPTS):
        row = again()
    assert row.state == "given-up"
