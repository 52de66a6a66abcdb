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
    """The demonstration repository closed, for two namespaces; and a public one, which has none of these, for all others."""
    (tmp_path / "objects/00").mkdir(parents=True)
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


@pytest.mark.parametrize("first", ["closed", "open"])
def test_without_namespaces_a_stranger_sees_what_is_open_and_no_closed_server_is_asked(
    akubra: Repository, configure: Configure, first: str
) -> None:
    with running(PeerServer(lambda _: Answer(status=404))) as server:
        tables = {
            "closed": f'type = "fedora3_rest"\nurl = "{server.url}"\nallow_private = true\npublic = false\nnetworks = ["203.0.113.0/24"]',
            "open": f'type = "fedora3"\nobjects = "{akubra.objects}"\ndatastreams = "{akubra.datastreams}"',
        }
        configure("".join(f'[[repositories]]\nname = "{name}"\n{tables[name]}\n' for name in sorted(tables, reverse=first == "open")))
        assert objects.list_public("rutgers-lib:5678", meta=STRANGER, token=None)["pid"] == "rutgers-lib:5678"
        assert objects.find_single("rutgers-lib:5678", "DC", meta=STRANGER, token=None).entry.repository == "open"
        for pid in ("rutgers-lib:999", "other:1"):  # which the closed one may have
            with pytest.raises(NetworkRefused):
                objects.list_public(pid, meta=STRANGER, token=None)
            with pytest.raises(TokenRefused):
                objects.find_single(pid, "DC", meta=STRANGER, token="forged")
        assert server.asked == []
        with pytest.raises(ObjectNotFound):
            objects.list_public("other:1", meta=INSIDER, token=None)
        assert server.asked != []


def test_a_stranger_is_refused_alike_by_closed_repositories_that_have_it_and_that_have_not(
    akubra: Repository, configure: Configure
) -> None:
    configure(f"""
    [[repositories]]
    name = "closed"
    type = "fedora3"
    public = false
    objects = "{akubra.objects}"
    datastreams = "{akubra.datastreams}"
    """)
    told = set()
    for pid in ("rutgers-lib:5678", "rutgers-lib:999", "twin:POEM.1", "other:1"):
        with pytest.raises(NetworkRefused) as caught:
            objects.find_single(pid, "DC", meta=STRANGER, token=None)
        told.add(str(caught.value))
    assert len(told) == 1
