"""``type = "iiif"``: IIIF presentation manifests."""

from collections.abc import Iterator

from getapi import conf
from getapi.core.errors import SourceUnavailable
from getapi.core.iiif.address import ManifestAddress
from getapi.services.adapters.adapter import Adapter, Remark
from getapi.services.adapters.pictures import renditions_of
from getapi.services.adapters.server import at_once, peer_of, remark
from getapi.sources.iiif import IiifSource


def _build(repository: conf.IiifRepository, configuration: conf.Configuration) -> IiifSource:
    del configuration
    return IiifSource(
        name=repository.name,
        address=ManifestAddress.read(repository.url),
        peer=peer_of(repository),
        renditions=renditions_of(repository),
        namespaces=repository.namespaces,
    )


def _examine(repository: conf.IiifRepository) -> Iterator[Remark]:
    """Which manifests there are nobody can say: that the server answers is all."""
    before = ManifestAddress.read(repository.url).before
    try:
        peer_of(repository).head(before)
    except SourceUnavailable:
        hint = "" if repository.allow_private else "; one at a private address, or on this machine, needs allow_private = true"
        yield remark(repository, "server", f"does not answer, or may not be asked{hint}", sound=False)
    else:
        yield remark(repository, "server", "answers", sound=True)


ADAPTER = Adapter(build=_build, examine=_examine, at_once=at_once)
