"""The records of ZIPs that somebody else may have written; what may stand in them, and what makes an archive refused."""

import io
import struct
from dataclasses import replace
from typing import Any

import pytest

from getapi.core.zip import MARK_16, MARK_32
from getapi.core.zip import end as closing
from getapi.core.zipreader import ZipReader
from tests.core.ziparchives import MARKED, archive, described, extra_field, file, widened
from tests.core.zipreading import read, refusal

ONE = file("b/x", b"content")
UNICODE_PATH = 0x7075
BIG = struct.pack("<2Q", 7, 7)


def test_sizes_may_be_told_by_zip64_though_they_fit() -> None:
    assert read(archive(widened(ONE, local=BIG, central=BIG, told=MARKED))) == [("b/x", False, b"content")]
    assert read(archive(widened(ONE, local=BIG, central=b"", told={}))) == [("b/x", False, b"content")]
    assert read(
        archive(widened(ONE, local=BIG, central=BIG + struct.pack("<QI", 0, 0), told={**MARKED, "offset": MARK_32, "disk": MARK_16}))
    ) == [("b/x", False, b"content")]


@pytest.mark.parametrize(
    ("local", "central", "told", "why"),
    [
        (BIG[:8], BIG, MARKED, "both sizes"),
        (BIG + BIG, BIG, MARKED, "both sizes"),
        (struct.pack("<2Q", 8, 7), b"", {}, "not alike"),
        (struct.pack("<2Q", 7, 8), b"", {}, "not alike"),
        (BIG, b"", MARKED, "asks for"),
        (BIG, BIG, {}, "asks for"),
        (BIG, BIG[:8], MARKED, "asks for"),
        (BIG, struct.pack("<2Q", 7, 8), MARKED, "compressed"),
        (BIG, struct.pack("<2Q", 8, 7), MARKED, "size"),
        (BIG, BIG + struct.pack("<QI", 0, 1), {**MARKED, "offset": MARK_32, "disk": MARK_16}, "disk"),
        (BIG, BIG + struct.pack("<QI", 1, 0), {**MARKED, "offset": MARK_32, "disk": MARK_16}, "begin"),
    ],
)
def test_zip64_that_leaves_a_choice_is_refused(local: bytes, central: bytes, told: dict[str, Any], why: str) -> None:
    assert why in refusal(archive(widened(ONE, local=local, central=central, told=told))).sentence


@pytest.mark.parametrize("field", ["size", "compressed"])
def test_a_size_that_is_told_nowhere_is_refused(field: str) -> None:
    assert "nowhere" in refusal(archive(ONE.lying(local={field: MARK_32}))).sentence


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"flags": 0x0801}, "encrypted"),
        ({"flags": 0x0840}, "encrypted"),
        ({"flags": 0x2800}, "encrypted"),
        ({"flags": 0x0820}, "not known"),
        ({"flags": 0x0810}, "not known"),
        ({"method": 9}, "neither stored nor deflated"),
        ({"method": 12}, "neither stored nor deflated"),
        ({"method": 93}, "neither stored nor deflated"),
        ({"method": 99}, "neither stored nor deflated"),
        ({"version": 51}, "neither stored nor deflated"),
    ],
)
def test_what_is_not_known_here_is_refused_in_either_header(told: dict[str, int], why: str) -> None:
    assert why in (refused := refusal(archive(ONE.lying(local=told)))).sentence
    assert refused.path == "b/x"
    assert why in refusal(archive(ONE.lying(central=told))).sentence


def test_a_data_descriptor_is_as_the_octets_are_and_no_other_size_is_told_before() -> None:
    good = described(file("b/x", b"content", deflate=True))
    for position in range(16):
        behind = bytearray(good.behind)
        behind[position] ^= 1
        assert "data descriptor" in refusal(archive(replace(good, behind=bytes(behind)))).sentence
    for field in ("checksum", "compressed", "size"):
        assert "otherwise" in refusal(archive(good.lying(local={field: 1}))).sentence
        assert read(archive(good.lying(local={field: good.facts[field]})))
    assert "as its octets are" in refusal(archive(replace(good, behind=b""), ONE)).sentence


def test_names_are_utf_8_and_those_that_are_not_marked_as_such_are_ambiguous() -> None:
    assert "UTF-8" in refusal(archive(file("b/x").lying(local={"name": b"b/\xff"}))).sentence
    assert "UTF-8" in refusal(archive(file("b/x").lying(central={"name": b"b/\xff"}))).sentence
    reader = ZipReader(io.BytesIO(archive(file("b/é", flags=0), file("b/e", flags=0), file("b/é"))))
    assert [(member.path, member.ambiguous) for member in reader] == [("b/é", True), ("b/e", False), ("b/é", False)]


def test_a_second_name_is_refused_unless_it_is_the_same() -> None:
    for name, is_fine in ((b"b/x", True), (b"b/y", False)):
        other = extra_field(UNICODE_PATH, b"\x01" + bytes(4) + name)
        for member in (file("b/x", b"content", local_extra=other), file("b/x", b"content", central_extra=other)):
            data = archive(member)
            if is_fine:
                assert read(data) == [("b/x", False, b"content")]
            else:
                assert "two names" in refusal(data).sentence


