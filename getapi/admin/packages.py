"""Packages as they are kept, and their end."""

import hashlib
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from getapi.admin.records import ReadOnly, size
from getapi.models import Package
from getapi.services import preparation, shelf
from getapi.services.statistics import LOGGED_ID

if TYPE_CHECKING:  # as in getapi.admin.keys
    PackageModelAdmin = admin.ModelAdmin[Package]
else:
    PackageModelAdmin = admin.ModelAdmin


@admin.register(Package)
class PackageAdmin(ReadOnly, PackageModelAdmin):
    """Packages are told by the beginning of their ids alone, also within the page: what is selected goes by a digest of the id."""

    list_display = ("created", "short_id", "name", "state_now", "size_told", "files", "key_label", "expires", "sent_last")
    list_display_links = None
    list_filter = ("state", "format", "key")
    list_select_related = ("key",)
    search_fields = ("name", "id__startswith")
    date_hierarchy = "created"
    actions = ("cancel",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": "Packages", **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        return super().get_queryset(request).defer("plan", "arrived")

    def change_view(self, request: HttpRequest, *_arguments: Any, **_options: Any) -> HttpResponse:
        """Its address would hold the whole id."""
        raise Http404

    def action_checkbox(self, obj: Package) -> SafeString:
        shown = f"Select {obj}"
        box = '<input type="checkbox" class="action-select" name="{}" value="{}" aria-label="{}">'
        return format_html(box, ACTION_CHECKBOX_NAME, _handle(obj.pk), shown)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Package], *more: Any, **options: Any) -> HttpResponse | None:
        handles = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
        chosen = [pk for pk in queryset.order_by().values_list("pk", flat=True) if _handle(pk) in handles]
        data = request.POST.copy()
        data.setlist(ACTION_CHECKBOX_NAME, chosen)
        request.POST = data  # type: ignore[assignment] # Django's own class of a changeable QueryDict
        return super().response_action(request, queryset, *more, **options)

    @admin.action(description="Cancel the selected packages", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Package]) -> None:
        chosen = list(queryset.filter(state__in=(Package.State.READY, Package.State.PREPARING)).values_list("pk", flat=True))
        for package in chosen:
            preparation.cancel(package)
        self.message_user(request, f"Canceled: {len(chosen)}", messages.SUCCESS)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("getapi.change_package")

    @admin.display(description="package", ordering="pk")
    def short_id(self, row: Package) -> str:
        return row.pk[:LOGGED_ID]

    @admin.display(description="state", ordering="state")
    def state_now(self, row: Package) -> str:
        """As its page says, but for ``changed``, for which the repository would have to be asked, and for ``sending`` and ``broken``,
        which the deliveries tell."""
        if row.state == Package.State.READY and shelf.expires(row) <= timezone.now():
            return "expired"
        return "done" if row.state == Package.State.READY and row.delivered else str(row.state)

    @admin.display(description="size", ordering="size")
    def size_told(self, row: Package) -> SafeString:
        return size(row.size)

    @admin.display(description="last sent", ordering="last_sent", empty_value="never")
    def sent_last(self, row: Package) -> Any:
        return row.last_sent

    @admin.display(description="expires")
    def expires(self, row: Package) -> Any:
        return shelf.expires(row) if row.canceled is None else row.canceled


def _handle(package_id: str) -> str:
    return hashlib.sha256(package_id.encode()).hexdigest()[:24]
