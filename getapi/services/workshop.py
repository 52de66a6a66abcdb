"""A worker: threads that do what waits in the queue, and one that looks after it all (``manage.py worker``)."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.crypto import get_random_string

from getapi import conf
from getapi.services import jobs, pulse, webhooks
from getapi.services.broom import Broom
from getapi.services.rounds import close_databases
from getapi.services.tasks import QUEUE

logger = logging.getLogger("getapi.worker")

INTERVAL = 1.0
"""Seconds between two looks into an empty queue, and for dead holders."""

SWEEP = 60.0
"""Seconds between two looks for files that are nobody's."""

SWEEPING = 10.0
"""Seconds that who works once waits for the sweep's end."""

KEPT = timedelta(days=2)
"""How long the queue's own rows are kept: those of killed workers say for ever that they run."""

LISTENING = 0.2
"""Seconds between two looks whether it was told to stop."""

STOPPING = 4.0
"""Seconds that what runs has to give back its jobs; what is left then another worker takes up by itself."""


class Workshop:
    """``threads`` preparations at once."""

    def __init__(self, threads: int) -> None:
        self._stop = threading.Event()
        self._is_told = False
        self._benches = [_bench() for _ in range(threads)]

    def run(self) -> None:
        """Until ``stop``."""
        threads = [threading.Thread(target=self._repeat, args=(bench.look,), name="bench", daemon=True) for bench in self._benches]
        threads.append(threading.Thread(target=self._repeat, args=(Custodian().look,), name="custodian", daemon=True))
        for thread in threads:
            thread.start()
        while not (self._is_told or self._stop.wait(LISTENING)):
            pass
        pulse.stopping.set()
        self._stop.set()
        end = time.monotonic() + STOPPING
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0.0))

    def wait(self, seconds: float) -> bool:
        """Whether it was told to stop by then."""
        return self._stop.wait(seconds)

    def stop(self) -> None:
        """For a signal's handler too, which may take no lock: ``run`` sees it soon."""
        self._is_told = True

    def _repeat(self, look: Callable[[], bool]) -> None:
        """A database or a queue that is away is asked again; one line says when it went, and one when it is back."""
        away = False
        while not self._stop.is_set():
            try:
                more = look()
                if away:
                    logger.warning("the worker goes on")
                away = False
            except Exception:  # the edge of a thread
                if not away:
                    logger.exception("the worker cannot look for work")
                away, more = True, False
                close_databases()
            if not more:
                close_databases()
                self._stop.wait(INTERVAL)


def run_once() -> None:
    """Does all that waits now, and ends: for a queue that is looked after by cron."""
    custodian, bench = Custodian(), _bench()
    custodian.look(wait=True)
    while bench.look():
        pass
    webhooks.send_due(wait=True)


class Custodian:
    """Looks for what dead workers left, and tells webhooks. It asks no disk: one that hangs must not keep others' jobs from going on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._broom = Broom()
        self._next_sweep = 0.0

    def look(self, *, wait: bool = False) -> bool:
        """``wait``: until what is told now has come to its end."""
        jobs.revive()
        webhooks.send_due(wait=wait)
        if self._clock() >= self._next_sweep:
            self._next_sweep = self._clock() + SWEEP
            self._broom.sweep(SWEEPING if wait else 0.0)
            webhooks.purge()
            _prune()
        return False


def _prune() -> None:
    """The queue's rows are hints that were taken; those of our own jobs say what came of them."""
    if conf.current().jobs.backend != "database":
        return  # RQ lets its own go
    from django_tasks_db.models import DBTaskResult

    old = DBTaskResult.objects.filter(enqueued_at__lt=timezone.now() - KEPT)
    old.exclude(status="READY").delete()


class _DatabaseBench:
    """Takes one task after the other from django-tasks-db's table, as its own ``db_worker`` does."""

    def __init__(self) -> None:
        from django_tasks_db.management.commands.db_worker import Worker
        from django_tasks_db.models import DBTaskResult

        self._results = DBTaskResult.objects
        self._worker = Worker(
            queue_names=[QUEUE], interval=0, batch=True, backend_name="default", startup_delay=False, max_tasks=1,
            worker_id=get_random_string(32), excluded_queue_names=[],
        )  # fmt: skip

    def look(self) -> bool:
        """Whether there was one. It is looked for without the lock that taking one needs: nearly always there is none."""
        found = self._results.ready().filter(queue_name=QUEUE, backend_name="default").exists()
        if found:
            self._worker.run()
        return found


class _RedisBench:
    """The same from Redis, by RQ in this very thread: no fork, no signals, no time limit of its own."""

    def __init__(self) -> None:
        import django_rq
        from django_tasks_rq.backend import Job
        from rq.timeouts import TimerDeathPenalty
        from rq.worker import SimpleWorker

        class Worker(SimpleWorker):
            death_penalty_class = TimerDeathPenalty

            def _install_signal_handlers(self) -> None:
                """The process has its own."""

        self._queue = django_rq.get_queue(QUEUE, job_class=Job)
        self._make: Callable[[], Any] = lambda: Worker([self._queue], connection=self._queue.connection, job_class=Job)

    def look(self) -> bool:
        """Whether there was one."""
        return bool(self._queue.count and self._make().work(burst=True, max_jobs=1, logging_level="WARNING"))


def _bench() -> _DatabaseBench | _RedisBench:
    return _RedisBench() if conf.current().jobs.backend == "redis" else _DatabaseBench()
