"""With what a repository's server knows this service is told to that server alone: whatever it answers, whoever looks, wherever."""

import base64
import hashlib
import io
import json
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.test import Client
from django.urls import reverse

from getapi import conf
from getapi.conf.mistakes import ConfigurationError
from getapi.core.errors import PackagingError
from getapi.services import keys, packages, repositories
from getapi.services.layouts import LayoutCache
from getapi.services.workshop import run_once
from getapi.sources import http, standing
from tests.conftest import Configure
from tests.core.iiif.test_manifest import second
from tests.sources.fedora import Fedora
from tests.sources.omekas import KEY, Omeka
from tests.sources.peers import Answer, Asked, PeerServer, Trick, running
from tests.sources.stores import DC, BuiltStore, datastream, foxml, inline, version
from tests.sources.test_iiif import Shelf
from tests.sources.tricks import failing_after_half, garbage, short
from tests.web.conftest import APPLICATION, Spoken, get_token, octets

PASSWORD, TOKEN = "canary-password-5e", "canary-token-91"
SECRETS = [PASSWORD, TOKEN, base64.b64encode(f"reader:{PASSWORD}".encode()).decode(), *KEY.values()]
STUDY = "-".join(["0123abcd"] * 5)
Answering = Callable[[Asked], Answer]


def orthanc(asked: Asked) -> Answer:
    body = b"an instance's octets"
    listed = {"ID": STUDY, "FileSize": len(body), "FileUuid": "u", "ParentSeries": STUDY}
    match asked.path.strip("/").split("/"):
        case ["studies", name] if name == STUDY:
            return Answer(body=json.dumps({"ID": STUDY}).encode())
        case ["studies", _, "series"]:
            return Answer(body=json.dumps([{"ID": STUDY, "ParentStudy": STUDY}]).encode())
        case ["studies", _, "instances"]:
            return Answer(body=json.dumps([listed]).encode())
        case [*_, "md5"]:
            return Answer(body=hashlib.md5(body, usedforsecurity=False).hexdigest().encode())
        case [*_, "data"]:
            return Answer(body=body, headers={"Content-Type": "application/dicom"}, ranged=True)
    return Answer(status=404)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A type of repository: where its server's answers come from, an object and a datastream of it, what else its table says."""

    pid: str
    dsid: str
    path: str = ""
    more: str = ""
    namespace: str = ""


KINDS = {
    "fedora3_rest": Kind(pid="demo:5", dsid="DC", path="/fedora"),
    "orthanc": Kind(pid=f"orthanc:{STUDY}", dsid=STUDY),
    "omeka": Kind(pid="omeka:7", dsid="71"),
    "iiif": Kind(pid="iiif:book", dsid="page-1", path="/presentation/{id}/manifest"),
}


def answering(kind: str, server: PeerServer, folder: Path) -> Answering:
    if kind == "fedora3_rest":
        store = BuiltStore(root=folder / "store")
        store.put("demo:5", foxml("demo:5", datastream("DC", "X", version("DC.0", inline(DC)))))
        return Fedora(path=store.path).answer
    if kind == "omeka":
        omeka = Omeka(base=server.url, images=server.url)
        omeka.put_item(7)
        omeka.upload(71, 7, b"an original")
        return omeka.answer
    if kind == "iiif":
        shelf = Shelf()
        shelf.put("book", second(1), server.url)
        return shelf.answer
    return orthanc


def echo(asked: Asked) -> str:
    """All that a server was told, as one that is broken or hostile gives it back."""
    return f"{asked.path} {asked.query} {asked.headers}"


def _echoing(status: int, mime: str) -> Answering:
    return lambda asked: Answer(status=status, body=echo(asked).encode(), headers={"Content-Type": mime, "X-Asked": echo(asked)})


def _away(asked: Asked) -> Answer:
    told = "&".join(f"{name}={value}" for name, value in asked.query.items())
    return Answer(status=302, headers={"Location": f"http://user:{PASSWORD}@elsewhere.example.org/?{told}&token={TOKEN}"})


def _echo_in_the_status(asked: Asked, answer: Answer, connection: Any) -> None:
    connection.sendall(f"HTTP/1.1 {echo(asked)}\r\n{echo(asked)}\r\n\r\n".encode("latin-1", "replace"))


