"""What the OpenAPI document says about accounts: registering, passwords, sessions, oneself."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts import listing
from accounts.api import schema as auth
from accounts.api import serializers_accounts as shapes
from accounts.api.serializers import UserDetail
from accounts.limits import TooManyAttempts
from accounts.links import LinkInvalid
from accounts.lockout import TooManyFailures
from accounts.models import USERNAME_PATTERN
from accounts.registration import RegistrationClosed
from core import errors
from core.api import schema as document
from core.api import schema_parameters as parameters

Decorator = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]

# What is answered whether or not there is anybody: nothing in it depends on what was found.
LOOK_FOR_VERIFICATION = "Look into the mailbox of this address: a mail is on its way that says how to go on."
LOOK_FOR_REPETITION = "If a registration with this address waits to be confirmed, a mail with its link is on its way."
LOOK_FOR_RESET = "If an account has this address, a mail with a link to choose a new password is on its way."
LOOK_FOR_EMAIL_CHANGE = "Look into the mailbox of the new address: follow the link in the mail to confirm it."

LINK_TOKEN = "WyIwMTkzOGM3ZS01ZDNhIiwiZDQxZDhjZDkiXQ:1vZxYw:Zm9yLWFuLWV4YW1wbGU"  # noqa: S105 - an example
SESSION = {
    "id": "01938c7e-7a20-7d15-b3c4-5f6e7d8c9b0a",
    "created_at": "2026-03-01T09:30:00.000000Z",
    "last_used_at": "2026-03-02T08:00:00.000000Z",
    "expires_at": "2026-03-09T08:00:00.000000Z",
    "address": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "current": True,
}
SESSION_ID = OpenApiParameter(
    "id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH, description="The id of the session."
)

_EMAIL = {**auth.NO_NUL, "description": "In any case: one mailbox is one account."}
_NEW_EMAIL = {**_EMAIL, "format": "email"}
_TOKEN = {**auth.NO_NUL, "description": "What stands behind `token=` in the link of the mail."}
_USERNAME = {
    "pattern": USERNAME_PATTERN.removesuffix(r"\Z") + "$",
    "description": "The public name: 1 to 150 letters, digits, dots, hyphens or underscores; unique in any case.",
}
_DISPLAY_NAME = {"pattern": parameters.LINE, "description": "What people are shown; may be empty."}
_NEW_PASSWORD: dict[str, Any] = {
    **auth.NO_NUL,
    "minLength": 8,
    "description": "At least 8 characters, not only digits, none of the common passwords, and not like the e-mail or "
    "the username.",
}
_PASSWORD = {**auth.NO_NUL, "description": "The password of the account."}

for _input, _fields in {
    shapes.RegistrationInput: {
        "email": _NEW_EMAIL,
        "username": _USERNAME,
        "password": _NEW_PASSWORD,
        "display_name": _DISPLAY_NAME,
    },
    shapes.EmailInput: {"email": _EMAIL},
    shapes.LinkInput: {"token": _TOKEN},
    shapes.LinkPasswordInput: {"token": _TOKEN, "password": _NEW_PASSWORD},
    shapes.PasswordChangeInput: {"current_password": _PASSWORD, "new_password": _NEW_PASSWORD},
    shapes.EmailChangeInput: {"email": _NEW_EMAIL, "current_password": _PASSWORD},
    shapes.MeInput: {"username": _USERNAME, "display_name": _DISPLAY_NAME},
}.items():
    document.describe(_input, _fields)


def _operation(
    operation_id: str, *, sent: Any = None, answered: Any = None, status: int = 204, refusals: Any = (), **rest: Any
) -> Decorator:
    """``sent`` and ``answered`` are examples."""
    examples = [OpenApiExample("Request", sent, request_only=True)] if sent is not None else []
    if answered is not None:
        examples.append(OpenApiExample("Answer", answered, response_only=True, status_codes=[str(status)]))
    extensions = document.refusing(*refusals)
    return extend_schema(operation_id=operation_id, tags=["account"], examples=examples, extensions=extensions, **rest)


def _link_door(operation_id: str, body: Any, done: str, *refusals: Any, **rest: Any) -> Decorator:
    """Takes the token of a mailed link, which is all that it needs."""
    sent = {"token": LINK_TOKEN, **({"password": "correct horse"} if body is shapes.LinkPasswordInput else {})}
    return _operation(
        operation_id,
        sent=sent,
        auth=auth.NO_TOKEN,
        request=body,
        responses={204: OpenApiResponse(description=done)},
        refusals=[TooManyAttempts, LinkInvalid, *refusals],
        **rest,
    )


def _mail_door(operation_id: str, body: Any, sent: dict[str, str], told: str, *refusals: Any, **rest: Any) -> Decorator:
    """Has a mail sent, and answers the same whoever is known."""
    return _operation(
        operation_id,
        sent=sent,
        answered={"detail": told},
        status=202,
        request=body,
        responses={202: OpenApiResponse(shapes.Accepted, "Accepted. Whether a mail goes out, the mailbox tells.")},
        refusals=[TooManyAttempts, *refusals],
        **rest,
    )


# --- Registering ---------------------------------------------------------------------------------------------------

register = _mail_door(
    "register",
    shapes.RegistrationInput,
    {"email": "member@example.com", "username": "member", "password": "correct horse", "display_name": "Member"},
    LOOK_FOR_VERIFICATION,
    RegistrationClosed,
    auth=auth.NO_TOKEN,
    summary="Register",
    description="Where the server lets strangers register; otherwise 403 `registration_closed`. The answer is the same "
    "whether or not the e-mail has an account: the mail says it. There is no account until the link in the mail is "
    "followed, within 24 hours unless the server is set otherwise, and neither e-mail nor username are reserved until "
    "then. A username that somebody has is 422 `unique`. New users are members.",
)
verify_email = _link_door(
    "verifyEmail",
    shapes.LinkInput,
    "The account is made: log in.",
    RegistrationClosed,
    summary="Confirm the e-mail of a registration",
    description="Makes the account. A link works once. If somebody has taken the username meanwhile, a number is added "
    "to it.",
)
resend_verification = _mail_door(
    "resendVerification",
    shapes.EmailInput,
    {"email": "member@example.com"},
    LOOK_FOR_REPETITION,
    auth=auth.NO_TOKEN,
    summary="Have the mail of a registration sent again",
    description="Always 202. An address gets three such mails an hour at most.",
)

# --- Passwords -----------------------------------------------------------------------------------------------------

reset_password = _mail_door(
    "resetPassword",
    shapes.EmailInput,
    {"email": "author@example.com"},
    LOOK_FOR_RESET,
    auth=auth.NO_TOKEN,
    summary="Ask for a new password by mail",
    description="Always 202, after the same time. An address gets three such mails an hour at most.",
)
confirm_password_reset = _link_door(
    "confirmPasswordReset",
    shapes.LinkPasswordInput,
    "The password is set, and every session of the user has ended.",
    summary="Set a new password with the link of a mail",
    description="A link works once, for an hour unless the server is set otherwise, and no longer than the password, "
    "the e-mail and the sessions of its owner stay as they were. With a password that is too weak (422) the link "
    "stays good.",
)
accept_invitation = _link_door(
    "acceptInvitation",
    shapes.LinkPasswordInput,
    "The password is set: log in.",
    summary="Set the first password with the link of an invitation",
    description="As `confirmPasswordReset`, for whoever was given an account by an administrator.",
)
change_password = _operation(
    "changePassword",
    sent={"current_password": "correct horse", "new_password": "battery staple"},
    request=shapes.PasswordChangeInput,
    responses={204: OpenApiResponse(description="Changed. Every other session of the user has ended.")},
    refusals=[TooManyAttempts, TooManyFailures],
    summary="Change the password",
    description="A wrong present password is 422 with `wrong` at `current_password`, and counts like a failed login. "
    "The session of this request lives on; all others end, and links in mails that are out.",
)

# --- E-mail --------------------------------------------------------------------------------------------------------

change_email = _mail_door(
    "changeEmail",
    shapes.EmailChangeInput,
    {"email": "author@example.org", "current_password": "correct horse"},
    LOOK_FOR_EMAIL_CHANGE,
    TooManyFailures,
    summary="Ask for another e-mail",
    description="Nothing changes until the link in the mail to the new address is followed. The answer is the same "
    "whether or not somebody has that address.",
)
confirm_email_change = _link_door(
    "confirmEmailChange",
    shapes.LinkInput,
    "From now on one logs in with the new e-mail. The old address is told.",
    summary="Confirm another e-mail with the link of a mail",
    description="A link works once, and no longer than e-mail, password and sessions of its owner stay as they were.",
)

# --- Sessions ------------------------------------------------------------------------------------------------------

list_sessions = _operation(
    "listSessions",
    answered={"items": [SESSION], "total": 1, "page": 1, "per_page": listing.PER_PAGE, "total_pages": 1},
    status=200,
    parameters=[parameters.page(), parameters.per_page(listing.PER_PAGE)],
    responses={200: OpenApiResponse(shapes.SessionList, "One's own sessions that are alive.")},
    summary="Where am I logged in?",
    description="One's own sessions, newest first; `current` is that of this request.",
)
end_session = _operation(
    "endSession",
    parameters=[SESSION_ID],
    responses={204: OpenApiResponse(description="Ended, access tokens too.")},
    summary="End a session",
    description="One of one's own. Somebody else's, or one that is over, is 404.",
)
logout_all = _operation(
    "logoutAll",
    request=None,
    responses={204: OpenApiResponse(description="Logged out everywhere.")},
    refusals=[errors.UnsupportedMediaType],
    summary="Log out everywhere",
    description="Ends every session, the present one and those in the admin included, and the links in mails that are "
    "out.",
)

# --- Oneself -------------------------------------------------------------------------------------------------------

update_me = _operation(
    "updateMe",
    sent={"display_name": "Author"},
    answered=auth.USER,
    status=200,
    parameters=[parameters.IF_MATCH],
    request=shapes.MeInput,
    responses={200: OpenApiResponse(UserDetail, "The user, as it is now.")},
    summary="Change one's names",
    description="`username` and `display_name`. Everything else that `me` answers may be sent back and is ignored.",
)
