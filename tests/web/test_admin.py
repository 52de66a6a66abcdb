import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import etree, html

from getapi.models import Delivery, Download, Fixity, Job, Key, KeyNetwork, Package, StagedMember
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
            assert "192.0.2.0/24" in page
            assert text.partition("_")[2] not in page
            assert key.digest not in page

    @pytest.mark.parametrize("network", ["nowhere", "10.0.0.1/8"])
    def test_a_network_that_is_none_is_refused_in_words(self, administrator: Client, network: str) -> None:
        data = {"label": "catalogue", **NO_NETWORKS, "networks-TOTAL_FORMS": "1", "networks-0-network": network}
        answer = administrator.post(reverse("admin:getapi_key_add"), data)
        assert "10.0.0.0/8" in answer.content.decode() or "is not an address" in answer.content.decode()
        assert not Key.objects.exists()

    @pytest.mark.parametrize("label", ["red \x1b[31m", "two\nlines", "gpj\u202eexe"])
    def test_a_label_that_a_terminal_would_obey_is_refused_in_words(self, administrator: Client, label: str) -> None:
        answer = administrator.post(reverse("admin:getapi_key_add"), {"label": label, **NO_NETWORKS})
        assert "A label is one line of 1 to 200 characters" in answer.content.decode()
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
        for url, told in (("file:///etc/passwd", "A webhook is an http:// or https:// URL"), ("http://localhost/", "localhost is none")):
            answer = administrator.post(reverse("admin:getapi_key_add"), {"label": "x", "webhook": url, **NO_NETWORKS})
            assert told in answer.content.decode()
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

    def test_times_have_a_zone_and_sizes_a_unit(self, administrator: Client, configure: Configure) -> None:
        Delivery.objects.update(first=1000, stop=2_501_000, sent=1_000_000)
        page: Any = html.document_fromstring(administrator.get(reverse("admin:getapi_delivery_changelist")).content.decode())
        (row,) = page.xpath("//table[@id='result_list']/tbody/tr")
        cells = [cell.text_content() for cell in row]
        assert cells == [
            "2026-03-01 12:00 UTC",
            "rutgers-lib-1234",
            "Running",
            "-",
            "1\N{NO-BREAK SPACE}MB",
            "2.5\N{NO-BREAK SPACE}MB",
            "none",
        ]

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


def test_its_front_names_what_is_documented_and_leads_to_a_page_that_is_there(administrator: Client) -> None:
    front: Any = html.fromstring(administrator.get("/admin/").content)
    assert front.xpath("//div[@id='content-main']//th/a/text()") == [
        "Groups", "Users", "Damaged datastreams", "Deliveries", "Downloads", "Keys", "Packages",
    ]  # fmt: skip
    (site,) = front.xpath("//a[text()='View site']/@href")
    assert administrator.get(site).status_code == 200


def test_static_files_of_the_site_are_served_without_collecting_them(client: Client) -> None:
    answer = client.get("/static/admin/css/base.css")
    assert answer.status_code == 200
    assert b"body" in answer.getvalue()
    answer.close()


