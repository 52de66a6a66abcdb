"""Slots as readers and administrators meet them, at two services on one database."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http import HTTPStatus
from pathlib import Path
from random import Random

import pytest

from tests.transport.material import wait_until
from tests.web.resume.asking import FORM, ask, curl, package_of
from tests.web.resume.conftest import Twins
from tests.web.server import Server
from tests.web.slots.conftest import HUGE, OCTETS, SMALL, Start
from tests.web.slots.reading import Reader, summary

STEPS = int(os.environ.get("PACKAGING_SLOTS_SERVED", "150"))
"""Starts, stops and kills of real downloads; ``PACKAGING_SLOTS_SERVED=1000`` takes some minutes."""

HELD = "SELECT package, process FROM getapi_delivery WHERE outcome = 'running' AND reader <> ''"
PROCESSES = "SELECT process FROM getapi_delivery WHERE package = ? AND outcome = 'running'"


@pytest.fixture
def life() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def reading(life: ExitStack, server: Server, path: str, **fields: str) -> Reader:
    return life.enter_context(closing(Reader(server, path, **fields)))


def test_a_reader_s_fifth_download_is_told_which_limit_and_when_to_come_again(start: Start, life: ExitStack) -> None:
    twins = start(per_reader=2)
    address = twins.application.link(HUGE, "tar")
    paths = [address, twins.application.link(HUGE, "tar"), twins.application.link(HUGE, "tar")]
    for server, path in zip(twins.both, paths, strict=False):
        assert reading(life, server, path).status == HTTPStatus.OK
    refused = reading(life, twins.first, paths[2])
    assert refused.status == HTTPStatus.TOO_MANY_REQUESTS
    assert 5 <= int(refused.answer.headers["Retry-After"]) <= 300
    assert refused.answer.headers["Content-Type"] == "application/problem+json"
    problem = refused.problem
    assert (problem["code"], problem["which"], problem["limit"]) == ("too-many-deliveries", "limits.per_reader", 2)
    assert problem["retry_after"] == int(refused.answer.headers["Retry-After"])
    told = reading(life, twins.second, paths[2], Accept="application/xml")
    assert told.answer.read().startswith(b"<error>You have as many downloads running as you may have at once (limits.per_reader: 2)")
    assert reading(life, twins.second, paths[2], address="192.0.2.2").status == HTTPStatus.OK, "it was his limit, not everybody's"


def test_what_sends_nothing_and_what_is_small_takes_no_slot(start: Start, life: ExitStack) -> None:
    twins = start(concurrent=1)
    path, other = twins.application.link(HUGE, "tar"), twins.application.link(SMALL, "tar")
    first = reading(life, twins.first, path)
    etag, length = first.answer.headers["ETag"], first.answer.headers["Content-Length"]
    for server in twins.both:
        assert reading(life, server, path, method="HEAD").status == HTTPStatus.OK
        assert reading(life, server, path, If_None_Match=etag, address="192.0.2.7").status == HTTPStatus.NOT_MODIFIED
        assert reading(life, server, path, If_Match='"another"', address="192.0.2.7").status == HTTPStatus.PRECONDITION_FAILED
        unsatisfiable = reading(life, server, path, Range=f"bytes={length}-", address="192.0.2.7")
        assert unsatisfiable.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        for _ in range(20):  # a page of pictures
            assert reading(life, server, f"/api/get/{SMALL}/A").take(300_000) == 300_000
        assert reading(life, server, f"/api/get/{HUGE}/A", address="192.0.2.7").status == HTTPStatus.TOO_MANY_REQUESTS
        assert reading(life, server, other, address="192.0.2.7").status == HTTPStatus.TOO_MANY_REQUESTS
    assert {package for package, _ in twins.first.rows(HELD)} == {package_of(path)}


def test_sixteen_ranges_of_one_package_are_one_download_wherever_they_are_asked_for(start: Start) -> None:
    """Of a process that stood still for two seconds a place is given on, for it may be dead: then it is put to the test once more."""
    twins = start(concurrent=1, per_reader=1)
    path = twins.application.link(HUGE, "tar")
    statuses = list[int]()
    while HTTPStatus.TOO_MANY_REQUESTS not in statuses:
        assert len(statuses) < 3, "there is no end to them"
        statuses.append(seventeenth(twins, path))
        wait_until(lambda: not twins.first.rows(HELD))


def seventeenth(twins: Twins, path: str) -> int:
    """What is answered to one more than sixteen."""
    step = OCTETS // 17
    with ExitStack() as life:
        for number in range(16):
            part = reading(life, twins.both[number % 2], path, Range=f"bytes={number * step}-{(number + 1) * step - 1}")
            assert part.status == HTTPStatus.PARTIAL_CONTENT
        return reading(life, twins.first, path, Range=f"bytes={16 * step}-").status


def test_the_caller_s_own_estimates_and_tokens_move_no_limit(start: Start, life: ExitStack) -> None:
    """A peer believes ``estimated_total_bytes`` and a token of the client's own making."""
    twins = start(active_bytes="70 MB")
    assert reading(life, twins.first, twins.application.link(HUGE, "tar")).status == HTTPStatus.OK
    asked = f"token={twins.application.token}&files={HUGE}&estimated_total_bytes=1&estimated_file_count=1&progress_token=mine"
    answer = ask(twins.second, "POST", "/api/get/PACKAGE", body=asked, headers={**FORM, "Accept": "application/json"})
    assert answer.status == HTTPStatus.TOO_MANY_REQUESTS
    assert b"limits.active_bytes" in answer.body
    assert int(answer.headers["Retry-After"]) >= 5
    assert not twins.first.rows(
        "SELECT id FROM getapi_package WHERE last_sent IS NULL AND size > 0 AND id NOT IN (SELECT package FROM getapi_delivery)"
    )


