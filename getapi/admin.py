"""The admin site: applications' keys, packages, what was delivered, and what is damaged; from ``metrics.networks`` alone (SPEC 8)."""

import hashlib
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_tasks_db.models import DBTaskResult

from getapi import conf
from getapi.models import Delivery, Download, Fixity, Key, KeyNetwork, Package
from getapi.services import keys, shelf, webhooks
from getapi.services.statistics import LOGGED_ID
from getapi.views import plots

if TYPE_CHECKING:  # Django's classes take their model in square brackets for the type checker alone
    NetworkModelForm = forms.ModelForm[KeyNetwork]
    KeyModelForm = forms.ModelForm[Key]
    NetworkInline = admin.TabularInline[KeyNetwork, Key]
    KeyModelAdmin = admin.ModelAdmin[Key]
    DeliveryModelAdmin = admin.ModelAdmin[Delivery]
    DownloadModelAdmin = admin.ModelAdmin[Download]
    PackageModelAdmin = admin.ModelAdmin[Package]
    FixityModelAdmin = admin.ModelAdmin[Fixity]
else:
    NetworkModelForm = KeyModelForm = forms.ModelForm
    NetworkInline = admin.TabularInline
    KeyModelAdmin = DeliveryModelAdmin = DownloadModelAdmin = PackageModelAdmin = FixityModelAdmin = admin.ModelAdmin

admin.site.site_header = admin.site.site_title = "Packaging service"
admin.site.index_title = "Keys, packages and what was delivered"
# "View site": where an administrator can see the service at work.
admin.site.site_url = "/api/try"
# Beside its package a waiting task tells nothing.
admin.site.unregister(DBTaskResult)


_CHANGED = "getapi.webhook_changed"
"""Remembered in the request's META from its saving to its answer."""


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
        return row.package[:LOGGED_ID]


def size(count: int) -> SafeString:
    """Readable, and exact to who asks."""
    return format_html('<span title="{} bytes">{}</span>', f"{count:,}", plots.octets(count))


@admin.register(Package)
class PackageAdmin(ReadOnly, PackageModelAdmin):
    """Packages are told by the beginning of their ids alone, also within the page: what is selected goes by a digest of the id."""

    list_display = ("created", "short_id", "name", "state_now", "size_told", "files", "sent_last", "expires", "key")
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

    @admin.action(description="Cancel the selected packages; running downloads are cut", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Package]) -> None:
        chosen = list(queryset.filter(state=Package.State.READY).values_list("pk", flat=True))
        for package in chosen:
            shelf.cancel(package)
        self.message_user(request, f"Canceled: {len(chosen)}", messages.SUCCESS)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("getapi.change_package")

    @admin.display(description="package", ordering="pk")
    def short_id(self, row: Package) -> str:
        return row.pk[:LOGGED_ID]

    @admin.display(description="state", ordering="state")
    def state_now(self, row: Package) -> str:
        """As its page says, but for ``changed``, for which the repository would have to be asked."""
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


@admin.register(Fixity)
class FixityAdmin(ReadOnly, FixityModelAdmin):
    """What is damaged: of the ledger those alone that do not have their checksum."""

    list_display = ("pid", "dsid", "version", "repository", "algorithm", "size_told", "verified")
    list_display_links = None
    list_filter = ("repository", "algorithm")
    search_fields = ("pid", "dsid")
    ordering = ("-verified",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fixity]:
        return super().get_queryset(request).filter(verdict=Fixity.Verdict.MISMATCH)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": "Damaged datastreams", **(extra_context or {})})

    @admin.display(description="size", ordering="size")
    def size_told(self, row: Fixity) -> SafeString:
        return size(row.size)


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

    def get_urls(self) -> list[URLPattern]:
        return [path("plots/", self.admin_site.admin_view(self.plots_view), name="getapi_download_plots"), *super().get_urls()]

    def plots_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {"title": "What was downloaded", **plots.show(request.GET.dict())}
        return TemplateResponse(request, "admin/getapi/download/plots.html", context)
