from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi.core.iiif.rewrite import rewrite

RULES = {"https://iiif.example.org/": "http://10.0.0.5:8182/", "https://iiif.example.org/big/": "http://10.0.0.6/only/this/"}


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://iiif.example.org/iiif/2/x/full/max/0/default.jpg", "http://10.0.0.5:8182/iiif/2/x/full/max/0/default.jpg"),
        ("HTTPS://IIIF.Example.org:443/x", "http://10.0.0.5:8182/x"),
        ("https://iiif.example.org/big/x", "http://10.0.0.6/only/this/x"),
        ("https://iiif.example.org/a%2Fb.tif/x", "http://10.0.0.5:8182/a%2Fb.tif/x"),
        ("https://iiif.example.org:8443/x", "https://iiif.example.org:8443/x"),
        ("http://iiif.example.org/x", "http://iiif.example.org/x"),
        ("https://iiif.example.org.evil.example/x", "https://iiif.example.org.evil.example/x"),
        ("https://other.example.org/x", "https://other.example.org/x"),
    ],
)
def test_what_begins_with_a_key_is_asked_below_its_value(url: str, asked: str) -> None:
    assert rewrite(url, RULES) == asked


@pytest.mark.parametrize(
    "url",
    [
        "https://iiif.example.org/big/../admin",
        "https://iiif.example.org/big/%2e%2E/admin",
        "https://iiif.example.org/big/x/..%2f..%2fadmin",
        "https://iiif.example.org/big/%252e%252e/admin",
        "https://iiif.example.org/big/%5c..%5cadmin",
        "https://iiif.example.org\\@10.0.0.1/x",
        "https://user@iiif.example.org/x",
        "file:///etc/passwd",
        "https://[bad/x",
        "https://iiif.example.org:port/x",
        "",
    ],
)
def test_what_climbs_out_or_is_no_address_is_not_asked(url: str) -> None:
    assert rewrite(url, RULES) is None


def test_without_rules_an_address_stays_as_it_is() -> None:
    assert rewrite("https://iiif.example.org/x?y=..", {}) == "https://iiif.example.org/x?y=.."


@given(st.text(alphabet="ab./%25\\?#2eE@:", max_size=30))
def test_nothing_leads_out_of_a_value(rest: str) -> None:
    asked = rewrite(f"https://iiif.example.org/big/{rest}", RULES)
    assert asked is None or asked.startswith(("http://10.0.0.6/only/this/", "http://10.0.0.5:8182/"))
    if asked is not None and asked.startswith("http://10.0.0.6/"):
        assert ".." not in urlsplit(asked).path.split("/")
