"""Packages whose names and sizes have made archive tools and bag validators disagree."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from getapi.core.notice import Notice, NoticeCode
from getapi.core.paths import Folder, Leaf, assign_paths
from getapi.core.plan import Plan
from tests.core.packages import entry_of, package, plan_for, plan_of

BTR = "https://github.com/dpscollaborative/btr_bagit_profile/releases/download/1.0/btr-bagit-profile.json"

LABELS = (
    *("plain.txt", "Été 1912, page 3.txt", "e\u0301 decomposed.txt", "日本語の題名.xml", "emoji 😀.txt", "\u202egnp.exe"),
    *("CON", "aux.txt", "nul.tar.gz", "COM1", "trailing dot.", "trailing space ", " leading space", ".hidden", "..", ".", ""),
    *("-rf", "--help.txt", "~home", "a:b.txt", "what?.txt", "100%.txt", "%0A.txt", "quotes \" and '.txt", "back\\slash.txt", "sla/sh.txt"),
    *("line\nbreak.txt", "tab\there.txt", "Case.txt", "case.txt", "CASE.TXT", "same.txt", "same.txt"),
    *("long " + "x" * 300 + ".tiff", "long " + "x" * 300 + ".jpeg", "é" * 200 + ".txt"),
)
"""What catalogues call their pages and files."""

RAW = {
    "data/" + path: f"content of {number}".encode()
    for number, path in enumerate(
        ("n" * 96 + ".txt", "d" * 90 + "/" + "n" * 96 + ".txt", "p" * 120 + "/" + "q" * 120 + "/" + "r" * 120 + ".txt", "é" * 100 + ".txt",
         "日本語/文書.xml", "😀 ‘quoted’.txt", "-rf.txt", "--help", "a b  c.txt", "A.txt", "a.txt", "CON", "aux.txt",
         "[1]{2}.txt", "#hash;semi&amp.txt", ".hidden/.file", "~tilde", "$(id)`id`.txt", "*.txt")
    )
} | {"data/empty": b"", "data/block": bytes(512), "data/more than a block": bytes(range(256)) * 2 + b"x"}  # fmt: skip
"""Names as no planner of ours would give them, and yet any extractor on Linux must give back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    plan: Plan
    files: Mapping[str, bytes]

    def write(self, serialization: str = "tar") -> bytes:
        return package(replace(self.plan, format=serialization), self.files)


def _placed() -> dict[str, bytes]:
    """All labels at the top, and again in folders that bear them."""
    leaves = tuple(Leaf(key=f"top {number}", name=label) for number, label in enumerate(LABELS))
    folders = tuple(
        Folder(label=label, children=(Leaf(key=f"in {number}", name="page.txt"), Leaf(key=f"too {number}", name="Page.TXT")))
        for number, label in enumerate(LABELS)
    )
    deep: Folder[str] = Folder(label="deepest", children=(Leaf(key="deep", name="end.txt"),))
    for level in range(31):
        deep = Folder(label=f"level {level} of a long chain of chapters", children=(deep,))
    root: Folder[str] = Folder(label="", children=(*leaves, *folders, deep))
    placed = assign_paths(root, bag_name="bag")
    return {place.path: place.key.encode() for place in placed}


def _of(files: Mapping[str, bytes], *, algorithm: str = "sha256", known: bool = False) -> Sample:
    notices = (Notice(pid="demo:1", dsid="PDF", code=NoticeCode.EMBARGOED, text="Closed until 2030-01-01"),)
    return Sample(plan=plan_of(files, algorithm=algorithm, known=known, notices=notices), files=files)


def profiled(profile: str, files: Mapping[str, bytes]) -> Sample:
    entries = tuple(entry_of(path, len(data)) for path, data in files.items())
    return Sample(plan=plan_for(entries, profile=profile), files=files)


SMALL = {"data/a.txt": b"alpha", "data/sub/b.bin": bytes(range(256)) * 40, "data/empty": b""}
DECOMPOSED = _of({"data/e\u0301te\u0301.txt": b"summer"})
"""A name in NFD, which no plan of ours holds: some extractors compose it, and the manifest no longer fits."""

SAMPLES = {
    "empty": _of({}),
    "small": _of(SMALL),
    "small with sha512": _of(SMALL, algorithm="sha512", known=True),
    "names that were made safe": _of(_placed()),
    "names as they were": _of(RAW),
}
