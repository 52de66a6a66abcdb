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
from getapi.services import addresses, keys, webhooks

if TYPE_CHECKING:  # Django's classes take their model in square brackets for the type checker alone
    NetworkModelForm = forms.ModelForm[KeyNetwork]
    KeyModelForm = forms.ModelForm[Key]
    NetworkInline = admin.TabularInline[KeyNetwork, Key]
    KeyModelAdmin = admin.ModelAdmin[Key]
    DeliveryModelAdmin = admin.ModelAdmin[Delivery]
    DownloadModelAdmin = admin.ModelAdmin[Download]
else:
    NetworkModelForm = KeyModelForm = forms.ModelForm
    NetworkInline = admin.TabularInline
    KeyModelAdmin = DeliveryModelAdmin = DownloadModelAdmin = admin.ModelAdmin

admin.site.site_header = admin.site.site_title = "Packaging service"
admin.site.index_title = "Keys and deliveries"


_CHANGED = "getapi.webhook_changed"
"""Remembered in the request's META from its saving to its answer."""


class NetworkGuard:
    """Middleware: from elsewhere than ``metrics.networks`` the admin site is an address where nothing is.

    Raises ConfigurationError when a server loads it with a configuration that has mistakes: such a service must not start.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        conf.current()
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        match = request.resolver_match
        if match and "admin" in match.app_names and not addresses.read(request.META).within(conf.current().metrics.networks):
            raise Http404


class KeyForm(KeyModelForm):
    class Meta:
        model = Key
        fields = ("label", "expires", "webhook")

    def clean_webhook(self) -> str:
        try:
            return webhooks.read_url(self.cleaned_data["webhook"]) if self.cleaned_data["webhook"] else ""
        except ValueError as error:
            raise ValidationError(str(error)) from None


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
    """Keys are revoked and not deleted: the statistics go on naming them. Another webhook gets another secret, shown once."""

    form = KeyForm
    list_display = ("label", "prefix", "created", "last_used", "expires", "revoked")
    search_fields = ("label", "prefix")
    readonly_fields = ("prefix", "created", "last_used", "revoked")
    inlines = (Networks,)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Key | None = None) -> tuple[str, ...]:
        own = ("label", "expires", "webhook")
        return own if obj is None else (*own, *self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Key, form: Any, change: bool) -> None:
        if not change:
            keys.issue(obj)
        if "webhook" in form.changed_data:
            obj.webhook_secret = webhooks.new_secret() if obj.webhook else ""
            request.META[_CHANGED] = True
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
            "secret": obj.webhook_secret,
        }
        return TemplateResponse(request, "admin/getapi/key/created.html", context, headers={"Cache-Control": "no-store"})

    def response_change(self, request: HttpRequest, obj: Key) -> HttpResponse:
        if not (obj.webhook_secret and request.META.get(_CHANGED)):
            return super().response_change(request, obj)
        context = self.admin_site.each_context(request) | {"title": "Webhook changed", "key": obj, "secret": obj.webhook_secret}
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
