"""The two stores of a Fedora 3 repository as folders: all blobs in them, and whether they lie as the configuration says."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from getapi.sources.akubra import blob_uri
from getapi.sources.blobstore import LAYOUTS, store_layout
from getapi.sources.folders import Folder, refuse_empty, walk_folders

SAMPLE = 200
SAMPLE_OF_FOLDER = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fedora3Stores:
    """sources.holdings.Holdings of a Fedora 3 repository; ``layout`` is ``akubra`` or ``legacy``."""

    name: str
    objects: Path
    datastreams: Path
    layout: str

    @property
    def roots(self) -> Mapping[str, Path]:
        return {"objects": self.objects, "datastreams": self.datastreams}

    @property
    def dated(self) -> bool:
        return self.layout == "legacy"

    def walk(self, kind: str, after: str | None = None) -> Iterator[Folder]:
        if kind == "objects":
            refuse_empty(self.objects)  # a repository may keep all its content inline; one without objects is a disk that is not mounted
        return walk_folders(self.roots[kind], after=after)

    def tokens(self, kind: str, folder: Folder) -> Mapping[str, str]:
        """An object's token has no plus, a datastream's has: what lies in the wrong store is neither."""
        layout = store_layout(self.layout)
        prefix = f"{folder.path}/" if folder.path else ""
        found = ((layout.token(name), prefix + name) for name in folder.names)
        return {token: path for token, path in found if token and ("+" in token) == (kind == "datastreams")}


def examine_store(kind: str, root: Path, layout: str, pattern: str) -> tuple[str | None, int]:
    """What is wrong, if anything is, and how many files were looked at."""
    try:
        paths = list(islice(_sample(root), SAMPLE))
        _read_one(root, paths)
    except OSError as error:
        return f"cannot be read: {error.strerror}", 0
    tokens = {path: token for path in paths if (token := _token(Path(path).name, layout))}
    if not tokens:
        return _empty(kind, layout, paths), len(paths)
    strangers = [path for path, token in tokens.items() if ("+" in token) != (kind == "datastreams")]
    if len(strangers) * 2 > len(tokens):
        return "holds the other kind of files: are objects and datastreams exchanged?", len(paths)
    return (_misplaced(tokens, pattern) if layout == "akubra" else None), len(tokens)


def _sample(root: Path) -> Iterator[str]:
    for folder in walk_folders(root):
        for name in folder.names[:SAMPLE_OF_FOLDER]:
            yield f"{folder.path}/{name}" if folder.path else name


def _read_one(root: Path, paths: list[str]) -> None:
    """Raises OSError: a folder may be listed whose files belong to somebody else."""
    if paths:
        with (root / paths[0]).open("rb") as file:
            file.read(1)


def _token(name: str, layout: str) -> str | None:
    """The token of a file of that layout alone: what akubra escapes may be read as a legacy name too."""
    akubra = store_layout("akubra").token(name)
    return akubra if layout == "akubra" else None if akubra else store_layout("legacy").token(name)


def _empty(kind: str, layout: str, paths: list[str]) -> str | None:
    other = next(name for name in LAYOUTS if name != layout)
    # Here and there a file of any folder has a name that might be Fedora's.
    if paths and 2 * sum(_token(Path(path).name, other) is not None for path in paths) > len(paths):
        return f'holds files of the {other} layout: layout = "{other}"'
    if paths:
        return "holds no file that is named as Fedora names them"
    # A repository may keep all its content inline or elsewhere, but one without objects is the wrong folder.
    return "is empty" if kind == "objects" else None


def _misplaced(tokens: dict[str, str], pattern: str) -> str | None:
    layout = store_layout("akubra", pattern)
    wrong = [path for path, token in tokens.items() if layout.path(token) != path]
    if not wrong:
        return None
    found = {_pattern_of(path, tokens[path]) for path in wrong}
    fitting = found.pop() if len(found) == 1 else None
    advice = f'; they fit the pattern "{fitting}"' if fitting is not None else "; index_sources finds them nevertheless"
    return f'{len(wrong)} of {len(tokens)} files looked at do not lie where the pattern "{pattern}" says{advice}'


def _pattern_of(path: str, token: str) -> str | None:
    """The hash pattern by which the file lies where it does, if one does."""
    folder = path.rpartition("/")[0]
    digits = hashlib.md5((blob_uri(token) or "").encode(), usedforsecurity=False).hexdigest()
    return "".join("/" if sign == "/" else "#" for sign in folder) if digits.startswith(folder.replace("/", "")) else None
