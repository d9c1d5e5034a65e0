"""What somebody has set up."""

from dataclasses import dataclass
from datetime import datetime

from accounts.factors import passkeys, recovery, rows
from accounts.factors.passkeys import Passkey
from accounts.models import User


@dataclass(frozen=True)
class App:
    enabled_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Factors:
    totp: App | None
    recovery_codes_left: int
    passkeys: list[Passkey]


def of(user: User) -> Factors:
    """Three queries."""
    app = rows.of(user, rows.Kind.TOTP).first()
    return Factors(
        totp=App(app.created_at, app.last_used_at) if app else None,
        recovery_codes_left=recovery.left(user),
        passkeys=passkeys.all_of(user),
    )
