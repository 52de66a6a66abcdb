"""The rules by which access is decided are made again when what they are made of changes, and only then."""

from pathlib import Path

import pytest

from getapi.core.errors import SourceUnavailable
from getapi.services.rules import access_rules, planning_rules
from tests.conftest import Configure


def test_rules_are_the_same_object_while_nothing_changes(configure: Configure) -> None:
    configuration = configure()
    assert access_rules(configuration) is access_rules(configuration)
    assert planning_rules(configuration).access is access_rules(configuration)


def test_another_configuration_has_its_own_rules(configure: Configure) -> None:
    first, second = configure(), configure('access.reserved = ["SECRET*"]')
    rules = access_rules(first)
    assert access_rules(second).reserved == ("secret*",)
    assert access_rules(first) == rules
    assert access_rules(first).reserved != ("secret*",)


def test_an_entry_that_is_added_to_the_deny_list_counts_at_once(configure: Configure, tmp_path: Path) -> None:
    path = tmp_path / "deny.txt"
    path.write_text("test:1\n", encoding="utf-8")
    configuration = configure(f'access.deny_list = "{path}"')
    rules = access_rules(configuration)
    assert rules.denied == {"test:1"}
    path.write_text("test:1\ntest:2\n", encoding="utf-8")
    assert access_rules(configuration).denied == {"test:1", "test:2"}
    path.unlink()
    with pytest.raises(SourceUnavailable):
        access_rules(configuration)
    assert rules.denied == {"test:1"}
