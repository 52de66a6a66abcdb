"""Our own judge of packages: reads an archive once, as a stream, and says whether the bag inside is whole (RFC 8493 3).

It is stricter than the standard where laxness would hide damage: nothing in the bag may be covered by no manifest, and the archive must
end as it should.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise

from getapi.core import bag
from getapi.core.archive import ArchiveReader, BinaryReader
from getapi.core.inventory import Bounds, Inventory, Item, take_inventory
from getapi.core.tagreader import DIGEST_LENGTHS, ManifestName, TagFileRefused, read_manifest, read_manifest_name, read_payload_oxum
from getapi.core.tarreader import TarReader
from getapi.core.verdict import MAX_TOLD, Problem, Verdict
from getapi.core.zipreader import ZipReader

DEFAULT_ALGORITHMS = ("sha256", "sha512")
"""What is computed where nobody knows yet which manifests will come: they may stand behind the payload."""


def verify_tar(stream: BinaryReader, *, algorithms: Sequence[str] = DEFAULT_ALGORITHMS, bounds: Bounds | None = None) -> Verdict:
    """Whether a TAR stream holds one valid bag and nothing else.

    Whatever the octets are, the answer is a verdict; OSError comes as the stream raises it. ``algorithms`` are names of
    ``tagreader.DIGEST_LENGTHS``; a manifest of another one makes the package invalid, since it was not compared.
    """
    return _verify(TarReader(stream), algorithms, bounds or Bounds())


def verify_zip(stream: BinaryReader, *, algorithms: Sequence[str] = DEFAULT_ALGORITHMS, bounds: Bounds | None = None) -> Verdict:
    """Whether a ZIP stream holds one valid bag and nothing else; all else as for ``verify_tar``."""
    return _verify(ZipReader(stream), algorithms, bounds or Bounds())


def _verify(reader: ArchiveReader, algorithms: Sequence[str], bounds: Bounds) -> Verdict:
    inventory = take_inventory(reader, algorithms=algorithms, bounds=bounds)
    problems: Iterator[Problem] = iter(inventory.problems)
    if inventory.complete:
        problems = chain(problems, _judge(inventory))
    told = tuple(islice(problems, MAX_TOLD))
    return Verdict(
        problems=told,
        warnings=tuple(islice(_warnings(inventory), MAX_TOLD)),
        untold=sum(1 for _ in problems),
        name=inventory.name or "",
        manifests=tuple(path for path in inventory.files if read_manifest_name(path)),
        payload_files=sum(1 for _ in inventory.payload()),
        payload_octets=sum(inventory.files[path].size for path in inventory.payload()),
        tag_files=sum(1 for _ in inventory.tag_files()),
        octets=reader.position,
    )


def _judge(inventory: Inventory) -> Iterator[Problem]:
    if inventory.name is None:
        yield Problem(code="no-bag", text="The archive is empty")
        return
    yield from _structure(inventory)
    yield from _nesting(inventory)
    manifests = {path: name for path in inventory.files if (name := read_manifest_name(path))}
    if all(name.of_tags for name in manifests.values()):
        yield Problem(code="no-manifest", text="The bag has no payload manifest")
    for path, name in manifests.items():
        yield from _manifest(inventory, path, name)
    yield from _oxum(inventory)


def _structure(inventory: Inventory) -> Iterator[Problem]:
    declaration = inventory.files.get("bagit.txt")
    if declaration is None:
        yield Problem(code="no-bag", text="There is no bagit.txt in the top directory")
    elif declaration.text != bag.DECLARATION:
        yield Problem(code="bagit-txt", text="It does not declare BagIt 1.0 in UTF-8 in its two lines", path="bagit.txt")
    if "data" not in inventory.directories and not any(inventory.payload()):
        yield Problem(code="no-data", text="The bag has no data directory")


def _nesting(inventory: Inventory) -> Iterator[Problem]:
    # NUL sorts before all that a name may hold: what lies below a file comes right after it.
    paths = sorted(path.replace("/", "\0") for path in chain(inventory.files, inventory.directories))
    for above, below in pairwise(paths):
        path = above.replace("\0", "/")
        if path in inventory.files and below.startswith(above + "\0"):
            yield Problem(code="duplicate", text="It is a file, and a directory of other files as well", path=path)


def _manifest(inventory: Inventory, path: str, name: ManifestName) -> Iterator[Problem]:
    if name.algorithm not in DIGEST_LENGTHS:
        yield Problem(code="unknown-algorithm", text="Its algorithm is not known here", path=path)
        return
    try:
        listed = read_manifest(inventory.files[path].text or b"", algorithm=name.algorithm)
    except TagFileRefused as refusal:
        yield Problem(code="manifest", text=refusal.sentence, path=path)
        return
    covered = _coverable_tags(inventory) if name.of_tags else list(inventory.payload())
    yield from _missing(path, listed, covered)
    yield from _listed(inventory, listed, name, path)


def _coverable_tags(inventory: Inventory) -> list[str]:
    """What a tag manifest lists: all tag files but tag manifests. Other readers than the standard's letter ask for all of them."""
    return [path for path in inventory.tag_files() if not ((name := read_manifest_name(path)) and name.of_tags)]


