"""What repositories of pictures have in common: from where they may be fetched."""

from urllib.parse import urlsplit

from getapi import conf
from getapi.services.adapters.server import peer_of
from getapi.sources.renditions import Renditions


def renditions_of(repository: conf.OmekaRepository | conf.IiifRepository) -> Renditions:
    """From the repository's own host, those that it names, and those to which its pictures' addresses are sent."""
    rules = repository.iiif.rewrite
    peer = peer_of(repository, more=[urlsplit(target).netloc for target in rules.values()])
    return Renditions(peer, rules=rules, at_once=repository.at_once)
