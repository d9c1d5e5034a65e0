"""Password hashers with a pepper: a secret that does not lie in the database.

Before it is hashed, the password goes through an HMAC with the pepper. Whoever steals the table alone cannot even begin
to guess. The id of the pepper stands in the hash, ``peppered_bcrypt_sha256$<id>$<what the hasher below has made>``, so
that peppers can be changed, and hashes without one live on until their owner's next login renews them.

A hash whose pepper is not known any more fits no password: ``unreadable`` finds those users.
"""

import hashlib
import hmac
from functools import cached_property
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, BasePasswordHasher, BCryptSHA256PasswordHasher
from django.db.models import Q


class PepperedHasher(BasePasswordHasher):
    below: ClassVar[type[BasePasswordHasher]]

    @cached_property
    def _below(self) -> BasePasswordHasher:
        return self.below()

    def salt(self) -> str:
        return self._below.salt()

    def encode(self, password: str, salt: str) -> str:
        pepper_id, secret = _newest()
        return f"{self.algorithm}${pepper_id}${self._below.encode(_seasoned(password, secret), salt)}"

    def decode(self, encoded: str) -> dict[str, Any]:
        _, pepper_id, rest = encoded.split("$", 2)
        return {**self._below.decode(rest), "algorithm": self.algorithm, "pepper": pepper_id}

    def verify(self, password: str, encoded: str) -> bool:
        """In one and the same time, whether the pepper is known or not."""
        _, pepper_id, rest = encoded.split("$", 2)
        secret = settings.PASSWORD_PEPPERS.get(pepper_id, "")
        return self._below.verify(_seasoned(password, secret), rest) and bool(secret)

    def must_update(self, encoded: str) -> bool:
        _, pepper_id, rest = encoded.split("$", 2)
        return pepper_id != _newest()[0] or self._below.must_update(rest)

    def harden_runtime(self, password: str, encoded: str) -> None:
        self._below.harden_runtime(_seasoned(password, ""), encoded.split("$", 2)[2])

    def safe_summary(self, encoded: str) -> Any:
        _, pepper_id, rest = encoded.split("$", 2)
        return {**self._below.safe_summary(rest), "algorithm": self.algorithm, "pepper": pepper_id}


class PepperedBCrypt(PepperedHasher):
    algorithm = "peppered_bcrypt_sha256"
    below = BCryptSHA256PasswordHasher


class PepperedArgon2(PepperedHasher):
    algorithm = "peppered_argon2"
    below = Argon2PasswordHasher


def unreadable() -> Q:
    """The users of whose hash the pepper is gone: they cannot log in until it is back or they have a new password."""
    peppered = Q()
    for kind in (PepperedBCrypt, PepperedArgon2):
        known = Q()
        for pepper_id in settings.PASSWORD_PEPPERS:
            known |= Q(password__startswith=f"{kind.algorithm}${pepper_id}$")
        peppered |= Q(password__startswith=f"{kind.algorithm}$") & (~known if known else Q())
    return peppered


def _newest() -> tuple[str, str]:
    """Behind an entry without a secret, which says that new hashes have no pepper, comes the newest there was."""
    return next((pepper_id, secret) for pepper_id, secret in settings.PASSWORD_PEPPERS.items() if secret)


def _seasoned(password: str, secret: str) -> str:
    """64 letters, so that no hasher cuts anything off and none meets a NUL."""
    return hmac.new(secret.encode(), password.encode(), hashlib.sha256).hexdigest()
