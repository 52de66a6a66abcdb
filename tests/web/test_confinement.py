"""No page runs, loads or tells another site anything, is shown within another one, or is kept: errors and the admin site included."""

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from lxml import html

from getapi.renderers import PAGE_POLICY
from getapi.views.schema import DOCS_POLICY
from tests.web.conftest import APPLICATION, get_token

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OURS = ["/", "/api/try", "/api/get/rutgers-lib:1234", "/api/get/nobody:1", "/nothing", "/static/nothing", "/api/get/packages/" + "0" * 32]
ADMIN = [
    "/admin/",
    "/admin/getapi/key/",
    "/admin/getapi/key/add/",
    "/admin/getapi/package/",
    "/admin/getapi/delivery/",
    "/admin/getapi/download/",
    "/admin/getapi/download/plots/",
    "/admin/getapi/fixity/",
    "/admin/getapi/key/999/change/",
    "/admin/nothing/",
]


@pytest.fixture
def administrator(api: Client) -> Client:
    client = Client(headers=HTML)
    client.force_login(User.objects.create_superuser("administrator"))
    return client


def check(answer: Any, policy: str = PAGE_POLICY, *, referrer: str = "no-referrer") -> None:
    assert answer["Content-Type"].startswith("text/html")
    assert answer["Content-Security-Policy"] == policy
    assert "frame-ancestors 'none'" in policy
    assert answer["Referrer-Policy"] == referrer
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    if answer.content:
        page: Any = html.document_fromstring(answer.content)
        assert not page.xpath("//style | //@style | //script[not(@src)] | //@*[starts-with(name(), 'on')]")
        addresses = [str(each) for each in page.xpath("//@src | //link/@href | //form/@action | //@formaction")]
        assert not [each for each in addresses if "//" in each or each.startswith(("data:", "javascript:"))]


@pytest.mark.parametrize("address", OURS)
def test_of_our_own_pages(api: Client, address: str) -> None:
    check(Client().get(address, headers=HTML))


@pytest.mark.parametrize("address", ADMIN)
def test_of_the_admin_site(administrator: Client, address: str) -> None:
    answer = administrator.get(address, follow=True)
    check(answer, referrer="no-referrer" if answer.status_code == HTTPStatus.NOT_FOUND else "same-origin")


def test_of_the_admin_site_from_elsewhere_it_is_no_other_than_of_any_address_where_nothing_is(api: Client) -> None:
    stranger = Client(REMOTE_ADDR="192.0.2.7", headers=HTML)
    answers = [stranger.get(address) for address in ("/admin/", "/admin/getapi/key/", "/nothing")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({json.dumps(dict(answer.headers), sort_keys=True) for answer in answers}) == 1


def test_of_its_login_and_of_a_key_that_is_shown(administrator: Client) -> None:
    check(Client(headers=HTML).get("/admin/login/"), referrer="same-origin")
    made = administrator.post("/admin/getapi/key/add/", {"label": "one", "networks-TOTAL_FORMS": "0", "networks-INITIAL_FORMS": "0"})
    assert b"key-text" in made.content
    check(made, referrer="same-origin")


def test_of_the_browsable_description_which_draws_itself(api: Client) -> None:
    answer = Client().get("/api/docs", headers=HTML)
    check(answer, DOCS_POLICY)
    assert "script-src 'self';" in DOCS_POLICY


def test_of_a_host_that_is_not_ours(api: Client) -> None:
    check(Client().get("/", headers={**HTML, "host": "evil.example"}))


def test_of_a_form_that_another_site_sent_to_the_admin_site(administrator: Client) -> None:
    strict = Client(enforce_csrf_checks=True, headers=HTML)
    strict.cookies = administrator.cookies
    answer = strict.post("/admin/getapi/key/add/", {"label": "stolen"})
    assert answer.status_code == 403
    check(answer, referrer="same-origin")
    plain = strict.post("/admin/getapi/key/add/", {"label": "stolen"}, headers={"accept": "*/*"})
    assert plain.content == b"<error>This form has run out, or was sent from another site</error>"


def test_of_a_package_s_page_and_its_end_and_of_a_token(api: Client, token: str, key: str) -> None:
    place = api.post("/api/get/PACKAGE", {"token": token, "files": "rutgers-lib:1234", "delivery": "link"})["Location"]
    check(Client().get(place, headers=HTML))
    api.delete(place)
    check(Client().get(place, headers=HTML))
    check(Client().get(f"{place}/content", headers=HTML))
    check(Client(REMOTE_ADDR=APPLICATION).post("/api/get/getToken", {"key": key}, headers=HTML))
    check(Client().post("/api/get/PACKAGE", {"token": get_token(api, key), "files": ""}, headers=HTML))


@pytest.mark.parametrize("host", ["$(reboot)", "a`id`", "127.0.0.1';id;'", "127.0.0.1\n", '"><script>', "x\u202ey", "127.0.0.1:80;id"])
@pytest.mark.parametrize("address", ["/", "/api/try"])
def test_no_host_header_gets_into_a_page(configure: Any, api: Client, host: str, address: str) -> None:
    configure('allowed_hosts = ["*"]')
    answer = Client(HTTP_HOST=host).get(address, headers=HTML)
    assert answer.status_code == 400 or host not in answer.content.decode()
