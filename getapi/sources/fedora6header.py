"""The header that Fedora 6 keeps of each of its resources (``.fcrepo/*.json``), as far as we ask."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from getapi.core.rights.moment import UnreadableMoment, read_moment
from getapi.core.source import Digest

_ALGORITHMS = {
    "md5": "md5",
    "sha1": "sha1",
    "sha-1": "sha1",
    "sha256": "sha256",
    "sha-256": "sha256",
    "sha512": "sha512",
    "sha-512": "sha512",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a resource's header says, as far as we ask."""

    id: str
    parent: str
    model: str
    deleted: bool
    content: str
    mime: str
    filename: str
    size: int | None
    modified: datetime | None
    digests: tuple[Digest, ...]
    url: str
    handling: str


def read_header(document: bytes | None) -> Header | None:
    """None for what is no header that can be believed."""
    try:
        facts = json.loads(document or b"")
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    texts = {
        name: facts.get(name) or ""
        for name in ("id", "parent", "interactionModel", "contentPath", "mimeType", "filename", "externalUrl", "externalHandling")
    }
    deleted, size = facts.get("deleted") or False, facts.get("contentSize")
    digests = _digests(facts.get("digests"))
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(deleted, bool) or digests is None:
        return None
    return Header(
        id=texts["id"],
        parent=texts["parent"],
        model=texts["interactionModel"],
        deleted=deleted,
        content=texts["contentPath"],
        mime=texts["mimeType"],
        filename=texts["filename"],
        size=size if isinstance(size, int) and size >= 0 else None,
        modified=_moment(facts.get("lastModifiedDate")) or _moment(facts.get("createdDate")),
        digests=digests,
        url=texts["externalUrl"],
        handling=texts["externalHandling"],
    )


def _digests(texts: Any) -> tuple[Digest, ...] | None:
    """``urn:sha-512:hex``, or as older versions wrote it ``urn:sha512:hex``; those of other algorithms are passed over."""
    if not isinstance(texts, list):
        return () if texts is None else None
    found = []
    for text in texts:
        urn, _, value = str(text).rpartition(":")
        algorithm = _ALGORITHMS.get(urn.removeprefix("urn:").lower())
        if algorithm:
            found.append(Digest(algorithm=algorithm, value=value.lower()))
    return tuple(found)


def _moment(text: Any) -> datetime | None:
    try:
        moment = read_moment(text) if isinstance(text, str) else None
    except UnreadableMoment:
        return None
    return moment if isinstance(moment, datetime) else None
