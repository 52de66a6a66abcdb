"""Tokens: signed, short-lived, bound to readers' addresses where the application names them (SPEC 2)."""

import hashlib
import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import db
from django.db import transaction
from django.utils import timezone
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from getapi import conf
from getapi.core.errors import MalformedParameter, MissingParameter, TokenNotGenerated, TokenRefused
from getapi.models import Key
from getapi.services import keys
from getapi.services.addresses import ClientAddress, note_forwarding, parse, same_reader
from getapi.services.failures import count_failure

log = logging.getLogger(__name__)

MOST_CLIENTS = 16
"""Addresses that one token may be bound to."""

_SALT = "getapi.token"
_LONGEST = 2048
_SKEW = timedelta(seconds=10)
"""How far the clock of another machine may be ahead of this one's."""

_USE_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a valid token says: whose key, and which of the addresses that it is bound to asks now, if it is bound."""

    key_id: int
    label: str
    client: str | None


def generate(key_text: str | None, caller: ClientAddress, clients: Sequence[str] = (), *, now: datetime | None = None) -> str:
    """A token for the caller's key, bound to its readers' addresses.

    Raises MissingParameter without a key, TokenNotGenerated for any key that is not right here and now, TooManyFailures beyond
    ``failures.ALLOWED`` of those, MalformedParameter for a ``client`` that is no address.
    """
    moment = now or timezone.now()
    if not key_text or not key_text.strip():
        raise MissingParameter("key")
    note_forwarding(caller, moment)
    key = _authenticate(key_text, caller, moment)
    addresses = _binding([_read_client(text) for text in clients], caller)
    _note_use(key, moment)
    return _sign([key.pk, *addresses], moment)


def check(token: str | None, caller: ClientAddress, *, now: datetime | None = None) -> Grant:
    """What the token grants to this caller now. Raises TokenRefused, whatever is wrong; the log says what."""
    moment = now or timezone.now()
    note_forwarding(caller, moment)
    key_id, addresses = _verify(token or "", caller, moment)
    key = Key.objects.filter(pk=key_id).first()
    if key is None or not keys.is_active(key, moment):
        raise _refusal("its key is revoked, expired or deleted", caller)
    client = next((address for address in addresses if same_reader(address, caller.address)), None)
    if addresses and client is None:
        raise _refusal("it is bound to another address", caller)
    return Grant(key_id=key.pk, label=key.label, client=client)


def _authenticate(key_text: str, caller: ClientAddress, now: datetime) -> Key:
    key = keys.find_key(key_text)
    if key is not None and keys.is_active(key, now) and keys.admit(key, caller):
        return key
    if key is None:
        reason = "no such key"
    else:
        reason = "the key is not paired with this address" if keys.is_active(key, now) else "the key is revoked or expired"
    facts = {"reason": reason, "address": caller.address, "forwarded_untrusted": caller.forwarded_untrusted}
    log.warning("A token could not be generated", extra=facts if key is None else facts | {"prefix": key.prefix})
    count_failure(caller.address, now)
    raise TokenNotGenerated


def _note_use(key: Key, now: datetime) -> None:
    """For the administrator's eyes: no token fails because it cannot be written."""
    if key.last_used is not None and key.last_used > now - _USE_PAUSE:
        return
    try:
        with transaction.atomic():
            Key.objects.filter(pk=key.pk).update(last_used=now)
    except db.Error:
        log.exception("A key's last use could not be written", extra={"prefix": key.prefix})


def _read_client(text: str) -> str:
    address = parse(text)
    if address is None or address.is_unspecified or address.is_multicast:
        raise MalformedParameter("client", "it must be a reader's IP address")
    return str(address)


def _binding(clients: Sequence[str], caller: ClientAddress) -> list[str]:
    bind = conf.current().tokens.bind
    if len(clients) > MOST_CLIENTS:
        raise MalformedParameter("client", f"at most {MOST_CLIENTS} addresses can be given")
    if bind == "none":
        return []
    return list(dict.fromkeys(clients)) or ([caller.address] if bind == "caller" else [])


class _Signer(TimestampSigner):
    """Signs at a given moment instead of at the machine's."""

    def __init__(self, *args: Any, moment: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)
        self.moment = moment

    def get_timestamp(self) -> int:
        return self.moment


def _serializer(moment: datetime) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        [key.get_secret_value() for key in conf.current().secret_keys],
        salt=_SALT,
        signer=_Signer,
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac", "moment": int(moment.timestamp())},
    )


def _sign(payload: list[int | str], now: datetime) -> str:
    token = _serializer(now).dumps(payload)
    return token if isinstance(token, str) else token.decode("ascii")


def _verify(token: str, caller: ClientAddress, now: datetime) -> tuple[int, list[str]]:
    if not token.isascii() or len(token) > _LONGEST or not _is_canonical(token):
        raise _refusal("it is no token", caller)
    try:
        payload, signed = _serializer(now).loads(token, return_timestamp=True)
    except BadData as error:
        # One of its frames holds the error itself: all of this request would wait for the garbage collector.
        traceback.clear_frames(error.__traceback__)
        raise _refusal("its signature is wrong", caller) from None
    if not -_SKEW <= now - signed <= timedelta(seconds=conf.current().tokens.ttl):
        raise _refusal("it has expired", caller)
    match payload:
        case [int(key_id), *addresses]:
            return key_id, [str(address) for address in addresses]
    raise _refusal("it says something else than a token does", caller)


def _is_canonical(token: str) -> bool:
    """Base64 has several spellings of the same octets; a token has one, so that it cannot be changed in any character."""
    signature = token.rpartition(".")[2]
    try:
        return base64_encode(base64_decode(signature)) == signature.encode("ascii")
    except BadData:
        return False


def _refusal(reason: str, caller: ClientAddress) -> TokenRefused:
    log.info("A token was refused", extra={"reason": reason, "address": caller.address, "forwarded_untrusted": caller.forwarded_untrusted})
    return TokenRefused()
