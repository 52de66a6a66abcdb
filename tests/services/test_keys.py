import hashlib
import io
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as DjangoTestCase

from getapi.models import Key, KeyNetwork
from getapi.services import keys
from getapi.services.addresses import NOWHERE, ClientAddress

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
APPLICATION = ClientAddress(address="192.0.2.7")
T = TypeVar("T")


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """What each of so many threads got that began together, each on its own database connection."""
    barrier = Barrier(count)

    def run(number: int) -> T:
        try:
            connection.ensure_connection()
            barrier.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def found(text: str) -> Key:
    key = keys.find_key(text)
    assert key is not None
    return key


@pytest.mark.django_db
class TestCreating:
    def test_the_text_is_kept_nowhere_but_as_a_digest(self) -> None:
        text = keys.create_key("catalogue")
        row = Key.objects.get()
        assert text.startswith(f"{row.prefix}_")
        assert row.digest == hashlib.sha256(text.encode()).hexdigest()
        secret = text.partition("_")[2]
        assert len(bytes.fromhex(secret)) == 32
        assert not any(secret in str(value) for value in vars(row).values())

    def test_two_keys_have_nothing_in_common(self) -> None:
        one, other = keys.create_key("one"), keys.create_key("other")
        assert one.partition("_")[0] != other.partition("_")[0]
        assert one.partition("_")[2] != other.partition("_")[2]

    @pytest.mark.parametrize("label", ["", "  ", "x" * 201, "two\nlines", "nul\0"])
    def test_a_label_that_is_none_is_refused(self, label: str) -> None:
        with pytest.raises(keys.KeyRefused, match="label"):
            keys.create_key(label)

    def test_a_label_is_given_once(self) -> None:
        keys.create_key("catalogue")
        with pytest.raises(keys.KeyRefused, match="already"):
            keys.create_key(" catalogue ")
        assert Key.objects.count() == 1

    def test_a_network_that_is_none_makes_no_key(self) -> None:
        with pytest.raises(keys.KeyRefused, match=r"10\.0\.0\.0/8"):
            keys.create_key("catalogue", ["10.0.0.1/8"])
        assert not Key.objects.exists()


@pytest.mark.django_db
class TestFinding:
    def test_a_right_text_finds_its_key(self) -> None:
        text = keys.create_key("catalogue")
        assert found(text).label == "catalogue"
        assert found(f" {text}\n").label == "catalogue"

    def test_every_text_that_differs_in_one_character_finds_none(self) -> None:
        text = keys.create_key("catalogue")
        for place, letter in enumerate(text):
            other = "0" if letter != "0" else "1"
            assert keys.find_key(text[:place] + other + text[place + 1 :]) is None

    def test_every_shorter_or_longer_text_finds_none(self) -> None:
        text = keys.create_key("catalogue")
        assert all(keys.find_key(text[:length]) is None for length in range(len(text)))
        assert keys.find_key(text + "0") is None

    def test_neither_a_digest_nor_a_label_nor_a_prefix_is_a_key(self) -> None:
        text = keys.create_key("catalogue")
        row = Key.objects.get()
        for wrong in (row.digest, row.label, row.prefix, f"{row.prefix}_{row.digest}", text.upper()):
            assert keys.find_key(wrong) is None


class TestHostileTexts(DjangoTestCase):
    @given(st.text() | st.from_regex(r"gk[0-9a-f]{10}_[0-9a-f]{64}"))
    def test_any_text_finds_nothing_and_nothing_is_raised(self, text: str) -> None:
        assert keys.find_key(text) is None


