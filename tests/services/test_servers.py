"""Repositories that are servers, as configured: who we are to them, what check_sources says, and what one that is away costs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from fixtures.repository import Repository, build
from getapi import conf
from getapi.core.errors import FixityMismatch
from getapi.core.planner import plan_package
from getapi.core.request import parse_request
from getapi.services import packages, rules
from getapi.services.adapters.server import login_of
from getapi.services.packages import Package
from getapi.services.repositories import registry, stores
from getapi.services.verification import findings
from getapi.transport.sender import send
from getapi.transport.transfer import Transfer
from tests.conftest import Configure
from tests.sources.peers import Answer, Asked, PeerServer, running
from tests.transport.material import wait_until

SOME, OTHER = "-".join(["0123abcd"] * 5), "-".join(["fedcba98"] * 5)


def orthanc(url: str, more: str = "allow_private = true") -> str:
    return f'[[repositories]]\nname = "hospital-1"\ntype = "orthanc"\nurl = "{url}"\n{more}\n'


def fedora(url: str, more: str = "allow_private = true") -> str:
    return f'[[repositories]]\nname = "fedora"\ntype = "fedora3_rest"\nurl = "{url}/fedora"\n{more}\n'


@pytest.fixture
def server() -> Iterator[PeerServer]:
    with running(PeerServer(lambda _: Answer(body=b"{}"))) as server:
        yield server


def only(configuration: conf.Configuration) -> conf.ServerTable:
    (repository,) = configuration.repositories
    assert isinstance(repository, conf.ServerTable)
    return repository


class TestWhoWeAre:
    def test_password_and_token_come_from_files_or_the_environment(
        self, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "password").write_text("from-file\n")
        (tmp_path / "token").write_text("token-from-file")
        more = 'user = "packager"\npassword_file = "password"'
        repository = only(configure(orthanc("https://pacs.example.org", more)))
        assert login_of(repository).header() == "Basic cGFja2FnZXI6ZnJvbS1maWxl"
        monkeypatch.setenv("PACKAGING_PASSWORD_HOSPITAL_1", "other")
        assert login_of(repository).header() == "Basic cGFja2FnZXI6b3RoZXI="
        repository = only(configure(orthanc("https://pacs.example.org", more + '\ntoken_file = "token"')))
        assert login_of(repository).header() == "Bearer token-from-file"
        monkeypatch.setenv("PACKAGING_TOKEN_HOSPITAL_1", "token-from-environment")
        assert login_of(repository).header() == "Bearer token-from-environment"
        assert "from-file" not in repr(repository)

    def test_without_either_nobody(self, configure: Configure) -> None:
        assert login_of(only(configure(orthanc("https://pacs.example.org")))).header() is None

    @pytest.mark.parametrize(
        ("more", "mistake"),
        [
            ('url = "http://u:p@pacs.example.org"', "holds no user, no query and no fragment"),
            ('url = "http://pacs.example.org/?x=1"', "holds no user, no query and no fragment"),
            ('url = "ftp://pacs.example.org"', "must be an address such as"),
            ('url = "http://pacs.example.org:0"', "must be an address such as"),
            ('url = "http://pacs.example.org:http"', "must be an address such as"),
            ('url = "https://a.example"\nconnections = 3', "must be at least 4"),
            ('url = "https://a.example"\ntimeout = "9 s"', "must be at least 10"),
            ('url = "https://a.example"\npassword_file = "nowhere"', "cannot be read"),
            ('url = "https://a.example"\nca_file = "empty"', "no certificates in PEM"),
            ('url = "https://a.example"\nca_file = "nowhere"', "cannot be read"),
            ('url = "https://a.example"\ntoken_file = "empty"', "one line of printable ASCII"),
        ],
    )
    def test_mistakes_are_told(self, tmp_path: Path, more: str, mistake: str) -> None:
        (tmp_path / "empty").write_text("\n")
        path = tmp_path / "packaging.toml"
        path.write_text(f'[[repositories]]\nname = "pacs"\ntype = "orthanc"\n{more}\n')
        with pytest.raises(conf.ConfigurationError) as caught:
            conf.load(path, {"PACKAGING_SECRET_KEY": "k" * 40})
        (told,) = caught.value.mistakes
        assert mistake in told


class TestCheckSources:
    def run(self, capsys: pytest.CaptureFixture[str]) -> tuple[str, bool]:
        try:
            call_command("check_sources")
        except CommandError:
            return capsys.readouterr().out, False
        return capsys.readouterr().out, True

    def test_an_orthanc_that_answers(self, configure: Configure, server: PeerServer, capsys: pytest.CaptureFixture[str]) -> None:
        configure(orthanc(server.url))
        told, fine = self.run(capsys)
        assert fine
        assert f"hospital-1: server: answers ({server.url})" in told
        assert server.paths() == ["/system"]

    def test_one_that_does_not_know_us(
        self, configure: Configure, server: PeerServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PACKAGING_PASSWORD_HOSPITAL_1", "secret-word")
        server.answer = lambda _: Answer(status=401)
        configure(orthanc(server.url, 'allow_private = true\nuser = "packager"'))
        told, fine = self.run(capsys)
        assert not fine
        assert "refuses the user and password" in told
        assert "secret-word" not in told

    def test_one_at_a_private_address(self, configure: Configure, server: PeerServer, capsys: pytest.CaptureFixture[str]) -> None:
        configure(orthanc(server.url, ""))
        told, fine = self.run(capsys)
        assert not fine
        assert "needs allow_private = true" in told

    @pytest.mark.parametrize(
        ("status", "trusted", "fine", "said"),
        [(200, False, True, "answers: states"), (401, False, False, "nothing may leave"), (401, True, True, "as trust_api_a says")],
    )
    def test_a_fedora_with_and_without_rights(
        self,
        configure: Configure,
        server: PeerServer,
        capsys: pytest.CaptureFixture[str],
        status: int,
        trusted: bool,
        fine: bool,
        said: str,
    ) -> None:
        server.answer = lambda _: Answer(status=status)
        configure(fedora(server.url, f"allow_private = true\ntrust_api_a = {str(trusted).lower()}"))
        told, was_fine = self.run(capsys)
        assert (was_fine, said in told) == (fine, True), told


def test_there_is_nothing_to_walk_through(configure: Configure, server: PeerServer, capsys: pytest.CaptureFixture[str], db: None) -> None:
    configure(orthanc(server.url) + fedora(server.url))
    assert stores() == []
    call_command("index_sources")
    call_command("fixity_scan")
    assert server.asked == []


def drain(package: Package) -> bytes:
    transfer, length = Transfer(None, total=package.layout.length), package.layout.length
    return b"".join(send(package.layout, start=0, stop=length, open_entry=registry().open, transfer=transfer, doubt=package.doubt))


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("demonstration"))


def test_one_that_is_away_costs_its_own_members_a_notice_and_no_one_else_anything(
    configure: Configure, demonstration: Repository, db: None
) -> None:
    """Three of them side by side in one package, routed by namespace."""

    def answer(asked: Asked) -> Answer:
        match asked.path.strip("/").split("/"):
            case ["series", name] if name == SOME:
                return Answer(body=f'{{"ID": "{SOME}", "ParentStudy": "{OTHER}", "MainDicomTags": {{"Modality": "MR"}}}}'.encode())
            case ["studies", name] if name == OTHER:
                return Answer(body=b"{}")
            case ["series", _, "instances"]:
                return Answer(body=f'[{{"ID": "{SOME}", "FileSize": 4, "FileUuid": "u", "ParentSeries": "{SOME}"}}]'.encode())
            case [*_, "md5"]:
                return Answer(body=b"0" * 32)
        return Answer(status=404)

    folders = f'objects = "{demonstration.objects}"\ndatastreams = "{demonstration.datastreams}"'
    disk = f'[[repositories]]\nname = "disk"\ntype = "fedora3"\n{folders}\n'
    with running(PeerServer(answer)) as server:
        away = fedora("http://127.0.0.1:1", 'allow_private = true\nnamespaces = ["away"]')
        configure(disk + 'namespaces = ["rutgers-lib"]\n' + orthanc(server.url) + away)
        files = f"rutgers-lib:1234/MODS;orthanc:{SOME};away:1;away:2"
        request = parse_request(files=files, maps=None, name=None, formats=frozenset({"tar"}), max_text=2**20, max_entries=10)
        plan = plan_package(request, repositories=registry(), rules=rules.planning_rules(conf.current()), now=timezone.now())
    assert {entry.repository for entry in plan.entries} == {"disk", "hospital-1"}
    assert {(notice.pid, str(notice.code)) for notice in plan.notices} == {
        ("away:1", "source-unavailable"),
        ("away:2", "source-unavailable"),
    }


def test_what_was_wrong_when_it_was_sent_is_left_out_and_lifted_when_it_is_right(configure: Configure, db: None) -> None:
    """As an administrator repairs it: the server says the same of it as before."""
    body = bytes(range(256)) * 1000
    digest, given = hashlib.md5(body, usedforsecurity=False).hexdigest(), [bytes(len(body))]

    def answer(asked: Asked) -> Answer:
        match asked.path.strip("/").split("/"):
            case ["studies", name] if name == SOME:
                return Answer(body=b"{}")
            case ["studies", _, "series"]:
                return Answer(body=f'[{{"ID": "{SOME}", "ParentStudy": ""}}]'.encode())
            case ["studies", _, "instances"]:
                return Answer(body=f'[{{"ID": "{SOME}", "FileSize": {len(body)}, "FileUuid": "u", "ParentSeries": "{SOME}"}}]'.encode())
            case [*_, "md5"]:
                return Answer(body=digest.encode())
            case [*_, "data"]:
                return Answer(body=given[0])
        return Answer(status=404)

    with running(PeerServer(answer)) as server:
        configure(orthanc(server.url))
        request = packages.read_request(files=f"orthanc:{SOME}", maps=None)
        package = packages.prepare(request)
        with pytest.raises(FixityMismatch):
            drain(package)
        wait_until(lambda: bool(findings._waiting))
        findings.write()
        assert [str(notice.code) for notice in packages.prepare(request).plan.notices] == ["fixity"]
        given[0] = body
        call_command("fixity_scan", "--failed")
        package = packages.prepare(request)
        assert (len(package.plan.entries), package.plan.notices) == (1, ())
        drain(package)
        findings.write()
        asked = len(server.asked)
        again = packages.prepare(request)
        assert again.plan.entries[0].digest == hashlib.sha256(body).hexdigest()
        assert not any(each.path.endswith("/data") for each in server.asked[asked:])
