"""Every range of a package is the same slice of the whole (RFC 9110 13, 14), whatever is asked; over a real server: tests.web.resume."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.utils.http import parse_http_date
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.models import Package
from tests.web.conftest import octets

FILES = "rutgers-lib:1234;rutgers-lib:5678"
"""With digests that are known (SHA-256) and digests that are not (MD5, none), inline and managed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A package, its bytes, and a reader who has but its address."""

    reader: Client
    address: str
    whole: bytes
    etag: str
    modified: str

    def get(self, **fields: str) -> Any:
        return self.reader.get(self.address, headers={name.replace("_", "-"): value for name, value in fields.items()})


@pytest.fixture
def kept(api: Client, token: str) -> Kept:
    answer = api.post("/api/get/PACKAGE", {"token": token, "files": FILES})
    return Kept(
        reader=Client(REMOTE_ADDR="198.51.100.7"),
        address=answer["Content-Location"],
        whole=octets(answer),
        etag=answer["ETag"],
        modified=answer["Last-Modified"],
    )


@pytest.mark.parametrize("field", ["bytes", "bytes=0-1\0", "\0", "bytes=9-1"])
def test_malformed_ones_are_answered_by_the_whole(kept: Kept, field: str) -> None:
    answer = kept.get(range=field)
    assert (answer.status_code, octets(answer)) == (200, kept.whole)
    assert "Content-Range" not in answer


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 10**7), max_size=8), order=st.randoms())
def test_any_cut_up_in_any_order_reassembles_to_the_whole(kept: Kept, cuts: list[int], order: Random) -> None:
    edges = sorted({0, len(kept.whole), *(cut % len(kept.whole) for cut in cuts)})
    windows = list(itertools.pairwise(edges))
    order.shuffle(windows)
    pieces = {start: octets(kept.get(range=f"bytes={start}-{stop - 1}")) for start, stop in windows}
    assert b"".join(pieces[start] for start in sorted(pieces)) == kept.whole


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.from_regex(r"bytes=[0-9]{0,6}-[0-9]{0,6}(, ?[0-9]*-[0-9]*)*", fullmatch=True))
def test_whatever_is_asked_what_comes_is_what_its_headers_say(kept: Kept, field: str) -> None:
    answer = kept.get(range=field)
    body = octets(answer)
    assert int(answer["Content-Length"]) == len(body)
    if answer.status_code == 206:
        first, last = answer["Content-Range"].removeprefix("bytes ").partition("/")[0].split("-")
        assert body == kept.whole[int(first) : int(last) + 1]
    else:
        assert (answer.status_code, body) in {(200, kept.whole), (416, b"")}


def test_the_date_is_the_package_s_and_stays(kept: Kept) -> None:
    Package.objects.update(last_sent=datetime.now(UTC) + timedelta(seconds=100))
    assert kept.reader.head(kept.address)["Last-Modified"] == kept.modified
    assert parse_http_date(kept.modified) == int(Package.objects.get().created.timestamp())
