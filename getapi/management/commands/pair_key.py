"""``manage.py pair_key LABEL --network CIDR ... | --forget``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from getapi.checks import CONFIGURATION
from getapi.services import keys


class Command(BaseCommand):
    help = "Pairs a key with exactly the networks named, in place of what it was paired with; or forgets them, so that it learns anew."
    requires_system_checks = [CONFIGURATION]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("label", help="the key's label or prefix")
        pairing = parser.add_mutually_exclusive_group(required=True)
        pairing.add_argument("--network", action="append", metavar="CIDR", help="an address or network; may be given again")
        pairing.add_argument("--forget", action="store_true", help="pair it with the address of its next use")

    def handle(self, *, label: str, network: list[str] | None, **_options: Any) -> None:
        try:
            keys.pair_key(label, network or [])
        except keys.KeyRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{label} is paired with {', '.join(network)}." if network else f"{label} is paired at its next use.")
