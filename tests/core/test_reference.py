from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.reference import Reference, is_dsid, parse_pid, parse_reference, shown, spellings


@pytest.mark.parametrize(
    ("text", "pid", "dsid"),
    [
        ("rutgers-lib:1234", "rutgers-lib:1234", None),
        ("rutgers-lib:1234/SMAP-PRES", "rutgers-lib:1234", "SMAP-PRES"),
        (" \t1711.dl:UWPAbout/DC \n", "1711.dl:UWPAbout", "DC"),
        ("info:fedora/demo:5/THUMBRES_IMG", "demo:5", "THUMBRES_IMG"),
        ("INFO%3afedora/demo%3A5", "demo:5", None),
        ("rutgers-lib%3a1234/mods", "rutgers-lib:1234", "mods"),
        ("demo:5/", "demo:5", None),
        ("demo:5/DC/", "demo:5", "DC"),
        ("demo:a%7eb~c_d", "demo:a%7Eb~c_d", None),
        ("info:fedora", "info:fedora", None),
        ("demo:5/Übersicht 1", "demo:5", "Übersicht 1"),
    ],
)
def test_spellings_that_are_forgiven_name_the_same_thing(text: str, pid: str, dsid: str | None) -> None:
    assert parse_reference(text) == Reference(pid=pid, dsid=dsid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "demo",
        "demo:",
        ":5",
        "a:b:c",
        "de mo:5",
        "demo:5 /DC",
        "demo:5//",
        "demo:5/DC/0",
        "info:fedora/",
        "demo:%zz",
        "démo:5",
        "demo:5/a\x00b",
        "demo:5/a\u202eb",
        "demo:5/\ud800",
        "demo:5\x00",
        f"demo:5/{'x' * 256}",
        f"d:{'x' * 254}",
        f"d%3A{'x' * 254}",
    ],
)
def test_what_is_no_reference_is_none(text: str) -> None:
    assert parse_reference(text) is None


def test_a_pid_has_at_most_255_characters_after_normalisation() -> None:
    assert parse_pid("d%3A" + "x" * 253) == "d:" + "x" * 253
    assert parse_pid("d:" + "x" * 254) is None


def test_case_is_kept() -> None:
    assert parse_reference("Rutgers-Lib:Ab/mOds") == Reference(pid="Rutgers-Lib:Ab", dsid="mOds")


@given(st.text())
def test_any_text_is_a_reference_or_none_and_a_reference_reads_as_itself(text: str) -> None:
    found = parse_reference(text)
    if found is not None:
        again = parse_reference(found.pid if found.dsid is None else f"{found.pid}/{found.dsid}")
        assert again == found or found.dsid != (found.dsid or "").strip()


@given(
    st.text(ascii_letters + digits + ".-", min_size=1, max_size=20),
    st.lists(
        st.text(ascii_letters + digits + ".~_-", min_size=1, max_size=9) | st.sampled_from(["%2F", "%C3", "%0A"]), min_size=1, max_size=9
    ),
)
def test_a_normal_pid_stays_as_it_is(namespace: str, parts: list[str]) -> None:
    pid = f"{namespace}:{''.join(parts)}"
    assert parse_pid(pid) == (pid if len(pid) <= 255 else None)


@given(st.text(alphabet=st.characters(codec=None), max_size=300))
def test_what_is_shown_is_bounded_and_prints(text: str) -> None:
    line = shown(text)
    assert len(line) <= 81
    assert len(line.splitlines()) <= 1
    line.encode()


def test_a_hidden_character_is_not_shown_as_if_it_were_not_there() -> None:
    assert shown("demo:5\x00\x01\n") == "demo:5\ufffd"


def test_a_dsid_may_be_odd_but_not_empty() -> None:
    assert is_dsid("PDF 1+2:3")
    assert not is_dsid("")


def test_other_spellings_have_the_namespace_or_the_whole_in_lower_case() -> None:
    assert spellings("Demo:Ab%2F") == ["demo:Ab%2F", "demo:ab%2F"]
    assert spellings("demo:Ab") == ["demo:ab"]
    assert spellings("demo:ab") == []
