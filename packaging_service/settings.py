"""Django's settings, derived from the one configuration file (``getapi.conf``)."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from getapi import conf

ROOT = Path(__file__).resolve().parent.parent

try:
    _configuration = conf.current()
except conf.ConfigurationError:
    # Told by getapi.checks: every command that runs checks stops there, and the web application by getapi.networkguard.
    _configuration = conf.unconfigured()

SECRET_KEY = _configuration.secret_key
SECRET_KEY_FALLBACKS = [key.get_secret_value() for key in reversed(_configuration.secret_keys[:-1])]
DEBUG = False
ALLOWED_HOSTS = list(_configuration.allowed_hosts)
ROOT_URLCONF = "packaging_service.urls"
WSGI_APPLICATION = "packaging_service.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = _configuration.time_zone
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "packaging_service.formats"
APPEND_SLASH = False  # our addresses answer with and without it (SPEC 1)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "django_tasks",
    "django_tasks_db",
    "getapi",
]

# No GZipMiddleware: it drops Content-Length and weakens ETags. Sessions, accounts and CSRF serve the admin site alone.
MIDDLEWARE = [
    "getapi.middleware.forget_request",
    "getapi.middleware.name_request",
    "getapi.middleware.confine",
    "getapi.middleware.log_request",
    "getapi.middleware.empty_bodies",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "getapi.middleware.limit_body",
    "getapi.networkguard.NetworkGuard",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # straight from the installed packages: nothing to collect first
WHITENOISE_ALLOW_ALL_ORIGINS = False


_POSTGRESQL = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "application_name": "packaging-service",
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s",
}
"""libpq's words."""


def _database() -> dict[str, Any]:
    database = _configuration.database
    if database.kind == "postgresql":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database.name,
            "USER": database.user,
            "PASSWORD": database.password.get_secret_value(),
            "HOST": database.host,
            "PORT": "" if database.port is None else str(database.port),
            # A server that vanished must be noticed in seconds, and whoever froze must not keep others waiting: a URL may say otherwise.
            "OPTIONS": {**_POSTGRESQL, **database.options},
            # A connection ends with its request, and a download's before its first octet: none is there to be tested again.
            "CONN_MAX_AGE": 0,
        }
    if _configuration.database.name == str(conf.DEFAULT_DATABASE):
        conf.DEFAULT_DATABASE.parent.mkdir(exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": database.name,
        # Deferred transactions that count and then insert fail under concurrency; immediate ones wait their turn.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
        },
    }


DATABASES = {"default": _database()}


def _patient(url: str) -> str:
    """A Redis that does not answer costs a request seconds and not minutes."""
    if url.startswith("unix:") or "socket_connect_timeout" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}socket_connect_timeout=3&socket_timeout=10"


# Preparations wait in the database, or on Redis by configuration alone. What waits there is a hint: the row that counts is models.Job.
TASKS: dict[str, Any] = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["packages"]}}
if _configuration.jobs.redis is not None and _configuration.jobs.backend == "redis" and find_spec("django_tasks_rq"):  # else getapi.E006
    TASKS["default"]["BACKEND"] = "django_tasks_rq.RQBackend"
    INSTALLED_APPS.insert(INSTALLED_APPS.index("getapi"), "django_rq")
    # No time limit of RQ's: a preparation has its own (docs/architecture.md).
    RQ_QUEUES = {"packages": {"URL": _patient(_configuration.jobs.redis.get_secret_value()), "DEFAULT_TIMEOUT": -1}}

# A body is at most 4 MiB; uploaded files are no parameters of ours and are never written to disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

REST_FRAMEWORK: dict[str, Any] = {
    "URL_FORMAT_OVERRIDE": None,  # else ?format=zip is DRF's own and a 404
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Packaging service",
    "DESCRIPTION": "Many datastreams of many repository objects leave as one verifiable BagIt package, built while it is sent.",
    "VERSION": "1",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "getapi.views.heads.complete"],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "What getToken answered, for repositories that are not public"}
        }
    },
}

# What a page of another origin may ask and read (SPEC 8); the admin site is never shared.
CORS_URLS_REGEX = "^/api/"
CORS_ALLOWED_ORIGINS = list(_configuration.cors.origins)
CORS_ALLOW_METHODS = ("GET", "HEAD", "POST", "DELETE")
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "prefer",
    "range",
)
CORS_EXPOSE_HEADERS = ("Content-Location", "Content-Range", "ETag", "Retry-After")

# On a development key the site is tried over plain HTTP, where a browser would not keep these.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not _configuration.secret_key_is_development
SESSION_COOKIE_AGE = 8 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "getapi.refusals.forged"  # Django's own page has styles that no page of ours may have
# TLS, its redirect and HSTS are the front's business (docs/deploy); the admin site's own addresses are local by default.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "getapi.logs.RedactedJsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own handlers mail and print what ours would not have redacted.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Every refusal has its line from getapi.requests already; only faults are worth a second one.
        "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
        # A Host that is not ours is the asker's mistake, which its 400 tells; no trace is worth a line.
        "django.security.DisallowedHost": {"handlers": ["nowhere"], "propagate": False},
        # What they say at each task is said by getapi.jobs, of the package that it is about.
        "django_tasks": {"handlers": [], "level": "WARNING", "propagate": True},
        "django_tasks_db": {"handlers": [], "level": "WARNING", "propagate": True},
        "rq": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
    },
}
