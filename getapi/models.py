"""Rows and constraints, no behaviour; only services and the admin site touch them."""

from django.db import models


class Key(models.Model):
    """An application's key: 256 random bits behind a public prefix, stored as SHA-256 (SPEC 2)."""

    label = models.CharField(max_length=200, unique=True, help_text="Which application uses this key")
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True, help_text="Empty: never")
    revoked = models.DateTimeField(null=True, blank=True, help_text="From then on the key and all its tokens are refused")
    last_used = models.DateTimeField(null=True, blank=True, editable=False)
    webhook = models.CharField(
        max_length=500, blank=True, help_text="Is told when a package of this key is ready or has failed; empty: nobody"
    )
    webhook_secret = models.CharField(max_length=100, blank=True, editable=False, help_text="What is told is signed with it")

    class Meta:
        ordering = ("label",)

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix})"


class KeyNetwork(models.Model):
    """An address or network that a key is paired with: named by the administrator, or learned at the key's first use."""

    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="networks")
    network = models.CharField(max_length=49, help_text="CIDR notation, e.g. 192.0.2.0/24 or 2001:db8::/64")
    learned = models.BooleanField(default=False, editable=False, help_text="Taken from the first use")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("key", "network"), name="network_once_a_key"),
            models.UniqueConstraint(fields=("key",), condition=models.Q(learned=True), name="one_learned_network_a_key"),
        )

    def __str__(self) -> str:
        return self.network


class FailureCount(models.Model):
    """Failed getToken attempts of one address within one window of time."""

    address = models.CharField(max_length=49)
    window = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("address", "window"), name="one_count_an_address_and_window"),)

    def __str__(self) -> str:
        return f"{self.address}: {self.count}"


class IndexedPath(models.Model):
    """Where the store keeps a blob: ``token`` is a PID or PID+DSID+VERSION, ``path`` is relative to its store (SPEC 3)."""

    repository = models.CharField(max_length=100)
    token = models.CharField(max_length=255)
    path = models.CharField(max_length=1024)
    folded = models.CharField(max_length=255, blank=True, help_text="An object's PID, case-folded; empty for datastreams")
    scan = models.PositiveBigIntegerField(default=0, help_text="The scan that last saw it")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("repository", "token"), name="token_once_a_repository"),)
        indexes = (models.Index(fields=("repository", "folded"), name="indexed_path_folded"),)

    def __str__(self) -> str:
        return self.token


class IndexScan(models.Model):
    """How far a scan of a repository's stores has come, so that it can be resumed."""

    repository = models.CharField(max_length=100, unique=True)
    number = models.PositiveBigIntegerField(default=0)
    position = models.CharField(max_length=1024, blank=True, help_text="The last folder that was read to its end")
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.repository


class Fixity(models.Model):
    """What a datastream version's bytes were when they were last read whole (ARCHITECTURE, "Verified once, then free")."""

    class Verdict(models.TextChoices):
        OK = "ok"
        MISMATCH = "mismatch"

    repository = models.CharField(max_length=100)
    pid = models.CharField(max_length=255)
    dsid = models.CharField(max_length=255)
    version = models.CharField(max_length=255)
    identity = models.CharField(max_length=255, help_text="The file that was read: size, mtime and inode")
    size = models.PositiveBigIntegerField(default=0)
    digests = models.JSONField(default=dict, help_text="Hex by algorithm, those that were computed")
    crc32 = models.PositiveBigIntegerField(null=True)
    verified = models.DateTimeField(help_text="When the bytes were read")
    verdict = models.CharField(max_length=16, choices=Verdict, default=Verdict.OK)
    algorithm = models.CharField(max_length=16, blank=True, help_text="Of the declared digest that the bytes do not have")

    class Meta:
        verbose_name_plural = "fixity"
        constraints = (models.UniqueConstraint(fields=("repository", "pid", "dsid", "version"), name="fixity_once_a_version"),)
        indexes = (models.Index(fields=("repository", "pid"), name="fixity_mismatch", condition=models.Q(verdict="mismatch")),)

    def __str__(self) -> str:
        return f"{self.pid}/{self.dsid} ({self.verdict})"


