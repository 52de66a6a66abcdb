"""Applications' keys: made, found, paired with addresses, revoked (SPEC 2)."""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from django.db import IntegrityError, transaction

from getapi import conf
from getapi.models import Key, KeyNetwork
from getapi.services import webhooks
from getapi.services.addresses import ClientAddress, is_within

log = logging.getLogger(__name__)

_KEY = re.compile(r"(gk[0-9a-f]{10})_[0-9a-f]{64}", re.ASCII)
"""A public prefix by which the row is found, and 256 random bits."""

_NO_DIGEST = "0" * 64


class KeyRefused(Exception):
    """An administrator asked for what cannot be done with a key; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """A key as its administrator sees it; ``learned`` tells that its network was taken from its first use."""

    label: str
    prefix: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None
    networks: tuple[str, ...]
    learned: bool
    webhook: str


def create_key(label: str, networks: Sequence[str] = (), *, expires: datetime | None = None) -> str:
    """The key's text, which is kept nowhere. Raises KeyRefused for a label or network that cannot be used."""
    wanted = _read_networks(networks)
    key = Key(label=read_label(label), expires=expires)
    text = issue(key)
    try:
        with transaction.atomic():
            key.save(force_insert=True)
            _set_networks(key, wanted)
    except IntegrityError:
        raise KeyRefused(f"There is a key with the label {key.label} already") from None
    return text


def issue(key: Key) -> str:
    """Gives a key that is not saved yet its prefix and digest; returns its text, for this one time."""
    key.prefix = f"gk{secrets.token_hex(5)}"
    text = f"{key.prefix}_{secrets.token_hex(32)}"
    key.digest = _digest(text)
    return text


def find_key(text: str) -> Key | None:
    """The key of that text, revoked and expired ones too; compared in constant time."""
    form = _KEY.fullmatch(text.strip())
    if form is None:
        return None
    key = Key.objects.filter(prefix=form[1]).first()
    right = hmac.compare_digest(_digest(form[0]), _NO_DIGEST if key is None else key.digest)
    return key if right else None


def is_active(key: Key, now: datetime) -> bool:
    return not any(end is not None and end <= now for end in (key.revoked, key.expires))


def admit(key: Key, caller: ClientAddress) -> bool:
    """Whether the key is paired with the caller's address; a key that is paired with none yet learns it, if it may (SPEC 2)."""
    paired = _networks(key)
    if paired:
        return is_within(caller.address, paired)
    why = _unlearnable(caller)
    if why is None:
        _learn(key, caller)
        return is_within(caller.address, _networks(key))
    log.warning(
        "A key was refused: it is paired with no address yet, and %s. Name the application's: manage.py pair_key %r --network ADDRESS",
        why,
        key.label,
        extra={"prefix": key.prefix, "address": caller.address},
    )
    return False


def revoke_key(name: str, now: datetime) -> None:
    """By label or prefix. Raises KeyRefused for an unknown or already revoked key."""
    key = _named(name)
    if not Key.objects.filter(pk=key.pk, revoked=None).update(revoked=now):
        raise KeyRefused(f"The key {key.label} is revoked already")


def pair_key(name: str, networks: Sequence[str]) -> None:
    """Pairs the key, by label or prefix, with exactly these networks; with none it learns at its next use. Raises KeyRefused."""
    wanted = _read_networks(networks)
    with transaction.atomic():
        key = Key.objects.select_for_update().get(pk=_named(name).pk)
        if key.revoked is not None:
            raise KeyRefused(f"The key {key.label} is revoked; make a new one")
        _set_networks(key, wanted)


def set_webhook(name: str, url: str | None) -> str:
    """Who is told, from now on, when a package of the key, by label or prefix, is ready or has failed; None: nobody.

    Returns the secret that it is signed with, a new one each time, which is told nobody again; "" where nobody is told. Raises KeyRefused.
    """
    key = _named(name)
    try:
        key.webhook = "" if url is None else webhooks.read_url(url)
    except ValueError as error:
        raise KeyRefused(str(error)) from None
    key.webhook_secret = webhooks.new_secret() if key.webhook else ""
    key.save(update_fields=("webhook", "webhook_secret"))
    return key.webhook_secret


def list_keys() -> list[KeyFacts]:
    return [_facts(key) for key in Key.objects.prefetch_related("networks")]


def _facts(key: Key) -> KeyFacts:
    rows = sorted(key.networks.all(), key=lambda row: row.network)
    return KeyFacts(
        label=key.label,
        prefix=key.prefix,
        created=key.created,
        expires=key.expires,
        revoked=key.revoked,
        last_used=key.last_used,
        networks=tuple(row.network for row in rows),
        learned=any(row.learned for row in rows),
        webhook=key.webhook,
    )


def _named(name: str) -> Key:
    key = Key.objects.filter(label=name).first() or Key.objects.filter(prefix=name).first()
    if key is None:
        raise KeyRefused(f"There is no key with the label or prefix {name}")
    return key


def read_label(label: str) -> str:
    """As it is kept: it stands in lists, in logs and on terminals. Raises KeyRefused."""
    text = label.strip()
    if not text or len(text) > 200 or not text.isprintable():
        raise KeyRefused("A label is one line of 1 to 200 characters")
    return text


def _read_networks(texts: Iterable[str]) -> list[conf.Network]:
    try:
        return [conf.read_network(text) for text in dict.fromkeys(texts)]
    except ValueError as error:
        raise KeyRefused(str(error)) from None


def _digest(text: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _networks(key: Key) -> list[conf.Network]:
    return [conf.read_network(network) for network in KeyNetwork.objects.filter(key=key).values_list("network", flat=True)]


def _set_networks(key: Key, networks: Iterable[conf.Network]) -> None:
    KeyNetwork.objects.filter(key=key).delete()
    KeyNetwork.objects.bulk_create(KeyNetwork(key=key, network=text) for text in dict.fromkeys(map(str, networks)))


def _unlearnable(caller: ClientAddress) -> str | None:
    address = ip_address(caller.address)
    if caller.forwarded_untrusted:
        return "a forwarding header from a proxy that trusted_proxies does not name hides who asks"
    if caller.is_proxy:
        return "the trusted proxy did not say who asks"
    if address.is_loopback or address.is_unspecified:
        return "the machine itself asks, which a proxy on it would do for everybody"
    return None


def _learn(key: Key, caller: ClientAddress) -> None:
    """Of several first uses at once one wins: the key's row is locked, and a constraint allows it one learned network."""
    with transaction.atomic():
        Key.objects.select_for_update().get(pk=key.pk)
        if not KeyNetwork.objects.filter(key=key).exists():
            network = str(conf.read_network(caller.address))
            KeyNetwork.objects.bulk_create([KeyNetwork(key=key, network=network, learned=True)], ignore_conflicts=True)
            log.info("A key was paired at its first use", extra={"prefix": key.prefix, "network": network})
