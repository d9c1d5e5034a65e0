"""Second factors and passkeys over HTTP: the second step of a login, and what their owner does with them."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import limits
from accounts.api import schema_second_factors as schema
from accounts.api import serializers_second_factors as shapes
from accounts.api.authentication import BearerAuthentication, BearerOrKeyAuthentication, caller
from accounts.api.views import CredentialDoor
from accounts.factors import overview, passkeys, recovery, resets, second_step, totp
from accounts.models import User
from core import errors, ids
from core.api import parsing
from core.api.viewsets import AsyncViewSet, json_response

# --- Logging in ----------------------------------------------------------------------------------------------------


class SecondStepViewSet(CredentialDoor):
    @schema.second_step
    def create(self, request: HttpRequest) -> HttpResponse:
        data = self.input(request, shapes.SecondFactorInput)
        parsing.query(request, ())
        user = second_step.complete(
            data["challenge"], code=data.get("code", ""), credential=data.get("credential"), now=timezone.now()
        )
        return self.opened(request, user, delivery=data["delivery"])


class PasskeyLoginViewSet(CredentialDoor):
    @schema.passkey_login
    def create(self, request: HttpRequest) -> HttpResponse:
        data = self.input(request, shapes.PasskeyLoginInput)
        parsing.query(request, ())
        user = passkeys.log_in(data["challenge"], data["credential"], now=timezone.now())
        return self.opened(request, user, delivery=data["delivery"])


class PasskeyLoginOptionsViewSet(AsyncViewSet):
    """No credential is presented, and nothing is read or stored: not counted, so that a login page may ask at once."""

    authentication_classes = ()
    is_atomic = False

    @schema.passkey_login_options
    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_input(request)
        parsing.query(request, ())
        return json_response(shapes.ceremony(passkeys.begin_login(now=timezone.now())))


# --- Managing one's own --------------------------------------------------------------------------------------------


class FactorDoor(AsyncViewSet):
    """For people who are logged in with a token. What presents a password or a code counts like a login."""

    authentication_classes = (BearerAuthentication,)
    is_atomic = False  # a wrong password is counted although the request is refused; so no Idempotency-Key either

    def guard(self, request: HttpRequest) -> None:
        if request.method in ("POST", "DELETE"):
            limits.count(request)

    def password(self, request: HttpRequest) -> str:
        sent: str = self.input(request, shapes.PasswordProofInput)["current_password"]
        parsing.query(request, ())
        return sent


class FactorsViewSet(FactorDoor):
    @schema.second_factors
    def retrieve(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        parsing.query(request, ())
        return json_response(shapes.second_factors(overview.of(user)))


class TotpViewSet(FactorDoor):
    @schema.begin_totp
    def create(self, request: HttpRequest) -> HttpResponse:
        setup = totp.begin(caller(request), password=self.password(request), now=timezone.now())
        return json_response(shapes.totp_setup(setup))

    @schema.remove_totp
    def destroy(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        data = self.input(request, shapes.TotpRemovalInput)
        parsing.query(request, ())
        password, code = data.get("current_password", ""), data.get("code", "")
        totp.remove(user, password=password, code=code, now=timezone.now())
        return HttpResponse(status=204)


class TotpConfirmViewSet(FactorDoor):
    @schema.confirm_totp
    def create(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        data = self.input(request, shapes.TotpConfirmInput)
        parsing.query(request, ())
        codes = totp.confirm(user, data["challenge"], data["code"], now=timezone.now())
        return json_response({"recovery_codes": codes})


class RecoveryCodesViewSet(FactorDoor):
    @schema.renew_recovery_codes
    def create(self, request: HttpRequest) -> HttpResponse:
        codes = recovery.renew(caller(request), password=self.password(request), now=timezone.now())
        return json_response({"recovery_codes": codes})


class PasskeyOptionsViewSet(FactorDoor):
    @schema.passkey_options
    def create(self, request: HttpRequest) -> HttpResponse:
        begun = passkeys.begin(caller(request), password=self.password(request), now=timezone.now())
        return json_response(shapes.ceremony(begun))


class PasskeysViewSet(FactorDoor):
    @schema.add_passkey
    def create(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        data = self.input(request, shapes.PasskeyInput)
        parsing.query(request, ())
        added = passkeys.add(user, data["challenge"], data["credential"], name=data["name"], now=timezone.now())
        location = f"/api/v1/auth/passkeys/{added.passkey.id}"
        return json_response(shapes.passkey_added(added), status=201, headers={"Location": location})


class PasskeyViewSet(FactorDoor):
    @schema.rename_passkey
    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        user = caller(request)
        passkeys.require_own(user, id)
        name = self.input(request, shapes.PasskeyNameInput)["name"]
        parsing.query(request, ())
        return json_response(shapes.passkey_detail(passkeys.rename(user, id, name=name)))

    @schema.remove_passkey
    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        user = caller(request)
        passkeys.require_own(user, id)
        passkeys.remove(user, id, password=self.password(request), now=timezone.now())
        return HttpResponse(status=204)


# --- Managing somebody else's --------------------------------------------------------------------------------------


class UserFactorsViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)

    @schema.reset_second_factors
    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        by = caller(request)
        if not by.has_perm(resets.RIGHT):
            raise errors.Forbidden()
        user = _user(id)
        parsing.query(request, ())
        resets.reset_factors(user, by=by, now=timezone.now())
        return HttpResponse(status=204)


def _user(user_id: str) -> User:
    parsed = ids.parse(user_id)
    user = User.objects.filter(pk=parsed).first() if parsed else None
    if user is None:
        raise errors.NotFound()
    return user
