"""The whole configuration: one TOML file and a few environment variables, parsed once into one frozen value."""

import secrets
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator

from getapi.conf import secret, tables
from getapi.conf.database import MEMORY, Database
from getapi.conf.kinds import DatabaseUrl, Hosts, KeyFile, KeyFiles, Networks, ZoneName
from getapi.conf.mistakes import ConfigurationError, explain
from getapi.conf.repositories import Repository
from getapi.core.rights.rules import EmbargoRule

VARIABLE = "PACKAGING_CONFIG"
DATABASE_VARIABLE = "PACKAGING_DATABASE"
VAR = tables.ROOT / "var"
DEFAULT_DATABASE = VAR / "packaging.sqlite3"


def _several(written: Iterable[str]) -> str:
    """Which names several repositories have, "" for none."""
    names = [name.casefold() for name in written]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"several are named {', '.join(twice)}" if twice else ""


def _named_once(repositories: tuple[Repository, ...]) -> tuple[Repository, ...]:
    if told := _several(repository.name for repository in repositories):
        raise ValueError(told)
    return repositories


def _stranded(kind: str) -> str:
    return f"compat.{kind}.repository: is no repository of the type {kind}"


class Document(tables.ConfigurationTable):
    """What the file may say. Each key has a default; a path that is written is relative to the file's folder."""

    allowed_hosts: Hosts = ("localhost", "127.0.0.1", "[::1]")
    trusted_proxies: Networks = ()
    time_zone: ZoneName = "UTC"
    database: DatabaseUrl = Database(kind="sqlite", name=str(DEFAULT_DATABASE))
    secret_key_file: KeyFile | None = None
    secret_key_fallbacks: KeyFiles = ()
    repositories: Annotated[tuple[Repository, ...], Field(strict=False), AfterValidator(_named_once)] = ()
    tokens: tables.Tokens = tables.Tokens()
    packages: tables.Packages = tables.Packages()
    limits: tables.Limits = tables.Limits()
    timeouts: tables.Timeouts = tables.Timeouts()
    access: tables.Access = tables.Access()
    embargo: tables.Embargo = tables.Embargo()
    external: tables.External = tables.External()
    structmap: tables.Structmap = tables.Structmap()
    fixity: tables.Fixity = tables.Fixity()
    statistics: tables.Statistics = tables.Statistics()
    stage: tables.Stage = tables.Stage()
    jobs: tables.Jobs = tables.Jobs()
    cors: tables.Cors = tables.Cors()
    metrics: tables.Metrics = tables.Metrics()
    compat: tables.Compat = tables.Compat()

    @model_validator(mode="after")
    def _stands_in(self) -> Self:
        """What another service's addresses are for must be there."""
        kinds = {repository.name: repository.type for repository in self.repositories}
        for kind, wanted in (("orthanc", self.compat.orthanc.repository), ("omeka", self.compat.omeka.repository)):
            if wanted is not None and kinds.get(wanted) != kind:
                raise ValueError(_stranded(kind))
        return self


class Configuration(Document):
    """The file's values and the secrets.

    ``secret_keys`` sign and verify, oldest first; the last one signs. ``path`` is the file, None where there is none.
    """

    secret_keys: tuple[SecretStr, ...]
    secret_key_is_development: bool
    path: Path | None

    @property
    def secret_key(self) -> str:
        return self.secret_keys[-1].get_secret_value()

    @property
    def zone(self) -> tzinfo:
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)

    @property
    def embargo_rules(self) -> tuple[EmbargoRule, ...]:
        return tuple(table.rule() for table in self.embargo.rules)


def load(path: Path | None, environ: Mapping[str, str], *, var: Path = VAR) -> Configuration:
    """The configuration of one file, or of none.

    The file is ``path``, else what PACKAGING_CONFIG names, else ``packaging.toml`` at the project's top if it is there. Without a secret
    key a development key is made in ``var``. Raises ConfigurationError with all mistakes together.
    """
    chosen = path or _chosen(environ)
    folder = chosen.parent.absolute() if chosen else tables.ROOT
    data = _read(chosen) if chosen else {}
    if environ.get(DATABASE_VARIABLE):
        data = {**data, "database": environ[DATABASE_VARIABLE]}
    document, mistakes = _parse(data, folder)
    current, unusable = secret.read_each(secret.VARIABLE, [environ[secret.VARIABLE]] if environ.get(secret.VARIABLE) else [])
    former, also_unusable = secret.read_each(secret.FALLBACKS_VARIABLE, environ.get(secret.FALLBACKS_VARIABLE, "").split())
    mistakes += [*unusable, *also_unusable]
    if document is None or mistakes:
        raise ConfigurationError(mistakes)
    former = [*(file.secret for file in document.secret_key_fallbacks), *former]
    if document.secret_key_file and not current:
        current = [document.secret_key_file.secret]
    return _complete(document, chosen, former, current or [_development_key(var)], is_development=not current)


def unconfigured() -> Configuration:
    """What Django starts on while there are mistakes, so that ``check`` can tell them.

    No file, a database in memory, a secret for this process alone; no service uses it.
    """
    document = Document.model_validate({"database": f"sqlite:///{MEMORY}"})
    return _complete(document, None, [], [SecretStr(secrets.token_urlsafe(48))], is_development=True)


def _chosen(environ: Mapping[str, str]) -> Path | None:
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE])
    path = tables.ROOT / "packaging.toml"
    return path if path.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark in front
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: is not TOML: it is not UTF-8 (byte {error.start + 1}); save it as UTF-8"]) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        # It names the place and repeats no value.
        raise ConfigurationError([f"{path}: is not TOML: {error}"]) from None


def _parse(data: Mapping[str, Any], folder: Path) -> tuple[Document | None, list[str]]:
    try:
        return Document.model_validate(data, context={"folder": folder}), []
    except ValidationError as error:
        return None, list(dict.fromkeys([*explain(error, Document), *_between(data)]))


def _between(data: Mapping[str, Any]) -> list[str]:
    """What is wrong between tables, looked for in what was written: pydantic tells it only once nothing within them is wrong."""
    written = data.get("repositories")
    entries = [table for table in written if isinstance(table, dict)] if isinstance(written, list) else []
    several = _several(table["name"] for table in entries if isinstance(table.get("name"), str))
    kinds = {str(table.get("name")): table.get("type") for table in entries}
    compat = data.get("compat")
    wanted = {kind: compat.get(kind) for kind in ("orthanc", "omeka")} if isinstance(compat, dict) else {}
    names = {kind: table["repository"] for kind, table in wanted.items() if isinstance(table, dict) and "repository" in table}
    stranded = [_stranded(kind) for kind, name in names.items() if kinds.get(str(name)) != kind]
    return [*([f"repositories: {several}"] if several else []), *stranded]


def _development_key(var: Path) -> SecretStr:
    try:
        return secret.development_key(var)
    except ValueError as error:
        raise ConfigurationError([f"neither {secret.VARIABLE} nor secret_key_file is set, and {error}"]) from None


def _complete(
    document: Document, path: Path | None, former: list[SecretStr], current: list[SecretStr], *, is_development: bool
) -> Configuration:
    values = {name: getattr(document, name) for name in Document.model_fields}
    return Configuration.model_construct(**values, secret_keys=(*former, *current), secret_key_is_development=is_development, path=path)
