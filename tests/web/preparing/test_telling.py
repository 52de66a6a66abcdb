"""From a preparation's end to the application that is told of it."""

import json

import pytest

from getapi.models import Announcement, Job, Key, Package
from getapi.services import jobs, keys
from getapi.services.workshop import run_once
from tests.services.test_webhooks import Receiver, receiver
from tests.web.preparing.conftest import Shop, job_of
from tests.web.preparing.material import some

__all__ = ["receiver"]


@pytest.mark.parametrize(("stage", "state", "code"), [("10 GB", "ready", None), ("100 kB", "failed", "stage-too-small")])
def test_whoever_asked_is_told_how_it_ended_and_where_it_is(
    shop: Shop, receiver: Receiver, stage: str, state: str, code: str | None
) -> None:
    shop.put("A")
    shop.host.put("/A", some(400_000, "a"))
    shop.serve(f'stage.bytes = "{stage}"')
    keys.set_webhook("application", receiver.url)
    package_id = shop.ask().json()["id"]
    assert receiver.came == []
    run_once()
    ((_, _, body),) = receiver.came
    told = json.loads(body)["data"]
    assert (told["id"], told["state"], told["content"]) == (package_id, state, f"/api/get/packages/{package_id}/content")
    assert (told["problem"] or {}).get("code") == code
    assert shop.page(package_id)["state"] == state
    run_once()
    assert len(receiver.came) == 1


def test_a_receiver_that_is_away_delays_and_loses_nothing_of_the_package(shop: Shop) -> None:
    shop.put("A")
    shop.host.put("/A", some(1000, "a"))
    keys.set_webhook("application", "http://127.0.0.1:9/")
    package_id, _ = shop.prepared()
    row = Announcement.objects.get()
    assert (row.package, row.state, row.attempts, row.reason) == (package_id, "waiting", 1, "ConnectionRefusedError")


def test_an_abandoned_one_is_told_as_well(shop: Shop, receiver: Receiver) -> None:
    shop.put("A")
    shop.host.put("/A", some(1000, "a"))
    keys.set_webhook("application", receiver.url)
    job = job_of(shop.ask().json()["id"])
    Job.objects.update(state="running", holder="dead#1", attempts=jobs.ATTEMPTS, renewed="2020-01-01T00:00:00Z")
    run_once()
    assert json.loads(receiver.came[0][2])["type"] == "package.failed"
    assert Package.objects.get().state == "failed"
    assert Key.objects.count() == 1
    assert Job.objects.get(pk=job.pk).code == "preparation-abandoned"
