"""A process that takes and gives back slots as fast as it can, and tells a journal.

``python -m tests.web.slots.hammer JOURNAL SEED COUNT THREADS``: each thread does it COUNT times, for readers of its own.

A line of the journal is ``+ PID UID READER PACKAGE`` once a slot was given, ``- PID UID`` before it is given back, ``r PID`` for a
refusal, or ``u PID`` where the database did not answer in time. So whoever reads it never sees more slots taken than there were.
"""

import os
import sys
import threading
import time
from dataclasses import dataclass
from random import Random

READERS = 3
"""Of each thread."""

PACKAGES = tuple(f"{number:032x}" for number in range(5))
LONGEST = 0.03
"""Seconds for which a slot is held."""


@dataclass(frozen=True, slots=True)
class Journal:
    file: int

    @classmethod
    def at(cls, path: str) -> "Journal":
        return cls(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT))

    def tell(self, *words: object) -> None:
        """One write at the end of the file: the lines of all processes stand in the order in which they were written."""
        os.write(self.file, (" ".join(map(str, words)) + "\n").encode())


def main(path: str, seed: str, count: int, threads: int) -> None:
    import django

    django.setup()
    from getapi.services import admission
    from getapi.services.rounds import rounds

    admission.MOST_GRACED = 0  # nobody waits: who is refused tries again at once
    journal = Journal.at(path)
    workers = [threading.Thread(target=_work, args=(journal, number, seed, count)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert rounds.flush(20)


def _work(journal: Journal, number: int, seed: str, count: int) -> None:
    """All processes' threads of the same number are the same readers."""
    from getapi.services.rounds import close_databases

    chance, parent = Random(f"{seed} {number}"), os.getppid()
    for _ in range(count):
        if os.getppid() != parent:  # nobody judges any more
            break
        _take_one(journal, chance, f"192.0.2.{READERS * number + chance.randrange(READERS)}")
        if chance.random() < 0.05:
            close_databases()
    close_databases()


def _take_one(journal: Journal, chance: Random, reader: str) -> None:
    from django.utils import timezone

    from getapi.core.errors import DatabaseUnavailable, TooManyDeliveries
    from getapi.models import Delivery
    from getapi.services.admission import admission, reader_of
    from getapi.services.record import Record
    from getapi.services.recorder import recorder
    from getapi.transport.transfer import Transfer

    package = chance.choice(PACKAGES)
    facts = {
        "package": package,
        "item": None,
        "etag": "",
        "name": "bag",
        "key_id": None,
        "started": timezone.now(),
        "first": 0,
        "stop": 1000,
        "reader": reader_of(reader),
        "address": "",
        "user_agent": "",
    }
    record = Record(facts, layout=None, transfer=Transfer(None, total=1000))
    try:
        admission.take(record)
    except (TooManyDeliveries, DatabaseUnavailable) as error:
        if record.is_held:
            recorder.withdraw(record)
        journal.tell("r" if isinstance(error, TooManyDeliveries) else "u", os.getpid())
        time.sleep(chance.random() * LONGEST)
        return
    journal.tell("+", os.getpid(), record.uid, reader, package)
    if chance.random() < 0.1:  # it failed before its first octet
        journal.tell("-", os.getpid(), record.uid)
        recorder.withdraw(record)
        return
    recorder.begin(record)
    time.sleep(chance.random() * LONGEST)
    journal.tell("-", os.getpid(), record.uid)
    record.end(ended=timezone.now(), outcome=Delivery.Outcome.CLIENT_GONE, reason="")
    recorder.end(record)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
