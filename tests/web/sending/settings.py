"""The product's settings with the addresses of ``tests.web.sending``."""

from packaging_service.settings import *  # noqa: F403 # Django reads settings from module globals

ROOT_URLCONF = "tests.web.sending.urls"
