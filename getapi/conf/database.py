"""Where the service keeps its rows, from one URL: ``sqlite:///path`` or ``postgresql://user:password@host:port/name``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

MEMORY = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """``name`` is SQLite's file (absolute, or ``:memory:``) or PostgreSQL's database; ``options`` are libpq's, from the URL's query."""

    kind: Literal["sqlite", "postgresql"]
    name: str
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    host: str = ""
    port: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def read_database(url: str, folder: Path) -> Database:
    """``sqlite:///rows.sqlite3`` is relative to ``folder``, ``sqlite:////srv/rows.sqlite3`` absolute.

    Raises ValueError in plain words that never repeat the URL: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL that can be read") from None
    if parts.scheme == "sqlite":
        return _sqlite(parts, folder)
    if parts.scheme in {"postgresql", "postgres"}:
        return _postgresql(parts, port)
    raise ValueError("must be sqlite:///path or postgresql://user@host/name")


def _sqlite(parts: SplitResult, folder: Path) -> Database:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or "\0" in path:
        raise ValueError("names no file: write sqlite:///path, or sqlite:////path for an absolute one")
    return Database(kind="sqlite", name=path if path == MEMORY else str(folder / path))


def _postgresql(parts: SplitResult, port: int | None) -> Database:
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name or "\0" in name:
        raise ValueError("names no database: write postgresql://user@host/name")
    return Database(
        kind="postgresql",
        name=name,
        user=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "")),
        host=unquote(parts.hostname or ""),
        port=port,
        options=dict(parse_qsl(parts.query)),
    )
