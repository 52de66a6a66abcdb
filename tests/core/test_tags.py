"""bag-info.txt and notices.txt."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.notice import Notice, NoticeCode
from getapi.core.tagreader import read_payload_oxum
from getapi.core.tags import bag_info, human_size, notices_text, one_line

DAY = date(2026, 3, 1)
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def test_bag_info_has_every_element_in_the_order_of_the_contract() -> None:
    info = bag_info(
        source_organization="Library",
        contact_name="A. Person",
        contact_phone="+1 555",
        contact_email="a@example.org",
        external_identifiers=("demo:1", "demo:2"),
        external_description="2 datastreams of 2 objects",
        bagging_date=DAY,
        payload_size=42_600_000_000,
        payload_files=2,
        software_agent="packaging-service 1",
        profile="https://example.org/profile.json",
    )
    assert info.decode().splitlines() == [
        "Source-Organization: Library",
        "Contact-Name: A. Person",
        "Contact-Phone: +1 555",
        "Contact-Email: a@example.org",
        "External-Identifier: demo:1",
        "External-Identifier: demo:2",
        "External-Description: 2 datastreams of 2 objects",
        "Bagging-Date: 2026-03-01",
        "Bag-Size: 42.6 GB",
        "Payload-Oxum: 42600000000.2",
        "Bag-Software-Agent: packaging-service 1",
        "BagIt-Profile-Identifier: https://example.org/profile.json",
    ]


def test_elements_without_a_value_are_left_out() -> None:
    info = bag_info(source_organization="L", contact_name=" \n", bagging_date=DAY, payload_size=0, payload_files=0, software_agent="x")
    labels = [line.split(b":")[0] for line in info.splitlines()]
    assert labels == [b"Source-Organization", b"Bagging-Date", b"Bag-Size", b"Payload-Oxum", b"Bag-Software-Agent"]


@given(st.text() | st.text("a" + LINE_BREAKS + "\t\0 \ufeff\ud800\u202e", max_size=50))
def test_no_value_makes_a_second_line_nor_fails(value: str) -> None:
    info = bag_info(
        source_organization="L", external_description=f"a{value}b", bagging_date=DAY, payload_size=7, payload_files=1, software_agent="x"
    )
    assert len(info.decode().splitlines()) == 6
    assert read_payload_oxum(info) == (7, 1)
    notice = Notice(pid=f"a{value}b", dsid=value, code=NoticeCode.MALFORMED, text=f"a{value}b")
    lines = notices_text([notice], packaged_files=0, packaged_size=0).decode().splitlines()
    assert len(lines) == 6
    assert lines[-1].count("\t") == 2


@given(st.text(), st.text())
def test_one_line_is_stable_and_keeps_the_words(first: str, second: str) -> None:
    line = one_line(f"{first}\n{second}")
    assert one_line(line) == line
    assert line.split() == [word for part in (first, second) for word in one_line(part).split()]


def test_notices_begin_with_counts_and_then_say_each_on_its_line() -> None:
    notices = [
        Notice(pid="demo:1", dsid="PDF", code=NoticeCode.EMBARGOED, text="Closed until 2030-01-01"),
        Notice(pid="demo:2", code=NoticeCode.OBJECT_NOT_FOUND, text="No such object"),
        Notice(pid="demo:1", dsid="JPEG", code=NoticeCode.EMBARGOED, text="Closed until 2030-01-01"),
    ]
    assert notices_text(notices, packaged_files=3, packaged_size=999).decode() == (
        "Datastreams in this package: 3\n"
        "Bytes in these datastreams: 999\n"
        "Notices: 3\n"
        "Notices of the kind embargoed: 2\n"
        "Notices of the kind object-not-found: 1\n"
        "\n"
        "demo:1/PDF\tembargoed\tClosed until 2030-01-01\n"
        "demo:2\tobject-not-found\tNo such object\n"
        "demo:1/JPEG\tembargoed\tClosed until 2030-01-01\n"
    )


def test_without_notices_the_counts_alone_are_there() -> None:
    assert notices_text([], packaged_files=0, packaged_size=0).endswith(b"Notices: 0\n")


@pytest.mark.parametrize(
    ("octets", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"),
     (999_949, "999.9 kB"), (999_950, "1.0 MB"), (42_600_000_000, "42.6 GB"), (10**12, "1.0 TB"),
     (10**15, "1.0 PB"), (10**20, "100000.0 PB")],
)  # fmt: skip
def test_sizes_are_said_in_powers_of_a_thousand(octets: int, said: str) -> None:
    assert human_size(octets) == said
