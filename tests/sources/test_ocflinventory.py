"""Inventories: what they say, and what is not believed of them."""

import copy
import hashlib
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.source import Digest
from getapi.sources import ocflinventory as module
from getapi.sources.ocflinventory import Inventory, ObjectRefused, check_sidecar, claimed_id, read_inventory

A, B = "a" * 128, "b" * 128
MD5 = "c" * 32
FACTS: dict[str, Any] = {
    "id": "demo:1",
    "type": "https://ocfl.io/1.1/spec/#inventory",
    "digestAlgorithm": "sha512",
    "head": "v2",
    "manifest": {A: ["v1/content/a.txt"], B: ["v2/content/x/b.txt"]},
    "versions": {
        "v1": {"created": "2018-01-01T01:01:01Z", "state": {A: ["a.txt"]}},
        "v2": {"created": "2018-02-02T02:02:02.5+01:00", "state": {B: ["x/b.txt"], A: ["c.txt", "a.txt"]}},
    },
    "fixity": {"md5": {MD5: ["v1/content/a.txt"]}, "sha512/256": {"?": 3}},
}


CONTENT_PATHS = (
    *("/etc/passwd", "../../etc/passwd", "v1/content/../../../x", "v1/content/./a", "v1//content/a", "v1/content/a/", "v1/content", ""),
    *("v1/inventory.json", "inventory.json", "v3/content/a", "logs/a", "extensions/x/a", "v2/content/x", "v2/content/x/b.txt/c"),
    *("v1/content/a\0b", "v1/content/\ud800", "v2/content/x/b.txt"),
)
LOGICAL_PATHS = ("/a", "../a", "a/../b", "a//b", "a/", ".", "", "x", "x/b.txt/y", "x/b.txt")


def read(facts: Any = FACTS, *, mutable: bool = False) -> Inventory:
    return read_inventory(json.dumps(facts).encode(), mutable=mutable)[0]


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    facts = copy.deepcopy(FACTS)
    change(facts)
    return facts


def test_the_head_version_is_told_by_logical_path_in_order() -> None:
    found = read()
    assert (found.id, found.specification, found.head) == ("demo:1", "1.1", "v2")
    assert list(found.files) == ["a.txt", "c.txt", "x/b.txt"]
    shared = found.files["c.txt"]
    assert (shared.contents, shared.version, shared.created) == (("v1/content/a.txt",), "v1", datetime(2018, 1, 1, 1, 1, 1, tzinfo=UTC))
    assert shared.digests == (Digest(algorithm="sha512", value=A), Digest(algorithm="md5", value=MD5))
    assert found.files["x/b.txt"].created == datetime(2018, 2, 2, 1, 2, 2, 500000, tzinfo=UTC)


def test_digests_are_compared_without_regard_to_case() -> None:
    found = read(changed(lambda facts: facts.update(manifest={A.upper(): ["v1/content/a.txt"], B: ["v2/content/x/b.txt"]})))
    assert found.files["a.txt"].digests[0].value == A


def test_a_mutable_heads_content_lies_in_its_revisions() -> None:
    path = "extensions/0005-mutable-head/head/content/r2/x/b.txt"
    facts = changed(lambda facts: facts["manifest"].update({B: [path]}))
    found = read(facts, mutable=True).files["x/b.txt"]
    assert (found.contents, found.version) == ((path,), "v2-r2")
    with pytest.raises(ObjectRefused):
        read(facts)
    for odd in ("extensions/0005-mutable-head/head/content/x/b.txt", "extensions/0005-mutable-head/head/content/r1", "v2/content/x"):
        with pytest.raises(ObjectRefused):
            read(changed(lambda facts, odd=odd: facts["manifest"].update({B: [odd]})), mutable=True)  # type: ignore[misc]


def _set(*keys: str, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(facts: dict[str, Any]) -> None:
        for key in keys[:-1]:
            facts = facts[key]
        facts[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("id", value=""),
        _set("id", value=3),
        _set("id", value="\ud800"),
        _set("type", value="https://ocfl.io/2.0/spec/#inventory"),
        _set("digestAlgorithm", value="md5"),
        _set("head", value="v1"),
        _set("head", value="v3"),
        _set("head", value=None),
        _set("versions", value={}),
        _set("versions", value=[]),
        _set("versions", "v4", value={}),
        _set("versions", "v02", value={}),
        _set("versions", "latest", value={}),
        _set("versions", "v1", value=[]),
        _set("versions", "v2", "state", value=[]),
        _set("versions", "v1", "created", value="2018-01-01"),
        _set("versions", "v2", "created", value="2018-01-01T00:00:00"),
        _set("versions", "v2", "created", value="yesterday"),
        _set("contentDirectory", value="../.."),
        _set("contentDirectory", value=".."),
        _set("contentDirectory", value=""),
        _set("contentDirectory", value=["content"]),
        _set("contentDirectory", value="stuff"),
        _set("manifest", value=None),
        _set("manifest", A, value=[]),
        _set("manifest", A, value="v1/content/a.txt"),
        _set("manifest", A, value=[3]),
        _set("manifest", A.upper(), value=["v1/content/b.txt"]),
        _set("manifest", "a" * 64, value=["v1/content/b.txt"]),
        _set("manifest", "z" * 128, value=["v1/content/b.txt"]),
        _set("manifest", "../" * 42 + "aa", value=["v1/content/b.txt"]),
        *(_set("manifest", A, value=[path]) for path in CONTENT_PATHS),
        *(_set("versions", "v2", "state", A, value=[path]) for path in LOGICAL_PATHS),
        _set("versions", "v2", "state", "d" * 128, value=["d"]),
        _set("versions", "v2", "state", A, value=["a", "a"]),
        _set("fixity", value=[]),
        _set("fixity", "md5", value=[]),
        _set("fixity", "md5", value={"short": ["v1/content/a.txt"]}),
        _set("fixity", "md5", "d" * 32, value=["v1/content/a.txt"]),
        _set("fixity", "sha512", value={B: ["v1/content/a.txt"]}),
    ],
)
def test_what_the_specification_does_not_allow_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ObjectRefused, match=r"^(it|its|a) "):
        read(changed(change))


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"null", b"{", b'"x"', b"\xff", b"[" * 200_000, b'{"a":' * 100_000, b'{"id": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_inventory_is_refused(document: bytes) -> None:
    with pytest.raises(ObjectRefused):
        read_inventory(document)
    assert claimed_id(document) is None


