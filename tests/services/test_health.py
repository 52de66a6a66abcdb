"""What a load balancer is told."""

from pathlib import Path

import pytest
from django.db import connection

from getapi.services import health
from tests.conftest import Configure

pytestmark = pytest.mark.django_db


def test_each_repository_is_told_by_its_name_even_one_that_is_named_database(tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "store").mkdir()
    table = '[[repositories]]\nname = "{name}"\ntype = "fedora3"\nobjects = "store"\ndatastreams = "{folder}"\n'
    configure(table.format(name="database", folder="gone") + table.format(name="other", folder="store"))
    assert health.examine() == {"database": True, "repositories.database": False, "repositories.other": True}


def test_a_deny_list_that_cannot_be_read_is_told(tmp_path: Path, configure: Configure) -> None:
    configure('access.deny_list = "list.txt"')
    assert health.examine() == {"database": True, "deny_list": False}
    (tmp_path / "list.txt").write_text("demo:1\n")
    assert health.examine() == {"database": True, "deny_list": True}


def test_a_database_without_our_tables_does_not_answer(configure: Configure) -> None:
    configure("")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE getapi_key RENAME TO gone")
    assert health.examine() == {"database": False}