def test_the_token_s_reader_counts_whoever_fetches_it_and_not_whoever_says_so(start: Start, life: ExitStack) -> None:
    """A peer takes any X-Forwarded-For for true. Here an untrusted one cannot make of one reader many."""
    twins = start(per_reader=1)
    path, second = twins.application.link(HUGE, "tar"), twins.application.link(HUGE, "tar")
    assert reading(life, twins.first, path, address="198.51.100.1, 192.0.2.1").status == HTTPStatus.OK
    assert reading(life, twins.first, second, address="198.51.100.2, 192.0.2.1").status == HTTPStatus.TOO_MANY_REQUESTS


def test_curl_goes_on_at_once_at_another_service_after_a_kill(start: Start, tmp_path: Path) -> None:
    """With one slot for all: what his dead connection held is his."""
    twins = start(concurrent=1, per_reader=1)
    path, file = twins.application.link(HUGE, "tar"), tmp_path / "package"
    with closing(Reader(twins.first, path, address="127.0.0.1")) as broken:
        file.write_bytes(broken.answer.read(5_000_000))
        for (process,) in twins.first.rows(PROCESSES, package_of(path)):
            os.kill(int(process.split("/")[1]), signal.SIGKILL)
        assert curl(twins.second.url + path, file) == 0
    with closing(Reader(twins.second, path)) as whole:
        assert file.stat().st_size == int(whole.answer.headers["Content-Length"])
    assert "too-many-deliveries" not in twins.second.log


def test_all_of_sixteen_connections_go_on_after_a_kill_and_none_is_refused(start: Start, life: ExitStack) -> None:
    twins = start(concurrent=1, per_reader=1)
    path = twins.application.link(HUGE, "tar")
    for number in range(16):
        assert reading(life, twins.first, path, Range=f"bytes={number}-").status == HTTPStatus.PARTIAL_CONTENT
    for process in {process for (process,) in twins.first.rows(PROCESSES, package_of(path))}:
        os.kill(int(process.split("/")[1]), signal.SIGKILL)
    for number in range(16):
        assert reading(life, twins.second, path, Range=f"bytes={number + 100}-").status == HTTPStatus.PARTIAL_CONTENT


def test_who_takes_one_after_the_other_is_never_refused(start: Start) -> None:
    twins = start(concurrent=1, per_reader=1)
    paths = [twins.application.link(SMALL, "tar") for _ in range(4)]
    for number in range(40):
        with closing(Reader(twins.both[number % 2], paths[number % 4])) as each:
            assert each.status == HTTPStatus.OK, each.problem
            assert each.take(1 << 20) > 300_000


def test_how_fast_it_goes_is_told_while_it_goes(start: Start) -> None:
    twins = start()
    path = twins.application.link(HUGE, "tar")
    assert summary(twins.first, path)["rate"] is None
    with closing(Reader(twins.first, path)) as reader:
        end, told = time.monotonic() + 30, summary(twins.second, path)
        while not 300_000 < (told["rate"] or 0) < 30_000_000:  # some 2 MB a second, once it was looked at for a while
            assert time.monotonic() < end, told
            reader.take(200_000)
            time.sleep(0.1)
            told = summary(twins.second, path)
        assert (told["state"], type(told["rate"])) == ("sending", int)
    wait_until(lambda: summary(twins.second, path)["rate"] is None)
    assert summary(twins.second, path)["state"] == "broken"


