"""``manage.py check_sources``: whether each store is there, can be read, and lies as the configuration says."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from getapi import conf
from getapi.checks import CONFIGURATION
from getapi.services.repositories import examine


class Command(BaseCommand):
    help = (
        "Looks at some files of each repository's stores: are they there, readable, and where layout and pattern say? Exit code 1 if not."
    )
    requires_system_checks = [CONFIGURATION]

    def handle(self, *args: Any, **options: Any) -> None:
        repositories = conf.current().repositories
        if not repositories:
            raise CommandError("No repository is configured: add [[repositories]] to the configuration file")
        remarks = [(repository.name, remark) for repository in repositories for remark in examine(repository)]
        for name, remark in remarks:
            self.stdout.write(f"{name}: {remark.about}: {remark.text} ({remark.place})")
        troubles = sum(not remark.sound for _, remark in remarks)
        if troubles:
            raise CommandError(f"{troubles} of {len(remarks)} stores cannot be used as configured")
