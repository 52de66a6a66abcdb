"""Connections to peers that are kept from one exchange to the next."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable

from requests.adapters import HTTPAdapter

MOST = 8
"""Addresses whose connections are kept; a peer that moves often, or redirects to many, must not pile them up."""


class Pool:
    """An adapter for each host and address; without ``keeps`` a new one each time, which ends with its exchange. Safe for threads."""

    def __init__(self, make: Callable[[str, str], HTTPAdapter], *, keeps: bool) -> None:
        self._make = make
        self._keeps = keeps
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._kept: OrderedDict[tuple[str, str], HTTPAdapter] = OrderedDict()

    def take(self, host: str, address: str) -> HTTPAdapter:
        if not self._keeps:
            return self._make(host, address)
        with self._lock:
            if self._process != os.getpid():  # two processes must not share a connection
                self._process, self._kept = os.getpid(), OrderedDict()
            adapter = self._kept.pop((host, address), None) or self._make(host, address)
            self._kept[host, address] = adapter
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)[1].close()  # what is in use is closed when it is given back
            return adapter

    def give_back(self, adapter: HTTPAdapter) -> None:
        if not self._keeps:
            adapter.close()