@pytest.mark.parametrize(
    "octets",
    [
        b"x",
        b"xyz",
        extra_field(9, b"abc")[:-1],
        extra_field(9, b"") + b"\0",
        extra_field(9, b"") + extra_field(9, b""),
        b"\x01\x00\xff\xff",
    ],
)
def test_extra_fields_that_cannot_be_read_are_refused(octets: bytes) -> None:
    assert "extra fields" in refusal(archive(file("b/x", local_extra=octets))).sentence
    assert "extra fields" in refusal(archive(file("b/x", central_extra=octets))).sentence


def test_unknown_extra_fields_and_comments_are_passed_over() -> None:
    member = file(
        "b/x", b"content", local_extra=extra_field(0xCAFE, b""), central_extra=extra_field(0x7875, b"\x01\x04\0\0\0\0\x04\0\0\0\0")
    )
    assert read(archive(member.lying(central={"comment_length": 9}), comment=b"made by hand")) == [("b/x", False, b"content")]


@pytest.mark.parametrize(
    ("path", "external"),
    [
        ("b/x", 0o120777 << 16),
        ("b/x", 0o040755 << 16),
        ("b/x", 0o010644 << 16),
        ("b/x", 0o020644 << 16),
        ("b/x", 0x10),
        ("b/", 0o100644 << 16),
        ("b/", 0o120777 << 16),
    ],
)
def test_links_devices_and_what_is_not_as_its_name_says_are_refused(path: str, external: int) -> None:
    for made_by in (0x314, 0x014, 0x1314):
        refused = refusal(archive(file(path).lying(central={"external": external, "made_by": made_by})))
        assert "neither a file nor a directory" in refused.sentence


@pytest.mark.parametrize(
    ("path", "external"), [("b/x", 0), ("b/x", 0x20), ("b/x", 0o100755 << 16), ("b/", 0x10), ("b/", 0o040700 << 16 | 0x10)]
)
def test_files_and_directories_are_told_by_any_attributes_of_theirs(path: str, external: int) -> None:
    assert len(read(archive(file(path).lying(central={"external": external})))) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("disk", 1), ("first_disk", 1), ("here", 2), ("count", 0), ("count", MARK_16), ("length", 1), ("length", MARK_32), ("start", 0),
     ("start", MARK_32)],
)  # fmt: skip
def test_the_end_is_as_the_central_directory_is(field: str, value: int) -> None:
    assert "end of the archive" in refusal(archive(ONE, end={field: value})).sentence


def with_zip64(told: dict[str, int] | None = None, *, locator: bytes = b"") -> bytes:
    """Records of ZIP64 that a small archive would not need, as right as zeros, changed at will."""
    data = archive(ONE)
    start = data.index(b"PK\x01\x02")
    length = data.index(b"PK\x05\x06") - start
    facts = {"rest": 44, "disk": 0, "first": 0, "here": 1, "count": 1, "length": length, "start": start, **(told or {})}
    made = struct.pack(
        "<4sQ2H2I4Q", b"PK\x06\x06", facts["rest"], 45, 45, facts["disk"], facts["first"], facts["here"], facts["count"], facts["length"],
        facts["start"],
    )  # fmt: skip
    found = locator or struct.pack("<4sIQI", b"PK\x06\x07", 0, start + length, 1)
    return archive(ONE, zip64=made + found)


def test_zip64_records_may_be_there_though_they_are_not_needed() -> None:
    assert read(with_zip64()) == [("b/x", False, b"content")]
    marked = with_zip64()
    closing_record = marked.index(b"PK\x05\x06")
    all_ones = marked[: closing_record + 8] + b"\xff" * 12 + marked[closing_record + 20 :]
    assert read(all_ones) == [("b/x", False, b"content")]


@pytest.mark.parametrize("told", [{"rest": 45}, {"disk": 1}, {"first": 1}, {"here": 2}, {"count": 2}, {"length": 1}, {"start": 1}])
def test_zip64_records_are_as_the_central_directory_is(told: dict[str, int]) -> None:
    assert "ZIP64 end" in refusal(with_zip64(told)).sentence


def test_the_locator_shows_where_the_zip64_record_is() -> None:
    data = archive(ONE)
    place = data.index(b"PK\x05\x06")
    for locator in (
        struct.pack("<4sIQI", b"PK\x06\x07", 1, place, 1),
        struct.pack("<4sIQI", b"PK\x06\x07", 0, place + 1, 1),
        struct.pack("<4sIQI", b"PK\x06\x07", 0, place, 2),
        struct.pack("<4sIQI", b"PK\x06\x08", 0, place, 1),
    ):
        assert "locator" in refusal(with_zip64(locator=locator)).sentence


def test_numbers_that_do_not_fit_need_zip64() -> None:
    whole = closing(count=65_536, start=0, length=0)
    assert refusal(whole[-22:]).sentence == "The end of the archive is not as its central directory is"


def test_a_comment_that_holds_another_end_is_refused() -> None:
    assert "comment" in refusal(archive(ONE, comment=archive())).sentence
    assert "after the end" in refusal(archive(ONE, comment=b"short") + b"x").sentence


def test_stored_octets_whose_length_only_a_data_descriptor_tells_are_refused() -> None:
    assert "could tell where it ends" in refusal(archive(described(ONE))).sentence
    assert read(archive(described(ONE).lying(local={"compressed": 7}))) == [("b/x", False, b"content")]


@pytest.mark.parametrize("place", [0, -22])
def test_what_is_no_record_of_a_zip_is_refused_with_its_place(place: int) -> None:
    data = archive(ONE)
    at = place % len(data)
    assert f"no record of a ZIP at octet {at}" in refusal(data[:at] + b"PK00" + data[at:]).sentence
