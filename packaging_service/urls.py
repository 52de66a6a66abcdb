"""The admin site, the API, and the one dress of all errors."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("getapi.urls"))]

handler400 = "getapi.refusals.bad_request"
handler403 = "getapi.refusals.forbidden"
handler404 = "getapi.refusals.not_found"
handler500 = "getapi.refusals.server_error"
