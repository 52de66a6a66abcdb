"""Whether what a request needs is there now."""

import os

from django.db import DatabaseError, connection

from getapi.services.repositories import stores


def examine() -> dict[str, bool]:
    """``database`` and each repository as ``repositories.NAME``; False where it cannot be read."""
    state = {"database": _database_answers()}
    state |= {
        f"repositories.{store.name}": all(os.access(folder, os.R_OK | os.X_OK) for folder in (store.objects, store.datastreams))
        for store in stores()
    }
    return state


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True
