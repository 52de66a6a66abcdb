"""What was found in the repositories' stores: where things are, and what their bytes were."""

from django.db import models


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


class FixityRevision(models.Model):
    """What is another one after whatever was written of a repository's datastreams: who finds it unchanged need not read the rest."""

    repository = models.CharField(max_length=100, unique=True)
    value = models.CharField(max_length=32, help_text="Made up each time")

    def __str__(self) -> str:
        return self.repository
