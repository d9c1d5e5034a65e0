"""What somebody may change about themselves without proving once more who they are."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit, registration
from accounts.models import User
from core import errors

FIELDS = ("username", "display_name")


def locked(user: User) -> User:
    """As the row is now, and as nobody changes it before this transaction ends."""
    found = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).first()
    if found is None:
        raise errors.Unauthenticated()
    return found


@transaction.atomic
def change(user: User, values: dict[str, Any]) -> None:
    """``values`` are some of ``FIELDS``. The same as before is no change."""
    before = {name: getattr(user, name) for name in FIELDS}
    for name in FIELDS:
        setattr(user, name, values.get(name, before[name]))
    changes = audit.differences(before, {name: getattr(user, name) for name in FIELDS})
    if changes:
        _save(user)
        audit.record("user.updated", by=user, on=user, changes=changes)


def _save(user: User) -> None:
    """The unique index has the last word."""
    taken = errors.Invalid(errors=[registration.TAKEN])
    try:
        user.clean_fields(exclude=["password", "email"])
    except ValidationError as wrong:
        raise errors.Invalid.from_django(wrong) from wrong
    if registration.is_taken(user.username, other_than=user):
        raise taken
    try:
        with transaction.atomic():
            user.save(update_fields=[*FIELDS, "updated_at"])
    except IntegrityError as raced:
        raise taken from raced
