"""``manage.py purge_expired``: lets go of packages that can no longer be had, and of statistics that are not kept any longer."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from getapi.services import coverage, shelf, stage, webhooks


class Command(BaseCommand):
    help = (
        "Deletes expired packages with what was staged for them, and the statistics that are older than statistics.keep; the statistics of "
        "a package outlive it. To be run once a day. It can be stopped at any time."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        coverage.sweep()  # what a dead process sent is counted before its package goes
        purged = shelf.purge(timezone.now())
        files = stage.sweep()
        webhooks.purge()
        told = f"{purged.packages} packages, {purged.downloads} downloads, {purged.deliveries} deliveries, {files} files of the stage"
        self.stdout.write(f"deleted: {told}")
