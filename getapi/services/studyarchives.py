"""What Orthanc's viewer asks for when somebody wants a study: the sample's archive, as a package (SPEC 8, ``[compat.orthanc]``)."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from getapi import conf
from getapi.core.errors import ObjectNotFound
from getapi.core.reference import parse_reference
from getapi.services import addresses, objects, packages, shelf, tokens
from getapi.services.statistics import Recipient

READY = "ready - download will start very soon"
"""The sample's words: its page waits for a status that begins with "ready"."""


def find(study: str, *, meta: Mapping[str, Any], token: str | None) -> str:
    """The id of a package of that study, for who may ask (SPEC 4.5): a new one where the study is not what it was, or anybody else asks.

    Nothing is prepared, so that nothing can be waited for: what is wrong with a study is told at once. Raises ObjectNotFound for what
    Orthanc does not have, and where no repository is configured for this; NetworkRefused, TokenRefused, SourceUnavailable, LimitExceeded,
    TooManyPackages.
    """
    configuration = conf.current()
    wanted = configuration.compat.orthanc
    repository = next((each for each in configuration.repositories if each.name == wanted.repository), None)
    if repository is None:
        raise ObjectNotFound(study)
    objects.admit({repository.name}, meta, token)
    facts = addresses.read(meta)
    grant = None if token is None else tokens.check(token, facts)
    pid = _pid(repository, study)
    package = packages.prepare(packages.read_request(files=pid, maps=None, format=wanted.format))
    if not package.plan.entries or any(entry.repository != repository.name for entry in package.plan.entries):
        raise ObjectNotFound(pid)  # another repository may have its own rules of who may ask
    client, key_id = (facts.address, None) if grant is None else (grant.client or facts.address, grant.key_id)
    known = shelf.find_alike(package.plan.etag, key_id=key_id, client=client, now=timezone.now())
    if known is not None:
        return known.pk
    recipient = Recipient(key_id=key_id, address=facts.address, user_agent=meta.get("HTTP_USER_AGENT", ""))
    return packages.keep(package, client=client, recipient=recipient).id


def _pid(repository: conf.RepositoryTable, study: str) -> str:
    """One object's: whatever else an address can hold, a ``;`` above all, names none."""
    reference = parse_reference(f"{next(iter(repository.namespaces), 'orthanc')}:{study}")
    if reference is None or reference.dsid is not None:
        raise ObjectNotFound(study)
    return reference.pid
