"""Users, as those see them who manage them: made and invited, changed, deleted.

REST and the admin call these verbs, so both keep the same rules: nobody gives more than they have, nobody manages
somebody who may more (``accounts.rights``), and the last administrator stays (``accounts.administrators``). What
somebody changes about themselves is in ``accounts.profile``, ``email_change`` and ``passwords``.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import activation, administrators, audit, mails, passwords, rights, roles
from accounts.models import PendingRegistration, Role, User
from accounts.registration import is_taken
from core import clock, errors

PROFILE = ("email", "username", "display_name")
MEMBERSHIP = ("role", "groups", "is_superuser")
FIELDS = (*PROFILE, *MEMBERSHIP, "is_active")

_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z")


class CannotChangeYourOwnEmail(errors.Conflict):
    code = "cannot_change_your_own_email"
    title = "Your own e-mail is changed with your password, and confirmed by a mail to the new one"
    meaning = "Send it to `/auth/email-change`. Whoever finds an open session must not be able to keep the account."


class CannotDeleteYourself(errors.Conflict):
    code = "cannot_delete_yourself"
    title = "You cannot delete yourself"


class CannotInvite(errors.Conflict):
    code = "cannot_invite"
    title = "Only somebody active who has no password yet can be invited"
    meaning = "Who has a password and forgot it asks for a new one with `POST /auth/password-reset`."


def locked(user_id: UUID | None) -> User | None:
    """The user to write to. Inside a transaction."""
    if user_id is None:
        return None
    administrators.hold()
    return User.objects.select_for_update(no_key=True).filter(pk=user_id).first()


# --- Making --------------------------------------------------------------------------------------------------------


@transaction.atomic
def create(values: Mapping[str, Any], *, by: User, password: str | None = None, now: datetime) -> User:
    """Somebody new, who is invited by mail to choose a password. ``values``: those of ``FIELDS`` that were given."""
    rights.require(by, rights.ADD)
    user = User(**{name: values[name] for name in PROFILE if name in values})
    _require_strong(password, user)
    user.set_password(password)
    _check(user, PROFILE)
    _save(user, force_insert=True)
    PendingRegistration.objects.filter(email=user.email).delete()
    administrators.hold()
    groups = roles.find_custom(values.get("groups", ()))
    roles.put_into(user, role=values.get("role", Role.MEMBER), groups=groups, by=by)
    facts = {name: value for name, value in snapshot(user).items() if value not in ("", [], False)}
    audit.record("user.created", by=by, on=user, changes=audit.differences({}, facts))
    if password is None:
        _invite(user, by=by)
    return user


@transaction.atomic
def invite(user: User, *, by: User) -> None:
    """Sends the invitation once more. It is for the mailbox of the user, so it asks no more of ``by`` than creating."""
    rights.require(by, rights.ADD)
    found = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
    if found is None:
        raise errors.NotFound()
    if not found.is_active or found.has_usable_password():
        raise CannotInvite()
    _invite(found, by=by)


def _invite(user: User, *, by: User) -> None:
    audit.record("user.invited", by=by, on=user, facts={"email": user.email})
    mails.send_invitation.enqueue(user_id=str(user.pk))


def is_invited(user: User) -> bool:
    """Has never been here, and has no password yet."""
    return user.last_login is None and not user.has_usable_password()


# --- Changing ------------------------------------------------------------------------------------------------------


@transaction.atomic
def change(user: User, values: Mapping[str, Any], *, by: User, now: datetime) -> None:
    """``values``: some of ``FIELDS``. A role below ``admin`` also ends being a superuser."""
    with administrators.managed(user, by=by):
        before = snapshot(user)
        _change_profile(user, values, before, by=by, now=now)
        _change_membership(user, values, before, by=by)
        _tell(user, before, by=by)
        if values.get("is_active", user.is_active) != user.is_active:
            _change_activity(user, values["is_active"], by=by, now=now)


@transaction.atomic
def set_password(user: User, password: str, *, by: User, now: datetime) -> None:
    """By hand, for somebody else. Ends every session of theirs, and the links that are out."""
    with administrators.managed(user, by=by):
        _require_strong(password, user)
        user.set_password(password)
        user.save(update_fields=["password", "updated_at"])
        audit.record("auth.password_changed", by=by, on=user)
        mails.tell_password_changed.enqueue(user_id=str(user.pk), at=clock.iso(now))


@transaction.atomic
def delete(user: User, *, by: User) -> None:
    """Sessions, keys and factors go along. What the user wrote stays, and says no longer who wrote it."""
    with administrators.managed(user, by=by, right=rights.DELETE):
        changes = {name: (value, None) for name, value in snapshot(user).items()}
        audit.record("user.deleted", by=by, on=user, changes=changes)
        User.objects.filter(pk=user.pk).delete()
    if user == by:
        raise CannotDeleteYourself()


def snapshot(user: User) -> dict[str, Any]:
    """All of ``FIELDS`` as the database has them. One query."""
    names = {group.name for group in user.groups.all()}
    role = Role.ADMIN if user.is_superuser else next((one for one in Role if one.value in names), Role.MEMBER)
    groups = sorted(name for name in names if not roles.is_builtin(name))
    plain = {name: getattr(user, name) for name in (*PROFILE, "is_superuser", "is_active")}
    return plain | {"role": role.value, "groups": groups}


def _change_profile(user: User, values: Mapping[str, Any], before: dict[str, Any], *, by: User, now: datetime) -> None:
    for name in PROFILE:
        setattr(user, name, values.get(name, before[name]))
    _check(user, PROFILE)
    changed = [name for name in PROFILE if getattr(user, name) != before[name]]
    if changed:
        _save(user, update_fields=[*changed, "updated_at"])
    if "email" in changed and user == by:
        raise CannotChangeYourOwnEmail()
    if "email" in changed:
        _follow_email(user, before["email"], by=by, now=now)


def _follow_email(user: User, before: str, *, by: User, now: datetime) -> None:
    """The old mailbox is told. Where it was a slip in an invitation, a stranger has it, and the right one is asked."""
    PendingRegistration.objects.filter(email=user.email).delete()
    if not is_invited(user):
        mails.tell_email_changed.enqueue(user_id=str(user.pk), email=before, at=clock.iso(now))
    elif user.is_active:
        _invite(user, by=by)


def _change_membership(user: User, values: Mapping[str, Any], before: dict[str, Any], *, by: User) -> None:
    if values.keys().isdisjoint(MEMBERSHIP):
        return
    role, names = values.get("role", before["role"]), values.get("groups", before["groups"])
    is_superuser = values.get("is_superuser", user.is_superuser and role == Role.ADMIN)
    if is_superuser and role != Role.ADMIN:
        raise errors.Invalid.field("is_superuser", "not_an_admin", "A superuser has the role admin.")
    if is_superuser and not user.is_superuser and not rights.is_superuser(by):
        raise rights.MayNotGrant("Only superusers make superusers.")
    user.is_superuser = is_superuser
    roles.put_into(user, role=role, groups=roles.find_custom(names), by=by)
    if snapshot(user) != before:
        user.save(update_fields=["is_superuser", "updated_at"])


def _change_activity(user: User, is_active: bool, *, by: User, now: datetime) -> None:
    if is_active:
        activation.activate(user, by=by)
    else:
        activation.deactivate(user, by=by, now=now)


def _tell(user: User, before: dict[str, Any], *, by: User) -> None:
    after = snapshot(user)
    for action, names in (("user.updated", PROFILE), ("user.role_changed", MEMBERSHIP)):
        changes = audit.differences({n: before[n] for n in names}, {n: after[n] for n in names})
        if changes:
            audit.record(action, by=by, on=user, changes=changes)


# --- What a user may be called -------------------------------------------------------------------------------------


def _check(user: User, names: tuple[str, ...]) -> None:
    try:
        user.clean_fields(exclude={field.name for field in user._meta.fields} - set(names))
    except ValidationError as wrong:
        raise errors.Invalid.from_django(wrong) from wrong
    if not _LINE.match(user.display_name):
        raise errors.Invalid.field("display_name", "invalid", "One line of text, without control characters.")


def _require_strong(password: str | None, user: User) -> None:
    weak = passwords.weaknesses(password, user, field="password") if password is not None else []
    if weak:
        raise errors.Invalid(errors=weak)


def _save(user: User, **how: Any) -> None:
    """The unique indexes decide; we only find out which one it was."""
    try:
        with transaction.atomic():
            user.save(**how)
    except IntegrityError as taken:
        raise errors.Invalid(errors=_taken(user)) from taken


def _taken(user: User) -> list[errors.FieldError]:
    found = []
    if User.objects.filter(email=user.email).exclude(pk=user.pk).exists():
        found.append(errors.FieldError("email", "unique", "A user with this e-mail already exists."))
    if is_taken(user.username, other_than=user):
        found.append(errors.FieldError("username", "unique", "This username is taken."))
    return found or [errors.FieldError("", "unique", "Somebody has just been using one of these. Try again.")]
