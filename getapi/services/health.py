"""Whether what a request needs is there now."""

import os
from pathlib import Path

from django import db

from getapi import conf
from getapi.models import Key
from getapi.services.denylist import DenyListUnusable, denied
from getapi.services.repositories import stores


def examine() -> dict[str, bool]:
    """``database``, each repository as ``repositories.NAME``, and ``deny_list`` where one is configured; False: it cannot be read."""
    state = {"database": _database_answers()}
    deny_list = conf.current().access.deny_list
    if deny_list is not None:
        state["deny_list"] = _can_be_read(deny_list)
    state |= {
        f"repositories.{store.name}": all(os.access(folder, os.R_OK | os.X_OK) for folder in (store.objects, store.datastreams))
        for store in stores()
    }
    return state


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
    except db.Error:
        return False
    return True
