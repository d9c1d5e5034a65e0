"""Checking a password: one refusal for everything, and hashes that keep up with the settings."""

import logging

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from unfold.forms import AdminPasswordChangeForm

from accounts import credentials
from accounts.models import User
from core import errors
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = pytest.mark.django_db

BCRYPT = "django.contrib.auth.hashers.BCryptSHA256PasswordHasher"
ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"


@pytest.fixture
def hashings(monkeypatch) -> list[str]:
    """Every password that the preferred hasher works on, which is what takes the time."""
    seen: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self, password, salt):
        seen.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return seen


def test_the_right_password_finds_its_user_in_any_case_of_the_email():
    user = make_user(email="editor@example.com")

    assert credentials.authenticate("EDITOR@Example.com", PASSWORD, address="192.0.2.1") == user


@pytest.mark.parametrize("account", ["wrong", "unknown", "inactive", "inactive and wrong", "unusable"])
def test_every_refusal_is_the_same_and_costs_one_hash(account, hashings):
    make_user(email="inactive@example.com", is_active=False)
    make_user(email="unusable@example.com", password=None)
    make_user(email="wrong@example.com")
    hashings.clear()
    password = PASSWORD if account in ("inactive", "unusable") else "not the password"

    with pytest.raises(credentials.InvalidCredentials) as refused:
        credentials.authenticate(f"{account.split()[0]}@example.com", password, address="192.0.2.1")

    assert (refused.value.code, refused.value.detail) == ("invalid_credentials", "E-mail or password is wrong")
    assert len(hashings) == 1


def test_a_password_of_1025_characters_is_invalid_and_not_hashed(hashings):
    user = make_user()
    hashings.clear()

    with pytest.raises(errors.Invalid) as refused:
        credentials.authenticate(user.email, "x" * 1025, address="192.0.2.1")

    assert ([(one.field, one.code) for one in refused.value.errors], hashings) == ([("password", "max_length")], [])


def test_a_password_of_1024_characters_counts_to_its_last_one(settings):
    settings.PASSWORD_HASHERS = [BCRYPT]
    user = make_user(password="x" * 1024)

    with pytest.raises(credentials.InvalidCredentials):
        credentials.authenticate(user.email, "x" * 1023 + "y", address="192.0.2.1")

    assert credentials.authenticate(user.email, "x" * 1024, address="192.0.2.1") == user


def test_a_hash_of_another_hasher_is_renewed_at_login(settings):
    settings.PASSWORD_HASHERS = [BCRYPT, ARGON2]
    user = make_user()
    User.objects.update(password=make_password(PASSWORD, hasher="argon2"))

    credentials.authenticate(user.email, PASSWORD, address="192.0.2.1")

    user.refresh_from_db()
    assert (user.password.split("$")[0], user.check_password(PASSWORD)) == ("bcrypt_sha256", True)


def test_a_hash_with_fewer_rounds_is_renewed_at_login(settings, monkeypatch):
    settings.PASSWORD_HASHERS = [BCRYPT]
    monkeypatch.setattr("django.contrib.auth.hashers.BCryptSHA256PasswordHasher.rounds", 4)
    user = make_user()
    monkeypatch.setattr("django.contrib.auth.hashers.BCryptSHA256PasswordHasher.rounds", 5)

    credentials.authenticate(user.email, PASSWORD, address="192.0.2.1")

    user.refresh_from_db()
    assert "$05$" in user.password


def test_a_renewed_hash_is_no_new_password_and_revokes_nothing(settings):
    settings.PASSWORD_HASHERS = [ARGON2]
    user = make_user()
    pair_for(user)
    settings.PASSWORD_HASHERS = [BCRYPT, ARGON2]

    authenticated = credentials.authenticate(user.email, PASSWORD, address="192.0.2.1")

    assert user.token_families.get().revoked_at is None
    assert pair_for(authenticated).user == user


def test_a_wrong_password_renews_nothing(settings):
    settings.PASSWORD_HASHERS = [ARGON2]
    user = make_user()
    settings.PASSWORD_HASHERS = [BCRYPT, ARGON2]

    with pytest.raises(credentials.InvalidCredentials):
        credentials.authenticate(user.email, "not the password", address="192.0.2.1")

    assert User.objects.get().password == user.password


def test_a_password_changed_while_we_were_hashing_is_not_put_back(settings):
    settings.PASSWORD_HASHERS = [ARGON2]
    stale = make_user()
    settings.PASSWORD_HASHERS = [BCRYPT, ARGON2]
    changed = User.objects.get()
    changed.set_password("another long passphrase")
    changed.save()

    stale.check_password(PASSWORD)

    assert User.objects.get().password == changed.password


def test_the_log_tells_of_a_refusal_and_never_the_password_or_the_email(caplog):
    user = make_user(email="editor@example.com")

    with caplog.at_level(logging.INFO, "stitch.auth"):
        for email in (user.email, "unknown@example.com"):
            with pytest.raises(credentials.InvalidCredentials):
                credentials.authenticate(email, "a wrong password", address="192.0.2.1")

    assert caplog.messages == [f"Login refused for {user.pk}", "Login refused for an unknown e-mail"]


def test_nobody_sets_a_password_that_is_too_long_to_log_in_with():
    validator = credentials.MaximumLength()

    validator.validate("x" * 1024)
    with pytest.raises(ValidationError) as refused:
        validator.validate("x" * 1025)

    assert (refused.value.code, refused.value.messages) == ("password_too_long", [validator.get_help_text()])


@pytest.mark.parametrize("password", ["short", "password123", "12345678901", "x" * 1025, "editor-editor"])
def test_weak_passwords_are_refused_when_they_are_set(password):
    user = make_user(username="editor-editor")

    form = AdminPasswordChangeForm(user, {"password1": password, "password2": password, "usable_password": "true"})

    assert (form.is_valid(), list(form.errors)) == (False, ["password2"])


def test_changepassword_on_the_command_line_also_revokes_every_token(monkeypatch):
    user = make_user()
    pair_for(user)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another long passphrase")

    call_command("changepassword", user.email)

    assert user.token_families.get().revoked_at is not None
