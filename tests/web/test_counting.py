"""What a package's ranges count together, and what becomes of a datastream that was found damaged on its way."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from getapi.core.errors import FixityMismatch
from getapi.models import Delivery, Download, Fixity
from getapi.services import coverage
from getapi.services.verification import findings
from tests.web.conftest import Serve, Spoken, get_token, octets

pytestmark = pytest.mark.django_db(transaction=True)

BOOK = "rutgers-lib:2001"


def ask_for_link(api: Client, key: str, files: str) -> str:
    answer = api.post("/api/get/PACKAGE", {"token": get_token(api, key), "files": files, "delivery": "link"})
    assert answer.status_code == 201
    return f"{answer.headers['Location']}/content"


def fetch(api: Client, content: str, first: int, last: int) -> bytes:
    answer = api.get(content, headers={"Range": f"bytes={first}-{last}"})
    assert answer.status_code == 206
    return octets(answer)


def test_a_datastream_that_came_in_two_ranges_counts_once_when_its_last_octet_came(api: Client, key: str) -> None:
    content = ask_for_link(api, key, BOOK)
    size = int(api.head(content).headers["Content-Length"])
    cut = size // 2 + 77
    tail = fetch(api, content, cut, size - 1)
    counted = Download.objects.count()
    head = fetch(api, content, 0, cut - 1)
    names = list(Download.objects.values_list("dsid", flat=True))
    assert 0 < counted < len(names) == len(set(names))
    fetch(api, content, 0, size - 1)
    assert Download.objects.count() == len(names)
    assert len(head + tail) == size


def test_a_datastream_of_which_an_octet_never_came_is_not_counted(api: Client, key: str) -> None:
    content = ask_for_link(api, key, "rutgers-lib:5678/PDF-1")
    size = int(api.head(content).headers["Content-Length"])
    start = octets(api.get(content)).index(b"%PDF")
    Download.objects.all().delete()
    again = ask_for_link(api, key, "rutgers-lib:5678/PDF-1")
    fetch(api, again, 0, start + 100)
    fetch(api, again, start + 102, size - 1)
    assert not Download.objects.exists()
    fetch(api, again, start + 101, start + 101)
    assert Download.objects.get().dsid == "PDF-1"


def test_a_datastream_found_damaged_on_its_way_is_cut_short_and_left_out_of_the_next_package(api: Client, key: str) -> None:
    asked = {"token": get_token(api, key), "files": "rutgers-lib:5002"}
    with pytest.raises(FixityMismatch):
        octets(api.post("/api/get/PACKAGE", asked))
    findings.write()
    damaged = Fixity.objects.filter(verdict=Fixity.Verdict.MISMATCH)
    arrived = octets(api.post("/api/get/PACKAGE", asked))
    assert damaged
    for each in damaged:
        assert f"{each.pid}/{each.dsid}\tfixity\t".encode() in arrived
        assert not Download.objects.filter(pid=each.pid, dsid=each.dsid).exists()


class TestDefectsOfPeers:
    """What download modules of other repository systems get wrong in their logs."""

    def test_a_reader_cannot_say_that_he_is_somebody_else(self, api: Client, serve: Serve) -> None:
        """They take X-Forwarded-For from everybody."""
        serve('statistics.address = "full"\ntrusted_proxies = ["198.51.100.4"]')
        forged = {"x-forwarded-for": "203.0.113.66", "x-real-ip": "203.0.113.66", "forwarded": "for=203.0.113.66"}
        octets(api.get("/api/get/rutgers-lib:5678/DC", REMOTE_ADDR="192.0.2.77", headers=forged))
        octets(api.get("/api/get/rutgers-lib:5678/MODS", REMOTE_ADDR="198.51.100.4", HTTP_X_FORWARDED_FOR="203.0.113.66, 192.0.2.78"))
        assert dict(Download.objects.values_list("dsid", "address")) == {"DC": "192.0.2.77", "MODS": "192.0.2.78"}
        assert set(Delivery.objects.values_list("address", flat=True)) <= {"192.0.2.77", "192.0.2.78"}

    def test_what_ended_without_its_process_does_not_run_for_ever(self, api: Client, key: str) -> None:
        """They leave the row of a dead process at "running"."""
        asked = {"token": get_token(api, key), "files": "rutgers-lib:5678"}
        octets(api.post("/api/get/PACKAGE", asked))
        long_ago = timezone.now() - timedelta(hours=1)
        Delivery.objects.update(outcome="running", ended=None, process="another/1/1", renewed=long_ago)
        coverage.sweep()
        assert list(Delivery.objects.values_list("outcome", "reason")) == [("broken", "process-died")]

    def test_what_was_left_out_is_told_to_the_reader_and_not_counted(self, api: Client, key: str) -> None:
        """They pass over what they cannot read, and say so in the server's log alone."""
        asked = {"token": get_token(api, key), "files": "rutgers-lib:5678/PDF-1;rutgers-etd:100/PDF;nobody:1"}
        arrived = octets(api.post("/api/get/PACKAGE", asked))
        assert b"rutgers-etd:100/PDF\tembargoed\t" in arrived
        assert b"nobody:1\tobject-not-found\t" in arrived
        assert list(Download.objects.values_list("pid", "dsid")) == [("rutgers-lib:5678", "PDF-1")]

    def test_nobody_who_has_only_seen_the_log_can_end_or_fetch_a_package(self, api: Client, key: str, spoken: Spoken) -> None:
        """Their progress tokens stand in the log, are chosen by the client, and are all that a cancellation asks for."""
        content = ask_for_link(api, key, BOOK)
        api.get(content.removesuffix("/content"))
        package = content.split("/")[-2]
        assert package[:8] in spoken.text
        assert package[:9] not in spoken.text
        assert api.delete(f"/api/get/packages/{package[:8]}").status_code == 404