FAILURES: Mapping[str, Answering] = {
    "refuses": _echoing(401, "text/plain"),
    "fails": _echoing(500, "text/html"),
    "answers with a page": _echoing(200, "text/html"),
    "answers with what is none": _echoing(200, "application/json"),
    "sends elsewhere": _away,
}
TRICKS: Mapping[str, Trick] = {
    "breaks off": short,
    "fails later": failing_after_half,
    "talks nonsense": garbage,
    "repeats what it was asked": _echo_in_the_status,
}


@dataclass(frozen=True, kw_only=True)
class Site:
    """The service before one server, and all that it said."""

    kind: Kind
    server: PeerServer
    right: Answering
    client: Client
    token: str
    told: list[str]

    def look_everywhere(self) -> None:
        """As readers, applications, administrators and monitors do."""
        for accept in ("application/json", "application/xml", "text/html"):
            headers = {"accept": accept, "authorization": f"Bearer {self.token}"}
            for path in (self.kind.pid, f"{self.kind.pid}/{self.kind.dsid}"):
                self._note(self.client.get(f"/api/get/{path}", headers=headers))
            for path, more in (("ESTIMATE", {}), ("PACKAGE", {}), ("PACKAGE", {"delivery": "link"}), ("PACKAGE", {"format": "zip"})):
                asked = {"token": self.token, "files": self.kind.pid, **more}
                self._note(self.client.post(f"/api/get/{path}", asked, headers={"accept": accept}))
            run_once()
            for row in apps.get_model("getapi", "Package").objects.all():
                for path in ("", "/content"):
                    self._note(self.client.get(f"/api/get/packages/{row.pk}{path}", headers={"accept": accept}))
        for path in ("/readyz", "/metrics", "/api/schema"):
            self._note(Client().get(path))
        self._look_as_an_administrator()
        self.told.append(_dump())
        self.told.append(f"{conf.current()!r} {repositories.registry()._sources} {vars(self._source())}")

    def _look_as_an_administrator(self) -> None:
        inside = Client()
        inside.force_login(User.objects.get_or_create(username="administrator", is_staff=True, is_superuser=True)[0])
        for model in ("package", "delivery", "download", "key"):
            self._note(inside.get(reverse(f"admin:getapi_{model}_changelist")))
        for name, options in (("check_sources", {}), ("check", {}), ("check", {"deploy": True}), ("purge_expired", {})):
            self._run(name, options)

    def _run(self, name: str, options: Mapping[str, Any]) -> None:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(name, stdout=out, stderr=err, **options)
        except (CommandError, SystemCheckError) as error:
            self.told.append(str(error))
        self.told.append(out.getvalue() + err.getvalue())

    def errors(self) -> None:
        """An exception's text, its facts, and what a debugger or a crash report would show of it."""
        source = self._source()
        for pid in (self.kind.pid, self.kind.pid.replace("7", "8")):
            try:
                source.describe(pid)
            except PackagingError as error:
                self.told.append(f"{error!r} {error} {error.facts} {error.__cause__!r}")
                self.told.append("".join(traceback.format_exception(error)))

    def _source(self) -> Any:
        return repositories.registry().by_name("library")

    def _note(self, answer: Any) -> None:
        try:
            body = octets(answer).decode("utf-8", "replace") if answer.streaming else answer.content.decode("utf-8", "replace")
        except PackagingError as error:
            body = repr(error)
        self.told.append(f"{answer.status_code} {answer.headers} {body}")


def _dump() -> str:
    models = [model for model in apps.get_models() if not model._meta.label.startswith(("auth.", "sessions."))]
    tables = [model._default_manager for model in models]
    return "\n".join(serializers.serialize("json", table.all()) + "".join(map(_blobs, table.values())) for table in tables)


def _blobs(row: Mapping[str, Any]) -> str:
    """A plan is kept compressed."""
    return "".join(zlib.decompress(value).decode() for value in row.values() if isinstance(value, bytes) and value[:1] == b"x")


