"""What the administrator configured, in the terms in which core decides."""

from collections.abc import Mapping

import getapi
from getapi import conf
from getapi.core.access import AccessRules
from getapi.core.limits import Allowance, Limits
from getapi.core.planner import PlanningRules, Sender
from getapi.services.denylist import denied

UNNAMED = "Unnamed repository"
"""Stands for ``packages.source_organization`` where it is empty: without one a bag satisfies no profile (BTR 1.0)."""


def access_rules(configuration: conf.Configuration) -> AccessRules:
    """Raises SourceUnavailable while the configured deny list cannot be read: fail closed."""
    return AccessRules(
        public=configuration.access.public,
        reserved=configuration.access.reserved,
        denied=denied(configuration.access.deny_list),
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
