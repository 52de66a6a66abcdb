import subprocess
import sys
import time
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.errors import MalformedParameter, MissingParameter, RequestTooLong, TooManyFiles
from getapi.core.request import PackageRequest, Reference, parse_request

MEBIBYTE = 2**20


def read(files: str | None = None, maps: str | None = None, **more: str | None) -> PackageRequest:
    return parse_request(files=files, maps=maps, max_text=MEBIBYTE, max_entries=1000, **more)  # type: ignore[arg-type] # as a form gives them


def refer(text: str) -> Reference:
    pid, _, dsid = text.partition("/")
    return Reference(pid=pid, dsid=dsid or None)


def refer_all(*texts: str) -> tuple[Reference, ...]:
    return tuple(map(refer, texts))


def test_the_papers_sample_request_keeps_the_whole_object_once() -> None:
    request = read("rutgers-lib:1234/mods;rutgers-lib:5678/pdf-1;rutgers-lib:5678/jpeg-1;rutgers-lib:1234")
    assert request.references == refer_all("rutgers-lib:1234", "rutgers-lib:5678/pdf-1", "rutgers-lib:5678/jpeg-1")


def test_objects_stand_in_the_order_first_named_and_their_entries_together() -> None:
    request = read("a:1/X;b:2;a:1/Y;c:3/Z;b:2/Q")
    assert request.references == refer_all("a:1/X", "a:1/Y", "b:2", "c:3/Z")


def test_nothing_stands_twice_however_it_is_spelled() -> None:
    request = read(" a:1/X ;info:fedora/a:1/X;a%3A1/X/;;\n", "m:1/S;info:fedora/m:1/S;")
    assert request.references == refer_all("a:1/X")
    assert request.maps == refer_all("m:1/S")
    assert request.malformed == ()


def test_malformed_entries_are_collected_and_never_an_error() -> None:
    request = read("nonsense;a:1;x\x00y;nonsense", "a:1;a:1/SMAP")
    assert request.references == refer_all("a:1")
    assert request.maps == refer_all("a:1/SMAP")
    assert request.malformed == ("nonsense", "x\ufffdy", "a:1")


def test_only_malformed_entries_make_an_empty_request() -> None:
    request = read("???")
    assert (request.references, request.maps, request.malformed) == ((), (), ("???",))


@pytest.mark.parametrize(("files", "maps"), [(None, None), ("", None), (None, ""), (" ;; ;", ";"), (";" * MEBIBYTE, None)])
def test_nothing_named_is_a_missing_parameter(files: str | None, maps: str | None) -> None:
    with pytest.raises(MissingParameter) as caught:
        read(files, maps)
    assert caught.value.sentence == "Missing parameter: files or map"


def test_length_counts_in_octets_of_all_texts_together() -> None:
    assert parse_request(files="a:1/é", maps="b:1/S", name="n", max_text=12, max_entries=9).maps
    with pytest.raises(RequestTooLong) as caught:
        parse_request(files="a:1/é", maps="b:1/S", name="n", max_text=11, max_entries=9)
    assert caught.value.facts == {"limit": 11, "count": 12}


def test_a_lone_surrogate_from_json_is_malformed_and_breaks_nothing() -> None:
    request = read("a:1/\ud800")
    assert request.malformed == ("a:1/\ufffd",)
    assert read("a:1", name="\ud800").fingerprint != read("a:1").fingerprint


def test_too_many_entries_are_counted_as_named() -> None:
    entries = ";".join(f"a:{number}" for number in range(600))
    maps = ";".join(f"m:{number}/S" for number in range(300))
    assert len(read(f"{entries};{';'.join('!' * n for n in range(1, 101))}", maps).references) == 600
    with pytest.raises(TooManyFiles) as caught:
        read(f"{entries};{';'.join('!' * n for n in range(1, 102))}", maps)
    assert caught.value.facts == {"limit": 1000, "count": 1001}


