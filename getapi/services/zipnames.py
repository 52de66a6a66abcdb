"""What clients of ZipDownload call their downloads (``models.ZipDownload``): each name stands for one package, or for a refusal."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from getapi import conf
from getapi.core.errors import PackageGone, PackageNotFound, PackagingError, ProgressTokenTaken
from getapi.models import Package, ZipDownload
from getapi.services import shelf

MOST = 100
"""Names of one reader. For a further one the oldest goes with its package, but what is being sent: thousands of made-up tokens are to fill
no table, and to take no other reader's place among the packages that can be had (``limits.packages``)."""

_READER = 16
"""Digits that tell the reader, so that his names can be found."""


def digest(reader: str, token: str) -> str:
    """What a reader's progress token is kept as: another reader's same token is another name. By it no address can be found out."""
    own = salted_hmac("getapi.zipname", reader, algorithm="sha256").hexdigest()[:_READER]
    told = hashlib.sha256(f"{reader}\n{token}".encode("utf-8", "surrogatepass")).hexdigest()
    return own + told[_READER:]


@dataclass(frozen=True, slots=True)
class Name:
    """``text`` is ``digest``'s, ``asked`` a digest of what is wanted; ``is_told`` where the reader's client made the token up, and may ask
    how far it is."""

    text: str
    asked: str
    is_told: bool

    def find(self) -> tuple[Package | None, str]:
        """The package that it stands for, if that can be had still, and its id. Raises ProgressTokenTaken where it is another."""
        row = ZipDownload.objects.filter(name=self.text).exclude(package="").first()
        if row is None:
            return None, ""
        if row.asked != self.asked:
            raise ProgressTokenTaken
        try:
            found = shelf.find(row.package)
            shelf.check(found, timezone.now())
        except (PackageGone, PackageNotFound):
            return None, row.package
        return (None if found.state == Package.State.FAILED else found), row.package

    def put(self, package_id: str, former: str) -> None:
        """From now on it stands for the package, in the transaction that makes that one. ``former`` is what it stood for and is no more.

        Raises ProgressTokenTaken where it was given to another one at this very moment.
        """
        facts = {"package": package_id, "asked": self.asked, "created": timezone.now(), "rejected": ""}
        row, is_new = ZipDownload.objects.select_for_update().get_or_create(name=self.text, defaults=facts)
        if is_new:
            self._make_room()
            return
        if row.package not in {"", package_id, former}:
            raise ProgressTokenTaken
        ZipDownload.objects.filter(pk=row.pk).update(**facts)

    def drop(self, package_id: str) -> None:
        """It stands for the package no more, of which nobody was told."""
        ZipDownload.objects.filter(name=self.text, package=package_id).update(package="")

    def reject(self, error: PackagingError) -> None:
        """On record as refused, unless it stands for something."""
        facts = {"asked": self.asked, "created": timezone.now(), "rejected": error.sentence[:200]}
        row, is_new = ZipDownload.objects.get_or_create(name=self.text, defaults=facts)
        ZipDownload.objects.filter(pk=row.pk, package="").update(**facts)
        if is_new:
            self._make_room()

    def _make_room(self) -> None:
        """Of this reader's names the oldest go. Files of theirs that were put aside a sweep takes."""
        reader = self.text[:_READER]
        own = ZipDownload.objects.filter(name__gte=reader, name__lt=f"{reader}g")  # digits are hexadecimal
        rows = list(own.order_by("-created", "-pk").values_list("pk", "package")[MOST:])
        busy = _sending([package for _, package in rows if package])
        ZipDownload.objects.filter(pk__in=[pk for pk, package in rows if package not in busy]).delete()
        Package.objects.filter(pk__in=[package for _, package in rows if package and package not in busy]).delete()


def _sending(packages: Sequence[str]) -> set[str]:
    """Those that leave now, or did so a moment ago."""
    if not packages:
        return set()
    lately = Package.objects.filter(pk__in=packages, last_sent__gt=timezone.now() - shelf.RUNNING)
    return shelf.sending(packages) | set(lately.values_list("pk", flat=True))


def forget() -> None:
    """Deletes what was refused and is told no more, and names whose packages are no more."""
    old = ZipDownload.objects.filter(created__lt=timezone.now() - timedelta(seconds=conf.current().compat.omeka.ttl))
    old.exclude(package__in=Package.objects.values("pk")).delete()
