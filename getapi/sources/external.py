"""External datastreams (control group E) of hosts that the administrator allows, and of no others, whatever they redirect to."""

import time
from collections.abc import Callable, Sequence

from requests.adapters import HTTPAdapter

from getapi.core.source import DatastreamRecord
from getapi.sources.addresses import PinnedAdapter, resolve
from getapi.sources.http import HttpClient
from getapi.sources.remotecontent import RemoteContent
from getapi.sources.remotefile import Headers, RemoteFiles, identity_of, is_same_mark
from getapi.sources.unsizedcontent import UnsizedContent

OPENING = 60.0
"""Seconds for a datastream to be opened, all redirects together: a thread that plans waits for it. What is left of them when the last
server is asked is also how long that one may fall silent while it sends."""


class ExternalHosts:
    """Reads datastreams from ``hosts``: ``name`` for the usual ports, or ``name:port``. None by default."""

    def __init__(
        self,
        hosts: frozenset[str],
        *,
        repository: str,
        resolver: Callable[[str, int], Sequence[str]] = resolve,
        adapter: Callable[[str, str], HTTPAdapter] = PinnedAdapter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        client = HttpClient(hosts, repository=repository, resolver=resolver, adapter=adapter, clock=clock)
        self._files = RemoteFiles(client=client, patience=OPENING)

    def open(self, datastream: DatastreamRecord, start: int = 0) -> RemoteContent | UnsizedContent:
        """The datastream at its URL, whose identity is what its host said of its version when it was planned. Raises as
        ``RemoteFiles.open`` does."""

        def is_same(headers: Headers) -> bool:
            return is_same_mark(datastream.identity, identity_of(headers))

        return self._files.open(datastream, datastream.location, start, is_same=is_same)