def test_covered_entries_count_too() -> None:
    with pytest.raises(TooManyFiles):
        parse_request(files="a:1;a:1/X;a:1/Y", maps=None, max_text=100, max_entries=2)


@pytest.mark.parametrize(
    "text", ["a:b;" * (MEBIBYTE // 4), "a:" + "%aA" * 349_000, "\x00;" * (MEBIBYTE // 2), f"{';' * (MEBIBYTE - 3)}a:b"]
)
def test_a_megabyte_is_read_at_once(text: str) -> None:
    start = time.process_time()
    assert len((*read(text).references, *read(text).malformed)) == 1
    assert time.process_time() - start < 1


def test_a_megabyte_of_different_entries_is_refused_at_once() -> None:
    text = ";".join(f"a:{number:x}" for number in range(130_000))
    start = time.process_time()
    with pytest.raises(TooManyFiles) as caught:
        read(text)
    assert caught.value.facts == {"limit": 1000, "count": 130_000}
    assert time.process_time() - start < 1


def test_formats_are_named_without_regard_to_case_and_unknown_ones_refused() -> None:
    assert read("a:1", format=" TAR ").format == "tar"
    assert read("a:1", format="").format == "tar"
    both = frozenset({"tar", "zip"})
    assert parse_request(files="a:1", maps=None, format="Zip", formats=both, max_text=9, max_entries=9).format == "zip"
    with pytest.raises(MalformedParameter) as caught:
        parse_request(files="a:1", maps=None, format="\x00<rar>", formats=both, max_text=9, max_entries=9)
    assert caught.value.sentence == "Parameter format cannot be used: it must be one of tar, zip"


def test_a_blank_name_is_no_name() -> None:
    assert read("a:1", name=" ").name is None
    assert read("a:1", name=" My package ").name == "My package"


def test_the_fingerprint_is_equal_for_equal_requests_and_in_every_process() -> None:
    first, second = read("a:1/X;a:1", "m:1/S"), read(" info:fedora/a:1", "m%3A1/S;")
    assert first.fingerprint == second.fingerprint
    code = (
        "from getapi.core.request import parse_request as p;"
        "print(p(files='a:1', maps='m:1/S', max_text=99, max_entries=9).fingerprint, end='')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert done.stdout == first.fingerprint
    assert len(first.fingerprint) == 64


def test_whatever_is_asked_differently_has_another_fingerprint() -> None:
    requests = [
        read("a:1"), read("a:1/X"), read("a:1;b:1"), read("b:1;a:1"), read(None, "a:1/X"), read("a:1", name="n"), read("a:1;!"),
        parse_request(files="a:1", maps=None, format="zip", formats={"zip"}, max_text=9, max_entries=9),
    ]  # fmt: skip
    assert len({request.fingerprint for request in requests}) == len(requests)


ENTRY = st.one_of(
    st.text(max_size=12),
    st.sampled_from([f"{pid}/{dsid}" for pid in ("a:1", "a:2", "b:1", "b:2") for dsid in ("", "X", "Y", "x/y")]),
)
TEXT = st.none() | st.lists(ENTRY).map(";".join) | st.text()


@given(TEXT, TEXT)
def test_any_text_gives_a_request_in_order_without_doubles_or_one_of_the_known_errors(files: str | None, maps: str | None) -> None:
    try:
        request = read(files, maps)
    except MissingParameter:
        assert not (files or "").replace(";", "").strip() or not (maps or "").replace(";", "").strip()
        return
    assert len(set(request.references)) == len(request.references)
    whole = {reference.pid for reference in request.references if reference.dsid is None}
    assert all(reference.dsid is None for reference in request.references if reference.pid in whole)
    runs = [pid for pid, _ in groupby(reference.pid for reference in request.references)]
    assert len(set(runs)) == len(runs)
    assert all(reference.dsid for reference in request.maps)
    assert bytes.fromhex(request.fingerprint)
