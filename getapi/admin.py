"""The admin site: applications' keys, and what was delivered; reached from ``metrics.networks`` alone (SPEC 8)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from getapi import conf
from getapi.models import Delivery, Download, Key, KeyNetwork
from getapi.services import addresses, keys

if TYPE_CHECKING:  # Django's classes take their model in square brackets for the type checker alone
    NetworkModelForm = forms.ModelForm[KeyNetwork]
    NetworkInline = admin.TabularInline[KeyNetwork, Key]
    KeyModelAdmin = admin.ModelAdmin[Key]
    DeliveryModelAdmin = admin.ModelAdmin[Delivery]
    DownloadModelAdmin = admin.ModelAdmin[Download]
else:
    NetworkModelForm = forms.ModelForm
    NetworkInline = admin.TabularInline
    KeyModelAdmin = DeliveryModelAdmin = DownloadModelAdmin = admin.ModelAdmin

admin.site.site_header = admin.site.site_title = "Packaging service"
admin.site.index_title = "Keys and deliveries"


class NetworkGuard:
    """Middleware: from elsewhere than ``metrics.networks`` the admin site and /metrics are addresses where nothing is.

    Raises ConfigurationError when a server loads it with a configuration that has mistakes: such a service must not start.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        conf.current()
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        match = request.resolver_match
        guarded = match and ("admin" in match.app_names or match.url_name == "metrics")
        if guarded and not addresses.read(request.META).within(conf.current().metrics.networks):
            raise Http404


class NetworkForm(NetworkModelForm):
    class Meta:
        model = KeyNetwork
        fields = ("network",)

    def clean_network(self) -> str:
        try:
            return str(conf.read_network(self.cleaned_data["network"]))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Networks(NetworkInline):
    model = KeyNetwork
    form = NetworkForm
    readonly_fields = ("learned",)
    extra = 1
    verbose_name_plural = "paired with (nothing here: learned at the key's first use)"


@admin.register(Key)
class KeyAdmin(KeyModelAdmin):
    """Keys are revoked and not deleted: the statistics go on naming them."""

    list_display = ("label", "prefix", "created", "last_used", "expires", "revoked")
    search_fields = ("label", "prefix")
    readonly_fields = ("prefix", "created", "last_used", "revoked")
    inlines = (Networks,)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Key | None = None) -> tuple[str, ...]:
        return ("label", "expires") if obj is None else ("label", "expires", *self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Key, form: Any, change: bool) -> None:
        if not change:
            keys.issue(obj)
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Key, post_url_continue: str | None = None) -> HttpResponse:
        """Issued anew here, so that the text goes into this one answer and through no message, cookie or session."""
        text = keys.issue(obj)
        obj.save(update_fields=("prefix", "digest"))
        context = self.admin_site.each_context(request) | {
            "title": "Key made",
            "key": obj,
            "text": text,
            "paired": obj.networks.exists(),
        }
        return TemplateResponse(request, "admin/getapi/key/created.html", context, headers={"Cache-Control": "no-store"})

    @admin.action(description="Revoke the selected keys and all their tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Key]) -> None:
        count = queryset.filter(revoked=None).update(revoked=timezone.now())
        self.message_user(request, f"Revoked: {count}", messages.SUCCESS)


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
        return row.package[:8]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, DeliveryModelAdmin):
    list_display = ("started", "name", "key", "first", "stop", "sent", "outcome", "reason")
    list_filter = ("outcome", "key")
    list_select_related = ("key",)
    search_fields = ("name",)
    date_hierarchy = "started"
    fields = ("short_package", "name", "key", "started", "ended", "first", "stop", "sent", "outcome", "reason")
    readonly_fields = ("short_package",)
    show_full_result_count = False


@admin.register(Download)
class DownloadAdmin(ReadOnly, DownloadModelAdmin):
    list_display = ("time", "pid", "dsid", "bytes", "key", "robot", "double_click")
    list_filter = ("robot", "key")
    list_select_related = ("key",)
    search_fields = ("pid", "dsid")
    date_hierarchy = "time"
    fields = ("short_package", "time", "pid", "dsid", "version", "bytes", "key", "address", "user_agent", "robot", "double_click")
    readonly_fields = ("short_package",)
    show_full_result_count = False
