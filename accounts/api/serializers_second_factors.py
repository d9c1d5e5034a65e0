"""The shapes of JSON about second factors and passkeys."""

from typing import Any

from rest_framework import serializers

from accounts.api.serializers import MAX_TOKEN_LENGTH, DeliveryInput
from accounts.api.serializers_accounts import SINGLE_LINE
from accounts.credentials import MAX_PASSWORD_LENGTH
from accounts.factors import totp
from accounts.factors.overview import Factors
from accounts.factors.passkeys import MAX_NAME_LENGTH, Added, Ceremony, Passkey
from accounts.factors.totp import Setup
from core.api.serializers import StrictInput, StrictText

MAX_CODE_LENGTH = 64


class CredentialField(serializers.DictField):
    """``PublicKeyCredential.toJSON()``. Browsers add members as they please; what is in it is read in ``webauthn``."""


def _challenge() -> StrictText:
    return StrictText(max_length=MAX_TOKEN_LENGTH, trim_whitespace=False)


def _code(**options: Any) -> StrictText:
    return StrictText(max_length=MAX_CODE_LENGTH, **options)


def _password(**options: Any) -> StrictText:
    return StrictText(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False, **options)


def _name() -> StrictText:
    return StrictText(max_length=MAX_NAME_LENGTH, validators=[SINGLE_LINE])


# --- In ------------------------------------------------------------------------------------------------------------


class SecondFactorInput(DeliveryInput):
    """The challenge of the first step, and a code or the answer of a passkey."""

    challenge = _challenge()
    code = _code(required=False)
    credential = CredentialField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("code" in attrs) == ("credential" in attrs):
            raise serializers.ValidationError({"code": "Send either a code or a credential."}, code="one_of")
        return attrs


class PasskeyLoginInput(DeliveryInput):
    """The challenge of ``passkeyLoginOptions``, and what the browser made of its options."""

    challenge = _challenge()
    credential = CredentialField()


class PasswordProofInput(StrictInput):
    """Whoever changes how an account is opened proves to be its owner."""

    current_password = _password()


class TotpRemovalInput(StrictInput):
    """The current password, or a code of the app that is to be removed."""

    current_password = _password(required=False)
    code = _code(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"current_password": "Send either this or a code."}, code="one_of")
        return attrs


class TotpConfirmInput(StrictInput):
    """The challenge of the set-up, and what the app shows."""

    challenge = _challenge()
    code = _code()


class PasskeyInput(StrictInput):
    """The challenge of ``passkeyOptions``, what the browser made of its options, and a name for the owner."""

    name = _name()
    challenge = _challenge()
    credential = CredentialField()


class PasskeyNameInput(StrictInput):
    """How its owner calls it."""

    name = _name()


# --- Out -----------------------------------------------------------------------------------------------------------


class TotpDetail(serializers.Serializer[Any]):
    """An authenticator app."""

    enabled_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class PasskeyDetail(serializers.Serializer[Passkey]):
    """A passkey, or a security key."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class SecondFactors(serializers.Serializer[Factors]):
    """What is set up. A login with the password asks for a second factor where there is an app or a passkey."""

    totp = TotpDetail(allow_null=True, help_text="The authenticator app.")
    recovery_codes_left = serializers.IntegerField()
    passkeys = PasskeyDetail(many=True, help_text="The oldest first.")


class TotpSetup(serializers.Serializer[Setup]):
    """For an authenticator app. Nothing is stored before the app's first code has been sent."""

    challenge = serializers.CharField(help_text="Send it with the first code, within 15 minutes.")
    secret = serializers.CharField(help_text="For typing it in: base32.")
    otpauth_url = serializers.CharField()
    qr_code = serializers.CharField(
        help_text="The URL as a QR code: an SVG image as a `data:` address for `<img src>`."
    )


class RecoveryCodes(serializers.Serializer[Any]):
    """Shown this once."""

    recovery_codes = serializers.ListField(
        child=serializers.CharField(), help_text="Empty where there is a set already, which stays good."
    )


class PasskeyCeremony(serializers.Serializer[Ceremony]):
    """For the browser's dialogue."""

    challenge = serializers.CharField(help_text="Send it back with what the browser answers, within 5 minutes.")
    options = serializers.DictField(
        help_text="For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`."
    )


class PasskeyAdded(serializers.Serializer[Added]):
    """The new passkey and, if it is the first factor, the recovery codes, shown this once."""

    passkey = PasskeyDetail()
    recovery_codes = serializers.ListField(child=serializers.CharField())


def second_factors(found: Factors) -> dict[str, Any]:
    app = found.totp
    return {
        "totp": app and {"enabled_at": app.enabled_at, "last_used_at": app.last_used_at},
        "recovery_codes_left": found.recovery_codes_left,
        "passkeys": [passkey_detail(one) for one in found.passkeys],
    }


def passkey_detail(passkey: Passkey) -> dict[str, Any]:
    return {
        "id": passkey.id,
        "name": passkey.name,
        "created_at": passkey.created_at,
        "last_used_at": passkey.last_used_at,
    }


def totp_setup(setup: Setup) -> dict[str, Any]:
    return {
        "challenge": setup.challenge,
        "secret": setup.secret,
        "otpauth_url": setup.url,
        "qr_code": totp.svg_data_url(setup.svg),
    }


def ceremony(begun: Ceremony) -> dict[str, Any]:
    return {"challenge": begun.challenge, "options": begun.options}


def passkey_added(added: Added) -> dict[str, Any]:
    return {"passkey": passkey_detail(added.passkey), "recovery_codes": added.recovery_codes}
