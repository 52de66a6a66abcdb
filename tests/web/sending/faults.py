"""What may befall a file between planning and the last octet."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path


def shrink(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def grow(file: Path) -> None:
    with file.open("ab") as handle:
        handle.write(b"more")


def vanish(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    """Another file of the same size under the same name."""
    fresh = file.with_name(f".{file.name}")
    fresh.write_bytes(b"r" * file.stat().st_size)
    fresh.rename(file)


def overwrite(file: Path) -> None:
    """Other octets in the same file, as many as before."""
    with file.open("r+b") as handle:
        handle.write(b"overwritten")


FAULTS: Mapping[str, Callable[[Path], None]] = {
    "shrink": shrink,
    "grow": grow,
    "vanish": vanish,
    "replace": replace,
    "overwrite": overwrite,
}
