"""A bag (RFC 8493) as an ordered list of members, and its manifests as octets."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from getapi.core.errors import DeliveryError
from getapi.core.plan import Entry, Plan
from getapi.core.segment import Deferred, DeferredKind, Extent, Literal, Segment

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
"""bagit.txt (RFC 8493 2.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file or directory of a bag, whatever it is serialized as. ``path`` begins with the top directory; a directory has no body."""

    path: str
    mtime: int
    body: Segment | None


def members(plan: Plan) -> Iterator[Member]:
    """The members in the order in which they leave (SPEC 5).

    Both directories have members of their own: with no payload at all nothing else would make ``data``, without which there is no bag.
    """
    midnight = int(datetime.combine(plan.bagging_date, datetime.min.time(), UTC).timestamp())

    def tag(name: str, body: Segment | None) -> Member:
        return Member(path=f"{plan.name}/{name}".rstrip("/"), mtime=midnight, body=body)

    yield tag("", None)
    yield tag("bagit.txt", Literal(DECLARATION))
    yield tag("bag-info.txt", Literal(plan.bag_info))
    yield tag("data", None)
    for entry in plan.entries:
        yield Member(path=f"{plan.name}/{entry.path}", mtime=entry.mtime, body=Extent(entry, 0, entry.size))
    yield tag(manifest_name(plan), _deferred(DeferredKind.MANIFEST, plan))
    yield tag("notices.txt", Literal(plan.notices_text))
    yield tag(tagmanifest_name(plan), _deferred(DeferredKind.TAGMANIFEST, plan))


def manifest_name(plan: Plan) -> str:
    return f"manifest-{plan.algorithm}.txt"


def tagmanifest_name(plan: Plan) -> str:
    return f"tagmanifest-{plan.algorithm}.txt"


def manifest(plan: Plan, digests: Mapping[str, str]) -> bytes:
    """The payload manifest (RFC 8493 2.1.3); ``digests`` as for ``digest_of``, which tells what is raised."""
    return _lines((digest_of(entry, plan, digests), entry.path) for entry in plan.entries)


def tagmanifest(plan: Plan, digests: Mapping[str, str]) -> bytes:
    """The tag manifest (RFC 8493 2.2.1): every other tag file, in the package's order. ``digests`` and errors as ``manifest``."""
    files = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": plan.bag_info,
        manifest_name(plan): manifest(plan, digests),
        "notices.txt": plan.notices_text,
    }
    return _lines((hashlib.new(plan.algorithm, data).hexdigest(), name) for name, data in files.items())


def digest_of(entry: Entry, plan: Plan, digests: Mapping[str, str]) -> str:
    """An entry's hex digest in the package's algorithm: as learned (``digests``: path to hex), else as planned.

    Raises DeliveryError where it is neither, or is not of that algorithm's length: another length than was promised may not leave.
    """
    digest = known_digest(entry, plan, digests)
    if digest is None:
        raise DeliveryError("The manifest cannot be written before all digests are known")
    return digest


def known_digest(entry: Entry, plan: Plan, digests: Mapping[str, str]) -> str | None:
    """As ``digest_of``, and None where that raises."""
    digest = digests.get(entry.path) or entry.digest
    return digest if digest is not None and len(digest) == len(_blank(plan)) else None


def encoded_path(path: str) -> str:
    """A path as manifests spell it: CR, LF and the percent sign, and only those, percent-encoded (RFC 8493 2.1.3)."""
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _deferred(kind: DeferredKind, plan: Plan) -> Deferred:
    blank = dict.fromkeys((entry.path for entry in plan.entries), _blank(plan))
    return Deferred(kind, 0, len(RENDERERS[kind](plan, blank)))


def _blank(plan: Plan) -> str:
    return "0" * hashlib.new(plan.algorithm).digest_size * 2


def _lines(pairs: Iterable[tuple[str, str]]) -> bytes:
    # Two spaces, LF and lower case let readers run `sha256sum -c` on it, busybox's and macOS's too.
    return "".join(f"{digest}  {encoded_path(path)}\n" for digest, path in pairs).encode()


RENDERERS = {DeferredKind.MANIFEST: manifest, DeferredKind.TAGMANIFEST: tagmanifest}
"""What a deferred tag file is written by: the same function tells its length at planning and its octets later."""
