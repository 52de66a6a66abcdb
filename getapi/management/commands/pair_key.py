"""``manage.py pair_key LABEL [--network CIDR ... | --forget] [--webhook URL | --no-webhook]``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from getapi.checks import CONFIGURATION
from getapi.services import keys


class Command(BaseCommand):
    help = (
        "Pairs a key with exactly the networks named, in place of what it was paired with; or forgets them, so that it learns anew. "
        "--webhook says who is told when a package of it is ready or has failed, and prints a new secret as the last line."
    )
    requires_system_checks = [CONFIGURATION]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("label", help="the key's label or prefix")
        pairing = parser.add_mutually_exclusive_group()
        pairing.add_argument("--network", action="append", metavar="CIDR", help="an address or network; may be given again")
        pairing.add_argument("--forget", action="store_true", help="pair it with the address of its next use")
        telling = parser.add_mutually_exclusive_group()
        telling.add_argument("--webhook", metavar="URL", help="is told when a package of the key is ready or has failed")
        telling.add_argument("--no-webhook", action="store_true", help="nobody is told")

    def handle(
        self, *, label: str, network: list[str] | None, forget: bool, webhook: str | None, no_webhook: bool, **_options: Any
    ) -> None:
        pairs, tells = bool(network) or forget, webhook is not None or no_webhook
        if not pairs and not tells:
            raise CommandError("Say --network, --forget, --webhook or --no-webhook")
        try:
            if pairs:
                keys.pair_key(label, network or [])
            secret = keys.set_webhook(label, webhook) if tells else ""
        except keys.KeyRefused as error:
            raise CommandError(str(error)) from None
        if pairs:
            self.stdout.write(f"{label} is paired with {', '.join(network)}." if network else f"{label} is paired at its next use.")
        if tells:
            self.stdout.write(f"{label} tells {webhook}; this secret is shown this once:\n{secret}" if secret else f"{label} tells nobody.")
