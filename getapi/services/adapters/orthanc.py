"""``type = "orthanc"``: an Orthanc server."""

from collections.abc import Iterator

from getapi import conf
from getapi.services.adapters.adapter import Adapter, Remark
from getapi.services.adapters.server import at_once, knock, peer_of, remark
from getapi.sources.orthanc import OrthancSource


def _build(repository: conf.OrthancRepository, configuration: conf.Configuration) -> OrthancSource:
    del configuration
    return OrthancSource(name=repository.name, peer=peer_of(repository), at_once=repository.at_once)


def _examine(repository: conf.OrthancRepository) -> Iterator[Remark]:
    peer = peer_of(repository)
    seen, status = knock(repository, peer, "system")
    yield seen
    if status == 200:
        yield remark(repository, "index", "can be read", sound=True)
    elif status:
        yield remark(repository, "index", f"cannot be read (status {status}): is this Orthanc, and does it know this service?", sound=False)


ADAPTER = Adapter(build=_build, examine=_examine, at_once=at_once)
