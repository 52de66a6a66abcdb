"""What users of other services complain of when packages are prepared; each complaint is a test here."""

from getapi.models import Job, Package, StagedMember
from getapi.services.workshop import run_once
from tests.web.conftest import octets
from tests.web.preparing.conftest import Shop
from tests.web.preparing.material import some

A = some(400_000, "a")


def test_a_failed_preparation_ends_and_nobody_polls_for_ever(shop: Shop) -> None:
    """Orthanc's sample page asked on and on; HydroShare showed dots (#2056, #2111, #2253)."""
    shop.put("A")
    shop.host.put("/A", A)
    shop.serve('stage.bytes = "100 kB"')
    package_id = shop.ask().json()["id"]
    run_once()
    states = [shop.page(package_id) for _ in range(3)]
    assert [(page["state"], page["progress"]) for page in states] == [("failed", None)] * 3
    assert states[0]["problem"]["text"]
    answer = shop.content(package_id)
    assert answer.status_code == 410
    assert "Retry-After" not in answer


def test_asking_how_it_stands_fetches_and_writes_nothing(shop: Shop) -> None:
    """Every poll of the sample fetched the archive again and wrote over the one that was being served."""
    shop.put("A")
    body = shop.host.put("/A", A)
    package_id, _ = shop.prepared()
    asked, before = len(body.asked), [(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in shop.staged]
    for _ in range(5):
        assert shop.page(package_id)["state"] == "done"
        assert shop.content(package_id, range="bytes=0-9").status_code == 206
        run_once()
    assert len(body.asked) == asked
    assert [(path.name, path.stat().st_ino, path.stat().st_mtime_ns) for path in shop.staged] == before


def test_what_is_being_sent_is_not_touched_by_another_preparation_of_the_same(shop: Shop) -> None:
    shop.put("A")
    body = shop.host.put("/A", A)
    first, whole = shop.prepared()
    running = shop.content(first)
    begun = next(iter(running.streaming_content))
    body.octets = some(len(A), "others")
    second, other = shop.prepared()
    assert begun + b"".join(running.streaming_content) == whole != other
    assert len(shop.staged) == 2
    assert Package.objects.get(pk=first).etag != Package.objects.get(pk=second).etag


def test_a_callers_own_token_of_progress_is_no_name_for_it(shop: Shop) -> None:
    """Whoever guessed another's token could cancel its download."""
    shop.put("A")
    shop.host.put("/A", A)
    ids = {shop.ask(progress_token="mine", id="0" * 32, package="0" * 32).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert "0" * 32 not in ids
    assert shop.client.delete("/api/get/packages/mine").status_code == 404


def test_what_was_cancelled_or_failed_does_not_stick_to_the_next(shop: Shop) -> None:
    shop.put("A")
    body = shop.host.put("/A", A)
    canceled = shop.ask().json()["id"]
    shop.client.delete(f"/api/get/packages/{canceled}")
    shop.serve('stage.bytes = "100 kB"')
    failed = shop.ask().json()["id"]
    run_once()
    shop.serve()
    package_id, whole = shop.prepared()
    assert body.octets in whole
    assert [shop.page(each)["state"] for each in (canceled, failed, package_id)] == ["canceled", "failed", "done"]


def test_two_readers_never_share_what_was_put_aside_for_one(shop: Shop) -> None:
    """An archive that was built for one user was served to another (PASTAplus #17, #77)."""
    shop.put("A")
    shop.host.put("/A", A)
    packages = [shop.prepared()[0] for _ in range(2)]
    assert {row.package_id for row in StagedMember.objects.all()} == set(packages)
    assert len({row.file for row in StagedMember.objects.all()}) == 2


def test_an_offset_means_the_same_byte_after_it_was_prepared_again(shop: Shop) -> None:
    """HydroShare #2962: a download that was taken up again began from the start."""
    shop.put("A")
    shop.host.put("/A", A)
    package_id, whole = shop.prepared()
    tag = shop.content(package_id)["ETag"]
    for path in shop.staged:
        path.unlink()
    assert shop.content(package_id, range="bytes=350000-", **{"if-range": tag}).status_code == 503
    run_once()
    rest = shop.content(package_id, range="bytes=350000-", **{"if-range": tag})
    assert (rest.status_code, octets(rest)) == (206, whole[350_000:])


def test_its_progress_is_the_services_own_truth(shop: Shop) -> None:
    """The module held its figure just below the end until it was done, whatever had been sent."""
    shop.put("A")
    shop.host.put("/A", A)
    package_id = shop.ask().json()["id"]
    for told in (0, 37, 99):
        Job.objects.update(progress=told)
        assert shop.page(package_id)["progress"] == told
    run_once()
    assert shop.page(package_id)["progress"] is None
    assert shop.page(package_id)["state"] == "ready"


def test_a_limit_is_the_services_own_whatever_a_caller_estimates(shop: Shop) -> None:
    shop.put("A")
    shop.host.put("/A", A)
    shop.serve("limits.bytes = 400000")
    package_id = shop.ask(estimated_total_bytes="1", estimated_file_count="1").json()["id"]
    run_once()
    assert shop.page(package_id)["problem"]["code"] == "too-many-bytes"
