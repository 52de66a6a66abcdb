import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.pointer import Pointer, Surroundings, fit_to_tell, resolve
from getapi.core.source import DatastreamRecord


def datastream(dsid: str, *alternate_ids: str) -> DatastreamRecord:
    return DatastreamRecord(pid="demo:1", dsid=dsid, version=f"{dsid}.0", alternate_ids=alternate_ids)


HERE = Surroundings.of(
    "demo:1",
    [
        datastream("PDF-1", "http://hdl.handle.net/10/7", "BoB1"),
        datastream("MODS"),
        datastream("mods", "BoB1"),
        datastream("TEXT OCR"),
        datastream("odd%20id"),
    ],
)


@pytest.mark.parametrize(
    ("name", "pid", "dsid"),
    [
        ("info:fedora/demo:2", "demo:2", None),
        ("info:fedora/demo:2/DS1", "demo:2", "DS1"),
        ("info:fedora/demo%3A2/DS1/2019-01-01/x", "demo:2", "DS1"),
        ("info:fedora/hdl:2/DS1", "hdl:2", "DS1"),
        ("demo:2/DS1", "demo:2", "DS1"),
        (" demo:2/ ", "demo:2", None),
        ("demo:2/A%20B", "demo:2", "A B"),
        ("demo:a%7eb", "demo:a%7Eb", None),
        ("uuid:9a7f19d7-5f1d-44f9-9c3d-3ff4f7dac42d", "uuid:9a7f19d7-5f1d-44f9-9c3d-3ff4f7dac42d", None),
        ("http://host:8080/fedora/objects/demo:2/datastreams/DS1/content", "demo:2", "DS1"),
        ("https://host/fedora/objects/demo%3A2/datastreams/DS1/content?asOf=x#y", "demo:2", "DS1"),
        ("http://host/fedora/objects/demo%3A2/", "demo:2", None),
        ("/fedora/objects/demo:a%257Eb", "demo:a%7Eb", None),
        ("http://host/fedora/get/demo:2/DS1", "demo:2", "DS1"),
        ("http://host/fedora/get/demo:2", "demo:2", None),
        ("http://get/objects/demo:2/datastreams/DS1", "demo:2", "DS1"),
        ("https://host/islandora/object/demo%3A2/datastream/OBJ/view", "demo:2", "OBJ"),
        ("PDF-1", "demo:1", "PDF-1"),
        ("#PDF-1", "demo:1", "PDF-1"),
        ("pdf-1", "demo:1", "PDF-1"),
        ("MODS", "demo:1", "MODS"),
        ("mods", "demo:1", "mods"),
        ("TEXT%20OCR", "demo:1", "TEXT OCR"),
        ("odd%20id", "demo:1", "odd%20id"),
        ("BoB1", "demo:1", "PDF-1"),
        ("http://hdl.handle.net/10/7", "demo:1", "PDF-1"),
        ("info:fedora/demo:1/pdf-1", "demo:1", "PDF-1"),
        ("info:fedora/demo:1/Mods", "demo:1", "Mods"),
        ("info:fedora/demo:1/GONE", "demo:1", "GONE"),
        ("demo:1", "demo:1", None),
    ],
)
def test_every_spelling_that_repositories_use_is_understood(name: str, pid: str, dsid: str | None) -> None:
    assert resolve(name, HERE) == Pointer(pid=pid, dsid=dsid)


@pytest.mark.parametrize(
    "name",
    [
        "", "GONE", "Mods", "page 1.tif", "pudl0001", "urn:pudl:images:master:color.tif", "urn:nbn", "ark:/99999/fk4", "doi:10.1000/182",
        "HDL:10/7", "http://hdl.handle.net/10/8", "file:///tmp/a.tif", "info:fedora/", "info:fedora/nothing/DS1", "demo:2/a/b",
        "http://host/fedora/get/demo:2/demo:bdef/getThing", "info:fedora/demo:2/demo:bdef/getThing", "http://host/objects",
        "http://host/fedora/objects/demo:2/methods/x", "http://host/objects/nothing/datastreams/DS1", "demo:2/%00", "demo:2/a%2Fb",
        f"demo:2/{'x' * 256}", f"http://host/{'objects/' * 250_000}", "mailto:someone",
    ],
)  # fmt: skip
def test_what_is_no_address_in_a_repository_is_not_guessed(name: str) -> None:
    assert resolve(name, HERE) is None


def test_a_scheme_is_a_namespace_where_the_maps_own_object_has_it() -> None:
    assert resolve("hdl:7/DS1", Surroundings.of("hdl:1", [])) == Pointer(pid="hdl:7", dsid="DS1")


@given(st.text() | st.lists(st.sampled_from(["info:fedora", "objects", "get", "datastreams", "a:1", "%", "%3A", "#", "?"])).map("/".join))
def test_any_text_is_a_pointer_or_none(name: str) -> None:
    found = resolve(name, HERE)
    assert found is None or ":" in found.pid


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("urn:pudl:x", "urn:pudl:x"),
        ("file:///srv/secret/a.tif", "a.tif"),
        ("/srv/secret/a.tif", "a.tif"),
        ("C:\\secret\\a.tif", "a.tif"),
        ("https://internal.host/x/a.tif?key=secret/1", "a.tif"),
        ("a\nb", "a\ufffdb"),
    ],
)
def test_no_path_and_no_host_is_told(name: str, told: str) -> None:
    assert fit_to_tell(name) == told


def test_what_is_told_is_bounded() -> None:
    assert len(fit_to_tell("x" * 10_000)) < 100
