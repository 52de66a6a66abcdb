import hashlib
import logging
from datetime import UTC, datetime, timedelta
from string import ascii_letters, digits
from typing import Any

import pytest
from django import db
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as DjangoTestCase
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer

from getapi import conf
from getapi.core.errors import MalformedParameter, MissingParameter, PackagingError, TokenNotGenerated, TokenRefused, TooManyFailures
from getapi.models import FailureCount, ForwardingSighting, Key
from getapi.services import failures, keys, tokens
from getapi.services.addresses import ClientAddress, read
from tests.conftest import Configure
from tests.services.test_keys import at_once

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
APPLICATION = ClientAddress(address="192.0.2.7")
READER = ClientAddress(address="203.0.113.5")
STRANGER = ClientAddress(address="203.0.113.6")
SIGNING: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
ALPHABET = ascii_letters + digits + "-_"

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> str:
    return keys.create_key("catalogue", ["192.0.2.0/24"])


def refused(token: str | None, caller: ClientAddress = READER, now: datetime = NOW) -> bool:
    try:
        tokens.check(token, caller, now=now)
    except TokenRefused:
        return True
    return False


class TestGenerating:
    def test_a_right_key_from_its_own_address_gets_a_token(self, key: str) -> None:
        grant = tokens.check(tokens.generate(key, APPLICATION, now=NOW), READER, now=NOW)
        assert grant == tokens.Grant(key_id=Key.objects.get().pk, label="catalogue", client=None)

    @pytest.mark.parametrize("missing", [None, "", "  "])
    def test_without_a_key_it_is_a_missing_parameter(self, missing: str | None) -> None:
        with pytest.raises(MissingParameter):
            tokens.generate(missing, APPLICATION, now=NOW)
        assert not FailureCount.objects.exists()

    def test_all_that_is_wrong_is_refused_alike(self, key: str) -> None:
        expired = keys.create_key("expired", ["192.0.2.0/24"], expires=NOW)
        revoked = keys.create_key("revoked", ["192.0.2.0/24"])
        keys.revoke_key("revoked", NOW)
        unpaired = keys.create_key("unpaired")
        local = ClientAddress(address="127.0.0.1")
        for text, caller in (
            (key[:-1] + "x", APPLICATION),
            ("nonsense", APPLICATION),
            (expired, APPLICATION),
            (revoked, APPLICATION),
            (key, STRANGER),
            (unpaired, local),
        ):
            with pytest.raises(TokenNotGenerated) as caught:
                tokens.generate(text, caller, now=NOW)
            assert str(caught.value) == "Token could not be generated"
            assert caught.value.facts == {}

    def test_a_token_is_no_key(self, key: str) -> None:
        with pytest.raises(TokenNotGenerated):
            tokens.generate(tokens.generate(key, APPLICATION, now=NOW), APPLICATION, now=NOW)

    @pytest.mark.parametrize("client", ["", "nobody", "1.2.3", "1.2.3.4, 5.6.7.8", "0.0.0.0", "ff02::1", "\0", "203.0.113.5;x"])
    def test_a_client_that_is_no_address_is_malformed(self, key: str, client: str) -> None:
        with pytest.raises(MalformedParameter):
            tokens.generate(key, APPLICATION, [client], now=NOW)

    def test_a_wrong_key_learns_nothing_from_a_malformed_client(self) -> None:
        with pytest.raises(TokenNotGenerated):
            tokens.generate("nonsense", APPLICATION, ["nobody"], now=NOW)

    def test_a_token_is_bound_to_no_more_than_a_few_addresses(self, key: str) -> None:
        clients = [f"2001:db8:{number:x}:1234:5678:9abc:def0:1" for number in range(tokens.MOST_CLIENTS + 1)]
        with pytest.raises(MalformedParameter):
            tokens.generate(key, APPLICATION, clients, now=NOW)
        token = tokens.generate(key, APPLICATION, clients[1:], now=NOW)
        assert not refused(token, ClientAddress(address=clients[-1]))

    def test_use_is_noted_at_most_once_a_minute(self, key: str) -> None:
        for seconds in (0, 30, 59):
            tokens.generate(key, APPLICATION, now=NOW + timedelta(seconds=seconds))
            assert Key.objects.get().last_used == NOW
        tokens.generate(key, APPLICATION, now=NOW + timedelta(seconds=60))
        assert Key.objects.get().last_used == NOW + timedelta(seconds=60)

    def test_a_use_that_cannot_be_noted_costs_no_token(
        self, key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def away(*_: object, **__: object) -> None:
            raise db.OperationalError("attempt to write a readonly database")

        monkeypatch.setattr("django.db.models.query.QuerySet.update", away)
        token = tokens.generate(key, APPLICATION, now=NOW)
        assert tokens.check(token, APPLICATION, now=NOW).label
        assert "last use" in caplog.text
        assert key not in caplog.text

    def test_neither_key_nor_token_is_logged(self, key: str, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            token = tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW)
            assert refused(token, STRANGER)
            with pytest.raises(TokenNotGenerated):
                tokens.generate(key, STRANGER, now=NOW)
        lines = [str(vars(record)) for record in caplog.records if record.name.startswith("getapi")]
        assert len(lines) == 2
        assert not any(secret in line for line in lines for secret in (key, key.partition("_")[2], token))


class TestChecking:
    def test_it_lives_as_long_as_configured_and_not_a_second_more(self, key: str, configure: Configure) -> None:
        configure('tokens.ttl = "10 min"')
        token = tokens.generate(key, APPLICATION, now=NOW)
        assert not refused(token, now=NOW + timedelta(minutes=10))
        assert refused(token, now=NOW + timedelta(minutes=10, seconds=1))

    def test_a_clock_that_is_a_little_behind_does_not_refuse_it(self, key: str) -> None:
        token = tokens.generate(key, APPLICATION, now=NOW)
        assert not refused(token, now=NOW - timedelta(seconds=5))
        assert refused(token, now=NOW - timedelta(minutes=5))

    def test_cut_at_any_length_it_is_refused(self, key: str) -> None:
        token = tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW)
        assert all(refused(token[:length]) and refused(token[length + 1 :]) for length in range(len(token)))

    def test_changed_in_any_character_it_is_refused(self, key: str) -> None:
        token = tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW)
        for place, letter in enumerate(token):
            for other in "A", "_", ".", ALPHABET[(ALPHABET.find(letter) + 1) % 64]:
                assert other == letter or refused(token[:place] + other + token[place + 1 :])

    def test_with_anything_added_it_is_refused(self, key: str) -> None:
        token = tokens.generate(key, APPLICATION, now=NOW)
        for more in ("=", "A", " ", "\n", "!", "\0", ".", "é", "\ud800"):
            assert refused(token + more)
            assert refused(more + token)

    @pytest.mark.parametrize("token", [None, "", ".", "..", "...", "a.b.c", "x" * 10**6, "é", "\0", "\ud800", ".e30.x.y"])
    def test_what_is_no_token_is_refused(self, token: str | None) -> None:
        assert refused(token)

    def test_signed_by_anybody_else_it_is_refused(self, key: str) -> None:
        payload = [Key.objects.get().pk]
        right = conf.current().secret_key
        stamped = URLSafeTimedSerializer
        forged = [
            stamped("another key altogether", salt="getapi.token", signer_kwargs=SIGNING).dumps(payload),
            stamped("", salt="getapi.token", signer_kwargs=SIGNING).dumps(payload),
            stamped(right, salt="django.contrib.sessions", signer_kwargs=SIGNING).dumps(payload),
            stamped(right, salt="getapi.token", signer_kwargs={"digest_method": hashlib.sha1}).dumps(payload),
            URLSafeSerializer(right, salt="getapi.token", signer_kwargs=SIGNING).dumps(payload),
        ]
        assert all(refused(token, now=datetime.now(UTC)) for token in forged)
        assert not refused(stamped(right, salt="getapi.token", signer_kwargs=SIGNING).dumps(payload), now=datetime.now(UTC))

    @pytest.mark.parametrize("payload", [[], {}, None, "x", ["1"], [None], 1])
    def test_saying_something_else_than_a_token_it_is_refused(self, payload: object) -> None:
        signed = URLSafeTimedSerializer(conf.current().secret_key, salt="getapi.token", signer_kwargs=SIGNING).dumps(payload)
        assert refused(signed, now=datetime.now(UTC))

    def test_a_revoked_expired_or_deleted_key_ends_its_tokens_at_once(self, key: str) -> None:
        ending = keys.create_key("ending", ["192.0.2.0/24"], expires=NOW + timedelta(minutes=1))
        one, other = tokens.generate(key, APPLICATION, now=NOW), tokens.generate(ending, APPLICATION, now=NOW)
        assert not refused(one)
        assert not refused(other)
        keys.revoke_key("catalogue", NOW + timedelta(seconds=1))
        assert refused(one, now=NOW + timedelta(seconds=1))
        assert not refused(other, now=NOW + timedelta(seconds=59))
        assert refused(other, now=NOW + timedelta(seconds=60))
        third = tokens.generate(keys.create_key("third", ["192.0.2.0/24"]), APPLICATION, now=NOW)
        Key.objects.filter(label="third").delete()
        assert refused(third)

    def test_a_rotated_secret_still_accepts_what_the_former_one_signed(self, key: str, configure: Configure) -> None:
        old, new = "former-" * 8, "present" * 8
        configure(PACKAGING_SECRET_KEY=old)
        token = tokens.generate(key, APPLICATION, now=NOW)
        configure(PACKAGING_SECRET_KEY=new, PACKAGING_SECRET_KEY_FALLBACKS=old)
        assert not refused(token)
        fresh = tokens.generate(key, APPLICATION, now=NOW)
        configure(PACKAGING_SECRET_KEY=new)
        assert refused(token)
        assert not refused(fresh)


