"""The kinds of values that a configuration holds, each with its own plain words for what is wrong with it.

Every check raises ValueError: pydantic collects those, and ``mistakes`` tells them by the key's dotted name.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from getapi.conf import secret, units
from getapi.conf.database import Database, read_database
from getapi.conf.networks import Network as AnyNetwork
from getapi.conf.networks import read_network
from getapi.core.iiif.address import ManifestAddress


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")  # noqa: TRY004 # pydantic collects ValueErrors
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise ValueError("must be one line without control characters")
    return value


def _word(value: object) -> str:
    text = _text(value).strip()
    if not text:
        raise ValueError("must not be empty")
    return text


def _fitting(pattern: str, sentence: str) -> Callable[[str], str]:
    expression = re.compile(pattern, re.ASCII)

    def fit(text: str) -> str:
        if expression.fullmatch(text) is None:
            raise ValueError(sentence)
        return text

    return fit


def _items(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError('must be a list in brackets, such as ["one", "two"]')  # noqa: TRY004 # pydantic collects ValueErrors
    return tuple(value)


def _placed(value: object, info: ValidationInfo) -> Path:
    """Paths that are written are relative to the folder of the file in which they are written."""
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / _word(value)


def _key_file(value: object, info: ValidationInfo) -> secret.KeyFile:
    return secret.read_key_file(_placed(value, info))


def _database(value: object, info: ValidationInfo) -> Database:
    folder: Path = (info.context or {}).get("folder", Path())
    return read_database(_word(value), folder)


def _zone_name(name: str) -> str:
    if name == "UTC":
        return name
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone such as Europe/Berlin, America/New_York or UTC") from None
    return name


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("must be an origin such as https://repository.example.org, without a path")
    return text


def _server_url(text: str) -> str:
    """Credentials never stand in it: they would be shown wherever it is."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("must be an address such as https://repository.example.org/path") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not text.isascii() or "\\" in text:
        raise ValueError("must be an address such as https://repository.example.org/path")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("holds no user, no query and no fragment: user and password_file are settings of their own")
    return text.rstrip("/")


def _manifests(text: str) -> str:
    ManifestAddress.read(text)
    return text


def _rewriting(value: object) -> Mapping[str, str]:
    """What begins with a key is asked below its value: both end with a slash, so that no other host can begin alike."""
    if not isinstance(value, dict):
        raise ValueError('must be a table such as {"https://iiif.example.org/" = "http://10.0.0.5:8182/"}')  # noqa: TRY004 # pydantic collects ValueErrors
    for address in (*value.keys(), *value.values()):
        if not _word(address).endswith("/"):
            raise ValueError("must hold addresses that end with a slash")
        _server_url(address)
    return dict(value)


def _credential_file(value: object, info: ValidationInfo) -> secret.CredentialFile:
    return secret.read_credential_file(_placed(value, info))


def _redis(value: object) -> SecretStr:
    """The URL may hold a password, so that no mistake repeats it."""
    text = _word(value)
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be redis://host:port/number, rediss:// (TLS) or unix:///path")
    return SecretStr(text)


def _certificate_file(value: object, info: ValidationInfo) -> Path:
    path = _placed(value, info)
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError("the file holds no certificates in PEM") from None
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    return path


def _pattern(text: str) -> str:
    """Akubra's HashPathIdMapper: each ``#`` takes one of the hash's 32 digits, ``/`` makes a folder; empty puts all into one folder."""
    if not set(text) <= {"#", "/"} or text.count("#") > 32:
        raise ValueError("consists of at most 32 # and of /, such as ## or #/##/##")
    if text.startswith("/") or text.endswith("/") or "//" in text:
        raise ValueError("neither begins nor ends with /, and holds no //")
    return text


Line = Annotated[str, BeforeValidator(_text)]
Word = Annotated[str, BeforeValidator(_word)]
Host = Annotated[
    Word, AfterValidator(_fitting(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", "must be a host's name alone, without http:// and path"))
]
ExternalHost = Annotated[
    Word,
    AfterValidator(
        _fitting(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(:[0-9]{1,5})?", "must be one host's name, with :PORT where it is not the usual one")
    ),
]
"""No pattern: each host that bytes may be fetched from is named."""

ServerUrl = Annotated[Word, AfterValidator(_server_url)]
ManifestUrl = Annotated[Word, AfterValidator(_manifests)]
Rewriting = Annotated[Mapping[str, str], BeforeValidator(_rewriting)]
CredentialFile = Annotated[secret.CredentialFile, BeforeValidator(_credential_file)]
CertificateFile = Annotated[Path, BeforeValidator(_certificate_file)]
Origin = Annotated[Word, AfterValidator(_origin)]
ZoneName = Annotated[Word, AfterValidator(_zone_name)]
RedisUrl = Annotated[SecretStr, BeforeValidator(_redis)]
Name = Annotated[Word, AfterValidator(_fitting(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "must be letters, digits, - . _ (at most 100)"))]
PidNamespace = Annotated[Word, AfterValidator(_fitting(r"[A-Za-z0-9.-]{1,64}", "must be a PID's part before the colon"))]
HashPattern = Annotated[Line, AfterValidator(_pattern)]
DsidPattern = Annotated[Word, Field(max_length=255)]
Network = Annotated[AnyNetwork, BeforeValidator(lambda value: read_network(_word(value)))]
Place = Annotated[Path, BeforeValidator(_placed)]
KeyFile = Annotated[secret.KeyFile, BeforeValidator(_key_file)]
DatabaseUrl = Annotated[Database, BeforeValidator(_database)]
Count = Annotated[int, Field(ge=1, le=2**53)]
Size = Annotated[int, BeforeValidator(units.octets)]
PositiveSize = Annotated[Size, Field(ge=1)]
Duration = Annotated[float, BeforeValidator(units.seconds)]
PositiveDuration = Annotated[Duration, Field(gt=0)]
Items = BeforeValidator(_items)
"""Turns TOML's array into a tuple; used as ``Annotated[tuple[Word, ...], Items]``."""

Words = Annotated[tuple[Word, ...], Items]
Hosts = Annotated[tuple[Host, ...], Items]
ExternalHosts = Annotated[tuple[ExternalHost, ...], Items]
WebhookHosts = Annotated[tuple[Host, ...], Items]
Origins = Annotated[tuple[Origin, ...], Items]
Networks = Annotated[tuple[Network, ...], Items]
PidNamespaces = Annotated[tuple[PidNamespace, ...], Items]
DsidPatterns = Annotated[tuple[DsidPattern, ...], Items]
KeyFiles = Annotated[tuple[KeyFile, ...], Items]
