"""Akubra's names: the vectors of Fedora's own HashPathIdMapper tests and of real stores."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.sources.akubra import AkubraLayout, blob_name, blob_uri, check_pattern

VECTORS = [
    ("demo:5", "df/info%3Afedora%2Fdemo%3A5"),
    ("demo:5+DC+DC1.0", "e7/info%3Afedora%2Fdemo%3A5%2FDC%2FDC1.0"),
    ("demo:5+THUMBRES_IMG+THUMBRES_IMG1.0", "df/info%3Afedora%2Fdemo%3A5%2FTHUMBRES%5FIMG%2FTHUMBRES%5FIMG1.0"),
    ("rutgers-lib:1234", "22/info%3Afedora%2Frutgers-lib%3A1234"),
    ("rutgers-lib:5678+PDF-1+PDF-1.0", "eb/info%3Afedora%2Frutgers-lib%3A5678%2FPDF-1%2FPDF-1.0"),
    ("rutgers-lib:5678+JPEG-1+JPEG-1.1", "03/info%3Afedora%2Frutgers-lib%3A5678%2FJPEG-1%2FJPEG-1.1"),
    ("rutgers-lib:1234+SMAP-PRES+SMAP-PRES.0", "eb/info%3Afedora%2Frutgers-lib%3A1234%2FSMAP-PRES%2FSMAP-PRES.0"),
    ("test:a~b_c.", "6a/info%3Afedora%2Ftest%3Aa%7Eb%5Fc%2E"),
    ("test:x%2Fy", "dc/info%3Afedora%2Ftest%3Ax%252Fy"),
    ("example:1+DS2+DS2.0", "e5/info%3Afedora%2Fexample%3A1%2FDS2%2FDS2.0"),
]
DSIDS = st.text(st.characters(exclude_characters="+", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@pytest.mark.parametrize(("token", "path"), VECTORS)
def test_a_token_lies_where_fedora_put_it(token: str, path: str) -> None:
    assert AkubraLayout(pattern="##").path(token) == path


@pytest.mark.parametrize(("token", "path"), VECTORS)
def test_a_file_tells_its_token(token: str, path: str) -> None:
    assert AkubraLayout().token(path.partition("/")[2]) == token


@pytest.mark.parametrize(
    ("pattern", "folder"), [("#/##/##", "d/f1/3d/"), ("##/##", "df/13/"), ("", ""), ("#" * 32, "df13d4ff1a74abd3900fdde9f71f56b6/")]
)
def test_any_pattern_of_digits_makes_the_folder(pattern: str, folder: str) -> None:
    assert AkubraLayout(pattern=pattern).path("demo:5") == f"{folder}info%3Afedora%2Fdemo%3A5"


def test_a_real_store_with_another_pattern() -> None:
    assert AkubraLayout(pattern="#/##/##").path("1711.dl:FEG6WWJ664RHQ8X") == "3/c1/cd/info%3Afedora%2F1711.dl%3AFEG6WWJ664RHQ8X"


@pytest.mark.parametrize("pattern", ["/", "/##", "##/", "#//#", "a", "##/x", "#" * 33, "..", "../##"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="hash pattern"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "token", ["", "demo", "demo:5+DC", "demo:5+DC+DC.0+x", "demo:5++", "../etc:1/passwd", "demo:5:6", "ab:", ":5", "a:b c"]
)
def test_what_is_no_token_has_no_path(token: str) -> None:
    assert AkubraLayout().path(token) is None


@pytest.mark.parametrize(
    "name",
    [
        "info%3Afedora%2Fdemo%3A5%2Fnew",
        "info%3Afedora%2Fdemo%3A5%2FDC%2FDC1.0%2Fold",
        "info%3Afedora%2Fdemo:5",
        "info%3afedora%2Fdemo%3A5",
        "demo_5",
        "info%3Afedora%2F%FF%3A5",
        ".nfs0001",
        "größe",
        "",
    ],
)
def test_leftovers_and_strangers_are_no_blobs(name: str) -> None:
    assert AkubraLayout().token(name) is None


def test_the_letters_of_javas_url_encoder() -> None:
    assert blob_uri("demo:5+a b~*_-.é+1") == "info:fedora/demo:5/a+b%7E*_-.%C3%A9/1"


@given(DSIDS, DSIDS)
def test_every_datastream_has_one_name_that_leads_back_and_out_of_no_folder(dsid: str, number: str) -> None:
    token = f"demo:5+{dsid}+{number}"
    path = AkubraLayout(pattern="##").path(token)
    assert path is not None
    folder, _, name = path.partition("/")
    assert len(folder) == 2
    assert "/" not in name
    assert AkubraLayout().token(name) == token


@given(st.text())
def test_any_file_name_is_read_without_an_error(name: str) -> None:
    token = AkubraLayout().token(name)
    assert token is None or blob_name(blob_uri(token) or "") == name


@given(st.from_regex(r"[a-zA-Z0-9.-]{1,4}:[a-zA-Z0-9._~-]{1,6}(\+[a-zA-Z0-9._ -]{1,4}\+[a-zA-Z0-9._-]{1,4})?", fullmatch=True))
def test_the_short_way_to_a_usual_token_s_path_leads_where_the_long_one_does(token: str) -> None:
    uri = blob_uri(token)
    digits = hashlib.md5((uri or "").encode(), usedforsecurity=False).hexdigest()
    assert AkubraLayout().path(token) == (None if uri is None else f"{digits[:2]}/{blob_name(uri)}")