class TestPackages:
    @pytest.fixture(autouse=True)
    def packages(self) -> list[str]:
        ids = [f"{number:x}abcdef0123456789abcdef0123456789"[:32] for number in (1, 2, 3)]
        for number, package in enumerate(ids):
            Package.objects.create(
                id=package, created=timezone.now() - timedelta(days=90 * (number == 2)), format="tar", name=f"bag-{number}",
                size=1_234_567, files=3, etag="", encoder=1, plan=b"",
            )  # fmt: skip
        return ids

    def test_are_listed_with_state_and_size_and_never_with_their_whole_id(self, administrator: Client, packages: list[str]) -> None:
        page = administrator.get(reverse("admin:getapi_package_changelist")).content.decode()
        assert all(package[:8] in page for package in packages)
        assert not any(package in page for package in packages)
        assert "1.23\N{NO-BREAK SPACE}MB" in page
        assert "expired" in page
        assert administrator.get(reverse("admin:getapi_package_change", args=[packages[0]])).status_code == 404

    def test_those_that_are_selected_are_cancelled(self, administrator: Client, packages: list[str]) -> None:
        address = reverse("admin:getapi_package_changelist")
        page: Any = html.document_fromstring(administrator.get(address).content)
        (box,) = page.xpath("//tr[contains(., 'bag-1')]//input[@type='checkbox']")
        administrator.post(address, {"action": "cancel", box.get("name"): box.get("value")})
        assert {row.name: row.state for row in Package.objects.all()} == {"bag-0": "ready", "bag-1": "canceled", "bag-2": "ready"}
        administrator.post(address, {"action": "cancel", box.get("name"): packages[0]})
        assert Package.objects.get(name="bag-0").state == "ready", "the id itself selects nothing"

    @pytest.mark.parametrize("state", ["ready", "preparing"])
    def test_what_is_prepared_is_cancelled_with_its_preparation_and_leaves_nothing_in_the_stage(
        self, administrator: Client, packages: list[str], state: str
    ) -> None:
        Package.objects.filter(pk=packages[0]).update(state=state)
        job = Job.objects.create(package_id=packages[0], content="/", state="running" if state == "preparing" else "done", touched=NOW)
        StagedMember.objects.create(package_id=packages[0], repository="r", pid="x:1", dsid="A", file=uuid4().hex, created=NOW)
        address = reverse("admin:getapi_package_changelist")
        page: Any = html.document_fromstring(administrator.get(address).content)
        (box,) = page.xpath("//tr[contains(., 'bag-0')]//input[@type='checkbox']")
        answer = administrator.post(address, {"action": "cancel", box.get("name"): box.get("value")}, follow=True)
        assert b"Canceled: 1" in answer.content
        job.refresh_from_db()
        assert (Package.objects.get(pk=packages[0]).state, job.state) == ("canceled", "canceled" if state == "preparing" else "done")
        assert not StagedMember.objects.exists()

    def test_who_may_only_look_cannot_cancel(self, client: Client, packages: list[str]) -> None:
        reader = User.objects.create_user("reader", is_staff=True)
        reader.user_permissions.add(Permission.objects.get(codename="view_package"))
        client.force_login(reader)
        address = reverse("admin:getapi_package_changelist")
        page = client.get(address)
        assert page.status_code == 200
        assert b"checkbox" not in page.content
        client.post(address, {"action": "cancel", "select_across": "1", "_selected_action": ["x"]})
        assert not Package.objects.filter(state="canceled").exists()

    def test_none_can_be_made_changed_or_deleted_here(self, administrator: Client, packages: list[str]) -> None:
        for name, arguments in (("add", []), ("delete", [packages[0]])):
            assert administrator.post(reverse(f"admin:getapi_package_{name}", args=arguments)).status_code in {403, 404}
        assert Package.objects.count() == 3


class TestDamage:
    def test_what_is_damaged_is_listed_with_what_to_do(self, administrator: Client) -> None:
        for number, verdict in enumerate(("ok", "mismatch")):
            Fixity.objects.create(
                repository="r", pid=f"rutgers-lib:{number}", dsid="PDF", version="0", identity="i", verified=NOW, verdict=verdict,
                algorithm="md5" * number, size=5000,
            )  # fmt: skip
        page = administrator.get(reverse("admin:getapi_fixity_changelist")).content.decode()
        assert "rutgers-lib:1" in page
        assert "rutgers-lib:0" not in page
        assert "fixity_scan --failed" in page
        assert administrator.get(reverse("admin:getapi_fixity_add")).status_code == 403

    def test_where_nothing_is_damaged_it_says_so(self, administrator: Client) -> None:
        page = administrator.get(reverse("admin:getapi_fixity_changelist")).content.decode()
        assert "No damaged datastream is known" in page
        assert "0 damaged datastreams" in page
        assert "restore" not in page
        assert "--failed" not in page