@pytest.fixture(params=KINDS)
def site(
    transactional_db: None,
    configure: Configure,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoken: Spoken,
    request: pytest.FixtureRequest,
) -> Iterator[Site]:
    monkeypatch.setattr(packages, "_recent", LayoutCache())
    monkeypatch.setattr(http, "PAUSES", ())
    monkeypatch.setattr(standing, "AWAY", 0.0)
    for name, secret in (("KEY_IDENTITY", KEY["key_identity"]), ("KEY_CREDENTIAL", KEY["key_credential"])):
        monkeypatch.setenv(f"PACKAGING_{name}_LIBRARY", secret)
    kind, type_ = KINDS[request.param], request.param
    with ExitStack() as stack:
        server = stack.enter_context(running(PeerServer(lambda _: Answer(status=404))))
        server.answer = answering(type_, server, tmp_path)
        monkeypatch.setenv("PACKAGING_PASSWORD_LIBRARY", PASSWORD)
        configure(f"""
[stage]
path = "{tmp_path / "stage"}"
[[repositories]]
name = "library"
type = "{type_}"
url = "{server.url}{kind.path}"
user = "reader"
allow_private = true
""")
        monkeypatch.setattr(repositories, "_built", [])
        client = Client(REMOTE_ADDR=APPLICATION, raise_request_exception=False)
        token = get_token(client, keys.create_key("application", [APPLICATION]))
        told: list[str] = []
        yield Site(kind=kind, server=server, right=server.answer, client=client, token=token, told=told)
    shown = "\n".join([*told, spoken.text])
    assert len(told) > 20
    assert [secret for secret in SECRETS if secret in shown] == []


def was_told(server: PeerServer) -> bool:
    """That the server knows the secrets at all: else there would be nothing to be found."""
    return any(secret in echo(asked) for asked in server.asked for secret in SECRETS)


def test_while_all_is_well(site: Site) -> None:
    site.look_everywhere()
    site.errors()
    assert was_told(site.server)
    assert any(answer.startswith("200 ") and "bagit.txt" in answer for answer in site.told)


def test_with_a_token(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKAGING_TOKEN_LIBRARY", TOKEN)
    monkeypatch.setattr(repositories, "_built", [])
    site.look_everywhere()
    assert any(TOKEN in echo(asked) for asked in site.server.asked)


@pytest.mark.parametrize("failure", [*FAILURES, *TRICKS])
def test_while_its_server_repeats_what_it_is_told(site: Site, failure: str) -> None:
    if failure in FAILURES:
        site.server.answer = FAILURES[failure]
    else:
        site.server.trick = TRICKS[failure]
    site.look_everywhere()
    site.errors()
    assert was_told(site.server)


@pytest.mark.parametrize(
    "line",
    [
        f'url = "https://reader:{PASSWORD}@fedora.example.org/fedora"',
        f'url = "https://fedora.example.org/fedora?key_credential={PASSWORD}"',
        f'url = "https://fedora.example.org/fedora#{PASSWORD}"',
        f'url = "{PASSWORD}"',
        f'url = "https://fedora.example.org/"\nhosts = ["reader:{PASSWORD}@files.example.org"]',
        f'url = "https://fedora.example.org/"\npassword = "{PASSWORD}"',
        f'url = "https://fedora.example.org/"\npassword_file = "{PASSWORD}\\u0000"',
        f'url = "https://fedora.example.org/"\ntoken = "{PASSWORD}"',
        f'url = "https://fedora.example.org/"\nuser = ["{PASSWORD}"]',
        f'url = "https://fedora.example.org/"\nuser = "{PASSWORD}',
        f'url = "https://fedora.example.org/"\niiif.rewrite = {{ "https://a.example/" = "https://x:{PASSWORD}@b.example/" }}',
        f'url = "https://fedora.example.org/"\niiif.rewrite = {{ "https://x:{PASSWORD}@a.example/" = "https://b.example/" }}',
    ],
)
@pytest.mark.parametrize("type_", KINDS)
def test_no_mistake_in_the_configuration_repeats_it(configure: Configure, type_: str, line: str) -> None:
    more = "/{id}/manifest" if type_ == "iiif" else ""
    written = line.replace('fedora.example.org/"', f'fedora.example.org{more}"').replace('/fedora"', f'/fedora{more}"')
    with pytest.raises(ConfigurationError) as caught:
        configure(f'[[repositories]]\nname = "library"\ntype = "{type_}"\n{written}\n')
    assert PASSWORD not in str(caught.value)
