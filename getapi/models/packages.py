"""Packages that can be had again, and how they are prepared."""

from django.db import models

from getapi.models.keys import Key


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
