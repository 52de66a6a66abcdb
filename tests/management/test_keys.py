"""The key commands, as far as they say who is told of prepared packages."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from getapi.models import Key
from getapi.services import keys
from tests.conftest import Configure

pytestmark = pytest.mark.django_db
URL = "https://catalogue.example.org/told?for=us"


@pytest.fixture(autouse=True)
def _configured(configure: Configure) -> None:
    configure()


def said(*arguments: str) -> list[str]:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().splitlines()


def test_a_key_is_the_last_line_also_where_its_webhooks_secret_is_shown() -> None:
    lines = said("create_key", "catalogue", "--webhook", URL)
    key = Key.objects.get()
    assert keys.find_key(lines[-1]) == key
    assert (key.webhook, key.webhook_secret) == (URL, lines[1])
    assert lines[1].startswith("whsec_")


def test_a_key_whose_webhook_is_none_is_not_made() -> None:
    with pytest.raises(CommandError, match="http:// or https://"):
        call_command("create_key", "catalogue", "--webhook", "gopher://x/")
    assert not Key.objects.exists()


def test_a_webhook_that_would_never_be_told_is_refused_by_both_commands() -> None:
    with pytest.raises(CommandError, match="localhost is none"):
        call_command("create_key", "catalogue", "--webhook", "http://localhost/")
    assert not Key.objects.exists()
    said("create_key", "catalogue", "--webhook", URL)
    with pytest.raises(CommandError, match="localhost is none"):
        call_command("pair_key", "catalogue", "--webhook", "http://localhost/")
    assert Key.objects.get().webhook == URL


def test_a_last_day_that_is_over_makes_no_key() -> None:
    with pytest.raises(CommandError, match="2020-01-01 is over"):
        call_command("create_key", "catalogue", "--expires", "2020-01-01")
    assert not Key.objects.exists()


def test_another_webhook_has_another_secret_and_the_pairing_stays() -> None:
    said("create_key", "catalogue", "--network", "192.0.2.7")
    first, second = said("pair_key", "catalogue", "--webhook", URL)[-1], said("pair_key", "catalogue", "--webhook", URL)[-1]
    assert first != second == Key.objects.get().webhook_secret
    assert [row.network for row in Key.objects.get().networks.all()] == ["192.0.2.7/32"]
    assert said("pair_key", "catalogue", "--no-webhook") == ["catalogue tells nobody."]
    assert (Key.objects.get().webhook, Key.objects.get().webhook_secret) == ("", "")


def test_a_revoked_key_is_not_paired() -> None:
    said("create_key", "catalogue", "--network", "192.0.2.7")
    said("revoke_key", "catalogue")
    for how in (["--forget"], ["--network", "192.0.2.8"]):
        with pytest.raises(CommandError, match="The key catalogue is revoked"):
            call_command("pair_key", "catalogue", *how)
    assert [row.network for row in Key.objects.get().networks.all()] == ["192.0.2.7/32"]


def test_pairing_alone_leaves_the_webhook() -> None:
    said("create_key", "catalogue", "--webhook", URL)
    said("pair_key", "catalogue", "--network", "192.0.2.7")
    assert Key.objects.get().webhook == URL


def test_what_shall_be_changed_must_be_said() -> None:
    said("create_key", "catalogue")
    with pytest.raises(CommandError, match="--webhook"):
        call_command("pair_key", "catalogue")


def test_the_list_names_the_webhook_without_its_query_and_never_its_secret() -> None:
    said("create_key", "catalogue", "--webhook", URL)
    said("create_key", "other")
    with_one, without = said("list_keys")
    assert with_one.endswith("\ttells https://catalogue.example.org/told")
    assert "tells" not in without
    assert Key.objects.get(label="catalogue").webhook_secret not in with_one
