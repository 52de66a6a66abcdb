"""A kept package as its page, JSON and XML tell it (SPEC 1)."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from getapi.core import bag
from getapi.core.errors import PackageCanceled, PackageExpired, PackageFailed, PackageGone, PackagePreparing
from getapi.core.plan import Plan
from getapi.core.request import PackageRequest
from getapi.models import Package
from getapi.services import coverage, jobs, packages, shelf
from getapi.services.stage import key_of
from getapi.services.stock import Survey

T = TypeVar("T")

PREPARING = "preparing"
ENDS: dict[type[PackageGone], str] = {PackageCanceled: "canceled", PackageExpired: "expired", PackageFailed: "failed"}
CHANGED = "changed"
"""The state of whatever cannot be had any more for another reason than those of ENDS."""


def summarize(package_id: str, *, content: str) -> dict[str, object]:
    """``package{...,checksum,tagmanifest_sha256,datastreams,notices}``: all that ``outline`` tells, and what is in it.

    ``content`` is the bytes' own address. Of a package that cannot be had any more no datastream is told: what is closed since may be
    among them. Raises PackageNotFound, SourceUnavailable, TooManyPlans.
    """
    row = shelf.find(package_id)
    told, package = _outline(row, content, packages.reopen)
    plan = None if package is None else package.plan
    return told | {
        "checksum": None if plan is None else plan.algorithm,
        "tagmanifest_sha256": None if plan is None else _tagmanifest_digest(plan),
        "datastreams": [] if plan is None else _datastreams(plan),
        "notices": [] if plan is None else _notices(plan),
    }


def outline(package_id: str, *, content: str) -> dict[str, object]:
    """``package{id,state,format,name,size,files,sent,rate,progress,problem{code,text},created,expires,content}``, for who asks again and
    again: it costs the same however much is in the package, and tells by ``packages.GLANCE`` later what its repository says of it.

    Raises what ``summarize`` does.
    """
    row = shelf.find(package_id)
    return _outline(row, content, packages.glance)[0]


def _outline(row: Package, content: str, look: Callable[[Package], T]) -> tuple[dict[str, object], T | None]:
    """What is told, and what ``look`` found; that raises what ``packages.reopen`` does where the package cannot be had now."""
    progress, prepared, found = coverage.progress(row.pk, row.size), None, None
    try:
        found = look(row)
        state = progress.state
    except PackagePreparing as preparing:
        state, prepared = PREPARING, preparing.facts["progress"]
    except PackageGone as gone:
        state = ENDS.get(type(gone), CHANGED)
    told = {
        "id": row.pk,
        "state": state,
        "format": row.format,
        "name": row.name,
        "size": row.size,
        "files": row.files,
        "sent": progress.sent,
        "rate": progress.rate,
        "progress": prepared,
        "problem": jobs.problem(row) if state == ENDS[PackageFailed] else None,
        "created": _instant(row.created),
        "expires": _instant(_end(row)),
        "content": content,
    }
    return told, found


def estimate(request: PackageRequest) -> dict[str, object]:
    """What a package would be: ``package{format,name,size,files,datastreams[...],notices[...]}``.

    Where a datastream's size is not known before it is read, that one and the package's are None. Raises what ``packages.prepare`` does.
    """
    survey = Survey()
    package = packages.prepare(request, survey)
    plan = package.plan
    return {
        "format": plan.format,
        "name": plan.name,
        "size": None if survey.unsized else package.layout.length,
        "files": len(plan.entries),
        "datastreams": [
            told | ({"size": None} if key_of(entry) in survey.unsized else {})
            for told, entry in zip(_datastreams(plan), plan.entries, strict=True)
        ],
        "notices": _notices(plan),
    }


def _end(row: Package) -> datetime:
    return shelf.expires(row) if row.canceled is None else row.canceled


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _tagmanifest_digest(plan: Plan) -> str | None:
    """SHA-256 of the tag manifest, which covers every other file of the bag; None until all digests are known."""
    unknown = any(bag.known_digest(entry, plan, {}) is None for entry in plan.entries)
    return None if unknown else hashlib.sha256(bag.tagmanifest(plan, {})).hexdigest()


def _datastreams(plan: Plan) -> list[dict[str, object]]:
    return [{"pid": entry.datastream.pid, "dsid": entry.datastream.dsid, "path": entry.path, "size": entry.size} for entry in plan.entries]


def _notices(plan: Plan) -> list[dict[str, object]]:
    return [{"pid": notice.pid, "dsid": notice.dsid, "code": str(notice.code), "text": notice.text} for notice in plan.notices]
