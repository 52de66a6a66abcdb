from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from getapi import conf
from getapi.models import ForwardingSighting
from getapi.services.addresses import (
    NOWHERE,
    ClientAddress,
    forwarding_seen,
    is_within,
    note_forwarding,
    parse,
    read,
    reader,
    same_reader,
    truncated,
)
from tests.conftest import Configure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def meta(peer: str, forwarded: str | None = None, **headers: str) -> dict[str, str]:
    return {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}) | headers


class TestWithoutTrustedProxies:
    def test_the_peer_is_the_client(self) -> None:
        assert read(meta("192.0.2.7")) == ClientAddress(address="192.0.2.7")

    @pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"])
    def test_a_forwarding_header_changes_nothing_but_is_told(self, header: str) -> None:
        assert read({"REMOTE_ADDR": "192.0.2.7", header: "198.51.100.1"}) == ClientAddress(address="192.0.2.7", forwarded_untrusted=True)

    def test_an_ipv4_mapped_peer_is_ipv4(self) -> None:
        assert read(meta("::ffff:192.0.2.7")).address == "192.0.2.7"

    @pytest.mark.parametrize("peer", ["", "unix:", "@", "1.2.3", "\0"])
    def test_a_peer_without_an_address_is_nowhere(self, peer: str) -> None:
        found = read(meta(peer))
        assert found.address == NOWHERE
        assert not found.within([conf.read_network("127.0.0.0/8")])


class TestBehindTrustedProxies:
    @pytest.fixture(autouse=True)
    def proxies(self, configure: Configure) -> None:
        configure('trusted_proxies = ["10.0.0.0/8", "2001:db8:1::/48"]')

    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            ("198.51.100.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("127.0.0.1, 198.51.100.1, 10.1.1.1", "198.51.100.1"),
            ("198.51.100.1, 10.1.1.1, 2001:db8:1::5", "198.51.100.1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("2001:DB8:2:0:0:0:0:1", "2001:db8:2::1"),
            (" 198.51.100.1:4711 ", "198.51.100.1"),
            ("[2001:db8:2::1]:4711", "2001:db8:2::1"),
            ("fe80::1%eth0", "fe80::1"),
        ],
    )
    def test_the_client_is_the_first_from_the_right_that_is_no_proxy(self, forwarded: str, address: str) -> None:
        assert read(meta("10.0.0.1", forwarded)) == ClientAddress(address=address)

    @pytest.mark.parametrize(
        "forwarded", ["unknown", "_hidden", "198.51.100.1,", "198.51.100.1, 1.2.3.4.5", "198.51.100.1;x", "\x00", "1" * 5000]
    )
    def test_a_malformed_hop_ends_at_the_proxy_that_named_it(self, forwarded: str) -> None:
        assert read(meta("10.0.0.1", forwarded)) == ClientAddress(address="10.0.0.1", forwarded_untrusted=True, is_proxy=True)

    def test_a_malformed_hop_behind_the_client_is_the_client_s_own_invention(self) -> None:
        assert read(meta("10.0.0.1", "garbage, 198.51.100.1")) == ClientAddress(address="198.51.100.1")

    def test_a_proxy_that_names_nobody_is_told(self) -> None:
        assert read(meta("10.0.0.1")) == ClientAddress(address="10.0.0.1", is_proxy=True)
        assert read(meta("10.0.0.1", "10.0.0.2, 10.0.0.3")) == ClientAddress(address="10.0.0.2", is_proxy=True)

    def test_a_proxy_that_names_the_client_in_another_header_alone_does_not_count(self) -> None:
        found = read(meta("10.0.0.1", HTTP_X_REAL_IP="198.51.100.1"))
        assert found == ClientAddress(address="10.0.0.1", forwarded_untrusted=True, is_proxy=True)

    def test_elsewhere_the_header_still_does_not_count(self) -> None:
        assert read(meta("192.0.2.7", "10.0.0.1")) == ClientAddress(address="192.0.2.7", forwarded_untrusted=True)

    @given(
        st.text(max_size=60),
        st.ip_addresses().filter(
            lambda ip: not is_within(str(ip), [conf.read_network("10.0.0.0/8"), conf.read_network("2001:db8:1::/48")])
        ),
    )
    def test_nothing_on_the_left_decides(self, invented: str, client: object) -> None:
        assert read(meta("10.0.0.1", f"{invented},{client}")) == ClientAddress(address=str(parse(str(client))))

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_no_header_stops_it(self, peer: str, forwarded: str) -> None:
        assert parse(read(meta(peer, forwarded)).address) is not None
        assert parse(read(meta("10.0.0.1", forwarded)).address) is not None


class TestReaders:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("192.0.2.7", "192.0.2.7", True),
            ("192.0.2.7", "::ffff:192.0.2.7", True),
            ("192.0.2.7", "::ffff:c000:207", True),
            ("192.0.2.7", "192.0.2.8", False),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("192.0.2.7", "2001:db8::1", False),
            ("", "", False),
            ("nobody", "nobody", False),
        ],
    )
    def test_are_the_same_by_ipv4_address_or_ipv6_64(self, one: str, other: str, same: bool) -> None:
        assert same_reader(one, other) is same_reader(other, one) is same

    @given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
    def test_the_last_64_bits_of_ipv6_do_not_matter(self, address: object, bits: int) -> None:
        from ipaddress import IPv6Address

        neighbour = IPv6Address((int(IPv6Address(str(address))) >> 64 << 64) | bits)
        if neighbour.ipv4_mapped is None and IPv6Address(str(address)).ipv4_mapped is None:
            assert same_reader(str(address), str(neighbour))
            assert reader(str(address)) == reader(str(neighbour))

    def test_truncated_addresses_name_no_reader(self) -> None:
        assert [truncated(text) for text in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1:2::3", "x")] == [
            "192.0.2.0",
            "192.0.2.0",
            "2001:db8:1::",
            "",
        ]

    def test_nothing_is_within_a_network_by_way_of_an_unnamed_proxy(self) -> None:
        networks = [conf.read_network("127.0.0.0/8")]
        assert ClientAddress(address="127.0.0.1").within(networks)
        assert not ClientAddress(address="127.0.0.1", forwarded_untrusted=True).within(networks)
        assert not ClientAddress(address="192.0.2.7").within(networks)


@pytest.mark.django_db
class TestSightings:
    def test_an_untrusted_header_is_remembered_in_one_row(self) -> None:
        assert forwarding_seen() is None
        note_forwarding(ClientAddress(address="192.0.2.7"), NOW)
        assert forwarding_seen() is None
        for minutes in (0, 5, 11):
            note_forwarding(ClientAddress(address=f"192.0.2.{minutes}", forwarded_untrusted=True), NOW + timedelta(minutes=minutes))
        assert forwarding_seen() == ("192.0.2.11", NOW + timedelta(minutes=11))
        assert ForwardingSighting.objects.count() == 1

    def test_it_is_written_at_most_every_ten_minutes(self) -> None:
        note_forwarding(ClientAddress(address="192.0.2.1", forwarded_untrusted=True), NOW)
        note_forwarding(ClientAddress(address="192.0.2.2", forwarded_untrusted=True), NOW + timedelta(minutes=9))
        assert forwarding_seen() == ("192.0.2.1", NOW)
