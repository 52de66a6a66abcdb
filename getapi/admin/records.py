"""What lists of rows have in common that the service writes and nobody corrects."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from getapi.models import Delivery, Download
from getapi.services.statistics import LOGGED_ID
from getapi.views import plots


class ReadOnly:
    """Rows that the service writes and nobody corrects."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: object = None) -> bool:
        return False

    @admin.display(description="package")
    def short_package(self, row: Delivery | Download) -> str:
        """A package's id is all that its bytes ask for: 8 characters tell it from others."""
        return row.package[:LOGGED_ID]

    @admin.display(description="key", ordering="key__label", empty_value="none")
    def key_label(self, row: Any) -> str | None:
        return None if row.key is None else str(row.key.label)


def size(count: int) -> SafeString:
    """Readable, and exact to who asks."""
    return format_html('<span title="{} bytes">{}</span>', f"{count:,}", plots.octets(count))
