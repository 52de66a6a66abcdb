"""How long a request waits for the database where somebody else has it locked."""

from django.db import connection

PATIENCE = 5.0
"""Seconds. A reader is told sooner that he should come again, and commands (20 s by the settings) wait longer: a request holds a thread."""


def limit_patience() -> None:
    """From here on what waits longer raises django.db.OperationalError: until this thread's connection closes, with its request."""
    milliseconds = round(PATIENCE * 1000)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
        elif connection.vendor == "postgresql":
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{milliseconds}"])
