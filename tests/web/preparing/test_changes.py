"""What is closed, deleted or revoked while a package waits, is prepared, or is ready: its reader gets nothing that he may not have, is told
so, and nothing of it stays in the stage."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.utils import timezone

from getapi.models import StagedMember
from getapi.services import keys
from getapi.services.workshop import run_once
from tests.sources.stores import BuiltStore, foxml
from tests.transport.material import wait_until
from tests.web.conftest import octets
from tests.web.preparing.conftest import Shop, working
from tests.web.preparing.material import MANAGED, PID, some

A, B = some(400_000, "a"), some(70_000, "b")
MOMENTS = ("waiting", "running", "ready")


def deny(shop: Shop, what: str) -> None:
    """It is read again when it changes: by a worker that runs as well."""
    (shop.folder / "denied").write_text(what + "\n", encoding="utf-8")


def inactive(shop: Shop) -> None:
    shop.store.put(PID, foxml(PID, state="Inactive"))


CHANGES: dict[str, Callable[[Shop], object]] = {
    "the datastream is closed": lambda shop: deny(shop, f"{PID}/A"),
    "the object is closed": lambda shop: deny(shop, PID),
    "the object is deleted": lambda shop: shop.store.path(PID).unlink(),
    "the object is inactive": inactive,
    "the repository is another": lambda shop: serve(replace(shop, store=another(shop))),
}


def another(shop: Shop) -> BuiltStore:
    """With an object of its own: an empty store is a disk that is not mounted."""
    store = replace(shop.store, root=shop.folder / "another")
    store.put("other:1", foxml("other:1"))
    return store


def serve(shop: Shop) -> None:
    shop.serve(f'access.deny_list = "{shop.folder}/denied"')


def changed_at(shop: Shop, moment: str, change: Callable[[], object], *, thorough: bool = False) -> str:
    """The id of a package which that happened to."""
    body = shop.host.bodies["/A"]
    package_id = str(shop.ask(prefer="respond-async" if thorough else "").json()["id"])
    if moment == "running":
        body.holds = threading.Event()
        thread = working(package_id)
        wait_until(lambda: (bool(shop.staged) and shop.staged[0].stat().st_size > 0) or StagedMember.objects.exists())
        change()
        body.holds.set()
        thread.join(20)
        assert not thread.is_alive()
        return package_id
    if moment == "waiting":
        change()
    run_once()
    if moment == "ready":
        assert len(octets(shop.content(package_id, range="bytes=0-0"))) == 1
        change()
    return package_id


@pytest.fixture
def put(shop: Shop) -> Shop:
    deny(shop, "")
    serve(shop)
    shop.put("A", "B")
    shop.host.put("/A", A)
    shop.host.put("/B", B)
    return shop


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_it_does_not_leave_and_does_not_stay(put: Shop, moment: str, what: str, thorough: bool) -> None:
    package_id = changed_at(put, moment, lambda: CHANGES[what](put), thorough=thorough)
    page, answer = put.page(package_id), put.content(package_id)
    if moment == "ready":
        assert (page["state"], page["datastreams"], answer.status_code) == ("changed", [], 410)
        assert answer.json()["code"] == ("package-closed" if "closed" in what else "package-changed")
        assert put.staged == []
        return
    assert (page["state"], answer.status_code) == ("ready", 200)
    whole = octets(answer)
    assert A not in whole
    if what == "the datastream is closed":
        assert B in whole
        assert MANAGED in whole
        assert [(each["dsid"], each["code"]) for each in page["notices"]] == [("A", "restricted")]
        assert len(put.staged) == 1
    else:
        assert B not in whole
        assert MANAGED not in whole
        assert [each["pid"] for each in page["notices"]] == [PID]
        assert put.staged == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_asked_for_before_its_key_was_revoked_is_prepared_and_sent(put: Shop, moment: str) -> None:
    """A token is checked when a package is asked for; from then on its id is all that is asked."""
    package_id = changed_at(put, moment, lambda: keys.revoke_key("application", timezone.now()))
    assert A in octets(put.content(package_id))
    put.ask(status=403)


@pytest.mark.parametrize("what", ["the object is closed", "the object is deleted"])
def test_what_the_stage_lost_and_may_not_leave_meanwhile_is_not_fetched_to_stay(put: Shop, what: str) -> None:
    package_id, _ = put.prepared()
    for path in put.staged:
        path.unlink()
    assert put.content(package_id).status_code == 503  # it is prepared again
    CHANGES[what](put)
    run_once()
    assert put.content(package_id).status_code == 410
    assert put.page(package_id)["state"] in {"changed", "failed"}
    assert put.staged == []
    assert not StagedMember.objects.exists()


def test_what_is_open_again_is_had_again(put: Shop) -> None:
    package_id, whole = put.prepared()
    deny(put, f"{PID}/A")
    assert put.content(package_id).json()["code"] == "package-closed"
    deny(put, "")
    assert put.content(package_id).status_code == 503
    run_once()
    assert octets(put.content(package_id)) == whole


def test_a_package_that_is_being_sent_is_not_disturbed(put: Shop) -> None:
    package_id, whole = put.prepared()
    running = put.content(package_id)
    begun = next(iter(running.streaming_content))
    deny(put, f"{PID}/A")
    assert put.content(package_id).status_code == 410
    rest = b"".join(running.streaming_content)
    assert begun + rest == whole
