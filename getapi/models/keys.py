"""Applications' keys, and what their use taught."""

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


class ForwardingSighting(models.Model):
    """The last request whose forwarding header was not trusted, so that ``check --deploy`` can warn: one row (SPEC 2)."""

    address = models.CharField(max_length=45, help_text="The peer that sent it")
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return self.address
