"""Tables without a business noun: remembered answers and counters."""

from django.db import models


class IdempotentAnswer(models.Model):
    """The first answer to a ``POST`` that carried an ``Idempotency-Key``; written in the transaction of its verb."""

    caller = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of method, path, query and body
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(default="")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="idempotent_answer_once_per_caller")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class Counter(models.Model):
    """A number that counts up until its time is over; see ``core.counters``."""

    key = models.CharField(max_length=255, primary_key=True)
    value = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
