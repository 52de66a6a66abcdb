"""What repositories that are servers have in common: where they are, who we are to them, and whether they answer."""

import os
import re
from collections.abc import Sequence

from getapi import conf
from getapi.core.errors import SourceUnavailable
from getapi.services.adapters.adapter import Remark
from getapi.sources.peer import Login, Peer

PASSWORD_VARIABLE, TOKEN_VARIABLE = "PACKAGING_PASSWORD_", "PACKAGING_TOKEN_"  # names, not secrets


def variable(prefix: str, name: str) -> str:
    """The environment's variable for a repository: its name in capitals, ``_`` for all but letters and digits."""
    return prefix + re.sub(r"[^A-Z0-9]", "_", name.upper())


def login_of(repository: conf.ServerTable) -> Login:
    """The environment comes before the files."""
    token = os.environ.get(variable(TOKEN_VARIABLE, repository.name), "")
    password = os.environ.get(variable(PASSWORD_VARIABLE, repository.name), "")
    if not token and repository.token_file is not None:
        token = repository.token_file.secret.get_secret_value()
    if not password and repository.password_file is not None:
        password = repository.password_file.secret.get_secret_value()
    return Login(user=repository.user or "", password=password, token=token)


def peer_of(repository: conf.ServerTable, *, alone: bool = False, more: Sequence[str] = ()) -> Peer:
    """``alone``: without the other hosts that it names; ``more`` are further ones."""
    return Peer.at(
        repository.url,
        repository=repository.name,
        login=login_of(repository),
        private=repository.allow_private,
        hosts=() if alone else (*repository.hosts, *more),
        connections=repository.connections,
        authorities=repository.ca_file,
        patience=repository.timeout,
    )


def at_once(repository: conf.ServerTable) -> int:
    return repository.at_once


def knock(repository: conf.ServerTable, peer: Peer, *path: str, query: dict[str, str] | None = None) -> tuple[Remark, int]:
    """Whether the server answers, and with what status; 0 for none. An answer alone is sound."""
    try:
        status = peer.fetch(peer.url(*path, query=query), limit=1 << 20).status
    except SourceUnavailable:
        hint = "" if repository.allow_private else "; one at a private address, or on this machine, needs allow_private = true"
        return remark(repository, "server", f"does not answer, or may not be asked{hint}", sound=False), 0
    if status in {401, 403} and (repository.user or login_of(repository).token):
        return remark(repository, "server", f"refuses the user and password, or the token (status {status})", sound=False), status
    return remark(repository, "server", "answers", sound=True), status


def remark(repository: conf.ServerTable, about: str, text: str, *, sound: bool) -> Remark:
    return Remark(about=about, place=repository.url, text=text, sound=sound)
