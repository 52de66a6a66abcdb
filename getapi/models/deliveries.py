"""What was sent, and to whom it counts."""

from django.db import models

from getapi.models.keys import Key


class Delivery(models.Model):
    """One response that carried bytes of a package or of a single datastream (SPEC 7)."""

    class Outcome(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        CLIENT_GONE = "client-gone"
        STALLED = "stalled"
        OVERDUE = "overdue"
        CANCELED = "canceled"
        BROKEN = "broken"
        SHUT_DOWN = "shut-down"

    uid = models.UUIDField(unique=True, null=True, help_text="What its sender calls it: written again it stays one row")
    package = models.CharField(max_length=32, db_index=True, help_text="The package's id; empty for a single datastream")
    item = models.JSONField(null=True, help_text="A single datastream's pid, dsid, version and bytes")
    etag = models.CharField(max_length=64, blank=True, help_text="A single datastream's identity")
    name = models.CharField(max_length=255)
    key = models.ForeignKey(Key, null=True, on_delete=models.SET_NULL)
    started = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True)
    first = models.PositiveBigIntegerField(default=0, help_text="First octet of the window")
    stop = models.PositiveBigIntegerField(help_text="Octet after the window's last")
    handed = models.PositiveBigIntegerField(default=0, help_text="Octets that the kernel took")
    sent = models.PositiveBigIntegerField(default=0, help_text="Octets acknowledged")
    counted = models.BooleanField(
        default=False, help_text="Of a single datastream: part of a download in the statistics; of a package: in its arrived"
    )
    reader = models.CharField(max_length=32, blank=True, help_text="While it holds a slot: whose, as a hash of his address")
    rate = models.PositiveBigIntegerField(null=True, help_text="Octets a second, while it runs")
    process = models.CharField(max_length=128, blank=True, help_text="Who sends it, until what it sent was looked at and counted")
    renewed = models.DateTimeField(null=True, help_text="Its process's last sign of life, by the database's clock")
    address = models.CharField(max_length=45, blank=True, help_text="Of the reader, as far as statistics.address lets it be kept")
    user_agent = models.CharField(max_length=512, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.RUNNING)
    reason = models.CharField(max_length=64, blank=True, help_text="The error's code where it broke")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-started",)
        indexes = (
            models.Index(fields=("renewed",), name="delivery_running", condition=models.Q(outcome="running")),
            models.Index(fields=("renewed",), name="delivery_unsettled", condition=~models.Q(process="")),
            models.Index(fields=("etag", "started"), name="delivery_single", condition=models.Q(package="")),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.outcome})"


class Download(models.Model):
    """One datastream that was delivered whole: once for each package, or once for each single download (SPEC 7)."""

    time = models.DateTimeField(db_index=True)
    pid = models.CharField(max_length=255, db_index=True)
    dsid = models.CharField(max_length=255)
    version = models.CharField(max_length=255, blank=True)
    bytes = models.PositiveBigIntegerField()
    key = models.ForeignKey(Key, null=True, on_delete=models.SET_NULL)
    package = models.CharField(max_length=32, blank=True, db_index=True)
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=512, blank=True)
    robot = models.BooleanField(default=False)
    double_click = models.BooleanField(default=False, help_text="The same reader took the same datastream within 30 s")

    class Meta:
        ordering = ("-time",)
        constraints = (
            models.UniqueConstraint(fields=("package", "pid", "dsid"), condition=~models.Q(package=""), name="datastream_once_a_package"),
        )

    def __str__(self) -> str:
        return f"{self.pid}/{self.dsid}"


class ZipDownload(models.Model):
    """What a client of the Omeka module ZipDownload calls one of its downloads: a name for a package, and for nobody else's."""

    name = models.CharField(max_length=64, unique=True, help_text="A digest of the reader and of the token that its client made up")
    package = models.CharField(max_length=32, blank=True, db_index=True, help_text="Empty until it is admitted")
    asked = models.CharField(max_length=64, help_text="A digest of the item and its media")
    created = models.DateTimeField(db_index=True)
    rejected = models.CharField(max_length=200, blank=True, help_text="Why it was refused")

    class Meta:
        ordering = ("-created",)

    def __str__(self) -> str:
        return f"{self.name[:8]} ({self.package[:8]})"