def test_cancelling_at_one_service_cuts_what_the_other_sends_within_two_seconds_and_frees_its_slot(start: Start, life: ExitStack) -> None:
    twins = start(concurrent=1)
    path, other = twins.application.link(HUGE, "tar"), twins.application.link(HUGE, "tar")
    reader = reading(life, twins.first, path)
    reader.take(1000)
    assert ask(twins.second, "DELETE", path.removesuffix("/content")).status == HTTPStatus.NO_CONTENT
    began = time.monotonic()
    query = "SELECT reason FROM getapi_delivery WHERE package = ? AND outcome = 'canceled'"
    assert twins.first.wait_for_rows(query, package_of(path)) == [("package-canceled",)]
    assert time.monotonic() - began < 9, "a second until it is seen, one until its end is sure; the rest is for a busy machine"
    assert reading(life, twins.second, other, address="192.0.2.9").status == HTTPStatus.OK


def test_a_reader_who_has_gone_holds_no_slot(start: Start, life: ExitStack) -> None:
    twins = start(concurrent=1)
    path = twins.application.link(HUGE, "tar")
    reader = reading(life, twins.first, path)
    reader.take(1000)
    reader.close()
    wait_until(lambda: not twins.second.rows(HELD))
    assert reading(life, twins.second, path, address="192.0.2.9").status == HTTPStatus.OK


def test_never_a_fourth_download_at_two_services_whatever_starts_stops_and_is_killed(start: Start) -> None:
    twins = start(concurrent=3)
    paths = [twins.application.link(HUGE, "tar") for _ in range(6)]
    chance, held, told = Random(time.time_ns()), list[Reader](), {"start": 0, "refuse": 0, "stop": 0, "kill": 0, "lost": 0}
    try:
        for _ in range(STEPS):
            step(chance, twins, paths, held, told)
            assert len(held) <= 3, f"{told}\n{told_of(twins)}"
    finally:
        for reader in held:
            reader.close()
    print(told)
    assert min(told[kind] for kind in ("start", "refuse", "stop", "kill")) > 0, told
    wait_until(lambda: len(living(twins)) == 0, seconds=40)
    with ExitStack() as life:
        for number, path in enumerate(paths[:3]):
            assert reading(life, twins.both[number % 2], path, address=f"198.51.100.{number}").status == HTTPStatus.OK


def told_of(twins: Twins) -> str:
    """What a stranger needs who finds a fourth: it may have been cut, and its reader does not know yet."""
    lines = [line for server in twins.both for line in server.log.splitlines() if '"delivery ' in line or "database" in line]
    return "\n".join([*lines, *map(str, twins.first.rows("SELECT package, outcome, reader, process, renewed FROM getapi_delivery"))])


def living(twins: Twins) -> list[str]:
    """The processes of what holds a slot, of those that live."""
    return [process for _, process in twins.first.rows(HELD) if Path(f"/proc/{process.split('/')[1]}").exists()]


def step(chance: Random, twins: Twins, paths: list[str], held: list[Reader], told: dict[str, int]) -> None:
    """One thing that happens. ``held`` never has what has ended: it is taken out before it ends."""
    what = chance.random()
    if held and what < 0.4:
        told["stop"] += 1
        held.pop(chance.randrange(len(held))).close()
    elif what < 0.45:
        told["kill"] += 1
        victims = {process for _, process in twins.first.rows(HELD)}
        doomed = [reader for reader in held if reader.server is twins.first]
        for reader in doomed:
            held.remove(reader)
        workers = Path(f"/proc/{twins.first.pid}/task/{twins.first.pid}/children").read_text(encoding="ascii").split()
        for pid in workers if victims else workers[:1]:
            with suppress(ProcessLookupError):  # the one before may have killed it, and its parent has just noticed
                os.kill(int(pid), signal.SIGKILL)
        for reader in doomed:
            reader.close()
    else:
        begin(chance, twins, paths, held, told)


def begin(chance: Random, twins: Twins, paths: list[str], held: list[Reader], told: dict[str, int]) -> None:
    number = sum(told.values())  # each is another reader: one who comes twice for the same package has one slot for both
    try:
        reader = Reader(chance.choice(twins.both), chance.choice(paths), address=f"10.7.{number // 250}.{number % 250}")
    except OSError:  # it was killed a moment ago
        told["lost"] += 1
        return
    if reader.status == HTTPStatus.OK:
        told["start"] += 1
        held.append(reader)
        return
    assert reader.status == HTTPStatus.TOO_MANY_REQUESTS, reader.problem
    told["refuse"] += 1
    reader.close()
