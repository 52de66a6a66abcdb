"""Tag files that somebody else wrote."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.tagreader import ManifestName, TagFileRefused, read_manifest, read_manifest_name, read_payload_oxum

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("manifest-sha256.txt", ManifestName(of_tags=False, algorithm="sha256")),
        ("tagmanifest-md5.txt", ManifestName(of_tags=True, algorithm="md5")),
        ("manifest-sha-256.txt", None),
        ("manifest-SHA256.txt", None),
        ("data/manifest-md5.txt", None),
        ("manifest-md5.txt\n", None),
        ("manifest.txt", None),
    ],
)
def test_the_name_of_a_manifest_tells_what_it_lists(name: str, meaning: ManifestName | None) -> None:
    assert read_manifest_name(name) == meaning


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_in_three_ways_and_the_last_may_not_end(end: str) -> None:
    text = f"{A}  data/a{end}{B.upper()}\t data/b  c\u2028d"
    assert read_manifest(text.encode(), algorithm="sha256") == {"data/a": A, "data/b  c\u2028d": B}
    assert read_manifest((text + end).encode(), algorithm="sha256") == {"data/a": A, "data/b  c\u2028d": B}


def test_an_empty_manifest_lists_nothing() -> None:
    assert read_manifest(b"", algorithm="md5") == {}


def test_three_characters_are_decoded_and_no_others() -> None:
    text = f"{A}  data/%25%0a%0D%20%41%250A\n"
    assert read_manifest(text.encode(), algorithm="sha256") == {"data/%\n\r%20%41%0A": A}


@pytest.mark.parametrize(
    "text",
    [
        b"\n",
        f"{A}  data/a\n\n".encode(),
        f"{A}\n".encode(),
        f"{A}  \n".encode(),
        b"zz  data/a\n",
        b"aa  data/a\n",
        f"{A}  data/a\n{B}  data/a\n".encode(),
        f"{A}  data/%25\n{A}  data/%\n".encode(),
        f"{A}  data/a\n".encode("utf-16"),
        f"\ufeff{A}  data/a\n".encode(),
        f" {A}  data/a\n".encode(),
        b"\xff",
    ],
)
def test_a_manifest_that_is_not_digests_and_paths_each_once_is_refused(text: bytes) -> None:
    with pytest.raises(TagFileRefused) as caught:
        read_manifest(text, algorithm="sha256")
    assert caught.value.sentence


@pytest.mark.parametrize(
    ("text", "oxum"),
    [
        (b"", None),
        (b"Source-Organization: x\n", None),
        (b"Payload-Oxum: 12.3\n", (12, 3)),
        (b"payload-OXUM:\t0.0", (0, 0)),
        (b"A: Payload-Oxum: 9.9\n  and Payload-Oxum: 8.8\n\tmore\r\nPayload-Oxum:  1.2 \r\nB: \n", (1, 2)),
    ],
)
def test_payload_oxum_is_found_among_the_elements(text: bytes, oxum: tuple[int, int] | None) -> None:
    assert read_payload_oxum(text) == oxum


@pytest.mark.parametrize(
    "text",
    [
        b"no element\n",
        b" continuation of nothing\n",
        b"A : x\n",
        b"A:x\n",
        b": x\n",
        b"\n",
        b"A: x\n\nB: y\n",
        b"Payload-Oxum: 1\n",
        b"Payload-Oxum: a.b\n",
        b"Payload-Oxum: 1.2\nPayload-Oxum: 1.2\n",
        b"Payload-Oxum: " + b"9" * 5000 + b".1\n",
        b"Payload-Oxum: -1.2\n",
        "Payload-Oxum: ٣.٤\n".encode(),
        b"\xff",
        b"\xef\xbb\xbfA: x\n",
    ],
)
def test_a_bag_info_that_is_malformed_is_refused(text: bytes) -> None:
    with pytest.raises(TagFileRefused):
        read_payload_oxum(text)


@given(st.binary(max_size=300))
def test_no_octets_make_them_fail_otherwise(text: bytes) -> None:
    with suppress(TagFileRefused):
        read_manifest(text, algorithm="md5")
    with suppress(TagFileRefused):
        read_payload_oxum(text)
