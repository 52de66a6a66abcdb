"""``manage.py create_key LABEL [--network CIDR ...]``."""

from datetime import datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date

from getapi import conf
from getapi.checks import CONFIGURATION
from getapi.services import keys


class Command(BaseCommand):
    help = (
        "Makes a key for an application that may ask for tokens, and prints it as the last line. It is shown this once and kept nowhere. "
        "Without --network the key is paired with the address of its first use, which can be no loopback address."
    )
    requires_system_checks = [CONFIGURATION]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("label", help="which application uses the key")
        parser.add_argument(
            "--network", action="append", default=[], metavar="CIDR", help="an address or network of the application; may be given again"
        )
        parser.add_argument("--webhook", metavar="URL", help="is told when a package of the key is ready or has failed")
        parser.add_argument("--expires", metavar="YYYY-MM-DD", help="the key's last day, in the configured time zone (default: none)")

    def handle(self, *, label: str, network: list[str], expires: str | None, webhook: str | None, **_options: Any) -> None:
        try:
            with transaction.atomic():
                text = keys.create_key(label, network, expires=_end_of(expires))
                secret = keys.set_webhook(text.partition("_")[0], webhook)
        except keys.KeyRefused as error:
            raise CommandError(str(error)) from None
        paired = f"paired with {', '.join(network)}" if network else "to be paired with the address of its first use"
        if secret:
            self.stdout.write("What its webhook is told is signed with this secret; it is shown this once:")
            self.stdout.write(secret)
        self.stdout.write(f"The key of {label.strip()}, {paired}; it is shown this once:")
        self.stdout.write(text)


def _end_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise CommandError(f"{text} is not a date such as 2027-12-31")
    end = datetime.combine(day, time.max, tzinfo=conf.current().zone)
    if end <= timezone.now():
        raise CommandError(f"{text} is over")
    return end
