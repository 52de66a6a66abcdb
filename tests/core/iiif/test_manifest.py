import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.division import Division, Pointer
from getapi.core.errors import ObjectUnreadable
from getapi.core.iiif.canvas import MAX_CANVASES, MAX_CONTENTS
from getapi.core.iiif.manifest import Manifest, read_manifest
from tests.core.test_jsontext import ANYTHING

PID = "iiif:book"
IMAGES = "https://images.example.org/iiif"


def second(canvases: int = 3, structures: object = None, **more: Any) -> dict[str, Any]:
    """A manifest of Presentation 2.1."""
    return {
        "@context": "http://iiif.io/api/presentation/2/context.json",
        "@id": "https://iiif.example.org/book/manifest",
        "@type": "sc:Manifest",
        "label": {"@value": "A book", "@language": "en"},
        "sequences": [{"@type": "sc:Sequence", "canvases": [canvas2(number) for number in range(1, canvases + 1)]}],
        **({} if structures is None else {"structures": structures}),
        **more,
    }


def canvas2(number: int) -> dict[str, Any]:
    return {
        "@id": f"https://iiif.example.org/canvas/{number}",
        "@type": "sc:Canvas",
        "label": f"p. {number}",
        "images": [
            {
                "@type": "oa:Annotation",
                "motivation": "sc:painting",
                "resource": {
                    "@id": f"{IMAGES}/{number}/full/1000,/0/default.jpg",
                    "@type": "dctypes:Image",
                    "format": "image/jpeg",
                    "service": {
                        "@context": "http://iiif.io/api/image/2/context.json",
                        "@id": f"{IMAGES}/{number}",
                        "profile": "http://iiif.io/api/image/2/level1.json",
                    },
                },
            }
        ],
    }


def third(canvases: int = 3, structures: object = None, **more: Any) -> dict[str, Any]:
    """A manifest of Presentation 3.0."""
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": "https://iiif.example.org/book/manifest",
        "type": "Manifest",
        "label": {"de": ["Ein Buch"], "en": ["A book"]},
        "items": [canvas3(number) for number in range(1, canvases + 1)],
        **({} if structures is None else {"structures": structures}),
        **more,
    }


def canvas3(number: int, *bodies: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"https://iiif.example.org/canvas/{number}",
        "type": "Canvas",
        "label": {"none": [f"p. {number}"]},
        "items": [
            {
                "type": "AnnotationPage",
                "items": [{"type": "Annotation", "motivation": "painting", "body": body} for body in bodies or (picture3(number),)],
            }
        ],
    }


def picture3(number: int) -> dict[str, Any]:
    return {
        "id": f"{IMAGES}/{number}/full/1000,/0/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
        "service": [{"id": f"{IMAGES}/{number}", "type": "ImageService3", "profile": "level1"}],
    }


def read(document: object) -> Manifest:
    return read_manifest(json.dumps(document).encode(), PID)


def shape(division: Division) -> list[object]:
    return [child.dsid if isinstance(child, Pointer) else {child.label: shape(child)} for child in division.children]


@pytest.mark.parametrize("document", [second(), third()], ids=["2", "3"])
def test_each_canvas_is_a_picture_of_its_image_service_in_full(document: object) -> None:
    found = read(document)
    assert found.label == "A book"
    contents = [content for canvas in found.canvases for content in canvas.contents]
    assert [(each.dsid, each.label, each.mime) for each in contents] == [(f"page-{n}", f"p. {n}", "image/jpeg") for n in (1, 2, 3)]
    urls = [each.url for each in contents[1].candidates]
    assert urls[0] == f"{IMAGES}/2/full/max/0/default.jpg"
    assert urls[-1] == f"{IMAGES}/2/full/1000,/0/default.jpg"
    assert shape(found.structure) == ["page-1", "page-2", "page-3"]


def test_ranges_of_the_second_version_become_folders() -> None:
    structures = [
        {"@id": "r0", "@type": "sc:Range", "label": "Contents", "viewingHint": "top", "ranges": ["r1", "r2"]},
        {"@id": "r1", "@type": "sc:Range", "label": "First", "canvases": ["https://iiif.example.org/canvas/1"]},
        {
            "@id": "r2",
            "@type": "sc:Range",
            "label": "Second",
            "members": [
                {"@id": "https://iiif.example.org/canvas/2#xywh=0,0,10,10", "@type": "sc:Canvas"},
                {"@id": "r3", "@type": "sc:Range"},
            ],
        },
        {"@id": "r3", "@type": "sc:Range", "label": "Inner", "canvases": ["https://iiif.example.org/canvas/3"]},
    ]
    found = shape(read(second(structures=structures)).structure)
    assert found[:2] == [{"First": ["page-1"]}, {"Second": ["page-2", {"Inner": ["page-3"]}]}]


def test_ranges_of_the_third_version_become_folders() -> None:
    def range3(label: str, *items: object) -> dict[str, Any]:
        return {"id": f"r-{label}", "type": "Range", "label": {"en": [label]}, "items": list(items)}

    def canvas(number: int) -> dict[str, Any]:
        return {"id": f"https://iiif.example.org/canvas/{number}", "type": "Canvas"}

    part = {"type": "SpecificResource", "source": f"{canvas(3)['id']}#t=1,2"}
    tops = [range3("First", canvas(1), range3("Inner", canvas(2))), range3("Second", part, {"type": "Canvas", "id": "elsewhere"})]
    expected = [{"First": ["page-1", {"Inner": ["page-2"]}]}, {"Second": ["page-3"]}]
    assert shape(read(third(structures=tops)).structure)[:2] == expected
    assert shape(read(third(structures=[range3("Contents", *tops)])).structure)[:2] == expected


