import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from getapi.core.names import bag_name, flat_name, package_name
from getapi.core.safename import is_reserved

FINGERPRINT = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rutgers-lib:1234", "rutgers-lib-1234"),
        ("My holiday pictures.zip", "My_holiday_pictures"),
        ("Müllers Bücher.TAR", "Mullers_Bucher"),
        ("archive.tar.zip", "archive"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("con", "_con"),
        ("aux.tar", "_aux"),
        ("a.tar...", "a"),
        ("資料", "package"),
        ("", "package"),
        (".tar", "tar"),
        ("x" * 200, "x" * 100),
        ("x" * 96 + ".tarnished", "x" * 96),
    ],
)
def test_a_bags_name_is_plain_ascii(text: str, wanted: str) -> None:
    assert bag_name(text) == wanted


@given(st.text(alphabet=st.characters(codec=None)) | st.text(alphabet=".-_:tarzipTARZIPcon é", max_size=150))
@example("CON." + "x" * 200)
@example("a" * 99 + ".tar")
def test_any_text_becomes_a_bags_name_and_stays_so(text: str) -> None:
    name = bag_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name)
    assert not name.endswith(".")
    assert not name.lower().endswith((".tar", ".zip"))
    assert not is_reserved(name)
    assert bag_name(name) == name


def test_a_package_is_called_as_wished_else_by_its_only_pid_else_by_its_request() -> None:
    assert package_name(["a:1"], FINGERPRINT, "My thesis") == "My_thesis"
    assert package_name(["rutgers-lib:1234"], FINGERPRINT, None) == "rutgers-lib-1234"
    assert package_name(["a:1", "b:2"], FINGERPRINT, "") == "package-0123456789ab"
    assert package_name([], FINGERPRINT, None) == "package-0123456789ab"


def test_a_wish_of_which_nothing_can_be_used_is_passed_over() -> None:
    assert package_name(["a:1"], FINGERPRINT, "資料 / ..") == "a-1"
    assert package_name(["a:1", "b:2"], FINGERPRINT, "...") == "package-0123456789ab"


@pytest.mark.parametrize(
    ("dsid", "mime", "wanted"),
    [
        ("PDF-1", "application/pdf", "a:1_PDF-1.pdf"),
        ("MODS.xml", "text/xml", "a:1_MODS.xml"),
        ("scan.JPEG", "image/jpeg", "a:1_scan.JPEG"),
        ("BLOB", "application/octet-stream", "a:1_BLOB"),
        ("BLOB", "", "a:1_BLOB"),
    ],
)
def test_a_flat_name_is_pid_dsid_and_one_extension(dsid: str, mime: str, wanted: str) -> None:
    assert flat_name("a:1", dsid, mime) == wanted
