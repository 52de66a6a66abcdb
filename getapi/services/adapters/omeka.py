"""``type = "omeka"``: an Omeka S."""

import os
from collections.abc import Iterator

from getapi import conf
from getapi.core.errors import SourceUnavailable
from getapi.services.adapters.adapter import Adapter, Remark
from getapi.services.adapters.pictures import renditions_of
from getapi.services.adapters.server import at_once, peer_of, remark, variable
from getapi.sources.omeka import OmekaSource
from getapi.sources.omekaapi import ApiKey, OmekaApi

IDENTITY_VARIABLE, CREDENTIAL_VARIABLE = "PACKAGING_KEY_IDENTITY_", "PACKAGING_KEY_CREDENTIAL_"


def key_of(repository: conf.OmekaRepository) -> ApiKey | None:
    """The environment comes before the file. None unless there are both parts."""
    identity = os.environ.get(variable(IDENTITY_VARIABLE, repository.name), "") or repository.key_identity or ""
    credential = os.environ.get(variable(CREDENTIAL_VARIABLE, repository.name), "")
    if not credential and repository.key_credential_file is not None:
        credential = repository.key_credential_file.secret.get_secret_value()
    return ApiKey(identity=identity, credential=credential) if identity and credential else None


def _api(repository: conf.OmekaRepository) -> OmekaApi:
    """At the Omeka alone, whatever other hosts its files are at."""
    return OmekaApi(peer_of(repository, alone=True), repository=repository.name, key=key_of(repository), at_once=repository.at_once)


def _build(repository: conf.OmekaRepository, configuration: conf.Configuration) -> OmekaSource:
    del configuration
    api = _api(repository)
    return OmekaSource(
        name=repository.name,
        api=api,
        renditions=renditions_of(repository),
        namespaces=repository.namespaces,
        order=repository.order,
        # Whoever may ask a public repository is not who its key is for.
        shows_private=api.knows_us and not repository.public,
    )


def _examine(repository: conf.OmekaRepository) -> Iterator[Remark]:
    try:
        status = _api(repository).status()
    except SourceUnavailable:
        hint = "" if repository.allow_private else "; one at a private address, or on this machine, needs allow_private = true"
        yield remark(repository, "server", f"does not answer, or may not be asked{hint}", sound=False)
        return
    if status == 200:
        known = "with its key" if key_of(repository) else "without a key: what is private is not there"
        yield remark(repository, "API", f"answers, {known}", sound=True)
    elif key_of(repository):
        yield remark(repository, "API", f"refuses the key (status {status})", sound=False)
    else:
        yield remark(repository, "API", f"cannot be read (status {status}): is this the top of an Omeka S?", sound=False)


ADAPTER = Adapter(build=_build, examine=_examine, at_once=at_once)
