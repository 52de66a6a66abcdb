"""``type = "omeka"`` and ``type = "iiif"``, as they are configured: their keys, their hosts, and what check_sources says of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from getapi import conf
from getapi.services.adapters.omeka import key_of
from getapi.services.repositories import examine, registry
from tests.conftest import Configure
from tests.sources.omekas import JPEG, KEY, Omeka
from tests.sources.peers import Answer, PeerServer, running


@pytest.fixture
def omeka() -> Iterator[Omeka]:
    omeka = Omeka()
    with running(PeerServer(omeka.answer)) as server, running(PeerServer(omeka.answer_image)) as images:
        omeka.base, omeka.images = server.url, images.url
        yield omeka
    assert omeka.mistakes == []


@pytest.fixture
def configured(configure: Configure, omeka: Omeka) -> Any:
    """``configured(lines)``: the Omeka as a repository, with further lines."""

    def apply(lines: str = "allow_private = true") -> conf.OmekaRepository:
        (found,) = configure(f'[[repositories]]\nname = "my-library"\ntype = "omeka"\nurl = "{omeka.base}"\n{lines}').repositories
        assert isinstance(found, conf.OmekaRepository)
        return found

    return apply


def said(repository: conf.RepositoryTable) -> list[tuple[str, bool]]:
    return [(f"{remark.about}: {remark.text}", remark.sound) for remark in examine(repository)]


def test_check_sources_tells_whether_the_api_answers_and_knows_the_key(configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(configured()) == [("API: answers, without a key: what is private is not there", True)]
    monkeypatch.setenv("PACKAGING_KEY_IDENTITY_MY_LIBRARY", KEY["key_identity"])
    monkeypatch.setenv("PACKAGING_KEY_CREDENTIAL_MY_LIBRARY", KEY["key_credential"])
    assert said(configured()) == [("API: answers, with its key", True)]
    monkeypatch.setenv("PACKAGING_KEY_CREDENTIAL_MY_LIBRARY", "another")
    assert said(configured()) == [("API: refuses the key (status 403)", False)]
    (told,) = said(configured(""))
    assert told == (
        "server: does not answer, or may not be asked; one at a private address, or on this machine, needs allow_private = true",
        False,
    )


def test_a_key_needs_both_its_parts_and_the_environment_comes_first(
    configured: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    assert key_of(configured('key_identity = "me"')) is None
    (tmp_path / "credential").write_text("from-a-file\n")
    lines = 'key_identity = "me"\nkey_credential_file = "credential"'
    found = key_of(configured(lines))
    assert found is not None
    assert (found.identity, found.credential) == ("me", "from-a-file")
    monkeypatch.setenv("PACKAGING_KEY_IDENTITY_MY_LIBRARY", "you")
    monkeypatch.setenv("PACKAGING_KEY_CREDENTIAL_MY_LIBRARY", "from-outside")
    found = key_of(configured(lines))
    assert found is not None
    assert (found.identity, found.credential, repr(found)) == ("you", "from-outside", "ApiKey()")


@pytest.mark.parametrize(("public", "media"), [("false", 2), ("true", 1)])
def test_a_key_opens_what_is_private_unless_everybody_may_ask(
    configured: Any, omeka: Omeka, monkeypatch: pytest.MonkeyPatch, public: str, media: int
) -> None:
    omeka.put_item(7)
    omeka.upload(71, 7, b"open")
    omeka.upload(72, 7, b"private", **{"o:is_public": False})
    monkeypatch.setenv("PACKAGING_KEY_IDENTITY_MY_LIBRARY", KEY["key_identity"])
    monkeypatch.setenv("PACKAGING_KEY_CREDENTIAL_MY_LIBRARY", KEY["key_credential"])
    configured(f"allow_private = true\npublic = {public}")
    record = registry().describe("omeka:7")
    closed = {restriction.dsid for restriction in record.restrictions}
    assert len([each for each in record.datastreams if each.dsid not in closed]) == media


def test_the_host_to_which_pictures_are_sent_need_not_be_named_again(configured: Any, omeka: Omeka) -> None:
    inside, omeka.images = omeka.images, "https://iiif.example.org"
    omeka.put_item(7)
    omeka.point_at(71, 7)
    configured(f'allow_private = true\niiif.rewrite = {{"https://iiif.example.org/" = "{inside}/"}}')
    (found,) = registry().describe("omeka:7").datastreams
    assert (found.fault, found.size) == (None, len(JPEG))


def test_check_sources_tells_whether_the_manifests_server_answers(configure: Configure) -> None:
    with running(PeerServer(lambda _: Answer(status=404))) as server:
        table = f'[[repositories]]\nname = "books"\ntype = "iiif"\nurl = "{server.url}/{{id}}/manifest"\n'
        (repository,) = configure(f"{table}allow_private = true").repositories
        assert said(repository) == [("server: answers", True)]
        (repository,) = configure(table).repositories
        assert [sound for _, sound in said(repository)] == [False]
