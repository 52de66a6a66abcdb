"""The same package in another format: of the same plan, under the same access decision, without a token.

A package's id is all that its page and bytes ask for (SPEC 1). Who has it may as well have the same files in the other archive: nothing
is planned anew, so no datastream can come in that the token's holder did not ask for; access is decided again as for the bytes. A package
and its counterpart have one moment of making, so that going to and fro prolongs nothing, and there is one for each format at most: it
counts for the same key (``limits.packages``), and who has cancelled it gets no second one.
"""

from dataclasses import replace

from django.db import transaction

from getapi import models
from getapi.core.errors import MalformedParameter
from getapi.core.layout import lay_out
from getapi.core.plan import Plan
from getapi.services import packages, shelf
from getapi.services.sharing import Shared
from getapi.services.statistics import Recipient, kept_address, kept_user_agent


def find_or_make(package_id: str, format: str, *, recipient: Recipient) -> str:  # noqa: A002 # the parameter's name in the contract
    """The id of the package in that format, itself where it has it already.

    Raises MalformedParameter, PackageNotFound, PackageGone, SourceUnavailable, TooManyPackages.
    """
    word = format.strip().lower()
    if word not in packages.MEDIA_TYPES:
        raise MalformedParameter("format", f"it must be one of {', '.join(sorted(packages.MEDIA_TYPES))}")
    origin = shelf.find(package_id)
    package = packages.reopen(origin)
    if word == package.plan.format:
        return package_id
    # A CRC-32 is asked for again when its bytes are: a TAR's plan holds none.
    plan = replace(package.plan, format=word)
    row = _row(origin, plan, recipient)
    twin = _twin(row)
    if twin is not None:
        return twin
    with Shared(origin.pk) as shared, transaction.atomic():
        # Whoever asks at the same time waits, and finds what is made here.
        models.Package.objects.select_for_update().only("pk").get(pk=origin.pk)
        twin = _twin(row)
        if twin is None:
            shelf.put(row, plan)
            shared.adopt(row.pk)
    return twin or str(row.pk)


def _twin(row: models.Package) -> str | None:
    """The id of one that is there already."""
    found = models.Package.objects.filter(key=row.key_id, created=row.created, etag=row.etag).only("pk").first()
    return None if found is None else str(found.pk)


def _row(origin: models.Package, plan: Plan, recipient: Recipient) -> models.Package:
    return models.Package(
        id=packages.new_id(),
        key_id=origin.key_id,
        client=origin.client,
        address=kept_address(recipient.address),
        user_agent=kept_user_agent(recipient.user_agent),
        created=origin.created,
        last_sent=origin.last_sent,
        prepared=origin.prepared,
        format=plan.format,
        name=plan.name,
        size=lay_out(plan).length,
        files=len(plan.entries),
        etag=plan.etag,
    )
