import pytest
from hypothesis import given

from getapi.core.iiif.label import read_label
from tests.core.test_jsontext import ANYTHING


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("f. 1r", "f. 1r"),
        (" a\n b ", "a b"),
        (["one", "two"], "one two"),
        ({"@value": "Seite", "@language": "de"}, "Seite"),
        ([{"@value": "Seite", "@language": "de"}, {"@value": "Page", "@language": "en-GB"}], "Page"),
        ([{"@value": "Seite", "@language": "de"}, "plain"], "plain"),
        ({"de": ["Seite"], "en": ["Page", "1"]}, "Page 1"),
        ({"de": ["Seite"], "none": ["12"]}, "12"),
        ({"ja": ["頁"], "fr": ["page"]}, "頁"),
        ({"de": [], "fr": ["page"]}, "page"),
        ({}, ""),
        (None, ""),
        (5, ""),
        ({"en": {"x": 1}}, ""),
    ],
)
def test_a_label_is_one_line_in_the_preferred_language(value: object, label: str) -> None:
    assert read_label(value) == label


@given(ANYTHING)
def test_anything_can_be_read(value: object) -> None:
    assert "\n" not in read_label(value)
