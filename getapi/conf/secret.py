"""The secret that signs tokens and sessions: from the environment, from a file, or made for development."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

VARIABLE = "PACKAGING_SECRET_KEY"
FALLBACKS_VARIABLE = "PACKAGING_SECRET_KEY_FALLBACKS"
"""Former keys, oldest first, separated by spaces."""

DEVELOPMENT_FILE = "development-secret-key"
_FEWEST = 32
_MOST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A file and the one secret in it."""

    path: Path
    secret: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFile:
    """A file with the password or token with which another server knows this service."""

    path: Path
    secret: SecretStr


def read_credential_file(path: Path) -> CredentialFile:
    """Raises ValueError in plain words, which do not repeat it."""
    text = _read(path).strip("\r\n")
    if not text or any(ord(letter) < 32 or ord(letter) > 126 for letter in text):
        raise ValueError("the file must hold one line of printable ASCII")
    return CredentialFile(path=path, secret=SecretStr(text))


def read_secret(text: str) -> SecretStr:
    """Raises ValueError for what is too short to be a secret, in words that do not repeat it."""
    secret = text.strip()
    if not _FEWEST <= len(secret) <= _MOST:
        raise ValueError(f"a secret key has {_FEWEST} to {_MOST} characters; this one has {len(secret)}")
    return SecretStr(secret)


def read_key_file(path: Path) -> KeyFile:
    """Raises ValueError in plain words."""
    return KeyFile(path=path, secret=read_secret(_read(path)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None


def read_each(name: str, texts: Sequence[str]) -> tuple[list[SecretStr], list[str]]:
    """The secrets among the texts, and a sentence that begins with ``name`` for each that is none."""
    found, mistakes = [], []
    for text in texts:
        try:
            found.append(read_secret(text))
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    return found, mistakes


def development_key(var: Path) -> SecretStr:
    """The key of ``var``, made there at first, readable by its owner alone. Raises ValueError where neither can be done.

    It is written whole beside its place and then linked there: of several processes that start at once one wins, and all read the
    winner's.
    """
    path = var / DEVELOPMENT_FILE
    try:
        if not path.exists():
            _make(path)
    except OSError as error:
        raise ValueError(f"no development key can be made in {var}: {error.strerror}") from None
    return read_key_file(path).secret


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return  # another process was first
    finally:
        draft.unlink()
