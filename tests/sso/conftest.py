"""A provider that a test can make say anything, and somebody it knows."""

from collections.abc import Iterator
from typing import Any

import pytest

import tests.sso.urls  # noqa: F401 - before a test sets OIDC_ISSUER: the product's addresses are made once
from accounts.models import User
from accounts.sso import provider
from tests.factories import make_user
from tests.sso.forger import CLIENT_ID, Forger, Signer, forger


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.make()


@pytest.fixture
def office(settings: Any, signer: Signer) -> Iterator[Forger]:
    """A provider that is known to us, and vouches for author@example.com."""
    with forger(signer) as running:
        running.claims = {"email": "author@example.com", "email_verified": True, "name": "Author"}
        settings.ROOT_URLCONF = "tests.sso.urls"
        settings.OIDC_ISSUER = running.issuer
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, "a secret: with/all+sorts%"
        settings.OIDC_NAME = "the office account"
        provider.forget()
        yield running
        provider.forget()


@pytest.fixture
def author() -> User:
    return make_user("author", email="author@example.com")
