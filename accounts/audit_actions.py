"""Every action that the audit trail records, and every kind of thing. docs/audit.md says when each happens.

The layers above register theirs when they start (``AppConfig.ready``). ``accounts.audit.record`` takes no other names,
or a filter by one that is listed here would miss what is recorded under another.
"""

from collections.abc import Iterable

from django.conf import settings

_known = {
    "api_key": ("created", "revoked", "used"),
    "auth": (
        "email_change_requested",
        "email_changed",
        "email_verified",
        "invitation_accepted",
        "locked",
        "login",
        "login_failed",
        "logout",
        "logout_all",
        "passkey_added",
        "passkey_refused",
        "passkey_removed",
        "passkey_renamed",
        "password_changed",
        "password_reset",
        "password_reset_requested",
        "recovery_code_used",
        "recovery_codes_renewed",
        "registered",
        "second_factor_disabled",
        "second_factor_enabled",
        "second_factors_reset",
        "session_revoked",
        "token_reused",
    ),
    "group": ("created", "deleted", "updated"),
    "user": (
        "activated",
        "created",
        "deactivated",
        "deleted",
        "identity_linked",
        "identity_unlinked",
        "invited",
        "role_changed",
        "updated",
    ),
}
_kinds = {"api_key", "group", "registration", "session", "user"}

is_strict = False  # the tests are; so is a server with DEBUG=1


class UnknownName(AssertionError):
    """A mistake in the code: the name belongs in the list."""


def register(kind: str, names: Iterable[str]) -> None:
    """What is done to things of a kind: ``<kind>.<name>``."""
    _known[kind] = tuple(names)
    _kinds.add(kind)


def actions() -> list[str]:
    return sorted(f"{area}.{name}" for area, names in _known.items() for name in names)


def areas() -> list[str]:
    """Beginnings of actions: ``auth.``."""
    return sorted(f"{area}." for area in _known)


def kinds() -> list[str]:
    return sorted(_kinds)


def require_known(action: str, kind: str) -> None:
    """Before it is recorded. In production a row under an unknown name is better than none."""
    if not (is_strict or settings.DEBUG):
        return
    if action not in actions():
        raise UnknownName(f"The action {action!r} is not in accounts/audit_actions.py.")
    if kind and kind not in _kinds:
        raise UnknownName(f"The kind {kind!r} is not in accounts/audit_actions.py.")
