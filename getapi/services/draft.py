"""A member of the stage while it is written."""

import logging
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import transaction
from django.utils import timezone

from getapi.core.errors import PreparationStopped, StageUnusable
from getapi.core.source import DatastreamRecord
from getapi.models import Package, StagedMember
from getapi.services.stage import folder, origin_of, reserve, unlink
from getapi.sources.content import identity

logger = logging.getLogger("getapi.stage")

STEP = 16 << 20
"""Octets of room that a member asks for at once while it grows."""


class Draft:
    """A member that grows. Left without ``keep`` nothing stays of it."""

    def __init__(self, package_id: str, repository: str, datastream: DatastreamRecord) -> None:
        """Raises PreparationStopped where the package is gone, StageUnusable where the stage cannot be written."""
        self._pid, self._dsid = datastream.pid, datastream.dsid
        self._name = secrets.token_hex(16)
        self._written = 0
        self._kept = False
        with transaction.atomic():
            if not Package.objects.select_for_update().filter(pk=package_id).exists():
                raise PreparationStopped
            before = StagedMember.objects.filter(package=package_id, repository=repository, pid=datastream.pid, dsid=datastream.dsid)
            former = list(before.values_list("file", flat=True))
            before.delete()
            self._row = StagedMember.objects.create(
                package_id=package_id, repository=repository, pid=datastream.pid, dsid=datastream.dsid, version=datastream.version,
                location=origin_of(datastream), file=f"{self._name}.draft", created=timezone.now(),
            )  # fmt: skip
        unlink(former)
        self._reserved = 0
        try:
            self._folder = folder()
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._folder / f"{self._name}.draft", flags, 0o600)
        except OSError as error:
            self._row.delete()
            raise self._unusable(error) from error

    def write(self, octets: bytes) -> None:
        """Raises StageTooSmall, StageBusy, StageUnusable, PreparationStopped where the package went meanwhile."""
        self._written += len(octets)
        if self._written > self._reserved:
            self._reserved = reserve(self._row.pk, least=self._written, wish=self._written + STEP)
        view = memoryview(octets)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise self._unusable(error) from error

    def keep(self, *, digests: Mapping[str, str], crc32: int) -> None:
        """From now on it is whole, also after a power failure. Raises StageUnusable, PreparationStopped."""
        try:
            os.fsync(self._descriptor)
            (self._folder / f"{self._name}.draft").rename(self._folder / self._name)
            _sync(self._folder)
            known = identity(os.fstat(self._descriptor))
        except FileNotFoundError:
            raise PreparationStopped from None  # its package was cancelled at this very moment
        except OSError as error:
            raise self._unusable(error) from error
        self._kept = bool(
            StagedMember.objects.filter(pk=self._row.pk).update(
                file=self._name, reserved=self._written, size=self._written, identity=known, digests=dict(digests), crc32=crc32
            )
        )
        if not self._kept:
            raise PreparationStopped

    def _unusable(self, error: OSError) -> StageUnusable:
        logger.error("the stage cannot be written", extra={"error": error.strerror, "pid": self._pid, "dsid": self._dsid})
        return StageUnusable()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)
        if not self._kept:
            unlink([f"{self._name}.draft", self._name])
            StagedMember.objects.filter(pk=self._row.pk).delete()


def _sync(path: Path) -> None:
    """A name is there after a power failure when its folder is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