class TestPlots:
    @pytest.fixture(autouse=True)
    def downloads(self) -> None:
        key = Key.objects.create(label="Portal <b>", prefix="p", digest="d")
        facts: list[tuple[int, dict[str, Any]]]
        facts = [(0, {}), (0, {"key": key}), (1, {"robot": True}), (1, {"double_click": True}), (200, {})]
        for days, more in facts:
            moment = timezone.now() - timedelta(days=days)
            Download.objects.create(time=moment, pid="rutgers-lib:<1>", dsid="PDF", bytes=2_000_000, **more)

    def page(self, administrator: Client, **asked: str) -> Any:
        answer = administrator.get(reverse("admin:getapi_download_plots"), asked)
        assert answer.status_code == 200
        return html.document_fromstring(answer.content.decode())

    def sums(self, page: Any) -> list[str]:
        return [each.text_content() for each in page.xpath("//dl[@class='sums']//dd")]

    def test_the_last_thirty_days_as_pictures_and_as_a_table(self, administrator: Client) -> None:
        page = self.page(administrator)
        assert self.sums(page) == ["2", "4\N{NO-BREAK SPACE}MB"]
        assert len(page.xpath("//details//tbody/tr")) == 30
        assert page.xpath("//details//tbody/tr[last()]/td/text()") == ["2", "4\N{NO-BREAK SPACE}MB"]
        pictures = page.xpath("//*[local-name()='svg' and @class='plot']")
        assert [len(picture.xpath(".//*[local-name()='rect']")) for picture in pictures] == [1, 1]
        for picture in pictures:
            named = picture.get("aria-labelledby").split()
            assert [picture.xpath(f".//*[@id='{name}']")[0].text_content() != "" for name in named] == [True, True]

    def test_robots_and_double_clicks_are_in_or_out(self, administrator: Client) -> None:
        today = timezone.now().date()
        days = {"first": str(today - timedelta(days=6)), "last": str(today)}
        assert self.sums(self.page(administrator, **days))[0] == "2"
        assert self.sums(self.page(administrator, **days, robots="on"))[0] == "3"
        assert self.sums(self.page(administrator, **days, robots="on", double_clicks="on"))[0] == "4"

    def test_one_key_s_are_told_alone(self, administrator: Client) -> None:
        today = timezone.now().date()
        days = {"first": str(today - timedelta(days=1)), "last": str(today)}
        assert self.sums(self.page(administrator, **days, key=str(Key.objects.get().pk)))[0] == "1"

    def test_a_long_time_is_told_by_month(self, administrator: Client) -> None:
        today = timezone.now().date()
        page = self.page(administrator, first=str(today - timedelta(days=364)), last=str(today))
        assert self.sums(page)[0] == "3"
        assert 12 <= len(page.xpath("//details//tbody/tr")) <= 13

    def test_names_are_text_whatever_they_look_like(self, administrator: Client) -> None:
        source = administrator.get(reverse("admin:getapi_download_plots")).content.decode()
        assert "rutgers-lib:&lt;1&gt;/PDF" in source
        assert "Portal &lt;b&gt;" in source
        pictures = re.findall(r'<svg class="plot".*?</svg>', source, re.DOTALL)
        assert [etree.fromstring(svg).tag for svg in pictures] == ["svg", "svg"]

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ({"first": "2026-02-01", "last": "2026-01-01"}, "is later than"),
            ({"first": "yesterday", "last": "2026-01-01"}, "Enter a valid date"),
            ({"first": "1900-01-01", "last": "2026-01-01"}, "At most 20 years"),
            ({"first": "9999-12-01", "last": "9999-12-31"}, "no such day"),
            ({"first": "2026-01-01", "last": "2026-01-02", "key": "77"}, "Select a valid choice"),
        ],
    )
    def test_what_cannot_be_shown_is_told_beside_the_form(self, administrator: Client, asked: dict[str, str], told: str) -> None:
        page = self.page(administrator, **asked)
        assert told in page.text_content()
        assert not page.xpath("//*[local-name()='svg' and @class='plot']")

    def test_who_may_not_see_downloads_sees_no_plots(self, client: Client) -> None:
        client.force_login(User.objects.create_user("nobody", is_staff=True))
        assert client.get(reverse("admin:getapi_download_plots")).status_code == 403

    def test_the_list_of_downloads_leads_there(self, administrator: Client) -> None:
        page: Any = html.document_fromstring(administrator.get(reverse("admin:getapi_download_changelist")).content)
        assert page.xpath("//ul[@class='object-tools']//a/@href") == [reverse("admin:getapi_download_plots")]
