"""Django's settings, derived from the one configuration file."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "development"  # noqa: S105 # replaced by the configuration's key
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
INSTALLED_APPS = ["getapi"]
ROOT_URLCONF = "packaging_service.urls"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ROOT / "var" / "packaging.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
