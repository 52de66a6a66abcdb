"""A repository that is not public says nothing to strangers, not even what it does not have (SPEC 4.5)."""

from pathlib import Path

import pytest

from fixtures import Repository, build
from getapi.core.errors import NetworkRefused, ObjectNotFound, PackagingError, TokenRefused
from getapi.services import objects
from tests.conftest import Configure
from tests.sources.peers import Answer, PeerServer, running

pytestmark = pytest.mark.django_db

STRANGER = {"REMOTE_ADDR": "198.51.100.7"}
INSIDER = {"REMOTE_ADDR": "203.0.113.5"}


@pytest.fixture(scope="module")
def akubra(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return build(tmp_path_factory.mktemp("akubra"))


@pytest.fixture
def private(akubra: Repository, tmp_path: Path, configure: Configure) -> None:
    """The demonstration repository closed, for two namespaces; and an empty public one for all others."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "datastreams").mkdir()
    configure(f"""
    [[repositories]]
    name = "closed"
    type = "fedora3"
    public = false
    networks = ["203.0.113.0/24"]
    namespaces = ["rutgers-lib", "twin"]
    objects = "{akubra.objects}"
    datastreams = "{akubra.datastreams}"
    [[repositories]]
    name = "open"
    type = "fedora3"
    objects = "{tmp_path / "objects"}"
    datastreams = "{tmp_path / "datastreams"}"
    """)


@pytest.mark.parametrize("pid", ["rutgers-lib:5678", "rutgers-lib:999", "rutgers-lib:4001", "twin:POEM.1"])
@pytest.mark.parametrize(("token", "error"), [(None, NetworkRefused), ("forged", TokenRefused)])
def test_what_is_there_and_what_is_not_are_refused_alike(private: None, pid: str, token: str | None, error: type[PackagingError]) -> None:
    with pytest.raises(error):
        objects.list_public(pid, meta=STRANGER, token=token)
    with pytest.raises(error):
        objects.find_single(pid, "DC", meta=STRANGER, token=token)


def test_what_no_closed_repository_could_have_is_not_found(private: None) -> None:
    with pytest.raises(ObjectNotFound):
        objects.list_public("other:1", meta=STRANGER, token=None)


def test_its_networks_are_answered(private: None) -> None:
    assert objects.list_public("rutgers-lib:5678", meta=INSIDER, token=None)["pid"] == "rutgers-lib:5678"
    with pytest.raises(ObjectNotFound):
        objects.list_public("rutgers-lib:999", meta=INSIDER, token=None)


def test_its_networks_are_not_answered_through_a_proxy_that_nobody_named(private: None) -> None:
    with pytest.raises(NetworkRefused):
        objects.list_public("rutgers-lib:5678", meta=INSIDER | {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, token=None)


def test_a_stranger_does_not_even_have_its_server_asked(configure: Configure) -> None:
    """Whoever could would keep it, and the threads of this service that wait for it, busy without any right to an answer."""
    with running(PeerServer(lambda _: Answer(status=404))) as server:
        configure(f"""
        [[repositories]]
        name = "closed"
        type = "orthanc"
        url = "{server.url}"
        allow_private = true
        networks = ["203.0.113.0/24"]
        """)
        pid = "orthanc:" + "-".join(["0a1b2c3d"] * 5)
        for ask in (
            lambda meta: objects.list_public(pid, meta=meta, token=None),
            lambda meta: objects.find_single(pid, "x", meta=meta, token=None),
        ):
            with pytest.raises(NetworkRefused):
                ask(STRANGER)
        assert server.asked == []
        with pytest.raises(ObjectNotFound):
            objects.list_public(pid, meta=INSIDER, token=None)
        assert server.asked != []
