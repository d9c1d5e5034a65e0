"""What the OpenAPI document says about second factors and passkeys."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts.api import schema as auth
from accounts.api import serializers_second_factors as shapes
from accounts.api.cookie import CsrfFailed
from accounts.factors.challenges import ChallengeInvalid
from accounts.factors.passkeys import PasskeyInvalid, PasskeyRegistered, TooManyPasskeys
from accounts.factors.recovery import NoSecondFactor
from accounts.factors.resets import CannotResetYourOwnFactors
from accounts.factors.second_step import SecondFactorInvalid, SecondFactorRequired
from accounts.factors.totp import TotpAlreadySetUp
from accounts.limits import TooManyAttempts
from accounts.lockout import TooManyFailures
from core import errors
from core.api import schema as document
from core.api import schema_parameters as parameters
from core.api import schema_problems
from core.api.serializers import StrictInput

Decorator = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]

CHALLENGE = "WyJ2R1pYTGs2YnEiLCIwMTkzOGM3ZSIsIiIsMTc3MjM1NzcwMF0:9pW3m0Xh8rQ2bJkN4dTfYg"
B64 = "GY0jQ7m0c3JxVb1kUuZlTg"
RECOVERY = ["4817290365", "9052716384"]
PASSKEY = {
    "id": "01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3",
    "name": "Phone",
    "created_at": "2026-03-01T09:30:00.000000Z",
    "last_used_at": None,
}
REQUEST_OPTIONS = {"challenge": B64, "timeout": 300000, "rpId": "cms.example.com", "userVerification": "required"}
CREATION_OPTIONS = {
    "rp": {"name": "cms.example.com", "id": "cms.example.com"},
    "user": {"name": "author@example.com", "id": "AZOMfl06fEGaUo8Lby9NEQ", "displayName": "Author"},
    "challenge": B64,
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "timeout": 300000,
    "attestation": "none",
}
ASSERTION = {
    "id": B64,
    "rawId": B64,
    "type": "public-key",
    "response": {"clientDataJSON": B64, "authenticatorData": B64, "signature": B64, "userHandle": B64},
}
ATTESTATION = {
    "id": B64,
    "rawId": B64,
    "type": "public-key",
    "response": {"clientDataJSON": B64, "attestationObject": B64, "transports": ["internal"]},
}
FACTORS = {
    "totp": {"enabled_at": "2026-03-01T09:30:00.000000Z", "last_used_at": "2026-03-02T08:00:00.000000Z"},
    "recovery_codes_left": 9,
    "passkeys": [PASSKEY],
}
SETUP = {
    "challenge": CHALLENGE,
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "otpauth_url": "otpauth://totp/author%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=cms.example.com",
    "qr_code": "data:image/svg+xml;base64,PD94bWw=",
}
PROOF = {"current_password": "correct horse"}
DOORS: tuple[type[errors.Refusal], ...] = (TooManyAttempts, TooManyFailures)
TOKEN_ONLY: Any = [{"bearerAuth": []}, {"passwordAuth": []}]
PASSKEY_ID = OpenApiParameter(
    "id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH, description="The id of the passkey."
)
USER_ID = OpenApiParameter(
    "id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH, description="The id of the user."
)

# --- What the document shares --------------------------------------------------------------------------------------

_CHALLENGE = {**auth.NO_NUL, "description": "As it was given."}
_CODE = {
    "pattern": parameters.WITH_TEXT,
    "description": "Six digits of the app, or a recovery code. Blanks and hyphens do not matter.",
}
_CREDENTIAL = {
    "type": "object",
    "additionalProperties": True,
    "description": "What the browser answered: `PublicKeyCredential.toJSON()`.",
}
_PASSWORD = {**auth.NO_NUL, "description": "The password of the account."}
_NAME = {"pattern": parameters.LINE_WITH_TEXT, "description": "What the owner calls it."}

_WORDS: dict[type[StrictInput], dict[str, Any]] = {
    shapes.SecondFactorInput: {"challenge": _CHALLENGE, "code": _CODE, "credential": _CREDENTIAL},
    shapes.PasskeyLoginInput: {"challenge": _CHALLENGE, "credential": _CREDENTIAL},
    shapes.PasswordProofInput: {"current_password": _PASSWORD},
    shapes.TotpRemovalInput: {"current_password": _PASSWORD, "code": _CODE},
    shapes.TotpConfirmInput: {"challenge": _CHALLENGE, "code": _CODE},
    shapes.PasskeyInput: {"name": _NAME, "challenge": _CHALLENGE, "credential": _CREDENTIAL},
    shapes.PasskeyNameInput: {"name": _NAME},
}
for _input, _fields in _WORDS.items():
    document.describe(_input, _fields)

schema_problems.members[SecondFactorRequired] = {
    "challenge": CHALLENGE,
    "methods": ["totp", "recovery_code", "passkey"],
    "passkey_options": {**REQUEST_OPTIONS, "userVerification": "preferred"},
}
_ONLY = "Only with the code `second_factor_required`: "
schema_problems.COMPONENTS["Problem"]["properties"] |= {
    "challenge": {"type": "string", "description": f"{_ONLY}to be sent with the second step, within 5 minutes."},
    "methods": {
        "type": "array",
        "items": {"type": "string", "enum": ["totp", "recovery_code", "passkey"]},
        "description": f"{_ONLY}what this account takes.",
    },
    "passkey_options": {
        "type": ["object", "null"],
        "additionalProperties": True,
        "description": f"{_ONLY}for `navigator.credentials.get`, where `passkey` is among the methods.",
    },
}


# --- Operations ----------------------------------------------------------------------------------------------------


def _operation(
    operation_id: str,
    *,
    refusals: tuple[type[errors.Refusal], ...] = (),
    examples: Any = (),
    tag: str = "second-factors",
    **rest: Any,
) -> Decorator:
    """``examples``: what is sent, if anything; then status and body of what is answered."""
    sent, *answered = examples or (None,)
    shown = [OpenApiExample("Request", sent, request_only=True)] if sent else []
    shown += [OpenApiExample("Answer", body, response_only=True, status_codes=[str(code)]) for code, body in answered]
    extensions = document.refusing(*refusals) | ({document.BODY: True} if rest.pop("has_body", False) else {})
    return extend_schema(operation_id=operation_id, tags=[tag], examples=shown, extensions=extensions, **rest)


_CODES = {200: OpenApiResponse(shapes.RecoveryCodes, "Recovery codes, shown this once.")}
_CEREMONY = {200: OpenApiResponse(shapes.PasskeyCeremony, "A challenge and the options of the browser's dialogue.")}
_ONE = {200: OpenApiResponse(shapes.PasskeyDetail, "The passkey.")}
_GONE = {204: OpenApiResponse(description="Removed.")}

second_step = _operation(
    "secondFactor",
    tag="auth",
    auth=auth.NO_TOKEN,
    request=shapes.SecondFactorInput,
    responses=auth.EITHER_PAIR,
    examples=({"challenge": CHALLENGE, "code": "492039"}, (200, auth.PAIR)),
    refusals=(*DOORS, CsrfFailed, ChallengeInvalid, SecondFactorInvalid, PasskeyInvalid),
    summary="Log in: the second step",
    description="Turns the `challenge` of a 401 `second_factor_required` into tokens. Send either `code`, from the app "
    "or from the recovery codes, or `credential`, what the browser made of `passkey_options`. A wrong code may be "
    "mended with the same challenge, within its 5 minutes. A code is good once.",
)
passkey_login_options = _operation(
    "passkeyLoginOptions",
    auth=auth.NO_TOKEN,
    request=None,
    responses=_CEREMONY,
    examples=(None, (200, {"challenge": CHALLENGE, "options": REQUEST_OPTIONS})),
    refusals=(errors.UnsupportedMediaType,),
    tag="auth",
    summary="Log in with a passkey: the question",
    description="Nobody is named: the device offers the passkeys that it has for this site. Does not count against the "
    "limit of attempts.",
)
passkey_login = _operation(
    "passkeyLogin",
    tag="auth",
    auth=auth.NO_TOKEN,
    request=shapes.PasskeyLoginInput,
    responses=auth.EITHER_PAIR,
    examples=({"challenge": CHALLENGE, "credential": ASSERTION}, (200, auth.PAIR)),
    refusals=(TooManyAttempts, CsrfFailed, ChallengeInvalid, PasskeyInvalid),
    summary="Log in with a passkey: the answer",
    description="Without a password and without a second step, because the device has to verify its user by PIN, "
    "finger or face. A challenge is good for one login.",
)
second_factors = _operation(
    "secondFactors",
    auth=TOKEN_ONLY,
    responses={200: OpenApiResponse(shapes.SecondFactors, "What is set up.")},
    examples=(None, (200, FACTORS)),
    summary="What do I log in with?",
    description="The authenticator app, how many recovery codes are left, and the passkeys.",
)
begin_totp = _operation(
    "beginTotp",
    auth=TOKEN_ONLY,
    request=shapes.PasswordProofInput,
    responses={200: OpenApiResponse(shapes.TotpSetup, "The secret, in three forms, shown this once.")},
    examples=(PROOF, (200, SETUP)),
    refusals=(*DOORS, TotpAlreadySetUp),
    summary="Set up an authenticator app",
    description="Nothing changes yet: `confirmTotp` with the app's first code does it.",
)
confirm_totp = _operation(
    "confirmTotp",
    auth=TOKEN_ONLY,
    request=shapes.TotpConfirmInput,
    responses=_CODES,
    examples=({"challenge": CHALLENGE, "code": "492039"}, (200, {"recovery_codes": RECOVERY})),
    refusals=(TooManyAttempts, TotpAlreadySetUp),
    summary="Confirm the authenticator app",
    description="From now on a login with the password asks for a second factor. Sessions that exist go on.",
)
remove_totp = _operation(
    "removeTotp",
    auth=TOKEN_ONLY,
    request=shapes.TotpRemovalInput,
    responses=_GONE,
    examples=(PROOF,),
    refusals=(*DOORS, errors.NotFound),
    has_body=True,
    summary="Remove the authenticator app",
    description="With the current password, or with a code of the app. The last factor takes the recovery codes along.",
)
renew_recovery_codes = _operation(
    "renewRecoveryCodes",
    auth=TOKEN_ONLY,
    request=shapes.PasswordProofInput,
    responses=_CODES,
    examples=(PROOF, (200, {"recovery_codes": RECOVERY})),
    refusals=(*DOORS, NoSecondFactor),
    summary="Make new recovery codes",
    description="The old ones are not valid any more.",
)
passkey_options = _operation(
    "passkeyOptions",
    auth=TOKEN_ONLY,
    request=shapes.PasswordProofInput,
    responses=_CEREMONY,
    examples=(PROOF, (200, {"challenge": CHALLENGE, "options": CREATION_OPTIONS})),
    refusals=DOORS,
    summary="Add a passkey: the question",
    description="For `navigator.credentials.create`.",
)
add_passkey = _operation(
    "addPasskey",
    auth=TOKEN_ONLY,
    request=shapes.PasskeyInput,
    responses={
        201: OpenApiResponse(shapes.PasskeyAdded, "The passkey, and the recovery codes if it is the first factor.")
    },
    examples=(
        {"name": "Phone", "challenge": CHALLENGE, "credential": ATTESTATION},
        (201, {"passkey": PASSKEY, "recovery_codes": RECOVERY}),
    ),
    refusals=(TooManyAttempts, PasskeyRegistered, TooManyPasskeys),
    summary="Add a passkey: the answer",
    description="From now on the passkey logs in by itself, and a login with the password asks for it or for another "
    "factor.",
)
rename_passkey = _operation(
    "renamePasskey",
    auth=TOKEN_ONLY,
    parameters=[PASSKEY_ID],
    request=shapes.PasskeyNameInput,
    responses=_ONE,
    examples=({"name": "Phone"}, (200, PASSKEY)),
    summary="Rename a passkey",
    description="One's own; another's is not there.",
)
remove_passkey = _operation(
    "removePasskey",
    auth=TOKEN_ONLY,
    parameters=[PASSKEY_ID],
    request=shapes.PasswordProofInput,
    responses=_GONE,
    examples=(PROOF,),
    refusals=DOORS,
    has_body=True,
    summary="Remove a passkey",
    description="With the current password. The last factor takes the recovery codes along.",
)
reset_second_factors = _operation(
    "resetSecondFactors",
    tag="users",
    parameters=[USER_ID],
    request=None,
    responses=_GONE,
    refusals=(CannotResetYourOwnFactors,),
    summary="Take somebody's second factors away",
    description="For administrators, when somebody has lost every factor: authenticator app, passkeys and recovery "
    "codes are removed, the owner is told by mail, and the password is enough again. Not for oneself.",
)
