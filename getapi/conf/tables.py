"""The tables of the configuration file, with every key's default (SPEC 6 and 8). Durations are seconds, sizes octets."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from getapi.conf.kinds import (
    Count,
    DsidPatterns,
    Duration,
    ExternalHosts,
    Line,
    Networks,
    Origins,
    Place,
    PositiveDuration,
    PositiveSize,
    RedisUrl,
    WebhookHosts,
    Word,
    Words,
)
from getapi.conf.networks import LOOPBACK
from getapi.core.access import RESERVED
from getapi.core.rights.moment import FOREVER
from getapi.core.rights.rules import EmbargoRule

ROOT = Path(__file__).resolve().parents[2]
"""The project's top: where ``packaging.toml`` and ``var/`` are by default."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
GB = 10**9
MIB = 2**20
GIB = 2**30


class ConfigurationTable(BaseModel):
    """Frozen, exact about types, and without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


class Tokens(ConfigurationTable):
    ttl: PositiveDuration = 30 * MINUTE
    bind: Literal["client", "caller", "none"] = "client"


class Packages(ConfigurationTable):
    """``ttl`` counts from the last octet sent. The texts go into bag-info.txt; empty ones are left out there."""

    ttl: PositiveDuration = 24 * HOUR
    max_age: PositiveDuration = 30 * DAY
    checksum: Literal["sha256", "sha512"] = "sha256"
    source_organization: Line = ""
    contact_name: Line = ""
    contact_phone: Line = ""
    contact_email: Line = ""
    profile: Word | None = None


class Limits(ConfigurationTable):
    files: Count = 1000
    bytes: PositiveSize = 100 * GB
    concurrent: Count = 64
    per_key: Count = 16
    per_reader: Count = 4
    active_bytes: PositiveSize = 500 * GB
    planning: Count = 4
    packages: Count = 1000
    preparing: Count = 16
    request_text: PositiveSize = MIB
    map_depth: Count = 32
    map_nodes: Count = 100_000


class Timeouts(ConfigurationTable):
    """0 is none."""

    stall: Duration = 60.0
    datastream: Duration = 0.0
    package: Duration = 0.0


class Access(ConfigurationTable):
    """Shell patterns of DSIDs, and a file of PIDs and PID/DSIDs that must not leave."""

    public: DsidPatterns = ("*",)
    reserved: DsidPatterns = RESERVED
    deny_list: Place | None = None


class EmbargoRuleTable(ConfigurationTable):
    """One ``[[embargo.rules]]``; what an EmbargoRule cannot be made of is a mistake here."""

    name: Word
    datastream: Word
    xpath: Word
    namespaces: dict[str, Word] = {}
    forever: Words = tuple(FOREVER)
    applies_to: DsidPatterns | None = None

    def rule(self) -> EmbargoRule:
        """Raises ValueError for an XPath that cannot be used."""
        return EmbargoRule(
            name=self.name,
            datastream=self.datastream,
            xpath=self.xpath,
            namespaces=self.namespaces,
            forever=self.forever,
            applies_to=self.applies_to,
        )


def _usable(table: EmbargoRuleTable) -> EmbargoRuleTable:
    table.rule()
    return table


class Embargo(ConfigurationTable):
    rules: Annotated[tuple[Annotated[EmbargoRuleTable, AfterValidator(_usable)], ...], Field(strict=False)] = ()


class External(ConfigurationTable):
    allowed_hosts: ExternalHosts = ()


class Structmap(ConfigurationTable):
    datastreams: DsidPatterns = ("SMAP-PRES", "SMAP*", "STRUCT*", "structMetadata", "METS")


class Fixity(ConfigurationTable):
    """How long a verified datastream counts as verified; 0 verifies always."""

    max_age: Duration = 30 * DAY


class Statistics(ConfigurationTable):
    """``keep`` 0 is for ever."""

    address: Literal["full", "truncated", "none"] = "truncated"
    keep: Duration = 0.0


class Stage(ConfigurationTable):
    path: Place = ROOT / "var" / "stage"
    bytes: PositiveSize = 10 * GB


class Jobs(ConfigurationTable):
    """Where preparations wait for a worker; ``webhook_hosts`` may be called although their addresses are not public."""

    backend: Literal["database", "redis"] = "database"
    redis: RedisUrl | None = None
    webhook_hosts: WebhookHosts = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.backend == "redis" and self.redis is None:
            raise ValueError('with backend = "redis" it needs redis = "redis://host:6379/0"')
        return self


class Cors(ConfigurationTable):
    origins: Origins = ()


class Metrics(ConfigurationTable):
    """From where /metrics and the admin site answer."""

    networks: Networks = LOOPBACK


class CompatOrthanc(ConfigurationTable):
    """The addresses of Orthanc's resumable-download sample, for the studies of one repository; None: there are none."""

    repository: Word | None = None
    format: Literal["zip", "tar"] = "zip"


class CompatOmeka(ConfigurationTable):
    """The addresses of the Omeka module ZipDownload, for the items of one repository; None: there are none.

    ``slots`` downloads at once, ``bytes`` and ``files`` of each, ``active_bytes`` still to be sent of all. ``ttl`` is for how long progress
    is told, ``wait`` for how long a download waits for pictures of which nobody tells the size.
    """

    repository: Word | None = None
    slots: Count = 1
    bytes: PositiveSize = 3 * GIB
    active_bytes: PositiveSize = 6 * GIB
    files: Count = 1000
    ttl: PositiveDuration = 2 * HOUR
    wait: Duration = 10 * MINUTE


class Compat(ConfigurationTable):
    """Tables of the services that this one can stand in for; each is read by its own part."""

    orthanc: CompatOrthanc = CompatOrthanc()
    omeka: CompatOmeka = CompatOmeka()
