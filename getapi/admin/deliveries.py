"""What was delivered, response by response, and what that came to, datastream by datastream."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from getapi.admin.records import ReadOnly, size
from getapi.models import Delivery, Download
from getapi.views import plots

if TYPE_CHECKING:  # as in getapi.admin.keys
    DeliveryModelAdmin = admin.ModelAdmin[Delivery]
    DownloadModelAdmin = admin.ModelAdmin[Download]
else:
    DeliveryModelAdmin = DownloadModelAdmin = admin.ModelAdmin


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, DeliveryModelAdmin):
    list_display = ("started", "name", "outcome", "reason", "sent_told", "asked_for", "key_label")
    list_filter = ("outcome", "key")
    list_select_related = ("key",)
    search_fields = ("name",)
    date_hierarchy = "started"
    fields = ("short_package", "name", "key", "started", "ended", "first", "stop", "sent", "outcome", "reason")
    readonly_fields = ("short_package",)
    show_full_result_count = False

    @admin.display(description="arrived", ordering="sent")
    def sent_told(self, row: Delivery) -> SafeString:
        return size(row.sent)

    @admin.display(description="of")
    def asked_for(self, row: Delivery) -> SafeString:
        return size(row.stop - row.first)


@admin.register(Download)
class DownloadAdmin(ReadOnly, DownloadModelAdmin):
    list_display = ("time", "pid", "dsid", "size_told", "robot", "double_click", "key_label")
    list_filter = ("robot", "key")
    list_select_related = ("key",)
    search_fields = ("pid", "dsid")
    date_hierarchy = "time"
    fields = ("short_package", "time", "pid", "dsid", "version", "bytes", "key", "address", "user_agent", "robot", "double_click")
    readonly_fields = ("short_package",)
    show_full_result_count = False

    @admin.display(description="size", ordering="bytes")
    def size_told(self, row: Download) -> SafeString:
        return size(row.bytes)

    def get_urls(self) -> list[URLPattern]:
        return [path("plots/", self.admin_site.admin_view(self.plots_view), name="getapi_download_plots"), *super().get_urls()]

    def plots_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {"title": "What was downloaded", **plots.show(request.GET.dict())}
        return TemplateResponse(request, "admin/getapi/download/plots.html", context)
