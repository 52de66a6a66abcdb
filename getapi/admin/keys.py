"""Applications' keys: made, paired, revoked."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from getapi import conf
from getapi.models import Key, KeyNetwork
from getapi.services import keys, webhooks

if TYPE_CHECKING:  # Django's classes take their model in square brackets for the type checker alone
    NetworkModelForm = forms.ModelForm[KeyNetwork]
    KeyModelForm = forms.ModelForm[Key]
    NetworkInline = admin.TabularInline[KeyNetwork, Key]
    KeyModelAdmin = admin.ModelAdmin[Key]
else:
    NetworkModelForm = KeyModelForm = forms.ModelForm
    NetworkInline = admin.TabularInline
    KeyModelAdmin = admin.ModelAdmin

_CHANGED = "getapi.webhook_changed"
"""Remembered in the request's META from its saving to its answer."""


class KeyForm(KeyModelForm):
    class Meta:
        model = Key
        fields = ("label", "expires", "webhook")

    def clean_label(self) -> str:
        try:
            return keys.read_label(self.cleaned_data["label"])
        except keys.KeyRefused as error:
            raise ValidationError(str(error)) from None

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
    verbose_name = "network"
    verbose_name_plural = "paired with (nothing here: learned at the key's first use)"


@admin.register(Key)
class KeyAdmin(KeyModelAdmin):
    """Keys are revoked and not deleted: the statistics go on naming them. Another webhook gets another secret, shown once."""

    form = KeyForm
    list_display = ("label", "prefix", "paired", "created", "last_used", "expires", "revoked")
    search_fields = ("label", "prefix")
    readonly_fields = ("prefix", "created", "last_used", "revoked")
    inlines = (Networks,)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Key | None = None) -> tuple[str, ...]:
        own = ("label", "expires", "webhook")
        return own if obj is None else (*own, *self.readonly_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Key]:
        return super().get_queryset(request).prefetch_related("networks")

    @admin.display(description="paired with")
    def paired(self, row: Key) -> str:
        return ", ".join(network.network for network in row.networks.all()) or "whoever uses it first"

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
