"""A package from the caller's words to its bytes: the use case behind PACKAGE and ``write_package``."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from getapi import conf
from getapi.core.errors import MalformedParameter
from getapi.core.layout import Layout, lay_out
from getapi.core.plan import Plan
from getapi.core.planner import plan_package
from getapi.core.request import PackageRequest, parse_request
from getapi.services import fixity, rules
from getapi.services.deliveries import Delivery, deliver
from getapi.services.repositories import registry
from getapi.services.statistics import Recipient
from getapi.transport.connection import raw_socket

MEDIA_TYPES = {"tar": "application/x-tar"}
"""The formats that are offered; ``core.serialization`` may know more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A planned package; ``id`` is 128 random bits in hex, new for each request."""

    id: str
    plan: Plan
    layout: Layout

    @property
    def file_name(self) -> str:
        return f"{self.plan.name}.{self.plan.format}"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.plan.format]


def read_request(*, files: str | None, maps: str | None, format: str = "tar", name: str | None = None) -> PackageRequest:  # noqa: A002 # the parameter's name
    """Raises MissingParameter, MalformedParameter, RequestTooLong, TooManyFiles (core.request)."""
    configuration = conf.current()
    return parse_request(
        files=files,
        maps=maps,
        format=format,
        name=name,
        formats=frozenset(MEDIA_TYPES),
        max_text=configuration.limits.request_text,
        max_entries=rules.most_entries(configuration),
    )


def prepare(request: PackageRequest) -> Package:
    """Plans a package on the repositories as they are now. Raises LimitExceeded and, where nothing can be decided, SourceUnavailable."""
    plan = plan_package(
        request,
        repositories=registry(),
        rules=rules.planning_rules(conf.current()),
        now=timezone.now(),
        ledger=fixity.current_ledger(),
    )
    return Package(id=secrets.token_hex(16), plan=plan, layout=lay_out(plan))


def check_delivery(delivery: str | None) -> None:
    """Links need packages that are kept; this version sends each package at once."""
    if delivery not in {None, "stream"}:
        raise MalformedParameter("delivery", "this version offers stream alone")


def send(package: Package, *, recipient: Recipient, meta: Mapping[str, Any]) -> Delivery:
    """The whole package's bytes as an iterator that a server drains; it closes the database before the first of them."""
    return deliver(
        package.layout,
        start=0,
        stop=package.layout.length,
        open_entry=registry().open,
        recipient=recipient,
        package=package.id,
        name=package.plan.name,
        sock=raw_socket(meta),
    )
