"""What a package's ranges count together, and what becomes of a datastream that was found damaged on its way."""

import pytest
from django.test import Client

from getapi.core.errors import FixityMismatch
from getapi.models import Download, Fixity
from getapi.services.verification import findings
from tests.web.conftest import get_token, octets

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
