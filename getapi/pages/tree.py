"""What is in a package as folders and files, with the sizes of folders summed."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from getapi.pages.measures import exact, human

MOST_LINES = 100
"""Files and folders that are shown at once: from the start, and when a folder is opened that was too large for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """``share``: hundredths of the whole package."""

    name: str
    pid: str
    dsid: str
    size: int | None
    share: float

    is_folder: ClassVar[bool] = False

    @property
    def human(self) -> str:
        return human(self.size)

    @property
    def exact(self) -> str:
        return exact(self.size)


@dataclass(slots=True, kw_only=True)
class Folder:
    """``size`` in octets and ``count`` in files are of all that is below it; an unknown size counts as nothing.

    ``contents`` are both in the package's order. ``is_open``: shown with what is in it, as soon as the folder above is.
    """

    name: str
    folders: dict[str, "Folder"] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    contents: list["File | Folder"] = field(default_factory=list)
    size: int = 0
    count: int = 0
    is_open: bool = False

    is_folder: ClassVar[bool] = True

    @property
    def lines(self) -> int:
        return len(self.contents)

    @property
    def human(self) -> str:
        return human(self.size)

    @property
    def exact(self) -> str:
        return exact(self.size)

    @property
    def shown(self) -> str:
        return f"{self.count:,}"

    @property
    def below(self) -> Iterator["Folder"]:
        return iter(self.folders.values())


def grow(name: str, datastreams: Iterable[Mapping[str, Any]]) -> Folder:
    """The payload folder, called ``name``, of a package's ``datastreams[{pid,dsid,path,size}]``, in their order."""
    rows = list(datastreams)
    whole = sum(row["size"] or 0 for row in rows)
    top = Folder(name=name)
    for row in rows:
        _plant(top, row, whole)
    _unfold([top], MOST_LINES)
    return top


def _unfold(folders: Iterable[Folder], room: int) -> None:
    """Opens what fits into ``room`` lines, the upper folders first. Whoever opens another one sees as many lines again."""
    waiting = deque(folders)
    while waiting:
        folder = waiting.popleft()
        folder.is_open = folder.lines <= room
        if folder.is_open:
            room -= folder.lines
            waiting.extend(folder.below)
        else:
            _unfold(folder.below, MOST_LINES - folder.lines)


def _plant(top: Folder, row: Mapping[str, Any], whole: int) -> None:
    *above, name = row["path"].removeprefix("data/").split("/")
    folder, size = top, row["size"]
    for step in (None, *above):
        folder = folder if step is None else _enter(folder, step)
        folder.size += size or 0
        folder.count += 1
    share = round(100 * (size or 0) / whole, 2) if whole else 0.0
    file = File(name=name, pid=row["pid"], dsid=row["dsid"], size=size, share=share)
    folder.files.append(file)
    folder.contents.append(file)


def _enter(folder: Folder, name: str) -> Folder:
    """The folder of that name within, made where it is not there yet."""
    if name not in folder.folders:
        folder.folders[name] = Folder(name=name)
        folder.contents.append(folder.folders[name])
    return folder.folders[name]
