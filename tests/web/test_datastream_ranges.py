"""Ranges and preconditions of one datastream (RFC 9110 13, 14): what comes is what its headers say."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getapi.models import Delivery, Download
from tests.web.conftest import Serve, leave, octets

PDF = "/api/get/rutgers-lib:5678/PDF-1"


@pytest.fixture
def reader(db: None, serve: Serve) -> Client:
    serve()
    return Client(REMOTE_ADDR="198.51.100.7")


def whole_of(answer: Any) -> bytes:
    body = octets(answer)
    assert len(body) == int(answer["Content-Length"])
    return body


class TestRange:
    @pytest.fixture
    def whole(self, reader: Client) -> bytes:
        return whole_of(reader.get(PDF))

    @pytest.mark.parametrize(
        ("field", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=0-", 0, None),
            ("bytes=5-9", 5, 10),
            ("bytes=-7", -7, None),
            ("bytes=3-99999999999", 3, None),
            ("BYTES=1-1", 1, 2),
        ],
    )
    def test_a_part_is_sent_as_such(self, reader: Client, whole: bytes, field: str, start: int, stop: int | None) -> None:
        answer = reader.get(PDF, headers={"range": field})
        body = whole_of(answer)
        assert (answer.status_code, body) == (206, whole[start:stop])
        first = start % len(whole)
        assert answer["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(whole)}"
        assert answer["ETag"]

    @pytest.mark.parametrize(
        "field",
        [
            "bytes=0-1,3-4",
            "bytes=0-0,",
            "bytes=5-2",
            "lines=0-1",
            "bytes=",
            "bytes=a-b",
            "bytes=--1",
            "0-1",
            "\0",
            "bytes=1-2-3",
            "bytes=٣-٤",
            "a" * 8000,
        ],
    )
    def test_several_malformed_and_unknown_ones_are_answered_by_the_whole(self, reader: Client, whole: bytes, field: str) -> None:
        answer = reader.get(PDF, HTTP_RANGE=field)
        body = whole_of(answer)
        if field == "bytes=0-0,":  # an empty list element is forgiven
            assert (answer.status_code, body) == (206, whole[:1])
        else:
            assert (answer.status_code, body) == (200, whole)
            assert "Content-Range" not in answer

    @pytest.mark.parametrize("field", ["bytes=99999999-", "bytes=-0", f"bytes={'9' * 3000}-"])
    def test_one_beyond_the_end_is_told_without_a_body(self, reader: Client, whole: bytes, field: str) -> None:
        answer = reader.get(PDF, headers={"range": field})
        assert (answer.status_code, answer.content, answer["Content-Range"]) == (416, b"", f"bytes */{len(whole)}")
        assert answer["Content-Length"] == "0"
        assert "Content-Type" not in answer

    def test_what_the_reader_has_already_is_not_sent_again(self, reader: Client, whole: bytes) -> None:
        first = reader.head(PDF)
        for condition in ({"if-none-match": first["ETag"]}, {"if-none-match": "*"}, {"if-modified-since": first["Last-Modified"]}):
            answer = reader.get(PDF, headers=condition)
            assert (answer.status_code, answer.content) == (304, b"")
            assert {name: answer[name] for name in ("ETag", "Last-Modified", "Cache-Control")} == {
                name: first[name] for name in ("ETag", "Last-Modified", "Cache-Control")
            }
            assert not {"Content-Length", "Content-Type"} & set(answer.headers)
        assert whole_of(reader.get(PDF, headers={"if-none-match": '"other"'})) == whole

    def test_preconditions_that_fail_end_it(self, reader: Client) -> None:
        etag = reader.head(PDF)["ETag"]
        for condition in ({"if-match": '"other"'}, {"if-match": f"W/{etag}"}, {"if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}):
            answer = reader.get(PDF, headers=condition)
            assert (answer.status_code, answer.content) == (412, b"")

    def test_a_resumed_download_gets_the_rest_only_of_the_same_bytes(self, reader: Client, whole: bytes) -> None:
        head = reader.head(PDF)
        for condition in (head["ETag"], head["Last-Modified"]):
            answer = reader.get(PDF, headers={"range": "bytes=100-", "if-range": condition})
            assert (answer.status_code, whole_of(answer)) == (206, whole[100:])
        for condition in ('"other"', f"W/{head['ETag']}", "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense", ""):
            answer = reader.get(PDF, headers={"range": "bytes=100-", "if-range": condition})
            assert (answer.status_code, whole_of(answer)) == (200, whole)

    def test_a_part_is_no_whole_in_the_statistics(self, reader: Client) -> None:
        whole_of(reader.get(PDF, headers={"range": "bytes=1-"}))
        assert (Delivery.objects.count(), Download.objects.count()) == (1, 0)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(field=st.text(st.characters(codec="latin-1")) | st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}(, ?[0-9]*-[0-9]*)*", fullmatch=True))
    def test_whatever_is_asked_what_comes_is_what_its_headers_say(self, reader: Client, whole: bytes, field: str) -> None:
        answer = reader.get(PDF, HTTP_RANGE=field)
        assert answer.status_code in {200, 206, 416}
        body = whole_of(answer)
        if answer.status_code == 206:
            first, _, last = answer["Content-Range"].removeprefix("bytes ").partition("/")[0].partition("-")
            assert body == whole[int(first) : int(last) + 1]
        elif answer.status_code == 200:
            assert body == whole

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        name=st.sampled_from(["if-match", "if-none-match", "if-range", "if-modified-since", "if-unmodified-since"]),
        field=st.text(st.characters(codec="latin-1")),
    )
    def test_no_condition_is_a_fault(self, reader: Client, name: str, field: str) -> None:
        answer = reader.get(PDF, headers={"range": "bytes=0-3", name: field})
        assert answer.status_code in {200, 206, 304, 412}
        leave(answer)
