import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.iiif.image import ImageService, base_of, find_service, read_service
from tests.core.test_jsontext import ANYTHING

BASE = "https://iiif.example.org/iiif/2/a%2Fb"


@pytest.mark.parametrize(
    ("facts", "version"),
    [
        ({"@id": BASE, "@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json"}, 1),
        ({"@id": f"{BASE}/", "@context": "http://iiif.io/api/image/2/context.json"}, 2),
        ({"@id": BASE, "profile": ["http://iiif.io/api/image/2/level2.json", {"formats": ["png"]}]}, 2),
        ({"id": BASE, "type": "ImageService3", "profile": "level1"}, 3),
        ({"@id": BASE, "@type": "ImageService2", "profile": "level1"}, 2),
        ({"@id": f"{BASE}/info.json"}, 0),
    ],
)
def test_a_service_says_its_version(facts: object, version: int) -> None:
    assert read_service(facts) == ImageService(base=BASE, version=version)


@pytest.mark.parametrize(
    "facts",
    [
        {"@id": BASE, "@context": "http://iiif.io/api/auth/1/context.json", "profile": "http://iiif.io/api/auth/1/login"},
        {"@id": BASE, "profile": "http://iiif.io/api/search/1/search"},
        {"@id": "ftp://iiif.example.org/x"},
        {"@id": "https:///x"},
        {"@id": "https://user:word@iiif.example.org/x"},
        {"@id": "https://iiif.example.org/x?y"},
        {"@id": "https://iiif.example.org\\@other/x"},
        {"@id": "https://iiif.example.org/ü"},
        {"@id": "https://[bad/x"},
        {"@id": 5},
        "text",
        None,
    ],
)
def test_what_is_no_image_service_is_none(facts: object) -> None:
    assert read_service(facts) is None


def test_the_image_service_is_found_among_others() -> None:
    login = {"@id": BASE, "profile": "http://iiif.io/api/auth/1/login"}
    picture = {"@id": BASE, "profile": "http://iiif.io/api/image/2/level1.json"}
    assert find_service([login, picture]) == find_service(picture) == ImageService(base=BASE, version=2)
    assert find_service([login]) is None


def test_the_whole_picture_is_asked_for_as_each_version_knows_it() -> None:
    forms = {version: [each.url.removeprefix("b/") for each in ImageService(base="b", version=version).candidates] for version in range(4)}
    assert forms[1] == ["full/full/0/native.jpg"]
    assert forms[2] == ["full/max/0/default.jpg", "full/full/0/default.jpg", "full/max/0/default.png"]
    assert forms[3] == ["full/max/0/default.jpg", "full/max/0/default.png"]
    assert forms[0] == ["full/max/0/default.jpg", "full/full/0/default.jpg", "full/full/0/native.jpg", "full/max/0/default.png"]
    assert not [form for found in forms.values() for form in found if form.startswith("max/")]


def test_every_form_has_the_type_that_its_ending_says() -> None:
    for version in range(4):
        for each in ImageService(base="b", version=version).candidates:
            assert each.mime == {"jpg": "image/jpeg", "png": "image/png"}[each.url.rpartition(".")[2]]


@given(st.text() | st.from_regex(r"https?://[\w.]{1,9}(/[\w.%?#@\\]{0,9}){0,3}", fullmatch=True))
def test_a_base_can_be_continued_by_a_path_and_by_nothing_else(address: str) -> None:
    base = base_of(address)
    assert base is None or (base.isascii() and not set(base) & set("?#\\@ \r\n") and not base.endswith("/"))


@given(ANYTHING)
def test_anything_can_be_read(value: object) -> None:
    assert find_service(value) is None or isinstance(find_service(value), ImageService)
