import mimetypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.mime import extension, media_type, with_extension


@pytest.mark.parametrize(
    ("mime", "wanted"),
    [
        ("text/xml", ".xml"),
        ("application/mods+xml", ".xml"),
        ("application/rdf+xml", ".rdf"),
        ("Application/PDF", ".pdf"),
        ("text/html; charset=UTF-8", ".html"),
        (" text/plain ;x", ".txt"),
        ("image/jpeg", ".jpg"),
        ("image/jp2", ".jp2"),
        ("image/tiff", ".tif"),
        ("audio/x-wav", ".wav"),
        ("audio/mpeg", ".mp3"),
        ("video/quicktime", ".mov"),
        ("video/x-flv", ".flv"),
        ("image/vnd.djvu", ".djvu"),
        ("application/dicom", ".dcm"),
        ("application/warc", ".warc"),
        ("application/x-subrip", ".srt"),
        ("image/svg+xml", ".svg"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
        ("application/vnd.example+xml", ".xml"),
        ("application/vnd.example+json; v=1", ".json"),
        ("application/vnd.example", ""),
        ("application/octet-stream", ""),
        ("xml", ""),
        ("", ""),
        (";", ""),
    ],
)
def test_a_type_has_the_extension_of_our_own_table(mime: str, wanted: str) -> None:
    assert extension(mime) == wanted


def test_what_the_machine_knows_of_types_changes_nothing() -> None:
    mimetypes.add_type("application/vnd.example", ".machine")
    mimetypes.add_type("image/jp2", ".machine")
    assert (extension("application/vnd.example"), extension("image/jp2")) == ("", ".jp2")


@pytest.mark.parametrize(
    ("name", "mime", "carries"),
    [
        ("MODS.xml", "text/xml", True),
        ("scan.TIFF", "image/tiff", True),
        ("scan.jpeg", "image/jpeg", True),
        ("scan.jp2", "image/jpeg", False),
        ("PDF", "application/pdf", False),
        ("anything", "application/octet-stream", True),
    ],
)
def test_a_name_may_carry_its_extension_already(name: str, mime: str, carries: bool) -> None:
    assert with_extension(name, mime) == (name if carries else name + extension(mime))


@given(st.text())
def test_any_text_has_an_extension_that_is_plain_or_none(mime: str) -> None:
    ending = extension(mime)
    assert ending == "" or (ending.startswith(".") and ending.isascii() and ending.islower())
    assert extension(mime.swapcase()) == ending or not mime.isascii()


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a/b.TIFF", "image/tiff"),
        ("b.jpg", "image/jpeg"),
        ("b.jpeg", "image/jpeg"),
        ("x.xml", "text/xml"),
        ("x.qqq", ""),
        ("x", ""),
        ("x.", ""),
    ],
)
def test_a_name_tells_a_usual_type_by_its_extension(name: str, mime: str) -> None:
    assert media_type(name) == mime


def test_a_type_too_long_to_be_remembered_means_the_same() -> None:
    assert extension(f"text/xml;{' ' * 300}charset=utf-8") == extension("text/xml") == ".xml"
