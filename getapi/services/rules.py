"""What the administrator configured, in the terms in which core decides."""

from collections.abc import Mapping
from dataclasses import dataclass

import getapi
from getapi import conf
from getapi.core.access import AccessRules
from getapi.core.limits import Allowance, Limits
from getapi.core.planner import PlanningRules, Sender
from getapi.services.denylist import denied

UNNAMED = "Unnamed repository"
"""Stands for ``packages.source_organization`` where it is empty: without one a bag satisfies no profile (BTR 1.0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """Rules, and what they were made of."""

    configuration: conf.Configuration
    denied: frozenset[str]
    rules: AccessRules


_made: list[_Made] = []
"""At most one. Core remembers what it decided by a rule for as long as the rule is the same object."""


def access_rules(configuration: conf.Configuration) -> AccessRules:
    """The same object for as long as neither the configuration nor the deny list's file changes.

    Raises SourceUnavailable while the configured deny list cannot be read: fail closed.
    """
    closed = denied(configuration.access.deny_list)
    known = next(iter(_made), None)
    if known is None or known.configuration is not configuration or known.denied is not closed:
        known = _Made(configuration=configuration, denied=closed, rules=_make(configuration, closed))
        _made[:] = [known]
    return known.rules


def _make(configuration: conf.Configuration, closed: frozenset[str]) -> AccessRules:
    return AccessRules(
        public=configuration.access.public,
        reserved=configuration.access.reserved,
        denied=closed,
        external_hosts=frozenset(configuration.external.allowed_hosts),
        zone=configuration.zone,
    )


def planning_rules(configuration: conf.Configuration) -> PlanningRules:
    packages = configuration.packages
    return PlanningRules(
        access=access_rules(configuration),
        limits=_limits(configuration),
        structmaps=configuration.structmap.datastreams,
        algorithm=packages.checksum,
        sender=Sender(
            source_organization=packages.source_organization or UNNAMED,
            software_agent=f"packaging-service {getapi.__version__}",
            contact_name=packages.contact_name,
            contact_phone=packages.contact_phone,
            contact_email=packages.contact_email,
            profile=packages.profile or "",
        ),
    )


def most_entries(configuration: conf.Configuration) -> int:
    """How many entries a request may name: no repository could give files for more (SPEC 6)."""
    return max([configuration.limits.files, *(allowance.files for allowance in _allowances(configuration).values())])


def _limits(configuration: conf.Configuration) -> Limits:
    limits = configuration.limits
    return Limits(
        package=Allowance(files=limits.files, octets=limits.bytes),
        repositories=_allowances(configuration),
        map_depth=limits.map_depth,
        map_nodes=limits.map_nodes,
    )


def _allowances(configuration: conf.Configuration) -> Mapping[str, Allowance]:
    limits = configuration.limits
    return {
        repository.name: Allowance(
            files=limits.files if repository.limits.files is None else repository.limits.files,
            octets=limits.bytes if repository.limits.bytes is None else repository.limits.bytes,
        )
        for repository in configuration.repositories
    }
