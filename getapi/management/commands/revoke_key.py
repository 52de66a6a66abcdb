"""``manage.py revoke_key LABEL``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from getapi.checks import CONFIGURATION
from getapi.services import keys


class Command(BaseCommand):
    help = "Revokes a key at once, with all tokens that were made by it. It stays in the list and in the statistics."
    requires_system_checks = [CONFIGURATION]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("label", help="the key's label or prefix")

    def handle(self, *, label: str, **_options: Any) -> None:
        try:
            keys.revoke_key(label, timezone.now())
        except keys.KeyRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{label} is revoked.")
