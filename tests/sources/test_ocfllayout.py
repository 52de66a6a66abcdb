"""The layout extensions, by the examples of their own texts and the facts of the reference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.sources.ocfllayout import NAMES, read_layout

MD5 = {"digestAlgorithm": "md5", "tupleSize": 2, "numberOfTuples": 15}
REVERSED = {"delimiter": ":", "tupleSize": 4, "numberOfTuples": 2, "reverseObjectRoot": True}
LONG = "abcdefghij" * 26


@pytest.mark.parametrize(
    ("number", "config", "identifier", "path"),
    [
        ("0002", {}, "object-01", "object-01"),
        ("0002", {}, "..hor_rib:lè-$id", "..hor_rib:lè-$id"),
        ("0002", {}, "a/b", None),
        ("0002", {}, "..", None),
        ("0002", {}, "x" * 256, None),
        ("0003", {}, "object-01", "3c0/ff4/240/object-01"),
        ("0003", {}, "..hor/rib:le-$id", "487/326/d8c/%2e%2ehor%2frib%3ale-%24id"),
        ("0003", {}, "..Hor/rib:lè-$id", "373/529/21a/%2e%2eHor%2frib%3al%c3%a8-%24id"),
        ("0003", MD5, "object-01", "ff/75/53/44/92/48/5e/ab/b3/9f/86/35/67/28/88/object-01"),
        ("0003", {"tupleSize": 0, "numberOfTuples": 0}, "object-01", "object-01"),
        ("0003", {}, LONG, f"55b/432/806/{LONG[:100]}-55b432806f4e270da0cf23815ed338742179002153cd8d896f23b3e2d8a14359"),
        ("0003", {}, "info:fedora/demo:5", "cd1/d68/a79/info%3afedora%2fdemo%3a5"),
        ("0004", {}, "object-01", "3c0/ff4/240/3c0ff4240c1e116dba14c7627f2319b58aa3d77606d0d90dfc6161608ac987d4"),
        ("0004", {"shortObjectRoot": True}, "object-01", "3c0/ff4/240/c1e116dba14c7627f2319b58aa3d77606d0d90dfc6161608ac987d4"),
        ("0004", {"tupleSize": 0, "numberOfTuples": 0}, "object-01", "3c0ff4240c1e116dba14c7627f2319b58aa3d77606d0d90dfc6161608ac987d4"),
        ("0004", {}, "info:fedora", "141/964/af8/141964af842132b7a706ed010474c410514b472acc0d7d8f805c23e748578b8b"),
        ("0004", {}, "info:fedora/rutgers-lib:1234", "23c/6e0/79d/23c6e079d6792b8b93d79701fdfd34d7c6966d7767b959f15097d9cd851a2413"),
        ("0006", {"delimiter": ":"}, "namespace:12887296", "12887296"),
        ("0006", {"delimiter": ":"}, "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "6e8bc430-9c3a-11d9-9669-0800200c9a66"),
        ("0006", {"delimiter": "EDU/"}, "https://institution.edu/abc/edu/f8.05v", "f8.05v"),
        ("0006", {"delimiter": "edu/"}, "https://institution.edu/", None),
        ("0006", {"delimiter": ":"}, "demo:a/b", None),
        ("0007", REVERSED, "namespace:12887296", "6927/8821/12887296"),
        ("0007", REVERSED, "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "66a9/c002/6e8bc430-9c3a-11d9-9669-0800200c9a66"),
        ("0007", REVERSED, "abc123", "321c/ba00/abc123"),
        ("0007", {"delimiter": "edu/", "zeroPadding": "right"}, "https://institution.edu/3448793", "344/879/300/3448793"),
        ("0007", {"delimiter": "edu/", "zeroPadding": "right"}, "https://institution.edu/abc/edu/f8.05v", "f8./05v/000/f8.05v"),
        ("0007", {"delimiter": ":", "tupleSize": 2}, "demo:..%abc", None),
        ("0007", {"delimiter": ":", "tupleSize": 1}, "demo:a/b", None),
    ],
)  # fmt: skip
def test_an_object_lies_where_its_layout_puts_it(number: str, config: dict[str, Any], identifier: str, path: str | None) -> None:
    layout = read_layout(number, {"extensionName": NAMES[number], **config})
    assert layout.path(identifier) == path


@pytest.mark.parametrize(
    ("number", "config"),
    [
        ("0001", {}),
        ("0003", {"tupleSize": 33}),
        ("0003", {"tupleSize": -1}),
        ("0003", {"tupleSize": True}),
        ("0003", {"tupleSize": "3"}),
        ("0003", {"tupleSize": 0}),
        ("0003", {"digestAlgorithm": "crc32"}),
        ("0004", {"tupleSize": 32, "numberOfTuples": 3}),
        ("0004", {"shortObjectRoot": "yes"}),
        ("0004", {"shortObjectRoot": True, "tupleSize": 32, "numberOfTuples": 2}),
        ("0006", {}),
        ("0006", {"delimiter": ""}),
        ("0006", {"delimiter": 3}),
        ("0007", {"delimiter": ":", "zeroPadding": "both"}),
        ("0007", {"delimiter": ":", "tupleSize": 0}),
    ],
)
def test_parameters_that_are_none_are_refused(number: str, config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_layout(number, config)


@given(st.sampled_from(list(NAMES)), st.text() | st.text("./:a\0\ud800"), st.sampled_from([":", "/", "a"]))
def test_no_id_leads_out_of_the_storage_root(number: str, identifier: str, delimiter: str) -> None:
    path = read_layout(number, {"delimiter": delimiter, "tupleSize": 2, "numberOfTuples": 2}).path(identifier)
    assert path is None or {"", ".", ".."}.isdisjoint(path.split("/"))
