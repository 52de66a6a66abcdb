"""Instants and days as people read them, in the service's time zone."""

import re
from datetime import date, datetime

from django.utils import timezone
from django.utils.formats import date_format

_INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})"
_WRITTEN = re.compile(rf"\b(?:{_INSTANT}|\d{{4}}-\d{{2}}-\d{{2}})(?![\w-])")


def moment(text: str) -> str:
    """``2026-11-21T03:02:14Z`` as ``21 November 2026, 03:02 UTC``; what is no instant and no day, as it is."""
    try:
        if "T" not in text:
            return date_format(date.fromisoformat(text), "j F Y")
        local = timezone.localtime(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return text
    return date_format(local, "j F Y, H:i T")


def spell_out(sentence: str) -> str:
    """The sentence with its instants and days written for people."""
    return _WRITTEN.sub(lambda found: moment(found[0]), sentence)
