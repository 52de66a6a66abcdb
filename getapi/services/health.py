"""Whether what a request needs is there now."""

import os
from functools import partial
from pathlib import Path

from django import db
from django.db import connection

from getapi import conf
from getapi.models import Key
from getapi.services import probe
from getapi.services.denylist import DenyListUnusable, denied
from getapi.services.repositories import stores

MEMORY = ":memory:"

LEAST_FREE = 32 << 20
"""Octets of room for the database's file and its log."""


def examine() -> dict[str, bool]:
    """``database``, ``disk`` where its file lies on this machine, each repository as ``repositories.NAME``, and ``deny_list`` where one is
    configured; False: it cannot be used, or says nothing within two seconds."""
    state = {"database": _database_answers()}
    if (file := database_file()) is not None:
        state["disk"] = probe.says_yes(file, partial(has_room, file))
    deny_list = conf.current().access.deny_list
    if deny_list is not None:
        state["deny_list"] = _can_be_read(deny_list)
    state |= {
        f"repositories.{store.name}": all(
            probe.says_yes((kind, folder), partial(_is_open, kind, folder)) for kind, folder in store.roots.items()
        )
        for store in stores()
    }
    return state


def database_file() -> Path | None:
    """None for a database server, and for one in memory."""
    name = str(connection.settings_dict["NAME"])
    return Path(name) if connection.vendor == "sqlite" and name != MEMORY and not name.startswith("file:") else None


def has_room(file: Path) -> bool:
    """Whether a database can write to its file and beside it. Raises OSError."""
    free = os.statvfs(file.parent)
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK | os.X_OK) and free.f_bavail * free.f_frsize >= LEAST_FREE


def _is_open(kind: str, folder: Path) -> bool:
    """Whether the disk itself answers: permissions are known from memory after it is gone. A folder without any objects is where it was
    mounted. Raises OSError."""
    with os.scandir(folder) as found:
        is_empty = next(found, None) is None
    return os.access(folder, os.R_OK | os.X_OK) and not (is_empty and kind == "objects")


def _can_be_read(deny_list: Path) -> bool:
    try:
        denied(deny_list)
    except DenyListUnusable:
        return False
    return True


def _database_answers() -> bool:
    """A table of ours is asked: a database file that was removed is made anew, empty, by whoever connects to it."""
    try:
        Key.objects.exists()
    except db.Error:  # also InterfaceError, which is no DatabaseError
        return False
    return True
