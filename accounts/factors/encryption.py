"""The secrets of second factors are encrypted in the database: whoever reads a copy of it cannot make codes.

The first of SECOND_FACTOR_KEYS encrypts, all of them decrypt, and so does a key derived from SECRET_KEY, which is the
only one where none is set. Setting a key, or putting a new one in front, therefore locks nobody out; taking one away
does, until ``renew_all`` has encrypted what it had encrypted anew.
"""

import base64
import logging

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from core import errors

logger = logging.getLogger("stitch.auth")

ENCRYPTED = ("secret", "seed")  # the members of a row's data: of TOTP, of recovery codes


class Adapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth is not annotated
    """allauth asks it for whatever a project may decide (MFA_ADAPTER)."""

    def encrypt(self, text: str) -> str:
        return _ring().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _ring().decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            logger.error("A second factor was encrypted with a key that is not in SECOND_FACTOR_KEYS any more")
            raise errors.Unavailable("Second factors cannot be read on this server.", retry_after=60) from error


@transaction.atomic
def renew_all() -> int:
    """Encrypts every secret with the first key, so that the others can be taken away. Returns how many."""
    ring, count = _ring(), 0
    for row in Authenticator.objects.select_for_update().order_by("pk"):
        for name in ENCRYPTED:
            if name in row.data:
                row.data[name] = ring.rotate(row.data[name]).decode()
                row.save(update_fields=["data"])
                count += 1
    return count


def _ring() -> MultiFernet:
    secrets = (*settings.SECOND_FACTOR_KEYS.values(), settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(_derived(str(secret))) for secret in secrets])


def _derived(secret: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"stitch second factors").derive(secret.encode())
    return base64.urlsafe_b64encode(key)