class Package(models.Model):
    """A package that can be had again: its frozen plan and its life, never its bytes (SPEC 1, 5)."""

    class State(models.TextChoices):
        PREPARING = "preparing"
        READY = "ready"
        FAILED = "failed"
        CANCELED = "canceled"

    id = models.CharField(max_length=32, primary_key=True, help_text="128 random bits: all that its page and its bytes ask for")
    key = models.ForeignKey(Key, null=True, on_delete=models.SET_NULL)
    client = models.CharField(max_length=45, blank=True, help_text="The reader's address that the token was bound to")
    address = models.CharField(max_length=45, blank=True, help_text="Who asked, as far as statistics.address lets it be kept")
    user_agent = models.CharField(max_length=512, blank=True)
    created = models.DateTimeField(db_index=True)
    format = models.CharField(max_length=8)
    name = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField(help_text="Octets of the whole package")
    files = models.PositiveIntegerField()
    etag = models.CharField(max_length=128)
    encoder = models.PositiveIntegerField()
    plan = models.BinaryField(help_text="core.plancodec's text, compressed")
    state = models.CharField(max_length=16, choices=State, default=State.READY)
    last_sent = models.DateTimeField(null=True, help_text="When its bytes last left")
    canceled = models.DateTimeField(null=True)
    prepared = models.DateTimeField(null=True, help_text="When its preparation ended, well or not; empty for one that needed none")
    delivered = models.DateTimeField(null=True, help_text="When all of its bytes had arrived, by whatever responses together")
    arrived = models.JSONField(default=list, help_text="Intervals of octets that responses brought which are looked at no more")

    class Meta:
        ordering = ("-created",)
        indexes = (models.Index(fields=("key", "created"), name="package_key_created"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.id[:8]})"


class Job(models.Model):
    """A package's preparation: who does it now, by a lease on the database's clock, and how far it is."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELED = "canceled"

    package = models.OneToOneField(Package, on_delete=models.CASCADE, related_name="job")
    request = models.BinaryField(
        null=True, help_text="What was asked for, as JSON; empty where the plan is frozen and only its stage is lost"
    )
    thorough = models.BooleanField(default=False, help_text="Whether all of it is read and verified before it is ready")
    content = models.CharField(max_length=200, help_text="The address of the package's bytes, as its answer tells it")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent")
    holder = models.CharField(max_length=200, blank=True, help_text="Which process does it, and which of its claims this is")
    renewed = models.DateTimeField(null=True, help_text="Its holder's last sign of life, by the database's clock")
    queued = models.DateTimeField(null=True, help_text="When it was last handed to the queue, by the database's clock")
    touched = models.DateTimeField(help_text="When anything last happened to it")
    code = models.CharField(max_length=64, blank=True, help_text="Of the error that it failed with")
    text = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = (models.Index(fields=("state", "renewed"), name="job_open", condition=models.Q(state__in=("waiting", "running"))),)

    def __str__(self) -> str:
        return f"{self.pk} ({self.state})"


class StagedMember(models.Model):
    """A datastream of a package that cannot be read again: its source does not say how large it is, so that its bytes were put aside."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="staged")
    repository = models.CharField(max_length=100)
    pid = models.CharField(max_length=255)
    dsid = models.CharField(max_length=255)
    version = models.CharField(max_length=255, blank=True)
    location = models.TextField(blank=True, help_text="Where its source has it")
    file = models.CharField(max_length=64, unique=True, help_text="Its name in the stage: random")
    reserved = models.PositiveBigIntegerField(default=0, help_text="Octets that it takes of the stage")
    size = models.PositiveBigIntegerField(null=True, help_text="Octets; empty until all of it is there")
    identity = models.CharField(max_length=255, blank=True, help_text="Of its file: size, mtime and inode")
    digests = models.JSONField(default=dict, help_text="Hex by algorithm")
    crc32 = models.PositiveBigIntegerField(null=True)
    created = models.DateTimeField()
    used = models.DateTimeField(null=True, help_text="When its package was last opened")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("package", "repository", "pid", "dsid"), name="staged_once_a_package"),)

    def __str__(self) -> str:
        return f"{self.pid}/{self.dsid}"


class Announcement(models.Model):
    """What a key's webhook is to be told, until it was told or given up."""

    class State(models.TextChoices):
        WAITING = "waiting"
        TOLD = "told"
        GIVEN_UP = "given-up"

    uid = models.UUIDField(unique=True, help_text="The message's own id, the same at each attempt")
    key = models.ForeignKey(Key, on_delete=models.CASCADE)
    package = models.CharField(max_length=32, db_index=True)
    body = models.TextField(help_text="JSON, as it is signed")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(db_index=True, help_text="When it is tried next, by the database's clock")
    created = models.DateTimeField()
    reason = models.CharField(max_length=64, blank=True, help_text="Why the last attempt failed")

    def __str__(self) -> str:
        return f"{self.uid} ({self.state})"


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


class ForwardingSighting(models.Model):
    """The last request whose forwarding header was not trusted, so that ``check --deploy`` can warn: one row (SPEC 2)."""

    address = models.CharField(max_length=45, help_text="The peer that sent it")
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return self.address
