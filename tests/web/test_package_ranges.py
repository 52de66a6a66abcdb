"""Every range of a package is the same slice of the whole (RFC 9110 13, 14): mod_zip's list of cases, browsers' ways to resume, any cut."""

import io
import itertools
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.utils.http import http_date, parse_http_date
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.models import Package
from tests.conftest import Configure
from tests.sources.stores import BuiltStore, foxml, managed
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

    @property
    def members(self) -> list[tarfile.TarInfo]:
        with tarfile.open(fileobj=io.BytesIO(self.whole)) as package:
            return package.getmembers()


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


def assert_part(kept: Kept, answer: Any, start: int, stop: int) -> None:
    body = octets(answer)
    assert (answer.status_code, body) == (206, kept.whole[start:stop])
    assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{len(kept.whole)}"
    assert answer["Content-Length"] == str(stop - start)
    assert (answer["ETag"], answer["Last-Modified"], answer["Content-Location"]) == (kept.etag, kept.modified, kept.address)


def assert_whole(kept: Kept, answer: Any) -> None:
    assert (answer.status_code, octets(answer)) == (200, kept.whole)
    assert "Content-Range" not in answer
    assert answer["Accept-Ranges"] == "bytes"


class TestModZip:
    """The cases of mod_zip's ziptest.pl, on TAR."""

    @pytest.mark.parametrize("beyond", [0, 1, 10_000, 10**30])
    def test_beyond_the_end(self, kept: Kept, beyond: int) -> None:
        answer = kept.get(range=f"bytes={len(kept.whole) + beyond}-{len(kept.whole) + beyond + 1}")
        assert (answer.status_code, answer.content, answer["Content-Range"]) == (416, b"", f"bytes */{len(kept.whole)}")
        assert answer["Content-Length"] == "0"
        assert "Content-Type" not in answer

    def test_the_first_two_octets(self, kept: Kept) -> None:
        assert_part(kept, kept.get(range="bytes=0-1"), 0, 2)

    def test_a_single_octet_anywhere(self, kept: Kept) -> None:
        for start in (0, 1, len(kept.whole) // 2, len(kept.whole) - 1):
            assert_part(kept, kept.get(range=f"bytes={start}-{start}"), start, start + 1)

    def test_a_part_of_a_header(self, kept: Kept) -> None:
        for member in kept.members:
            assert_part(
                kept, kept.get(range=f"bytes={member.offset + 100}-{member.offset + 155}"), member.offset + 100, member.offset + 156
            )

    def test_one_file_and_nothing_else(self, kept: Kept) -> None:
        for member in kept.members:
            start, stop = member.offset_data, member.offset_data + member.size
            if member.isfile() and member.size:
                assert_part(kept, kept.get(range=f"bytes={start}-{stop - 1}"), start, stop)

    def test_a_part_of_a_file(self, kept: Kept) -> None:
        for member in kept.members:
            start = member.offset_data + 3
            if member.isfile() and member.size > 20:
                assert_part(kept, kept.get(range=f"bytes={start}-{start + 9}"), start, start + 10)

    def test_across_files(self, kept: Kept) -> None:
        members = [member for member in kept.members if member.isfile()]
        for first, second in itertools.pairwise(members):
            start, stop = first.offset_data + first.size // 2, second.offset_data + max(second.size // 2, 1)
            assert_part(kept, kept.get(range=f"bytes={start}-{stop - 1}"), start, stop)

    def test_an_open_end(self, kept: Kept) -> None:
        for start in (0, 1, 511, 512, len(kept.whole) // 3, len(kept.whole) - 1):
            assert_part(kept, kept.get(range=f"bytes={start}-"), start, len(kept.whole))

    def test_a_suffix(self, kept: Kept) -> None:
        for count in (1, 512, 10_240, len(kept.whole) - 1, len(kept.whole), 10 * len(kept.whole)):
            assert_part(kept, kept.get(range=f"bytes=-{count}"), max(len(kept.whole) - count, 0), len(kept.whole))

    def test_a_suffix_of_nothing(self, kept: Kept) -> None:
        assert kept.get(range="bytes=-0").status_code == 416

    def test_an_end_behind_the_end(self, kept: Kept) -> None:
        assert_part(kept, kept.get(range=f"bytes=7-{10**20}"), 7, len(kept.whole))

    @pytest.mark.parametrize("field", ["bytes=0-1,5-9", "bytes=5-9,0-1", "bytes=0-,-1", "bytes=0-0, 0-0, 0-0"])
    def test_several_in_either_order_are_answered_by_the_whole(self, kept: Kept, field: str) -> None:
        assert_whole(kept, kept.get(range=field))

    @pytest.mark.parametrize("field", ["bytes", "bytes=", "bytes=-", "bytes=9-1", "bytes=x-y", "octets=0-1", "0-1", "bytes 0-1", "\0"])
    def test_malformed_and_unknown_ones_are_answered_by_the_whole(self, kept: Kept, field: str) -> None:
        assert_whole(kept, kept.get(range=field))

    def test_if_range_with_the_right_date_and_a_wrong_one(self, kept: Kept) -> None:
        assert_part(kept, kept.get(range="bytes=9-", if_range=kept.modified), 9, len(kept.whole))
        for seconds in (-1, 1, 86_400):
            assert_whole(kept, kept.get(range="bytes=9-", if_range=http_date(parse_http_date(kept.modified) + seconds)))

    def test_if_range_with_the_right_tag_and_a_wrong_one(self, kept: Kept) -> None:
        assert_part(kept, kept.get(range="bytes=9-", if_range=kept.etag), 9, len(kept.whole))
        for wrong in ('"other"', f"W/{kept.etag}", kept.etag.strip('"'), f"{kept.etag}, {kept.etag}"):
            assert_whole(kept, kept.get(range="bytes=9-", if_range=wrong))

    def test_if_range_without_a_range_says_nothing(self, kept: Kept) -> None:
        assert_whole(kept, kept.get(if_range='"other"'))

    def test_head_with_a_range_is_head_of_the_whole(self, kept: Kept) -> None:
        answer = kept.reader.head(kept.address, headers={"range": "bytes=0-1"})
        assert (answer.status_code, answer.content, answer["Content-Length"]) == (200, b"", str(len(kept.whole)))
        assert answer["Accept-Ranges"] == "bytes"

    def test_a_package_of_136_files(self, api: Client, token: str, configure: Configure, tmp_path: Path) -> None:
        store, dsids = BuiltStore(root=tmp_path / "many"), [f"DS-{number}.é" for number in range(136)]
        store.put("many:1", foxml("many:1", *(managed("many:1", dsid) for dsid in dsids)))
        for number, dsid in enumerate(dsids):
            store.put(f"many:1+{dsid}+{dsid}.0", b"%d" % number * number)
        configure(f"""
[[repositories]]
name = "many"
type = "fedora3"
objects = "{store.objects}"
datastreams = "{store.datastreams}"
""")
        answer = api.post("/api/get/PACKAGE", {"token": token, "files": "many:1"})
        kept = Kept(
            reader=api, address=answer["Content-Location"], whole=octets(answer), etag=answer["ETag"], modified=answer["Last-Modified"]
        )
        assert len([member for member in kept.members if "/data/" in member.name]) == 136
        for start in range(0, len(kept.whole), 20_011):
            assert_part(kept, kept.get(range=f"bytes={start}-{start + 999}"), start, min(start + 1000, len(kept.whole)))

    def test_an_empty_package(self, api: Client, token: str) -> None:
        answer = api.post("/api/get/PACKAGE", {"token": token, "files": "nobody:1"})
        whole = octets(answer)
        part = api.get(answer["Content-Location"], headers={"range": "bytes=-600"})
        assert octets(part) == whole[-600:]


class TestBrowsers:
    def test_chromium_resumes_by_if_range(self, kept: Kept) -> None:
        assert_part(kept, kept.get(range="bytes=4096-", if_range=kept.etag), 4096, len(kept.whole))
        assert_part(kept, kept.get(range="bytes=4096-", if_range=kept.etag, if_match=kept.etag), 4096, len(kept.whole))

    def test_firefox_resumes_by_if_match_and_if_unmodified_since(self, kept: Kept) -> None:
        fields = {"range": "bytes=4096-", "if_match": kept.etag, "if_unmodified_since": kept.modified}
        assert_part(kept, kept.get(**fields), 4096, len(kept.whole))
        for name, wrong in (("if_match", '"other"'), ("if_match", f"W/{kept.etag}")):
            answer = kept.get(**{**fields, name: wrong})
            assert (answer.status_code, answer.content) == (412, b"")
        early = http_date(parse_http_date(kept.modified) - 60)
        answer = kept.get(range="bytes=4096-", if_unmodified_since=early)
        assert (answer.status_code, answer.content) == (412, b"")
        assert_part(kept, kept.get(**{**fields, "if_unmodified_since": early}), 4096, len(kept.whole))  # If-Match alone counts

    def test_what_a_browser_has_whole_is_not_sent_again(self, kept: Kept) -> None:
        for fields in ({"if_none_match": kept.etag}, {"if_none_match": f'"x", W/{kept.etag}'}, {"if_modified_since": kept.modified}):
            answer = kept.get(**fields, range="bytes=0-1")
            assert (answer.status_code, answer.content) == (304, b"")
            assert (answer["ETag"], answer["Content-Location"]) == (kept.etag, kept.address)
            assert not {"Content-Length", "Content-Type", "Content-Range"} & set(answer.headers)

    def test_what_they_need_to_resume_is_in_the_first_answer(self, kept: Kept) -> None:
        """Firefox: Content-Length, ETag and Accept-Ranges, without no-store; Chromium: a strong ETag."""
        answer = kept.get()
        octets(answer)
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["ETag"].startswith('"')
        assert int(answer["Content-Length"]) == len(kept.whole)
        assert "no-store" not in answer["Cache-Control"]
        assert "Content-Encoding" not in answer


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
