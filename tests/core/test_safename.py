import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from getapi.core.safename import fold_name, is_reserved, plain_segment, safe_segment, same_name, shorten, split_extension

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\\/:*?"<>|%\u202a-\u202e\u2066-\u2069]')
ANY_TEXT = st.text(alphabet=st.characters(codec=None)) | st.text(alphabet=st.characters(codec=None), min_size=60, max_size=400)
RESERVED = st.sampled_from(["CON", "con.txt", "Aux .tar.gz", "nul ", "COM1.", "lpt9.x", "com¹", "CONIN$"])
WICKED = st.text(alphabet=' .:/\\~-_%*\t\n\u2028\u3000\u202ea\u0301\U0001f600漢"', max_size=150)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("recto:verso", "recto-verso"),
        ("a/b\\c", "a_b_c"),
        ("50% off?.pdf", "50_ off_.pdf"),
        ("  Chapter 1. \u00a0", "Chapter 1"),
        ("...", "_"),
        ("", "_"),
        ("..", "_"),
        (".htaccess", "_.htaccess"),
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("console", "console"),
        ("Com1 .txt", "_Com1 .txt"),
        ("tab\there", "tab_here"),
        ("\ud800x", "_x"),
        ("-rf", "-rf"),
        ("~user", "~user"),
        ("x~", "x~"),
        ("line\u2028two\u202e", "line_two_"),
        ("漢字 😀.tif", "漢字 😀.tif"),
    ],
)
def test_a_name_is_mapped_as_the_reference_says(text: str, wanted: str) -> None:
    assert safe_segment(text) == wanted


def test_a_decomposed_name_is_composed() -> None:
    assert safe_segment("U\u0308bersicht") == "\u00dcbersicht"


def test_only_a_directory_may_not_end_with_a_tilde() -> None:
    assert safe_segment("x~", directory=True) == "x~_"
    assert safe_segment("~", directory=True) == "~_"


def test_a_long_name_keeps_its_extension_and_differs_where_the_texts_differ() -> None:
    names = {safe_segment(f"{'ä' * 300}{tail}.JPEG") for tail in "abc"}
    assert len(names) == 3
    assert all(len(name.encode()) <= 100 and re.search(r"_[0-9a-f]{8}\.JPEG\Z", name) for name in names)
    assert safe_segment("Vol. " * 40 + "1.of 2", directory=True).startswith("Vol. Vol. ")


def test_long_labels_that_differ_in_the_middle_alone_stay_apart() -> None:
    assert safe_segment("x" * 5000 + "1" + "x" * 5000) != safe_segment("x" * 5000 + "2" + "x" * 5000)


def test_a_label_of_combining_characters_is_mapped_at_once() -> None:
    assert len(safe_segment("a" + "\u0301\u0327" * 500_000).encode()) <= 100


@pytest.mark.parametrize("name", ["x.jpg", "漢" * 33, "_.x", "a" * 100])
@pytest.mark.parametrize("octets", [1, 5, 9, 10, 14, 15, 50, 99])
def test_a_name_is_shortened_to_any_length(name: str, octets: int) -> None:
    short = shorten(name, octets)
    assert 1 <= len(short.encode()) <= octets
    assert short == shorten(name, octets)


def test_a_dot_is_no_extension_at_the_start_nor_before_something_long() -> None:
    assert split_extension(".profile") == (".profile", "")
    assert split_extension("Mr. Smith and the rest") == ("Mr. Smith and the rest", "")
    assert split_extension("a.tar.gz") == ("a.tar", ".gz")
    assert split_extension("Vol. 1.x", directory=True) == ("Vol. 1.x", "")


@given(ANY_TEXT | RESERVED | WICKED, st.booleans())
@example("CON" + "." * 200 + "x", False)
@example("a" * 99 + "~", True)
@example("\ufeff.", False)
def test_any_text_becomes_a_name_that_every_system_takes_and_stays_so(text: str, directory: bool) -> None:
    name = safe_segment(text, directory=directory)
    assert 1 <= len(name.encode()) <= 100
    assert not FORBIDDEN.search(name)
    assert unicodedata.is_normalized("NFC", name)
    assert name == name.lstrip()
    assert name == name.rstrip().rstrip(".")
    assert not name.startswith(".")
    assert not is_reserved(name)
    assert not (directory and name.endswith("~"))
    assert safe_segment(name, directory=directory) == name


@given(st.text(alphabet="abc: -é", max_size=20))
def test_a_colon_and_composition_are_no_renaming(text: str) -> None:
    given_name = safe_segment(f"x{text}x")
    assert same_name(f"x{text}x", given_name)
    assert same_name(unicodedata.normalize("NFD", f"x{text}x"), given_name)


@pytest.mark.parametrize("text", ["a/b", "a ", "a?", ".a", "CON", "x" * 101, "x" * 2000])
def test_anything_else_is_a_renaming(text: str) -> None:
    assert not same_name(text, safe_segment(text))


@given(st.text(max_size=10), st.text(max_size=10))
@example("Straße", "STRASSE")
@example("\u0345\u0301", "\u03b9\u0301")
def test_folding_is_at_least_as_coarse_as_either_order_of_casefold_and_nfc(first: str, second: str) -> None:
    first, second = unicodedata.normalize("NFC", first), unicodedata.normalize("NFC", second)
    for fold in (str.lower, str.casefold, lambda name: unicodedata.normalize("NFC", name.casefold())):
        if fold(first) == fold(second):
            assert fold_name(first) == fold_name(second)


@given(ANY_TEXT | RESERVED | WICKED | st.text(alphabet="abCOMN1:._-~", max_size=110))
@example("con:1_DC.xml")
@example("demo:1_DC.xml")
@example("x" * 100)
@example("a.")
@example("a\n")
@example("")
def test_a_plain_name_is_the_safe_one_and_no_renaming(text: str) -> None:
    plain = plain_segment(text)
    assert plain is None or (plain == safe_segment(text) and same_name(text, plain))


def test_usual_names_are_plain() -> None:
    assert [plain_segment(name) for name in ("demo:1_DC.xml", "a", "x" * 100)] == ["demo-1_DC.xml", "a", "x" * 100]
    assert [plain_segment(name) for name in ("", ".a", "a.", "con.txt", "a b", "x" * 101, "ü")] == [None] * 7