def _missing(manifest: str, listed: dict[str, str], covered: list[str]) -> Iterator[Problem]:
    for path in covered:
        if path not in listed:
            yield Problem(code="not-listed", text=f"It is not in {manifest}", path=path)


def _listed(inventory: Inventory, listed: dict[str, str], name: ManifestName, manifest: str) -> Iterator[Problem]:
    for path, digest in listed.items():
        item = inventory.files.get(path)
        if path.startswith("data/") == name.of_tags or _is_tagmanifest(path):
            yield Problem(code="wrong-manifest", text=f"It may not be in {manifest}", path=path)
        elif item is None:
            yield Problem(code="missing", text=f"It is in {manifest} and not in the archive", path=path)
        else:
            yield from _compare(path, item, name.algorithm, digest)


def _is_tagmanifest(path: str) -> bool:
    name = read_manifest_name(path)
    return name is not None and name.of_tags


def _compare(path: str, item: Item, algorithm: str, digest: str) -> Iterator[Problem]:
    found = item.digests.get(algorithm)
    if found is None:
        yield Problem(code="not-compared", text=f"Its {algorithm} digest was not computed", path=path)
    elif found != digest:
        yield Problem(code="digest", text=f"Its {algorithm} digest is {found}, not {digest}", path=path)


def _oxum(inventory: Inventory) -> Iterator[Problem]:
    info = inventory.files.get("bag-info.txt")
    try:
        said = read_payload_oxum(info.text or b"") if info else None
    except TagFileRefused as refusal:
        yield Problem(code="bag-info", text=refusal.sentence, path="bag-info.txt")
        return
    sizes = [inventory.files[path].size for path in inventory.payload()]
    found = sum(sizes), len(sizes)
    if said not in {None, found}:
        yield Problem(code="payload-oxum", text=f"The payload is {found[0]}.{found[1]}, not as Payload-Oxum says", path="bag-info.txt")


def _warnings(inventory: Inventory) -> Iterator[Problem]:
    # The tag manifest stands last: of an archive that was not read to its end nobody knows whether it has one.
    if inventory.complete and not any(_is_tagmanifest(path) for path in inventory.files):
        yield Problem(code="no-tagmanifest", text="No tag manifest protects the bag's tag files")
    for path in inventory.ambiguous:
        yield Problem(code="unmarked-name", text="Its name is not marked as UTF-8: some programs unpack it under another", path=path)
    folded = sorted((unicodedata.normalize("NFC", path).casefold(), path) for path in inventory.files)
    for (first, _), (second, path) in pairwise(folded):
        if first == second:
            yield Problem(code="alike", text="Another name differs from it only in case or in Unicode normalization", path=path)
