"""The legacy store's file names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.reference import parse_pid
from getapi.sources.legacy import LegacyLayout, file_name

PIDS = st.from_regex(r"[A-Za-z0-9.-]{1,9}:(?:[A-Za-z0-9.~_-]|%[0-9A-F]{2}){1,12}", fullmatch=True)
IDS = st.text(st.characters(exclude_characters="+/\0", exclude_categories=["Cs"]), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("example:1", "example_1"),
        ("example:1+DS2+DS2.0", "example_1+DS2+DS2.0"),
        ("llgc-id:1591190", "llgc-id_1591190"),
        ("test:a~b_c.", "test_a~b_c%"),
        ("test:a_b+THUMB_1+THUMB_1.0", "test_a_b+THUMB_1+THUMB_1.0"),
    ],
)
def test_a_token_and_its_file_name(token: str, name: str) -> None:
    assert file_name(token) == name
    assert LegacyLayout().token(name) == token


def test_no_path_can_be_computed() -> None:
    assert LegacyLayout().path("example:1") is None


@pytest.mark.parametrize(
    "name", ["", "example", "example_1+DS2", "example_1+DS2+DS2.0+new", "_1", "example_", "a b_1", "example_1+", ".nfs01"]
)
def test_other_files_have_no_token(name: str) -> None:
    assert LegacyLayout().token(name) is None


@given(PIDS, IDS, IDS)
def test_names_lead_back_to_their_tokens(pid: str, dsid: str, number: str) -> None:
    assert parse_pid(pid) == pid
    assert LegacyLayout().token(file_name(pid)) == pid
    assert LegacyLayout().token(file_name(f"{pid}+{dsid}+{number}")) == f"{pid}+{dsid}+{number}"


@given(st.text())
def test_any_file_name_is_read_without_an_error(name: str) -> None:
    token = LegacyLayout().token(name)
    assert token is None or parse_pid(token.partition("+")[0])
