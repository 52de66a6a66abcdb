"""One response as it is put on record: what of it is known at its start, and what comes to it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from getapi import requestid
from getapi.core.layout import Layout
from getapi.models import Delivery
from getapi.services import meters, process
from getapi.services.pace import Pace
from getapi.services.statistics import LOGGED_ID
from getapi.transport.transfer import Transfer


class Record:
    """One response. ``facts`` are the columns of its row that do not change; ``layout`` that of its package, or None."""

    def __init__(self, facts: Mapping[str, Any], *, layout: Layout | None, transfer: Transfer) -> None:
        self.uid = uuid.uuid4()
        self.facts = facts
        self.layout = layout
        self.transfer = transfer
        self.is_held = False
        self.has_begun = False
        self.request_id = requestid.current()
        self._told = 0
        self._pace = Pace(transfer.progress, transfer.started)
        self._end: Mapping[str, Any] = {}

    @property
    def package(self) -> str:
        """Its id; empty for a single datastream."""
        return str(self.facts["package"])

    @property
    def first(self) -> int:
        return int(self.facts["first"])

    def end(self, *, ended: datetime, outcome: str, reason: str) -> None:
        """From now on it holds no slot."""
        self._end = {"ended": ended, "outcome": outcome, "reason": reason, "rate": None}

    def observe(self, now: float) -> None:
        """``now`` by the transfer's clock: how fast it goes."""
        self._pace.observe(self.transfer.progress, now)

    def meter(self, sent: int) -> None:
        """Tells the operator's metrics what came to it since the last time."""
        if sent > self._told:
            meters.count("delivered_bytes", amount=sent - self._told)
            self._told = sent

    def row(self, *, started: bool = False) -> Delivery:
        """As it is now. Acknowledged comes first: of a response that runs the kernel never took less than that.

        ``started``: as it is at its start, with its sign of life.
        """
        sent, rate = self.transfer.acknowledged, self._pace.rate
        life = {"renewed": Now()} if started else {}
        now = {"rate": None if rate is None else round(rate), "sent": sent, "handed": self.transfer.handed, "process": process.identity()}
        return Delivery(**{**self.facts, **now, **life, **self._end}, uid=self.uid)


def facts(row: Delivery) -> dict[str, object]:
    """The row as a log line's fields; of the package's id only the beginning, because the whole opens it (SPEC 1)."""
    seconds = None if row.ended is None else round((row.ended - row.started).total_seconds(), 3)
    return {
        "package": row.package[:LOGGED_ID],
        "download": row.name,
        "key_id": row.key_id,
        "started": row.started.isoformat(),
        "seconds": seconds,
        "first": row.first,
        "stop": row.stop,
        "sent": row.sent,
        "outcome": str(row.outcome),
        "reason": row.reason,
    }
