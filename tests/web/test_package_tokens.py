"""PACKAGE with every token but a right one: forged, truncated, expired, revoked, somebody else's (SPEC 2)."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from getapi.services import keys, tokens
from getapi.services.addresses import ClientAddress
from tests.conftest import Configure
from tests.web.conftest import APPLICATION, Serve, get_token, leave

ADDRESS = "/api/get/PACKAGE"
REFUSAL = b"<error>A valid token is required</error>"
READER = "198.51.100.7"


class TestToken:
    def refused(self, client: Client, token: Any) -> bool:
        answer = client.post(ADDRESS, json.dumps({"token": token, "files": "rutgers-lib:5678"}), "application/json")
        if answer.streaming:
            leave(answer)
            return False
        return (answer.status_code, answer.content) == (403, REFUSAL)

    @pytest.mark.parametrize("nothing", [None, "", " ", "x", "..", "a.b.c", "\0", "é" * 10, "\ud800", 7, True, {}, ["a", "b"], [], [[]]])
    def test_none_is_refused(self, api: Client, nothing: object) -> None:
        assert self.refused(api, nothing)

    def test_a_truncated_one_is_refused_at_every_length(self, api: Client, token: str) -> None:
        assert all(self.refused(api, token[:length]) and self.refused(api, token[length + 1 :]) for length in range(len(token)))

    def test_a_forged_one_is_refused_at_every_place(self, api: Client, token: str) -> None:
        letters = random.Random(0)
        for place, letter in enumerate(token):
            other = letters.choice([each for each in "AZaz09-_." if each != letter])
            assert self.refused(api, token[:place] + other + token[place + 1 :]), (place, other)

    @pytest.mark.parametrize("around", ["{}=", "{}.", ".{}", "{}\0", "{} x", "{0}.{0}", "{}é"])
    def test_one_with_something_around_it_is_refused(self, api: Client, token: str, around: str) -> None:
        assert self.refused(api, around.format(token))

    def test_an_expired_one_is_refused(self, api: Client, key: str) -> None:
        begun = timezone.now() - timedelta(minutes=30, seconds=1)
        old = tokens.generate(key, ClientAddress(address=APPLICATION), now=begun)
        young = tokens.generate(key, ClientAddress(address=APPLICATION), now=begun + timedelta(seconds=11))
        assert self.refused(api, old)
        assert not self.refused(api, young)

    def test_one_signed_with_another_secret_is_refused(self, api: Client, serve: Serve, configure: Configure, key: str) -> None:
        configure("", PACKAGING_SECRET_KEY="z" * 40)
        foreign = tokens.generate(key, ClientAddress(address=APPLICATION))
        serve()
        assert self.refused(api, foreign)

    def test_one_of_a_revoked_key_is_refused_at_once(self, api: Client, token: str) -> None:
        assert not self.refused(api, token)
        keys.revoke_key("application", timezone.now())
        assert self.refused(api, token)

    def test_one_for_a_reader_works_from_there_alone_whatever_headers_say(self, api: Client, key: str) -> None:
        bound = get_token(api, key, client=READER)
        assert not self.refused(Client(REMOTE_ADDR=READER), bound)
        assert not self.refused(Client(REMOTE_ADDR=f"::ffff:{READER}"), bound)
        assert self.refused(api, bound)
        for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
            assert self.refused(Client(REMOTE_ADDR="203.0.113.66", headers={header: READER}), bound)

    def test_behind_a_trusted_proxy_the_reader_is_whom_it_names(self, db: None, serve: Serve, key: str) -> None:
        serve('trusted_proxies = ["10.0.0.1"]')
        bound = get_token(Client(REMOTE_ADDR=APPLICATION), key, client=READER)
        assert not self.refused(Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=READER), bound)
        assert not self.refused(Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"junk, {READER}"), bound)
        assert self.refused(Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"{READER}, 203.0.113.66"), bound)
        assert self.refused(Client(REMOTE_ADDR="10.0.0.1"), bound)

    def test_one_bound_to_the_caller_works_for_the_caller(self, db: None, serve: Serve, key: str) -> None:
        serve('[tokens]\nbind = "caller"')
        bound = get_token(Client(REMOTE_ADDR=APPLICATION), key)
        assert not self.refused(Client(REMOTE_ADDR=APPLICATION), bound)
        assert self.refused(Client(REMOTE_ADDR=READER), bound)
