"""``manage.py purge_expired``: lets go of packages that can no longer be had, and of statistics that are not kept any longer."""

from typing import Any

from django.core.management.base import BaseCommand

from getapi.checks import CONFIGURATION
from getapi.services.housekeeping import tidy_up


class Command(BaseCommand):
    help = (
        "Deletes expired packages with what was staged for them, and the statistics that are older than statistics.keep; the statistics of "
        "a package outlive it. The running service does it by itself once an hour. It can be stopped at any time."
    )
    requires_system_checks = [CONFIGURATION]

    def handle(self, *_args: Any, **_options: Any) -> None:
        purged = tidy_up()
        told = f"{purged.packages} packages, {purged.downloads} downloads, {purged.deliveries} deliveries"
        self.stdout.write(f"deleted: {told}, {purged.files} files of the stage")
