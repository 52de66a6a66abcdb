"""``manage.py list_keys``."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from getapi import conf
from getapi.checks import CONFIGURATION
from getapi.services import keys
from getapi.services.keys import KeyFacts


class Command(BaseCommand):
    help = "Lists the keys, a line each: label, prefix, state, last use, and what it is paired with. Their texts are kept nowhere."
    requires_system_checks = [CONFIGURATION]

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        for key in keys.list_keys():
            columns = (key.label, key.prefix, _state(key, now), f"last used {_day(key.last_used)}", _pairing(key), _webhook(key))
            self.stdout.write("\t".join(filter(None, columns)))


def _state(key: KeyFacts, now: datetime) -> str:
    if key.revoked is not None:
        return f"revoked {_day(key.revoked)}"
    if key.expires is None:
        return "valid"
    return f"{'expired' if key.expires <= now else 'valid until'} {_day(key.expires)}"


def _pairing(key: KeyFacts) -> str:
    if not key.networks:
        return "not paired yet"
    return f"{'learned' if key.learned else 'paired with'} {', '.join(key.networks)}"


def _webhook(key: KeyFacts) -> str:
    """Without its query, which may hold the receiver's own secret."""
    return f"tells {key.webhook.partition('?')[0]}" if key.webhook else ""


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment.astimezone(conf.current().zone):%Y-%m-%d}"
