"""What ``manage.py check`` says about the configuration, and ``check --deploy`` about the place where the service runs.

E001 a mistake in the configuration; E002 PostgreSQL without its driver; E006 Redis without its own; E005 a deny list that cannot be read,
so that nothing may leave; W001 a development key; W005 no repository at all; W006 a secret key's file that others can read.
With ``--deploy``: E003 unapplied migrations or no database; E004 a development key; W002 a forwarding header that did not count was seen;
W003 ``allowed_hosts`` that is the default or everything; W004 ``trusted_proxies`` that trusts everybody.
"""

import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 # Django's own name
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from getapi import conf
from getapi.services.addresses import forwarding_seen
from getapi.services.denylist import DenyList, DenyListUnusable

CONFIGURATION = "configuration"
"""The tag of what every command of ours asks for before it starts."""

NAMED = 3
"""Migrations that are told by name."""

ROOT_USER = 0

ADD_A_REPOSITORY = """Yours: write [[repositories]] into packaging.toml (README.md, "Put it into service").
\tThe demonstration's: make demo, then PACKAGING_CONFIG=var/demo/packaging.toml make run"""


def register_all() -> None:
    register(check_configuration, CONFIGURATION)
    register(check_deny_list, "denylist")
    register(check_development_key, "secret")
    register(check_key_files, "secret")
    register(check_repositories, "repositories")
    for check in (check_database, check_deployed_key, check_forwarding, check_hosts, check_proxies):
        register(check, "deployment", deploy=True)


def _configuration() -> conf.Configuration | None:
    """None while it has mistakes, which ``check_configuration`` tells."""
    try:
        return conf.current()
    except conf.ConfigurationError:
        return None


def check_configuration(**_options: Any) -> Sequence[CheckMessage]:
    try:
        configuration = conf.current()
    except conf.ConfigurationError as error:
        return [Error(mistake, id="getapi.E001") for mistake in error.mistakes]
    if configuration.database.kind == "postgresql" and find_spec("psycopg") is None:
        return [Error("database: PostgreSQL needs its driver", hint="pip install 'psycopg[binary]'", id="getapi.E002")]
    if configuration.jobs.backend == "redis" and find_spec("django_tasks_rq") is None:
        return [Error("jobs.backend: Redis needs its driver", hint="pip install django-tasks-rq", id="getapi.E006")]
    return []


def check_deny_list(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None or configuration.access.deny_list is None:
        return []
    try:
        DenyList(configuration.access.deny_list).refresh()
    except DenyListUnusable as error:
        return [Error(f"access.deny_list: {error.why}", hint="Until it can be read nothing leaves.", id="getapi.E005")]
    return []


def check_development_key(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None or not configuration.secret_key_is_development:
        return []
    hint = "Set PACKAGING_SECRET_KEY or secret_key_file before anybody else uses the service."
    return [Warning("Tokens are signed with a development key, made under var/.", hint=hint, id="getapi.W001")]


def check_key_files(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None:
        return []
    hint = "chmod 600; or, where the file is root's and has the service's own group, chmod 640."
    return [
        Warning(f"Others than its owner can read the secret key in {file.path}.", hint=hint, id="getapi.W006")
        for file in (configuration.secret_key_file, *configuration.secret_key_fallbacks)
        if file is not None and _is_open(file.path)
    ]


def _is_open(path: Path) -> bool:
    """Whether others than its owner can read a file. What is root's the service reads as its group, as docs/deploy has it."""
    try:
        found = path.stat()
    except OSError:  # it was there when the configuration was read
        return False
    others = stat.S_IROTH if found.st_uid == ROOT_USER else stat.S_IROTH | stat.S_IRGRP
    return bool(found.st_mode & others)


def check_repositories(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None or configuration.repositories:
        return []
    return [Warning("No repository is configured, so every object is unknown here.", hint=ADD_A_REPOSITORY, id="getapi.W005")]


def check_deployed_key(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None or not configuration.secret_key_is_development:
        return []
    return [Error("A development key must not sign the tokens of a service in use.", id="getapi.E004")]


def check_database(**_options: Any) -> Sequence[CheckMessage]:
    try:
        missing = unapplied()
    except DatabaseError as error:
        return [Error(f"The database cannot be used: {error}", id="getapi.E003")]
    return [Error(f"The database lacks migrations: {missing}", hint="manage.py migrate", id="getapi.E003")] if missing else []


def unapplied() -> str:
    """The migrations that the database lacks, a new one all of them: the first by name, how many more. Raises DatabaseError."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    names = [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def check_forwarding(**_options: Any) -> Sequence[CheckMessage]:
    try:
        seen = forwarding_seen()
    except DatabaseError:
        return []  # E003 tells why
    if seen is None:
        return []
    address, moment = seen
    return [
        Warning(
            f"A forwarding header that does not count came from {address} (last seen {moment:%Y-%m-%d %H:%M} UTC).",
            hint="If that is your proxy, name it in trusted_proxies, and let it set X-Forwarded-For; if not, somebody made it up.",
            id="getapi.W002",
        )
    ]


def check_hosts(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None or (
        configuration.allowed_hosts != conf.Configuration.model_fields["allowed_hosts"].default and "*" not in configuration.allowed_hosts
    ):
        return []
    return [
        Warning("allowed_hosts does not name this service's own host.", hint='allowed_hosts = ["packages.example.org"]', id="getapi.W003")
    ]


def check_proxies(**_options: Any) -> Sequence[CheckMessage]:
    configuration = _configuration()
    if configuration is None or all(network.prefixlen for network in configuration.trusted_proxies):
        return []
    return [Warning("trusted_proxies trusts everybody: any client can claim any address.", id="getapi.W004")]
