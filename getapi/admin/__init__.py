"""The admin site: applications' keys, packages, what was delivered, and what is damaged; from ``metrics.networks`` alone (SPEC 8)."""

from django.contrib import admin
from django_tasks_db.models import DBTaskResult

from getapi.admin import damage, deliveries, keys, packages

__all__ = ["damage", "deliveries", "keys", "packages"]

admin.site.site_header = admin.site.site_title = "Packaging service"
admin.site.index_title = "Keys, packages and what was delivered"
# "View site": where an administrator can see the service at work.
admin.site.site_url = "/api/try"
# Beside its package a waiting task tells nothing.
admin.site.unregister(DBTaskResult)
