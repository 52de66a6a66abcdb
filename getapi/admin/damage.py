"""What is damaged in the repositories, and what to do about it."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from getapi.admin.records import ReadOnly, size
from getapi.models import Fixity

if TYPE_CHECKING:  # as in getapi.admin.keys
    FixityModelAdmin = admin.ModelAdmin[Fixity]
else:
    FixityModelAdmin = admin.ModelAdmin

# The ledger's rows are of all datastreams; here are the damaged ones alone, and so they are called. No column is, so no migration has it.
Fixity._meta.verbose_name, Fixity._meta.verbose_name_plural = "damaged datastream", "damaged datastreams"  # noqa: SLF001 # Django's own door


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
