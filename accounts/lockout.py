"""Locked doors against guessing, on top of the limit per minute (``accounts.limits``): growing delays, never for good.

    with lockout.attempt(email=user.email, address=address, kind="code"):
        check()                     # raises a refusal for what is wrong

An attempt counts as failed before anything is checked, and is uncounted when the block ends without an exception. After
LOCKOUT_FAILURES failures the next attempt waits 15 s, then 30 s, 60 s and so on to LOCKOUT_MAX_SECONDS. What comes in
between is refused unseen (``TooManyFailures``), right or wrong, account or none, and makes nobody wait longer. An hour
after the last failure all is forgotten. Counted are

    the account     wherever the attempts come from
    the visitor     this account from this network, and nobody else
    the network     whatever the account; a success takes back only the failures that it had with the same account

The account's own delay is not for visitors who have logged in before (for 30 days): a stranger who never stops, from
wherever, does not keep the owner out. Neither does he after a new password by mail (``forgive``).

The table is told by hashes alone, and an e-mail that nobody has is treated like any other. Each ``kind`` of credential
has counts of its own: a right password is no licence to guess codes. Not for use inside a transaction, which would take
the count back with the refusal; that raises RuntimeError (views: ``is_atomic = False``).
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.models import LowercaseEmailField
from core import addresses, errors, tries

logger = logging.getLogger("stitch.auth")

FAMILIAR_FOR = timedelta(days=30)

_DOMAIN = re.compile(r"([a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}")


class TooManyFailures(errors.TooManyRequests):
    code = "too_many_failures"
    title = "Too many failed attempts: the next one has to wait"
    meaning = "Nothing was checked. After Retry-After seconds the next attempt counts; earlier ones change nothing."


@contextmanager
def attempt(*, email: str, address: str, kind: str = "password") -> Iterator[None]:
    """Around the check of one credential and nothing else. Raises ``TooManyFailures`` before the block is entered."""
    if not settings.LOCKOUT_ENABLE:
        yield
        return
    visitor = _Visitor.of(email, address, kind)
    failures = _begin(visitor)
    try:
        yield
    except (errors.Refusal, ValidationError):
        _tell(visitor, failures)
        raise
    _succeed(visitor)


def forgive(email: str, *, address: str = "") -> None:
    """For somebody who has just proved to be the owner in another way, and set a new password: no delay is left.

    With the ``address`` from which it was done, the next attempts from there are a known visitor's.
    """
    visitor, now = _Visitor.of(email, address, "password"), timezone.now()
    tries.forgive(visitor.own, visitor.network, now=now, also=[visitor.account])
    if address:
        tries.note(visitor.familiar, until=now + FAMILIAR_FOR)


def masked(email: str) -> str:
    """For logs and the audit trail. People type passwords into the wrong field, so little of it is kept."""
    name, _, domain = email.strip().lower().rpartition("@")
    known = domain if name and _DOMAIN.fullmatch(domain) else ""
    return f"{(name or domain)[:1]}…{f'@{known}' if known else ''}"


@dataclass(frozen=True)
class _Visitor:
    """The keys of the counts that concern one attempt."""

    name: str  # masked
    kind: str
    account: str
    own: str
    network: str
    familiar: str

    @classmethod
    def of(cls, email: str, address: str, kind: str) -> "_Visitor":
        email, network = LowercaseEmailField().to_python(email), addresses.network(address)
        return cls(
            masked(email),
            kind,
            account=_key("account", kind, email),
            own=_key("own", kind, email, network),
            network=_key("network", network),
            familiar=_key("familiar", kind, email, network),
        )


def _key(*parts: str) -> str:
    return f"lockout:{salted_hmac('accounts.lockout', '\0'.join(parts), algorithm='sha256').hexdigest()}"


def _patience() -> tries.Patience:
    return tries.Patience(settings.LOCKOUT_FAILURES, timedelta(seconds=settings.LOCKOUT_MAX_SECONDS))


def _begin(visitor: _Visitor) -> dict[str, int]:
    now = timezone.now()
    keys = [visitor.own, visitor.network]
    if not tries.is_noted(visitor.familiar, now=now):
        keys.append(visitor.account)
    try:
        return tries.begin(keys, _patience(), now=now)
    except tries.MustWait as wait:
        raise TooManyFailures(retry_after=wait.seconds) from None


def _succeed(visitor: _Visitor) -> None:
    """Of the account's own count only a visitor who was counted there, one from a new network, is worth a reset."""
    now = timezone.now()
    also = [] if tries.is_noted(visitor.familiar, now=now) else [visitor.account]
    tries.settle(visitor.own, visitor.network, _patience(), now=now, also=also)
    tries.note(visitor.familiar, until=now + FAMILIAR_FOR)


def _tell(visitor: _Visitor, failures: dict[str, int]) -> None:
    """Once per delay: whoever tries while it lasts is not written down."""
    delays = {name: _delay(failures, key) for name, key in (("account", visitor.account), ("network", visitor.network))}
    delays["account"] = max(delays["account"], _delay(failures, visitor.own))
    begun = {f"{name}_seconds": seconds for name, seconds in delays.items() if seconds}
    if begun:
        logger.warning("Too many failures with a %s: %s", visitor.kind, begun)
        audit.record("auth.locked", by=None, kind="user", name=visitor.name, facts={"means": visitor.kind, **begun})


def _delay(failures: dict[str, int], key: str) -> int:
    return int(_patience().delay(failures.get(key, 0)).total_seconds())
