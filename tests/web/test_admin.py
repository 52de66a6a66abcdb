from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from getapi.models import Delivery, Download, Key, KeyNetwork
from getapi.services import keys
from tests.conftest import Configure

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACKAGE = "0123456789abcdef0123456789abcdef"
NO_NETWORKS = {"networks-TOTAL_FORMS": "0", "networks-INITIAL_FORMS": "0"}


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("administrator"))
    return client


class TestNetworks:
    @pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/getapi/key/", "/admin/nothing/"])
    def test_from_elsewhere_nothing_is_there_even_for_an_administrator(self, administrator: Client, path: str) -> None:
        assert administrator.get(path, REMOTE_ADDR="192.0.2.7").status_code == 404

    def test_a_proxy_on_the_machine_that_nobody_named_lets_nobody_in(self, administrator: Client) -> None:
        assert administrator.get("/admin/", HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404

    def test_a_named_proxy_is_believed(self, administrator: Client, configure: Configure) -> None:
        configure('trusted_proxies = ["127.0.0.1"]\nmetrics.networks = ["192.0.2.0/24"]')
        assert administrator.get("/admin/", HTTP_X_FORWARDED_FOR="192.0.2.7").status_code == 200
        assert administrator.get("/admin/", HTTP_X_FORWARDED_FOR="192.0.2.7, 198.51.100.1").status_code == 404
        assert administrator.get("/admin/").status_code == 404

    def test_from_the_machine_itself_it_asks_who_is_there(self, client: Client) -> None:
        assert client.get("/admin/login/").status_code == 200
        assert client.get("/admin/").status_code == 302


class TestKeys:
    def test_a_new_key_is_shown_once_and_works(self, administrator: Client) -> None:
        data = {"label": "catalogue", **NO_NETWORKS, "networks-TOTAL_FORMS": "1", "networks-0-network": "192.0.2.0/24"}
        answer = administrator.post(reverse("admin:getapi_key_add"), data)
        text = answer.content.decode().partition('<code id="key-text">')[2].partition("</code>")[0]
        key = keys.find_key(text)
        assert key is not None
        assert [row.network for row in key.networks.all()] == ["192.0.2.0/24"]
        assert "no-store" in answer["Cache-Control"]
        assert text not in str(answer.cookies)
        for path in (reverse("admin:getapi_key_changelist"), reverse("admin:getapi_key_change", args=[key.pk])):
            page = administrator.get(path).content.decode()
            assert "catalogue" in page
            assert text.partition("_")[2] not in page
            assert key.digest not in page

    @pytest.mark.parametrize("network", ["nowhere", "10.0.0.1/8"])
    def test_a_network_that_is_none_is_refused_in_words(self, administrator: Client, network: str) -> None:
        data = {"label": "catalogue", **NO_NETWORKS, "networks-TOTAL_FORMS": "1", "networks-0-network": network}
        answer = administrator.post(reverse("admin:getapi_key_add"), data)
        assert "10.0.0.0/8" in answer.content.decode() or "is not an address" in answer.content.decode()
        assert not Key.objects.exists()

    def test_changing_a_label_leaves_the_key_itself(self, administrator: Client) -> None:
        text = keys.create_key("catalogue")
        key = Key.objects.get()
        answer = administrator.post(
            reverse("admin:getapi_key_change", args=[key.pk]),
            {"label": "library catalogue", "prefix": "x", "revoked_0": "2020-01-01", **NO_NETWORKS},
        )
        assert answer.status_code == 302
        found = keys.find_key(text)
        assert found is not None
        assert (found.label, found.revoked) == ("library catalogue", None)

    def test_a_webhooks_secret_is_shown_once_whenever_its_url_is_another(self, administrator: Client) -> None:
        add = {"label": "catalogue", "webhook": "https://catalogue.example.org/told", **NO_NETWORKS}
        page = administrator.post(reverse("admin:getapi_key_add"), add).content.decode()
        key = Key.objects.get()
        assert key.webhook_secret.startswith("whsec_")
        assert key.webhook_secret in page
        change = reverse("admin:getapi_key_change", args=[key.pk])
        assert administrator.post(change, {**add, "label": "other"}).status_code == 302
        assert Key.objects.get().webhook_secret == key.webhook_secret
        assert key.webhook_secret not in administrator.get(change).content.decode()
        answer = administrator.post(change, {**add, "webhook": "https://catalogue.example.org/elsewhere"})
        changed = Key.objects.get()
        assert changed.webhook_secret != key.webhook_secret
        assert changed.webhook_secret in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        administrator.post(change, {**add, "webhook": ""})
        assert (Key.objects.get().webhook, Key.objects.get().webhook_secret) == ("", "")

    def test_a_webhook_that_is_none_is_refused_in_words(self, administrator: Client) -> None:
        answer = administrator.post(reverse("admin:getapi_key_add"), {"label": "x", "webhook": "file:///etc/passwd", **NO_NETWORKS})
        assert "A webhook is an http:// or https:// URL" in answer.content.decode()
        assert not Key.objects.exists()

    def test_keys_are_revoked_by_an_action_and_never_deleted(self, administrator: Client) -> None:
        keys.create_key("catalogue")
        key = Key.objects.get()
        administrator.post(reverse("admin:getapi_key_changelist"), {"action": "revoke", "_selected_action": [key.pk]})
        key.refresh_from_db()
        assert key.revoked is not None
        assert administrator.post(reverse("admin:getapi_key_delete", args=[key.pk])).status_code == 403

    def test_what_was_learned_is_shown_as_learned(self, administrator: Client) -> None:
        keys.create_key("catalogue")
        key = Key.objects.get()
        KeyNetwork.objects.create(key=key, network="192.0.2.7/32", learned=True)
        assert "192.0.2.7/32" in administrator.get(reverse("admin:getapi_key_change", args=[key.pk])).content.decode()


class TestRecords:
    @pytest.fixture(autouse=True)
    def rows(self) -> None:
        Delivery.objects.create(package=PACKAGE, name="rutgers-lib-1234", started=NOW, stop=10)
        Download.objects.create(package=PACKAGE, pid="rutgers-lib:1234", dsid="PDF-1", time=NOW, bytes=10)

    @pytest.mark.parametrize("model", ["delivery", "download"])
    def test_can_be_read_and_not_changed(self, administrator: Client, model: str) -> None:
        assert "rutgers-lib" in administrator.get(reverse(f"admin:getapi_{model}_changelist")).content.decode()
        row = (Delivery if model == "delivery" else Download).objects.get()
        page = administrator.get(reverse(f"admin:getapi_{model}_change", args=[row.pk])).content.decode()
        assert PACKAGE[:8] in page
        assert PACKAGE not in page
        assert administrator.get(reverse(f"admin:getapi_{model}_add")).status_code == 403
        assert administrator.post(reverse(f"admin:getapi_{model}_change", args=[row.pk]), {"name": "x"}).status_code == 403
        assert administrator.post(reverse(f"admin:getapi_{model}_delete", args=[row.pk])).status_code == 403


def test_static_files_of_the_site_are_served_without_collecting_them(client: Client) -> None:
    answer = client.get("/static/admin/css/base.css")
    assert answer.status_code == 200
    assert b"body" in answer.getvalue()
    answer.close()
