"""Omeka S's REST API and files as peers.md 1B records them, over loopback; it checks what it is asked, and an image server beside it."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.sources.peers import Answer, Asked

KEY = {"key_identity": "k1dentity", "key_credential": "cr3dential-word"}
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 300 + b"\xff\xd9"
_MOMENT = "2024-05-01T10:00:00+00:00"
_QUERY = frozenset({"item_id", "sort_by", "sort_order", "per_page", "page", *KEY})


@dataclass
class Omeka:
    """``base`` is its own address, ``images`` the image server's. What is private is shown with the key alone, but for the files."""

    base: str = ""
    images: str = ""
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    media: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, Answer] = field(default_factory=dict)
    pictures: dict[str, Answer] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)

    def put_item(self, number: int, *, title: str = "An item", public: bool = True) -> None:
        self.items[number] = {
            "@context": f"{self.base}/api-context",
            "@id": f"{self.base}/api/items/{number}",
            "@type": "o:Item",
            "o:id": number,
            "o:is_public": public,
            "o:title": title,
            "o:created": {"@value": _MOMENT, "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
            "o:modified": {"@value": _MOMENT, "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
            "o:primary_media": None,
        }

    def put_media(self, number: int, item: int, /, **facts: Any) -> dict[str, Any]:
        """As Omeka writes one; what is told in ``facts`` stands instead."""
        self.media[number] = {
            "@id": f"{self.base}/api/media/{number}",
            "@type": "o:Media",
            "o:id": number,
            "o:is_public": True,
            "o:title": f"Media {number}",
            "o:created": {"@value": _MOMENT},
            "o:modified": None,
            "o:ingester": "upload",
            "o:renderer": "file",
            "o:item": {"@id": f"{self.base}/api/items/{item}", "o:id": item},
            "o:source": f"scan {number}.tif",
            "o:media_type": "image/tiff",
            "o:sha256": None,
            "o:size": None,
            "o:filename": f"hash{number}.tif",
            "o:original_url": None,
            "o:thumbnail_urls": [],
            "data": [],
        } | facts
        return self.media[number]

    def upload(self, number: int, item: int, octets: bytes, /, **facts: Any) -> None:
        """An original and its thumbnail."""
        self.put_media(
            number, item, **{
                "o:sha256": hashlib.sha256(octets).hexdigest(),
                "o:size": len(octets),
                "o:original_url": f"{self.base}/files/original/hash{number}.tif",
                "o:thumbnail_urls": {"large": f"{self.base}/files/large/hash{number}.jpg"},
            } | facts,
        )  # fmt: skip
        self.files[f"/files/original/hash{number}.tif"] = file(octets, "image/tiff", f"original-{number}")
        self.files[f"/files/large/hash{number}.jpg"] = file(JPEG, "image/jpeg", f"large-{number}")

    def point_at(self, number: int, item: int, octets: bytes | None = JPEG, /, **facts: Any) -> None:
        """A media of the ingester ``iiif``: its picture is at the image server, of which Omeka keeps a thumbnail."""
        base = f"{self.images}/iiif/{number}"
        info = {"@context": "http://iiif.io/api/image/2/context.json", "@id": base, "width": 100, "height": 100}
        self.put_media(
            number, item, **{
                "o:ingester": "iiif",
                "o:renderer": "iiif",
                "o:source": f"{base}/info.json",
                "o:media_type": None,
                "o:filename": None,
                "o:thumbnail_urls": {"large": f"{self.base}/files/large/hash{number}.jpg"},
                "data": info,
            } | facts,
        )  # fmt: skip
        self.files[f"/files/large/hash{number}.jpg"] = file(JPEG, "image/jpeg", f"large-{number}")
        if octets is not None:
            self.pictures[f"/iiif/{number}/full/max/0/default.jpg"] = file(octets, "image/jpeg", f"picture-{number}")

    def answer(self, asked: Asked) -> Answer:
        parts = asked.path.strip("/").split("/")
        if parts[0] == "api":
            return self._api(parts[1:], asked)
        if set(asked.query) & set(KEY):
            self.mistakes.append(f"a key was sent to {asked.path}")
        return self.files.get(asked.path, Answer(status=404, body=b"<h1>Not found</h1>", headers={"Content-Type": "text/html"}))

    def answer_image(self, asked: Asked) -> Answer:
        """The image server: what is no picture of it is a bad request."""
        if asked.query:
            self.mistakes.append(f"an image server was asked {asked.query}")
        if asked.path.startswith("/iiif/") and "/max/full/" in asked.path:
            return Answer(status=400, body=b"no")
        return self.pictures.get(asked.path, Answer(status=404, body=b"no such picture", headers={"Content-Type": "text/plain"}))

    def _api(self, parts: list[str], asked: Asked) -> Answer:
        unknown = set(asked.query) - _QUERY
        if unknown or asked.method != "GET":
            self.mistakes.append(f"{asked.method} {asked.path} {sorted(unknown)}")
        given = {name: asked.query[name] for name in KEY if name in asked.query}
        if given and given != KEY:
            return _error(403, "Permission denied")
        match parts:
            case ["items", number] if number.isdecimal():
                found = self._shown(self.items.get(int(number)), trusted=given == KEY)
                return _error(404, "Not found") if found is None else _json(self._whole(found, trusted=given == KEY))
            case ["items"]:
                return _json([])
            case ["media", number] if number.isdecimal():
                found = self._shown(self.media.get(int(number)), trusted=given == KEY)
                return _error(404, "Not found") if found is None else _json(found)
            case ["media"]:
                return self._list(asked, trusted=given == KEY)
        return _error(404, "Not found")

    def _shown(self, found: dict[str, Any] | None, *, trusted: bool) -> dict[str, Any] | None:
        if found is None or not (trusted or found["o:is_public"]):
            return None
        home = self.items.get(found["o:item"]["o:id"]) if "o:item" in found else None
        return found if home is None or trusted or home["o:is_public"] else None

    def _of(self, item: int, *, trusted: bool) -> list[dict[str, Any]]:
        return [each for each in self.media.values() if each["o:item"]["o:id"] == item and self._shown(each, trusted=trusted)]

    def _whole(self, item: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
        media = [{"@id": each["@id"], "o:id": each["o:id"]} for each in self._of(item["o:id"], trusted=trusted)]
        return {**item, "o:media": media}

    def _list(self, asked: Asked, *, trusted: bool) -> Answer:
        found = self._of(int(asked.query["item_id"]), trusted=trusted)
        found.sort(key=lambda each: int(each["o:id"]), reverse=asked.query.get("sort_order") != "asc")
        size, page = int(asked.query.get("per_page", 25)), int(asked.query.get("page", 1))
        return _json(found[(page - 1) * size : page * size], {"Omeka-S-Total-Results": str(len(found))})


def file(octets: bytes, mime: str, tag: str) -> Answer:
    return Answer(
        body=octets, headers={"Content-Type": mime, "ETag": f'"{tag}-{len(octets)}-{hashlib.sha256(octets).hexdigest()[:8]}"'}, ranged=True
    )


def _json(value: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        body=json.dumps(value).encode(), headers={"Content-Type": "application/json", "Omeka-S-Version": "4.1.1", **(headers or {})}
    )


def _error(status: int, message: str) -> Answer:
    return Answer(status=status, body=json.dumps({"errors": {"error": message}}).encode(), headers={"Content-Type": "application/json"})
