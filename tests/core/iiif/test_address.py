from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from getapi.core.iiif.address import ManifestAddress

ONE = ManifestAddress.read("https://iiif.example.org/presentation/{id}/manifest")
MANY = ManifestAddress.read("https://iiif.example.org/{+id}.json?v=3")


def test_the_rest_of_a_pid_fills_the_address() -> None:
    assert ONE.fill("book-1") == "https://iiif.example.org/presentation/book-1/manifest"
    assert ONE.fill("a%2Fb") == "https://iiif.example.org/presentation/a%2Fb/manifest"
    assert MANY.fill("a%2Fb%3Fc") == "https://iiif.example.org/a/b%3Fc.json?v=3"


@pytest.mark.parametrize("name", ["", ".", "..", "a%41", "a%2fb", "%FF", "a/b", "a%00%"])
def test_what_has_another_spelling_or_climbs_names_nothing(name: str) -> None:
    assert ONE.fill(name) is None


@pytest.mark.parametrize("name", ["..%2Fx", "a%2F..%2Fb", "a%2F%2Fb", "%2Fa", "a%2F"])
def test_a_path_stays_below_the_address(name: str) -> None:
    assert MANY.fill(name) is None


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_each_pid_is_one_manifest_and_each_manifest_one_pid(one: str, other: str) -> None:
    try:
        names = [quote(each, safe="") for each in (one, other)]
    except UnicodeEncodeError:
        assume(False)
        raise
    for address in (ONE, MANY):
        urls = [address.fill(name) for name in names]
        for url, plain in zip(urls, (one, other), strict=True):
            if url is not None:
                assert urlsplit(url).hostname == "iiif.example.org"
                assert unquote(url.removeprefix(address.before).removesuffix(address.after)) == plain
        if one != other and urls[0] is not None:
            assert urls[0] != urls[1]


@pytest.mark.parametrize(
    "template",
    [
        "https://iiif.example.org/manifest",
        "https://iiif.example.org/{id}/{id}",
        "https://{id}/manifest",
        "https://iiif.example.org{id}/manifest",
        "{id}",
        "file:///{id}",
        "https://iiif.example.org/{name}/{id}",
        "https://user:word@iiif.example.org/{id}",
        "https://iiif.example.org:0/{id}",
        "https://iiif.example.org:x/{id}",
        "https://iiif.example.org/{id}#x",
        "https://iiif.example.org/ü/{id}",
    ],
)
def test_what_is_no_template_is_told(template: str) -> None:
    with pytest.raises(ValueError, match="must"):
        ManifestAddress.read(template)