@pytest.mark.django_db
class TestEnding:
    def test_a_revoked_key_is_no_longer_active_and_stays_in_the_list(self) -> None:
        text = keys.create_key("catalogue")
        assert keys.is_active(found(text), NOW)
        keys.revoke_key("catalogue", NOW)
        assert not keys.is_active(found(text), NOW)
        assert [facts.revoked for facts in keys.list_keys()] == [NOW]
        with pytest.raises(keys.KeyRefused, match="already"):
            keys.revoke_key("catalogue", NOW)

    def test_a_key_expires_to_the_second(self) -> None:
        text = keys.create_key("catalogue", expires=NOW)
        assert keys.is_active(found(text), NOW - timedelta(seconds=1))
        assert not keys.is_active(found(text), NOW)

    def test_a_key_is_named_by_label_or_prefix(self) -> None:
        prefix = keys.create_key("catalogue").partition("_")[0]
        keys.revoke_key(prefix, NOW)
        with pytest.raises(keys.KeyRefused, match="no key"):
            keys.revoke_key("another", NOW)


@pytest.mark.django_db
class TestPairing:
    def test_a_key_works_from_the_networks_given_and_nowhere_else(self) -> None:
        key = found(keys.create_key("catalogue", ["192.0.2.0/24", "2001:db8::/64", "::ffff:198.51.100.0/120"]))
        assert [keys.admit(key, ClientAddress(address=text)) for text in ("192.0.2.9", "2001:db8::9", "198.51.100.9")] == [True] * 3
        assert not any(keys.admit(key, ClientAddress(address=text)) for text in ("192.0.3.1", "2001:db8:0:1::1", NOWHERE))
        assert not KeyNetwork.objects.filter(learned=True).exists()

    def test_without_networks_it_learns_the_address_of_its_first_use(self) -> None:
        key = found(keys.create_key("catalogue"))
        assert keys.admit(key, APPLICATION)
        assert keys.admit(key, APPLICATION)
        assert not keys.admit(key, ClientAddress(address="192.0.2.8"))
        assert [(row.network, row.learned) for row in KeyNetwork.objects.all()] == [("192.0.2.7/32", True)]

    @pytest.mark.parametrize(
        "caller",
        [
            ClientAddress(address="127.0.0.1"),
            ClientAddress(address="127.9.9.9"),
            ClientAddress(address="::1"),
            ClientAddress(address=NOWHERE),
            ClientAddress(address="192.0.2.7", forwarded_untrusted=True),
            ClientAddress(address="10.0.0.1", is_proxy=True),
        ],
    )
    def test_it_never_learns_what_may_be_anybody_s_and_says_what_to_do(
        self, caller: ClientAddress, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = found(keys.create_key("catalogue"))
        with caplog.at_level(logging.WARNING):
            assert not keys.admit(key, caller)
        assert not KeyNetwork.objects.exists()
        assert "manage.py pair_key 'catalogue' --network" in caplog.text

    def test_loopback_works_where_it_was_named(self) -> None:
        key = found(keys.create_key("catalogue", ["127.0.0.0/8"]))
        assert keys.admit(key, ClientAddress(address="127.0.0.1"))

    def test_pairing_anew_puts_networks_in_the_place_of_what_was_learned(self) -> None:
        key = found(keys.create_key("catalogue"))
        assert keys.admit(key, APPLICATION)
        keys.pair_key("catalogue", ["198.51.100.0/24", "198.51.100.0/24"])
        assert not keys.admit(key, APPLICATION)
        assert [(facts.networks, facts.learned) for facts in keys.list_keys()] == [(("198.51.100.0/24",), False)]

    def test_a_pairing_that_is_forgotten_is_learned_anew(self) -> None:
        key = found(keys.create_key("catalogue", ["198.51.100.0/24"]))
        keys.pair_key("catalogue", [])
        assert keys.admit(key, APPLICATION)
        assert keys.list_keys()[0].learned


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_many_first_uses_at_once_one_address_wins(self) -> None:
        key = found(keys.create_key("catalogue"))
        admitted = at_once(12, lambda number: keys.admit(key, ClientAddress(address=f"192.0.2.{number}")))
        row = KeyNetwork.objects.get()
        assert admitted.count(True) == 1
        assert row.network == f"192.0.2.{admitted.index(True)}/32"

    def test_a_key_that_is_paired_meanwhile_learns_nothing_more(self) -> None:
        key = found(keys.create_key("catalogue"))

        def work(number: int) -> None:
            if number == 0:
                keys.pair_key("catalogue", ["198.51.100.0/24"])
            else:
                keys.admit(key, ClientAddress(address=f"192.0.2.{number}"))

        at_once(8, work)
        assert [row.network for row in KeyNetwork.objects.all()] == ["198.51.100.0/24"]

    def test_of_many_keys_of_one_label_at_once_one_is_made(self) -> None:
        def work(number: int) -> str | None:
            try:
                return keys.create_key("catalogue")
            except keys.KeyRefused:
                return None

        made = [text for text in at_once(8, work) if text]
        assert len(made) == Key.objects.count() == 1

    def test_the_database_itself_allows_one_learned_network(self) -> None:
        assert connection.vendor != "sqlite" or connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        key = found(keys.create_key("catalogue"))
        KeyNetwork.objects.bulk_create(
            [KeyNetwork(key=key, network=f"192.0.2.{n}/32", learned=True) for n in range(5)], ignore_conflicts=True
        )
        assert KeyNetwork.objects.count() == 1


@pytest.mark.django_db
class TestCommands:
    @staticmethod
    def run(*words: str) -> list[str]:
        out = io.StringIO()
        call_command(*words, stdout=out)
        return out.getvalue().splitlines()

    def test_create_key_prints_the_key_as_its_last_line(self) -> None:
        lines = self.run("create_key", "catalogue", "--network", "192.0.2.0/24", "--network", "2001:db8::/64", "--expires", "2030-12-31")
        key = found(lines[-1])
        assert sorted(row.network for row in key.networks.all()) == ["192.0.2.0/24", "2001:db8::/64"]
        assert key.expires == datetime(2030, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    @pytest.mark.parametrize(
        "words",
        [
            ["create_key", " "],
            ["create_key", "x", "--network", "y"],
            ["create_key", "x", "--expires", "2030-02-30"],
            ["create_key", "x", "--expires", "soon"],
        ],
    )
    def test_create_key_refuses_in_words(self, words: list[str]) -> None:
        with pytest.raises(CommandError):
            self.run(*words)
        assert not Key.objects.exists()

    def test_list_keys_tells_state_use_and_pairing_and_no_secret(self) -> None:
        texts = [
            keys.create_key("a", ["192.0.2.0/24"]),
            keys.create_key("b", expires=NOW),
            keys.create_key("c"),
            keys.create_key("d", expires=datetime.max.replace(tzinfo=UTC) - timedelta(days=2)),
        ]
        keys.revoke_key("a", NOW)
        assert keys.admit(found(texts[2]), APPLICATION)
        lines = self.run("list_keys")
        assert [line.split("\t")[0::2] for line in lines] == [
            ["a", "revoked 2026-03-01", "paired with 192.0.2.0/24"],
            ["b", "expired 2026-03-01", "not paired yet"],
            ["c", "valid", "learned 192.0.2.7/32"],
            ["d", "valid until 9999-12-29", "not paired yet"],
        ]
        assert not any(text.partition("_")[2] in line for text in texts for line in lines)

    def test_revoke_key_and_pair_key_act_on_the_label(self) -> None:
        key = found(keys.create_key("catalogue"))
        self.run("pair_key", "catalogue", "--network", "192.0.2.0/24")
        assert [row.network for row in key.networks.all()] == ["192.0.2.0/24"]
        self.run("pair_key", "catalogue", "--forget")
        assert not key.networks.exists()
        self.run("revoke_key", "catalogue")
        key.refresh_from_db()
        assert key.revoked is not None

    @pytest.mark.parametrize(
        "words",
        [["revoke_key", "x"], ["pair_key", "x", "--forget"], ["pair_key", "x"], ["pair_key", "x", "--forget", "--network", "192.0.2.1"]],
    )
    def test_what_cannot_be_done_is_told(self, words: list[str]) -> None:
        with pytest.raises(CommandError):
            self.run(*words)
