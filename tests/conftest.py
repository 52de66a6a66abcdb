"""What all tests share: hypothesis profiles, a database of this run alone, and configurations written as TOML."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from getapi import conf
from tests.postgresql import ADDRESS, MISSING, VARIABLE

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("coverage", max_examples=10, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

Configure = Callable[..., conf.Configuration]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look through it again, which takes a tenth of all time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def no_collection() -> Iterator[None]:
    """The garbage collector does not run: what is let go of must go by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Core's tests run without Django (``-p no:django``), whose plugin would otherwise bring its key of pyproject.toml itself."""
    if not pluginmanager.has_plugin("django"):
        parser.addini("DJANGO_SETTINGS_MODULE", "unused without Django")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Asked for PostgreSQL, nothing is said to have passed on it that ran elsewhere."""
    if os.environ.get(VARIABLE) == "postgresql" and ADDRESS not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> None:
    """A file and not memory, so that threads race on it as processes do; in a folder of its own, so that two runs never meet.

    On the PostgreSQL that xdist's workers share each has a database of its own.
    """
    from django.db import connection

    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
    else:
        request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """A thread that lives as long as its process may hold a connection still, and PostgreSQL drops no database while anybody does."""
    from django.db import connection

    def drop(_creation: object, name: str, verbosity: int) -> None:
        with connection._nodb_cursor() as cursor:  # Django's own way to a server without a database
            cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)} WITH (FORCE)")

    yield
    if connection.vendor == "postgresql":
        # Of the class: the connection that the database was made with need not be the one that this thread has by now.
        type(connection.creation)._destroy_test_db = drop  # type: ignore[attr-defined] # as above


@pytest.fixture
def configure(tmp_path: Path) -> Iterator[Configure]:
    """``configure('tokens.bind = "none"', PACKAGING_SECRET_KEY=...)``: the process's configuration until the test ends."""
    with ExitStack() as stack:

        def apply(toml: str = "", **environ: str) -> conf.Configuration:
            path = tmp_path / "packaging.toml"
            path.write_text(toml, encoding="utf-8")
            secret = {"PACKAGING_SECRET_KEY": os.environ.get("PACKAGING_SECRET_KEY", "k" * 40)}
            return stack.enter_context(conf.override(conf.load(path, secret | environ)))

        yield apply
