"""The admin site; everything else is in ``getapi.urls``."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