class TestBinding:
    @pytest.mark.parametrize(
        ("clients", "address", "client"),
        [
            (["203.0.113.5"], "203.0.113.5", "203.0.113.5"),
            (["::ffff:203.0.113.5"], "203.0.113.5", "203.0.113.5"),
            (["203.0.113.5"], "203.0.113.6", None),
            (["203.0.113.5", "2001:db8::1"], "2001:db8::ffff:0:1", "2001:db8::1"),
            (["203.0.113.5", "2001:db8::1"], "2001:db8:0:1::1", None),
            (["203.0.113.5", "203.0.113.6"], "203.0.113.6", "203.0.113.6"),
        ],
    )
    def test_a_token_for_readers_works_for_any_of_them_and_no_other(
        self, key: str, clients: list[str], address: str, client: str | None
    ) -> None:
        token = tokens.generate(key, APPLICATION, clients, now=NOW)
        if client is None:
            assert refused(token, ClientAddress(address=address))
        else:
            assert tokens.check(token, ClientAddress(address=address), now=NOW).client == client

    def test_not_even_the_application_uses_its_reader_s_token(self, key: str) -> None:
        assert refused(tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW), APPLICATION)

    def test_by_client_a_token_without_one_works_anywhere(self, key: str) -> None:
        assert not refused(tokens.generate(key, APPLICATION, now=NOW), STRANGER)

    def test_by_caller_a_token_without_client_works_for_the_application_alone(self, key: str, configure: Configure) -> None:
        configure('tokens.bind = "caller"')
        own = tokens.generate(key, APPLICATION, now=NOW)
        assert not refused(own, APPLICATION)
        assert refused(own, READER)
        given = tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW)
        assert not refused(given, READER)
        assert refused(given, APPLICATION)

    def test_by_none_no_address_matters(self, key: str, configure: Configure) -> None:
        configure('tokens.bind = "none"')
        assert not refused(tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW), STRANGER)
        with pytest.raises(MalformedParameter):
            tokens.generate(key, APPLICATION, ["nobody"], now=NOW)

    def test_a_header_that_anybody_can_write_moves_nobody(self, key: str, configure: Configure) -> None:
        token = tokens.generate(key, APPLICATION, ["203.0.113.5"], now=NOW)
        spoofed = {"REMOTE_ADDR": "203.0.113.6", "HTTP_X_FORWARDED_FOR": "203.0.113.5"}
        assert refused(token, read(spoofed))
        configure('trusted_proxies = ["10.0.0.0/8"]')
        assert refused(token, read(spoofed))
        assert refused(token, read({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.5, 203.0.113.6"}))
        assert not refused(token, read({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4, 203.0.113.5"}))

    def test_a_header_that_anybody_can_write_brings_no_stranger_to_a_key(self, key: str) -> None:
        with pytest.raises(TokenNotGenerated):
            tokens.generate(key, read({"REMOTE_ADDR": "203.0.113.6", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}), now=NOW)
        assert ForwardingSighting.objects.get().address == "203.0.113.6"


class TestFailures:
    def test_beyond_the_allowed_ones_of_a_window_it_is_too_many_until_its_end(self) -> None:
        for _ in range(failures.ALLOWED):
            with pytest.raises(TokenNotGenerated):
                tokens.generate("nonsense", STRANGER, now=NOW + timedelta(minutes=1))
        with pytest.raises(TooManyFailures) as caught:
            tokens.generate("nonsense", STRANGER, now=NOW + timedelta(minutes=4))
        assert timedelta(seconds=caught.value.retry_after) == timedelta(minutes=6, seconds=1)
        with pytest.raises(TokenNotGenerated):
            tokens.generate("nonsense", STRANGER, now=NOW + failures.WINDOW)

    def test_others_are_not_held_up_and_a_right_key_always_passes(self, key: str) -> None:
        for _ in range(failures.ALLOWED + 5):
            with pytest.raises(PackagingError):
                tokens.generate("nonsense", APPLICATION, now=NOW)
        tokens.generate(key, APPLICATION, now=NOW)
        with pytest.raises(TokenNotGenerated):
            tokens.generate("nonsense", STRANGER, now=NOW)

    def test_an_ipv6_attacker_is_one_however_many_addresses_it_has(self) -> None:
        for number in range(failures.ALLOWED):
            with pytest.raises(TokenNotGenerated):
                tokens.generate("nonsense", ClientAddress(address=f"2001:db8::{number:x}"), now=NOW)
        with pytest.raises(TooManyFailures):
            tokens.generate("nonsense", ClientAddress(address="2001:db8::ffff"), now=NOW)

    def test_former_windows_leave_no_rows(self) -> None:
        for window in range(3):
            with pytest.raises(TokenNotGenerated):
                tokens.generate("nonsense", STRANGER, now=NOW + window * failures.WINDOW)
        assert FailureCount.objects.get().window == NOW + 2 * failures.WINDOW


@pytest.mark.django_db(transaction=True)
def test_of_many_failures_at_once_none_is_lost_and_no_more_than_the_allowed_are_answered() -> None:
    def work(_number: int) -> int:
        answered = 0
        for _ in range(4):
            try:
                tokens.generate("nonsense", STRANGER, now=NOW)
            except TokenNotGenerated:
                answered += 1
            except TooManyFailures:
                continue
        return answered

    assert sum(at_once(12, work)) == failures.ALLOWED
    assert FailureCount.objects.get().count >= failures.ALLOWED


class TestHostileTexts(DjangoTestCase):
    @given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{4,30}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{43}", fullmatch=True))
    def test_any_text_is_refused_as_a_token(self, text: str) -> None:
        assert refused(text)

    @given(st.text(min_size=1).filter(str.strip), st.lists(st.text(), max_size=3))
    def test_any_text_is_refused_as_a_key(self, text: str, clients: list[str]) -> None:
        with pytest.raises((TokenNotGenerated, TooManyFailures)):
            tokens.generate(text, STRANGER, clients, now=NOW)
