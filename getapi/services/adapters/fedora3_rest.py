"""``type = "fedora3_rest"``: a Fedora 3 repository, asked over REST."""

from collections.abc import Iterator

from getapi import conf
from getapi.services.adapters.adapter import Adapter, Remark
from getapi.services.adapters.server import at_once, knock, peer_of, remark
from getapi.sources.fedora3rest import Fedora3RestSource

SYSTEM = "fedora-system:FedoraObject-3.0"
"""An object that every Fedora 3 has."""


def _build(repository: conf.Fedora3RestRepository, configuration: conf.Configuration) -> Fedora3RestSource:
    return Fedora3RestSource(
        name=repository.name,
        peer=peer_of(repository),
        trust_api_a=repository.trust_api_a,
        rules=configuration.embargo_rules,
        external_hosts=frozenset(configuration.external.allowed_hosts),
    )


def _examine(repository: conf.Fedora3RestRepository) -> Iterator[Remark]:
    """Whether API-M answers decides whether anything may leave."""
    peer = peer_of(repository)
    seen, status = knock(repository, peer, "objects", SYSTEM, "objectXML")
    yield seen
    if status in {200, 404}:
        yield remark(repository, "API-M", "answers: states and control groups are known", sound=True)
    elif status and repository.trust_api_a:
        yield remark(repository, "API-M", f"refuses (status {status}); what API-A shows may leave, as trust_api_a says", sound=True)
    elif status:
        text = (
            f"refuses (status {status}): nothing may leave. It needs a user with the role administrator, asking from where Fedora allows it"
        )
        yield remark(repository, "API-M", text, sound=False)


ADAPTER = Adapter(build=_build, examine=_examine, at_once=at_once)