def test_ranges_within_themselves_or_named_twice_are_no_folders() -> None:
    circle = [{"@id": "r1", "label": "A", "ranges": ["r2"]}, {"@id": "r2", "label": "B", "ranges": ["r1"]}]
    top = [{"@id": "r0", "label": "Top", "viewingHint": "top", "ranges": ["r1", "r1"]}, {"@id": "r1", "label": "A"}]
    deep = [{"@id": f"r{n}", "label": f"{n}", "ranges": [f"r{n + 1}"]} for n in range(100)]
    for structures in (circle, top, deep, [], "x", [{"@id": 5}]):
        assert [each for each in shape(read(second(structures=structures)).structure) if isinstance(each, str)] == [
            "page-1",
            "page-2",
            "page-3",
        ]


def test_ranges_too_deep_to_be_folders_leave_the_order_alone() -> None:
    inner: dict[str, Any] = {"type": "Range", "items": []}
    for _ in range(200):
        inner = {"type": "Range", "label": {"en": ["x"]}, "items": [inner]}
    assert shape(read(third(structures=[inner])).structure) == ["page-1", "page-2", "page-3"]


def test_sound_and_films_and_several_bodies_are_contents_and_other_things_are_not() -> None:
    sound = {"id": "https://av.example.org/a.mp3", "type": "Sound", "format": "audio/mpeg"}
    film = {"id": "https://av.example.org/a.mp4", "type": "Video", "format": "video/mp4"}
    words = {"type": "TextualBody", "value": "x"}
    choice = {"type": "Choice", "items": [picture3(7), picture3(8)]}
    cut = {"type": "SpecificResource", "source": picture3(9)}
    bad = {"id": "javascript:alert(1)", "type": "Image"}
    found = read(third(items=[canvas3(1, sound, words, film, choice, cut, bad)])).canvases[0].contents
    assert [(each.dsid, each.kind, each.mime) for each in found] == [
        ("page-1", "Sound", "audio/mpeg"),
        ("page-1.2", "Video", "video/mp4"),
        ("page-1.3", "Image", "image/jpeg"),
        ("page-1.4", "Image", "image/jpeg"),
    ]
    assert found[2].candidates[0].url == f"{IMAGES}/7/full/max/0/default.jpg"


@pytest.mark.parametrize(
    "url", ["https://[bad/x.jpg", "https://images.example.org/a\u0007.jpg", f"https://images.example.org/{'a' * 5000}", "https:x"]
)
def test_what_is_no_address_of_a_picture_is_no_content(url: str) -> None:
    assert read(third(items=[canvas3(1, {"id": url, "type": "Image"})])).canvases[0].contents == ()


def test_what_is_said_about_a_canvas_is_not_painted_on_it() -> None:
    canvas = canvas3(1)
    remark = {"type": "Annotation", "motivation": "commenting", "body": picture3(5)}
    canvas["items"][0]["items"].append(remark)
    assert read(third(items=[canvas])).canvases == read(third(1)).canvases


def test_a_range_that_is_not_there_is_no_folder() -> None:
    structures = [{"@id": "r0", "label": "Top", "canvases": ["https://iiif.example.org/canvas/1"], "ranges": ["nowhere"]}]
    assert shape(read(second(structures=structures)).structure)[0] == {"Top": ["page-1"]}


def test_the_second_versions_choices_and_details() -> None:
    plain = canvas2(1)
    resource = plain["images"][0]["resource"]
    for body in ({"@type": "oa:Choice", "default": resource, "item": [{}]}, {"@type": "oa:SpecificResource", "full": resource}):
        canvas = {**plain, "images": [{"resource": body}]}
        found = read(second(sequences=[{"canvases": [canvas]}]))
        assert found.canvases == read(second(1)).canvases


@pytest.mark.parametrize("document", [{}, [], "x", {"@type": "sc:Collection"}, {"type": "Collection", "items": []}, {"type": "Manifest"}])
def test_what_is_no_manifest_is_unreadable(document: object) -> None:
    with pytest.raises(ObjectUnreadable):
        read(document)


def test_more_canvases_than_are_read_are_told_and_contents_of_one_are_bounded() -> None:
    with pytest.raises(ObjectUnreadable):
        read(third(items=[{}] * (MAX_CANVASES + 1)))
    many = [picture3(number) for number in range(MAX_CONTENTS + 50)]
    assert len(read(third(items=[canvas3(1, *many)])).canvases[0].contents) == MAX_CONTENTS


@given(st.data())
def test_whatever_stands_in_the_place_of_a_part_is_read_or_told(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([second, third]))(
        structures=[{"@id": "r", "id": "r", "type": "Range", "items": [{}], "ranges": []}]
    )
    place: Any = document
    for _ in range(data.draw(st.integers(0, 8))):
        if not place or not isinstance(place, dict | list):
            break
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(ANYTHING)
            break
        place = place[key]
    try:
        found = read(document)
    except ObjectUnreadable:
        return
    dsids = [content.dsid for canvas in found.canvases for content in canvas.contents]
    assert len(dsids) == len(set(dsids))
    for canvas in found.canvases:
        for content in canvas.contents:
            assert all(each.url.startswith(("http://", "https://")) and each.url.isprintable() for each in content.candidates)
