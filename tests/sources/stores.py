"""Fedora 3 stores that tests build for themselves, and what they know to be in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

from getapi.core.source import DatastreamRecord, Source
from getapi.sources.akubra import AkubraLayout
from getapi.sources.legacy import file_name

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "foxml"
MODEL = "info:fedora/fedora-system:def/model#"
DC = '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"/>'


class KnownPaths:
    """An index in memory (sources.pathindex.PathIndex)."""

    def __init__(self, paths: dict[str, str] | None = None) -> None:
        self.paths = paths or {}
        self.moved: dict[str, str] = {}

    def path(self, token: str, *, gone: str = "") -> str | None:
        found = self.moved.get(token) if gone else self.paths.get(token)
        return None if found == gone else found

    def pids(self, folded: str) -> Sequence[str]:
        return [token for token in self.paths if "+" not in token and token.lower() == folded]


def foxml(pid: str, *datastreams: str, state: str = "Active", label: str = "An object", head: str = "") -> bytes:
    """An object as Fedora writes it; ``datastreams`` are made by ``datastream``."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<foxml:digitalObject VERSION="1.1" PID={quoteattr(pid)} '
        f'xmlns:foxml="info:fedora/fedora-system:def/foxml#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{head}>'
        f'<foxml:objectProperties><foxml:property NAME="{MODEL}state" VALUE={quoteattr(state)}/>'
        f'<foxml:property NAME="{MODEL}label" VALUE={quoteattr(label)}/></foxml:objectProperties>'
        f"{''.join(datastreams)}</foxml:digitalObject>"
    ).encode()


def datastream(dsid: str, group: str, *versions: str, state: str = "A") -> str:
    head = f"<foxml:datastream ID={quoteattr(dsid)} CONTROL_GROUP={quoteattr(group)} STATE={quoteattr(state)}>"
    return f"{head}{''.join(versions)}</foxml:datastream>"


def version(name: str, content: str = "", **attributes: str) -> str:
    merged = {"MIMETYPE": "text/plain", "CREATED": "2015-01-27T19:08:43.701Z"} | attributes
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in merged.items() if value != "-")
    return f"<foxml:datastreamVersion ID={quoteattr(name)} {written}>{content}</foxml:datastreamVersion>"


def inline(xml: str) -> str:
    return f"<foxml:xmlContent>{xml}</foxml:xmlContent>"


def location(ref: str, kind: str = "INTERNAL_ID") -> str:
    return f'<foxml:contentLocation TYPE="{kind}" REF={quoteattr(ref)}/>'


def digest(kind: str, value: str) -> str:
    return f"<foxml:contentDigest TYPE={quoteattr(kind)} DIGEST={quoteattr(value)}/>"


def managed(pid: str, dsid: str, *, number: int = 0, state: str = "A", **attributes: str) -> str:
    name = f"{dsid}.{number}"
    return datastream(dsid, "M", version(name, location(f"{pid}+{dsid}+{name}"), **attributes), state=state)


@dataclass(kw_only=True)
class BuiltStore:
    """Two store folders below ``root`` in a layout; the index knows every legacy blob, and akubra's PIDs."""

    root: Path
    layout: str = "akubra"
    pattern: str = "##"
    index: KnownPaths = field(default_factory=KnownPaths)

    def __post_init__(self) -> None:
        self.objects.mkdir(parents=True, exist_ok=True)
        self.datastreams.mkdir(parents=True, exist_ok=True)

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def datastreams(self) -> Path:
        return self.root / "datastreams"

    def put(self, token: str, octets: bytes) -> Path:
        path = self.path(token)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
        self.index.paths[token] = str(path.relative_to(self.objects if "+" not in token else self.datastreams))
        return path

    def path(self, token: str) -> Path:
        root = self.datastreams if "+" in token else self.objects
        if self.layout == "legacy":
            return root / "2015" / "0430" / "16" / "01" / file_name(token)
        computed = AkubraLayout(pattern=self.pattern).path(token)
        assert computed is not None
        return root / computed


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the contract asks of any adapter: an object whose datastreams have these bytes, and names that are unknown or ambiguous."""

    source: Source
    pid: str
    contents: dict[str, bytes]
    unknown: str
    ambiguous: str

    def datastream(self, dsid: str) -> DatastreamRecord:
        return next(found for found in self.source.describe(self.pid).datastreams if found.dsid == dsid)