def test_what_is_said_twice_is_refused() -> None:
    with pytest.raises(ObjectRefused, match="twice"):
        read_inventory(json.dumps(FACTS).encode().replace(b'{"id"', b'{"id": "demo:2", "id"', 1))


def test_bombs_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ObjectRefused, match="values"):
        read_inventory(b"[" + b"[]," * module.MAX_PIECES + b"[]]")
    monkeypatch.setattr(module, "MAX_OCTETS", 10)
    with pytest.raises(ObjectRefused, match="larger"):
        read_inventory(json.dumps(FACTS).encode())


def test_a_path_without_measure_is_refused_in_no_time() -> None:
    """Of all the folders that it names none is made up."""
    began = time.monotonic()
    for path in ("/".join("a" * 500_000), "a" * 10**6, "/".join("a" * 300)):
        with pytest.raises(ObjectRefused, match="longer"):
            read(changed(_set("versions", "v2", "state", value={A: [path], B: ["b"]})))
        with pytest.raises(ObjectRefused, match="longer"):
            read(changed(_set("manifest", A, value=[f"v1/content/{path}"])))
    assert time.monotonic() - began < 20


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "aa", "a b", "a!", "..", ".", "", "é"]), min_size=1, max_size=4).map("/".join), max_size=8)
)
def test_paths_are_held_against_each_other_as_folders_and_files_are(paths: list[str]) -> None:
    elements = [path.split("/") for path in paths]
    folders = {tuple(each[:depth]) for each in elements for depth in range(1, len(each))}
    right = (
        len(set(paths)) == len(paths)
        and not any({"", ".", ".."} & set(each) for each in elements)
        and not any(tuple(each) in folders for each in elements)
    )
    try:
        module.check_paths(paths, "logical")
    except ObjectRefused:
        assert not right
    else:
        assert right


def test_versions_may_be_padded_and_are_then_all_alike() -> None:
    text = json.dumps(FACTS).replace("v1", "v0001").replace("v2", "v0002")
    assert read_inventory(text.encode())[0].head == "v0002"
    with pytest.raises(ObjectRefused, match="padded"):
        read_inventory(text.replace("v0001", "v001").encode())


def test_a_sidecar_holds_the_digest_and_the_name() -> None:
    document = b"{}"
    digest = hashlib.sha512(document).hexdigest()
    for sidecar in (f"{digest} inventory.json\n", f"{digest.upper()}\t \tinventory.json"):
        check_sidecar(document, sidecar.encode(), "sha512")
    for wrong in ("", digest, f"{digest} other.json", f"{digest} inventory.json x", f"{A} inventory.json", "\udcff"):
        with pytest.raises(ObjectRefused):
            check_sidecar(document, wrong.encode("utf-8", "surrogatepass"), "sha512")


def test_a_refused_inventory_still_tells_whose_it_is() -> None:
    assert claimed_id(json.dumps(changed(_set("head", value="v9"))).encode()) == "demo:1"


WORDS = st.sampled_from([*FACTS, A, "v1", "state", "v1/content/a"])
JSON = st.recursive(
    st.none() | st.integers() | st.text() | WORDS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | WORDS, inner), max_leaves=20
)


@given(JSON, st.sampled_from(list(FACTS)))
def test_any_json_is_read_or_refused(value: Any, key: str) -> None:
    for facts in (value, FACTS | value if isinstance(value, dict) else value, FACTS | {key: value}):
        with suppress(ObjectRefused):
            read(facts)


@given(
    st.lists(
        st.sampled_from(["v1", "v2", "v3", "content", "a", "..", ".", "", "extensions", "0005-mutable-head", "head", "r1"]), max_size=8
    )
)
def test_whatever_is_accepted_lies_in_a_versions_content(parts: list[str]) -> None:
    path = "/".join(parts)
    for mutable in (False, True):
        with suppress(ObjectRefused):
            (content,) = read(changed(_set("manifest", A, value=[path])), mutable=mutable).files["a.txt"].contents
            assert content == path
            assert {"", ".", ".."}.isdisjoint(content.split("/"))
            assert re.match(r"(v[12]/content|extensions/0005-mutable-head/head/content/r1)/", content)
