"""``POST /api/get/getToken`` as an application, and as somebody who has no key, sees it (SPEC 1, 2)."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from getapi.models import FailureCount
from getapi.services import keys
from tests.web.conftest import APPLICATION, Serve, Spoken, get_token

ADDRESS = "/api/get/getToken"
REFUSAL = b"<error>Token could not be generated</error>"


def test_a_right_key_gets_a_token_and_nothing_around_it(api: Client, key: str) -> None:
    answer = api.post(ADDRESS, {"key": key})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/xml; charset=utf-8")
    assert answer.content.startswith(b"<token>")
    assert answer.content.endswith(b"</token>")
    assert answer["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer


@pytest.mark.parametrize("name", ["getToken", "gettoken", "GETTOKEN", "GeTtOkEn", "getToken/", "GETTOKEN/"])
def test_the_method_s_name_matches_in_any_case_with_or_without_a_slash(api: Client, key: str, name: str) -> None:
    assert api.post(f"/api/get/{name}", {"key": key}).status_code == 200


@pytest.mark.parametrize("name", ["getTokens", "getToken//", "getToken/x", "get Token", "getTo\u212aen", "getToken%0A"])
def test_no_other_name_does(api: Client, key: str, name: str) -> None:
    assert api.post(f"/api/get/{name}", {"key": key}).status_code == 404


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", "key={}&client=198.51.100.7"),
        ("application/x-www-form-urlencoded", "client=198.51.100.7&client=198.51.100.8&key={0}&key={0}"),
        ("APPLICATION/X-WWW-FORM-URLENCODED ; version=1", "key={}"),
        ("application/json", '{{"key": "{}", "client": ["198.51.100.7", "2001:db8::1"]}}'),
        ("application/json", '{{"key": "{}", "client": "198.51.100.7", "client2": null}}'),
        ("application/json", ' \n{{"key": ["{}"], "client": null}}\n'),
        (
            "multipart/form-data; boundary=b",
            '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n{}\r\n--b--\r\n',
        ),
    ],
)
def test_parameters_come_urlencoded_multipart_or_as_a_json_object(api: Client, key: str, content_type: str, body: str) -> None:
    assert api.generic("POST", ADDRESS, body.format(key), content_type).status_code == 200


def test_json_is_answered_by_json(api: Client, key: str) -> None:
    answer = api.post(ADDRESS, json.dumps({"key": key}), "application/json", headers={"accept": "application/json"})
    assert answer["Content-Type"] == "application/json"
    assert list(answer.json()) == ["token"]
    assert "Accept" in answer["Vary"]


def test_a_key_in_the_query_string_is_none(api: Client, key: str) -> None:
    for method in (api.post, api.get):
        assert method(f"{ADDRESS}?key={key}").status_code in {400, 405}
    assert api.post(f"{ADDRESS}?key={key}", {"key": "gk0123456789_" + "0" * 64}).content == REFUSAL
    assert api.post(f"{ADDRESS}?key=wrong&client=nowhere", {"key": key}).status_code == 200


@pytest.mark.parametrize("parameters", [{}, {"key": ""}, {"key": " \n"}, {"KEY": "x"}, {"client": "198.51.100.7"}])
def test_no_key_is_a_bad_request(api: Client, parameters: dict[str, str]) -> None:
    answer = api.post(ADDRESS, parameters)
    assert (answer.status_code, answer.content) == (400, b"<error>Missing parameter: key</error>")


def test_no_body_is_a_bad_request(api: Client) -> None:
    for content_type in ("", "application/json", "application/x-www-form-urlencoded"):
        assert api.generic("POST", ADDRESS, b"", content_type).status_code == 400


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_post_is_answered(api: Client, key: str, method: str) -> None:
    answer = getattr(api, method)(ADDRESS, {"key": key}) if method in {"get", "head"} else getattr(api, method)(ADDRESS)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer.content == (b"" if method == "head" else b"<error>This address does not answer that method</error>")


def test_every_wrong_key_gets_the_one_refusal(api: Client, key: str) -> None:
    prefix, _, secret = key.partition("_")
    wrong = [
        "x",
        prefix,
        f"{prefix}_",
        f"{prefix}_{secret[:-1]}",
        f"{prefix}_{secret}0",
        f"{prefix}_{secret[::-1]}",
        f"gk0000000000_{secret}",
    ]
    wrong += [key.upper(), f"{key}\0", f"\0{key}", f"{key}\u200b", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "🔑" * 50]
    for text in wrong:
        answer = api.post(ADDRESS, {"key": text})
        assert (answer.status_code, answer.content) == (403, REFUSAL), text


def test_two_different_keys_are_a_bad_request_and_no_guess(api: Client, key: str) -> None:
    answer = api.post(ADDRESS, {"key": [key, "another"]})
    assert answer.status_code == 400


def test_a_revoked_key_a_foreign_address_and_a_wrong_key_cannot_be_told_apart(api: Client, key: str, spoken: Spoken) -> None:
    elsewhere = Client(REMOTE_ADDR="192.0.2.99").post(ADDRESS, {"key": key})
    wrong = api.post(ADDRESS, {"key": key[:-1] + ("0" if key[-1] != "0" else "1")})
    with_a_bad_client = Client(REMOTE_ADDR="192.0.2.99").post(ADDRESS, {"key": key, "client": "nowhere"})
    keys.revoke_key("application", timezone.now())
    revoked = api.post(ADDRESS, {"key": key})
    answers = [elsewhere, wrong, revoked, with_a_bad_client]
    assert {(answer.status_code, answer.content, tuple(sorted(answer.headers.items()))) for answer in answers} == {
        (403, REFUSAL, tuple(sorted(wrong.headers.items())))
    }
    assert key not in spoken.text


@pytest.mark.parametrize(
    "client", ["", "nowhere", "198.51.100", "198.51.100.0/24", "0.0.0.0", "::", "224.0.0.1", "127.0.0.1\0", "1" * 5000]
)
def test_a_client_that_is_no_reader_s_address_is_told_to_the_application(api: Client, key: str, client: str) -> None:
    answer = api.post(ADDRESS, {"key": key, "client": client}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"], answer.json()["parameter"]) == (400, "malformed-parameter", "client")


def test_the_first_use_pairs_a_key_but_not_from_loopback_nor_behind_an_unnamed_proxy(db: None, serve: Serve, spoken: Spoken) -> None:
    serve()
    key = keys.create_key("free")
    assert Client(REMOTE_ADDR="127.0.0.1").post(ADDRESS, {"key": key}).content == REFUSAL
    assert Client(REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=APPLICATION).post(ADDRESS, {"key": key}).content == REFUSAL
    assert spoken.text.count("--network") == 2
    assert Client(REMOTE_ADDR=APPLICATION).post(ADDRESS, {"key": key}).status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.11").post(ADDRESS, {"key": key}).content == REFUSAL


def test_a_spoofed_forwarding_header_brings_nobody_to_the_application_s_address(api: Client, key: str) -> None:
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "client-ip", "x-client-ip", "true-client-ip"):
        spoof = {"forwarded": f"for={APPLICATION}"}.get(header, APPLICATION)
        answer = Client(REMOTE_ADDR="203.0.113.66", headers={header: spoof}).post(ADDRESS, {"key": key})
        assert answer.content == REFUSAL, header


def test_a_trusted_proxy_says_who_asks_and_what_is_left_of_that_is_invented(db: None, serve: Serve, key: str) -> None:
    serve('trusted_proxies = ["10.0.0.0/8"]')

    def ask(forwarded: str, peer: str = "10.0.0.1") -> int:
        return Client(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded).post(ADDRESS, {"key": key}).status_code

    assert ask(APPLICATION) == 200
    assert ask(f"1.2.3.4, {APPLICATION}") == 200
    assert ask(f"{APPLICATION}, 10.9.9.9") == 200
    assert ask(f"{APPLICATION}, 203.0.113.66") == 403
    assert ask("203.0.113.66") == 403
    assert ask(APPLICATION, peer="203.0.113.66") == 403


def test_too_many_failures_are_told_with_the_time_to_wait_and_a_right_key_still_works(api: Client, key: str) -> None:
    foreigner = Client(REMOTE_ADDR="203.0.113.66")
    answers = [foreigner.post(ADDRESS, {"key": "x"}) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [403] * 30 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 601
    assert api.post(ADDRESS, {"key": "x"}).status_code == 403
    assert get_token(api, key)
    assert FailureCount.objects.count() == 2


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"[]", 400),
        ("application/json", b'"key"', 400),
        ("application/json", b"null", 400),
        ("application/json", b"7", 400),
        ("application/json", b"{", 400),
        ("application/json", b'{"key": "a", "key": "b"}', 400),
        ("application/json", b'{"key": NaN}', 400),
        ("application/json", b'{"key": "\xff"}', 400),
        ("application/json", '{"key": "a"}'.encode("utf-16"), 400),
        ("application/json", b'{"key": ' + b"1" * 5000 + b"}", 400),
        ("application/json", b"[" * 200_000, 400),
        ("application/json", b'{"key":' * 100_000, 400),
        ("application/json", b'{"key": 7}', 400),
        ("application/json", b'{"key": {"key": "a"}}', 400),
        ("application/json", b'{"key": [["a"]]}', 400),
        ("application/json", b'{"key": true}', 400),
        ("application/json", b'{"key": []}', 400),
        ("application/json", b'{"key": "\\ud800"}', 403),
        ("application/x-www-form-urlencoded", b"key=%ff%fe", 403),
        ("application/x-www-form-urlencoded", b"key=%00", 403),
        ("application/x-www-form-urlencoded", b"&&&===&%", 400),
        ("application/x-www-form-urlencoded", b"key=a&" * 1001, 400),
        ("multipart/form-data", b"key=a", 400),
        ("multipart/form-data; boundary=b", b"--b", 400),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="key"; filename="k"\r\n\r\na\r\n--b--', 400),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\na\r\n' * 1001 + b"--b--", 400),
        ("text/plain", b"key=a", 415),
        ("text/xml", b"<key>a</key>", 415),
        ("application/octet-stream", b"key=a", 415),
        ("*/*", b"key=a", 415),
        ("", b"key=a", 415),
        ("\xff", b"key=a", 415),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_told_in_xml(api: Client, content_type: str, body: bytes, status: int, spoken: Spoken) -> None:
    answer = api.generic("POST", ADDRESS, body, content_type)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/xml; charset=utf-8"
    assert answer.content.startswith(b"<error>")
    assert all(record.exc_info is None for record in spoken.records)
