import json
from typing import Any

import pytest
from hypothesis import given

from getapi.core.errors import ObjectUnreadable
from getapi.core.iiif.image import ImageService
from getapi.core.omeka import MAX_MEDIA, Media, read_item, read_media, read_media_list
from tests.core.test_jsontext import ANYTHING

PID = "omeka:7"


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def media_of(**facts: Any) -> Media:
    return read_media(encode({"o:id": 71, "o:item": {"o:id": 7}} | facts), PID)


def test_an_item_as_omeka_writes_it() -> None:
    item = read_item(
        encode(
            {
                "@context": "https://omeka.example.org/api-context",
                "@id": "https://omeka.example.org/api/items/7",
                "@type": ["o:Item", "dctype:Text"],
                "o:id": 7,
                "o:is_public": True,
                "o:title": "Letters\n of 1850",
                "o:created": {"@value": "2020-01-01T00:00:00+00:00"},
                "o:modified": {"@value": "2024-05-01T10:00:00+00:00", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
                "o:media": [{"@id": "https://omeka.example.org/api/media/73", "o:id": 73}, {"o:id": 71}, {"o:id": 73}, {"o:id": "x"}],
            }
        ),
        PID,
    )
    assert (item.id, item.title, item.is_public, item.modified) == (7, "Letters of 1850", True, "2024-05-01T10:00:00+00:00")
    assert item.media == (73, 71)


def test_a_media_whose_picture_is_elsewhere_names_its_image_service() -> None:
    info = {"@context": "http://iiif.io/api/image/2/context.json", "@id": "http://inside.example.org/x"}
    found = media_of(**{"o:ingester": "iiif", "o:source": "https://iiif.example.org/x/info.json", "data": info})
    assert found.service == ImageService(base="https://iiif.example.org/x", version=2)
    assert media_of(**{"o:renderer": "iiif", "data": info}).service == ImageService(base="http://inside.example.org/x", version=2)
    assert media_of(**{"o:ingester": "upload", "o:source": "https://iiif.example.org/x/info.json", "data": info}).service is None
    assert media_of(**{"o:ingester": "iiif", "o:source": "a picture", "data": []}).service is None


@pytest.mark.parametrize("digest", ["", "A" * 64, "x" * 64, "a" * 63, None, 5])
def test_what_is_no_digest_is_none(digest: object) -> None:
    assert media_of(**{"o:sha256": digest}).sha256 in {"", "a" * 64}


def test_only_what_is_said_to_be_public_is() -> None:
    for said in (None, "true", 1, False):
        assert not media_of(**{"o:is_public": said}).is_public
        assert not read_item(encode({"o:id": 7, "o:is_public": said}), PID).is_public


def test_thumbnails_may_be_an_empty_list() -> None:
    assert media_of(**{"o:thumbnail_urls": []}).large == ""
    assert media_of(**{"o:thumbnail_urls": {"large": "https://omeka.example.org/files/large/x.jpg"}}).large.endswith("x.jpg")


@pytest.mark.parametrize("document", [{}, [], {"o:id": 0}, {"o:id": True}, "x", {"errors": {"error": "Not found"}}])
def test_what_is_no_item_is_unreadable(document: object) -> None:
    for read in (read_item, read_media):
        with pytest.raises(ObjectUnreadable):
            read(encode(document), PID)


def test_too_many_media_are_told() -> None:
    with pytest.raises(ObjectUnreadable):
        read_item(encode({"o:id": 7, "o:media": [{}] * (MAX_MEDIA + 1)}), PID)
    with pytest.raises(ObjectUnreadable):
        read_media_list(encode({"o:id": 7}), PID)


NAMES = (
    "o:id",
    "o:item",
    "o:media",
    "o:source",
    "o:size",
    "o:sha256",
    "o:thumbnail_urls",
    "o:original_url",
    "o:modified",
    "data",
    "o:title",
)


@given(ANYTHING)
def test_whatever_stands_in_a_members_place_is_read_or_told(value: object) -> None:
    for name in NAMES:
        document = encode({"o:id": 7, "o:ingester": "iiif", name: value})
        for read in (read_item, read_media):
            try:
                read(document, PID)
            except ObjectUnreadable:
                assert name in {"o:id", "o:media"}
        read_media_list(encode([json.loads(document)]), PID)
