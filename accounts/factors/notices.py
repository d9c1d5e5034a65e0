"""What is written about a change of somebody's factors, and the mail that tells the owner of it."""

from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.models import User
from core import jobs, mail

# What the mail says. What is not here happens too often, or matters too little, for a mail.
SENTENCES = {
    "auth.second_factor_enabled": "An authenticator app was set up as the second step of your login.",
    "auth.second_factor_disabled": "The authenticator app was removed from your login.",
    "auth.recovery_codes_renewed": "New recovery codes were made. The old ones are not valid any more.",
    "auth.recovery_code_used": "One of your recovery codes was used.",
    "auth.passkey_added": "A passkey was added. It opens your account without the password.",
    "auth.passkey_removed": "A passkey was removed.",
    "auth.passkey_refused": "A passkey was refused, because it seems to have been copied. Remove it, if it is yours.",
    "auth.second_factors_reset": "An administrator removed your authenticator app, passkeys and recovery codes.",
}


def changed(user: User, action: str, *, by: User, **facts: Any) -> None:
    """In the transaction of the change: the row of the audit trail, and the job that sends the mail."""
    audit.record(action, by=by, on=user, facts=facts)
    if action in SENTENCES:
        tell_owner.enqueue(user_id=str(user.pk), action=action, at=f"{timezone.now():%Y-%m-%d %H:%M} UTC")


@jobs.job(queue="mail")
def tell_owner(user_id: str, action: str, at: str) -> None:
    user = User.objects.filter(pk=user_id).first()
    if user is not None:
        context = {"name": user.name, "sentence": SENTENCES[action], "at": at}
        mail.send("accounts/mail/second_factor_changed", to=user.email, context=context)
