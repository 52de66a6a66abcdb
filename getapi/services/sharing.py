"""The other format of a package has the same members in the stage, without another reading."""

import secrets
from types import TracebackType
from typing import Self

from getapi import conf
from getapi.models import StagedMember
from getapi.services import stage


class Shared:
    """What is in the stage for a package, in the same files under names of their own, which become another package's or go again.

    Linked before its rows are made, so that no transaction waits for a disk; a sweep spares what is so young (``stage.GRACE``).
    """

    def __init__(self, package_id: str) -> None:
        self._rows = [row for row in StagedMember.objects.filter(package=package_id, size__isnull=False) if _link(row)]
        self._is_kept = False

    def adopt(self, package_id: str) -> None:
        """In the transaction that makes the other package."""
        for row in self._rows:
            row.pk, row.package_id = None, package_id
        StagedMember.objects.bulk_create(self._rows)
        self._is_kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._is_kept:  # else they are committed, or a sweep takes them
            stage.unlink([row.file for row in self._rows])


def _link(row: StagedMember) -> bool:
    """Gives the row a name of its own for its file; false where there is no such file any more, or no links: then it is read once more."""
    former, row.file = row.file, secrets.token_hex(16)
    try:
        (conf.current().stage.path / row.file).hardlink_to(conf.current().stage.path / former)
    except OSError:
        return False
    return True
