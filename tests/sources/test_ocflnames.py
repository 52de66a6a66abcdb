"""Object ids and logical paths as PIDs and DSIDs, and back."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from getapi.core.reference import is_dsid, parse_pid, parse_reference
from getapi.core.request import parse_request
from getapi.sources.ocflnames import FEDORA, object_ids, spell_dsid, spell_pid

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
IDS = st.builds(
    "".join, st.lists(TEXT | st.sampled_from([FEDORA, ":", "/", "%2F", "%", "ocfl:", "fedora:", "demo", "ark:/1"]), min_size=1, max_size=5)
)


@pytest.mark.parametrize(
    ("identifier", "pid"),
    [
        ("info:fedora/demo:5", "demo:5"),
        ("demo:5", "demo:5"),
        ("info:fedora/a/b", "fedora:a%2Fb"),
        ("info:fedora/demo:5/a b", "demo:5%2Fa%20b"),
        ("info:fedora", "info:fedora"),
        ("info:fedora/", "ocfl:info%3Afedora%2F"),
        ("ark:/12345/bcd987", "ark:%2F12345%2Fbcd987"),
        ("urn:uuid:6e8b", "urn:uuid%3A6e8b"),
        ("https://example.org/x?y=1", "https:%2F%2Fexample.org%2Fx%3Fy%3D1"),
        ("object-01", "ocfl:object-01"),
        ("a/b:c", "ocfl:a%2Fb%3Ac"),
        ("demo:", "ocfl:demo%3A"),
        ("ocfl:x", "ocfl:ocfl%3Ax"),
        ("info:fedora/fedora:x", "fedora:fedora%3Ax"),
        ("demo:a%2Fb", "demo:a%252Fb"),
        ("\u00e9", "ocfl:%C3%A9"),
    ],
)
def test_ids_are_spelled_so_that_they_can_be_read_back(identifier: str, pid: str) -> None:
    assert spell_pid(identifier) == pid
    assert identifier in object_ids(pid)[0]


@given(IDS)
def test_any_id_has_a_pid_that_means_it_or_is_too_long(identifier: str) -> None:
    pid = spell_pid(identifier)
    if pid is None:
        assert len(identifier.encode()) * 3 > 240
    else:
        assert parse_pid(pid) == pid
        assert identifier in object_ids(pid)[0]
        assert parse_reference(pid) is not None


@given(IDS, IDS)
def test_two_ids_share_a_pid_only_where_they_differ_by_fedoras_prefix(first: str, second: str) -> None:
    assume(first.removeprefix(FEDORA) != second.removeprefix(FEDORA))
    assert spell_pid(first) != spell_pid(second) or spell_pid(first) is None


def test_a_pid_means_what_it_says_first_and_then_what_it_may_mean() -> None:
    exact, meant = object_ids("demo:a%2Fb")
    assert exact == ("info:fedora/demo:a/b", "demo:a/b")
    assert meant == ("info:fedora/demo:a%2Fb", "demo:a%2Fb")
    assert "info:fedora/fedora:123" in object_ids("fedora:123")[1]
    assert object_ids("ocfl:demo%3A5") == (
        (),
        ("demo:5", "info:fedora/ocfl:demo:5", "ocfl:demo:5", "info:fedora/ocfl:demo%3A5", "ocfl:demo%3A5"),
    )


def test_an_escape_that_is_no_utf_8_means_itself_alone() -> None:
    assert object_ids("demo:%FF") == ((), ("info:fedora/demo:%FF", "demo:%FF"))


def test_an_id_that_cannot_be_written_or_is_too_long_has_no_pid() -> None:
    assert spell_pid("\ud800") is None
    assert spell_pid("x" * 300) is None
    assert spell_pid("") is None


@pytest.mark.parametrize(
    ("path", "dsid"),
    [
        ("image.tiff", "image.tiff"),
        ("foo/bar.xml", "foo%2Fbar.xml"),
        ("foo%2Fbar.xml", "foo%252Fbar.xml"),
        ("a;b c", "a%3Bb c"),
        (" a ", "%20a%20"),
        ("a\nb\u202e", "a%0Ab%E2%80%AE"),
        ("\u00e9t\u00e9", "\u00e9t\u00e9"),
    ],
)
def test_paths_are_spelled_as_dsids(path: str, dsid: str) -> None:
    assert spell_dsid(path) == dsid


@given(TEXT)
def test_any_path_has_a_dsid_that_a_request_can_name(path: str) -> None:
    dsid = spell_dsid(path)
    assert is_dsid(dsid)
    request = parse_request(files=f"demo:5/{dsid};demo:6", maps=None, max_text=10**6, max_entries=9)
    assert [reference.dsid for reference in request.references] == [dsid, None]


@given(TEXT, TEXT)
def test_two_paths_never_share_a_dsid(first: str, second: str) -> None:
    assert (spell_dsid(first) == spell_dsid(second)) == (first == second)


def test_long_paths_stay_apart() -> None:
    first, second = spell_dsid("x" * 1000 + "a"), spell_dsid("x" * 1000 + "b")
    assert len(first) == len(second) == 255
    assert first != second
