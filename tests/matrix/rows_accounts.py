"""The rows of what ``accounts`` serves."""

from typing import Any

from accounts import keys, links, people, registration
from accounts.factors import second_step, totp
from accounts.links import Purpose
from accounts.models import PendingRegistration, User
from core import clock
from tests.accounts.devices import App, with_app
from tests.factories import PASSWORD, make_user, pair_for
from tests.matrix.callers import FOREIGN_SCOPE, World
from tests.matrix.shapes import Form, Row, administrators, at, for_all, sent, with_token

NEW_PASSWORD = "another long passphrase"
OPEN = {"REGISTRATION": "open"}
NO_ID = "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11"


# --- What is sent --------------------------------------------------------------------------------------------------


def own_login(world: World) -> dict[str, str]:
    return {"email": world.user.email, "password": PASSWORD}


def own_form(world: World) -> Form:
    return Form(grant_type="password", username=world.user.email, password=PASSWORD)


def own_refresh_token(world: World) -> dict[str, str]:
    return {"refresh_token": world.pair.refresh_token}


def own_password(world: World) -> dict[str, str]:
    return {"current_password": PASSWORD}


def own_second_step(world: World) -> dict[str, str]:
    """What somebody else has in hand who has passed the first step."""
    app, _ = with_app(world.other)
    return {"challenge": challenge_of(world.other), "code": app.code()}


def challenge_of(user: User) -> str:
    try:
        second_step.demand(user, now=clock.now())
    except second_step.SecondFactorRequired as step:
        return step.challenge
    raise AssertionError("no second factor is set up")


def verification(world: World) -> dict[str, str]:
    email = "new@example.com"
    registration.register(email=email, username="new", password=NEW_PASSWORD, now=clock.now())
    pending = PendingRegistration.objects.get()
    return {"token": links.make(Purpose.VERIFY_EMAIL, pending.pk, state=email)}


def password_link(purpose: Purpose) -> Any:
    def body(world: World) -> dict[str, str]:
        user = invited(world) if purpose is Purpose.INVITATION else world.other
        token = links.make(purpose, user.pk, state=links.state_of(user))
        return {"token": token, "password": NEW_PASSWORD}

    return body


def email_link(world: World) -> dict[str, str]:
    subject = f"{world.other.pk} new@example.com"
    return {"token": links.make(Purpose.CHANGE_EMAIL, subject, state=links.state_of(world.other))}


def totp_answer(world: World) -> dict[str, str]:
    setup = totp.begin(world.user, password=PASSWORD, now=clock.now())
    return {"challenge": setup.challenge, "code": App(setup.secret).code()}


def own_app(world: World) -> dict[str, str]:
    with_app(world.user)
    return own_password(world)


# --- Where it is sent ----------------------------------------------------------------------------------------------


def invited(world: World) -> User:
    values = {"email": "invited@example.com", "username": "invited", "role": "author"}
    return people.create(values, by=make_user("admin"), now=clock.now())


def own_session(world: World) -> str:
    pair_for(world.user)
    return f"/auth/sessions/{world.user.token_families.earliest('created_at').pk}"


def foreign_session(world: World) -> str:
    pair_for(world.other)
    return f"/auth/sessions/{world.other.token_families.get().pk}"


def user_path(suffix: str = "") -> Any:
    return lambda world: f"/users/{world.other.pk}{suffix}"


def invited_path(world: World) -> str:
    return f"/users/{invited(world).pk}/invitation"


def foreign_key(world: World) -> str:
    maker = make_user("author")
    key, _ = keys.make(maker, name="theirs", scopes=[FOREIGN_SCOPE], expires_at=None, now=clock.now())
    return f"/api-keys/{key.pk}"


def own_key(world: World) -> str:
    """Of a member there is none to be made: it was made when they were an author."""
    key = world.user.api_keys.create(name="mine", prefix="mine", hash="", scopes=[], created_at=clock.now())
    return f"/api-keys/{key.pk}"


# --- The rows ------------------------------------------------------------------------------------------------------
# nobody member owner author approver admin deactivated key narrow

NOT_DEACTIVATED = (200, 200, 200, 200, 200, 200, 401, 200, 200)

DOORS = {
    "POST auth/login": Row(NOT_DEACTIVATED, at("/auth/login"), own_login),
    "POST auth/token": Row(NOT_DEACTIVATED, at("/auth/token"), own_form),
    "POST auth/refresh": Row(NOT_DEACTIVATED, at("/auth/refresh"), own_refresh_token),
    "POST auth/logout": Row(for_all(204), at("/auth/logout"), own_refresh_token),
    "POST auth/login/second-factor": Row(for_all(200), at("/auth/login/second-factor"), own_second_step),
    "POST auth/login/passkey/options": Row(for_all(200), at("/auth/login/passkey/options"), sent()),
    "POST auth/login/passkey": Row(
        for_all(401), at("/auth/login/passkey"), sent(challenge="none", credential={"id": "none"})
    ),
    "POST auth/register": Row(
        for_all(202),
        at("/auth/register"),
        sent(email="new@example.com", username="new", password=NEW_PASSWORD),
        settings=OPEN,
    ),
    "POST auth/register as closed": Row(for_all(403), at("/auth/register"), sent()),
    "POST auth/verify-email": Row(for_all(204), at("/auth/verify-email"), verification, settings=OPEN),
    "POST auth/verify-email/resend": Row(for_all(202), at("/auth/verify-email/resend"), sent(email="new@example.com")),
    "POST auth/password-reset": Row(for_all(202), at("/auth/password-reset"), sent(email="new@example.com")),
    "POST auth/password-reset/confirm": Row(
        for_all(204), at("/auth/password-reset/confirm"), password_link(Purpose.RESET_PASSWORD)
    ),
    "POST auth/invitation/accept": Row(for_all(204), at("/auth/invitation/accept"), password_link(Purpose.INVITATION)),
    "POST auth/email-change/confirm": Row(for_all(204), at("/auth/email-change/confirm"), email_link),
}

OWN = {
    "GET auth/me": Row((401, 200, 200, 200, 200, 200, 401, 200, 200), at("/auth/me")),
    "PATCH auth/me": Row(with_token(200), at("/auth/me"), sent(display_name="Somebody")),
    "POST auth/password-change": Row(
        with_token(204), at("/auth/password-change"), sent(current_password=PASSWORD, new_password=NEW_PASSWORD)
    ),
    "POST auth/email-change": Row(
        with_token(202), at("/auth/email-change"), sent(email="new@example.com", current_password=PASSWORD)
    ),
    "GET auth/sessions": Row(with_token(200), at("/auth/sessions")),
    "DELETE auth/sessions/<str:id>": Row(with_token(204), own_session),
    "DELETE auth/sessions/<str:id> as somebody else's": Row(with_token(404), foreign_session),
    "POST auth/logout-all": Row(with_token(204), at("/auth/logout-all")),
    "GET auth/second-factors": Row(with_token(200), at("/auth/second-factors")),
    "POST auth/second-factors/totp": Row(with_token(200), at("/auth/second-factors/totp"), own_password),
    "POST auth/second-factors/totp/confirm": Row(with_token(200), at("/auth/second-factors/totp/confirm"), totp_answer),
    "DELETE auth/second-factors/totp": Row(with_token(204), at("/auth/second-factors/totp"), own_app),
    "POST auth/second-factors/recovery-codes": Row(with_token(200), at("/auth/second-factors/recovery-codes"), own_app),
    "POST auth/passkeys/options": Row(with_token(200), at("/auth/passkeys/options"), own_password),
    "POST auth/passkeys": Row(
        with_token(422), at("/auth/passkeys"), sent(name="Laptop", challenge="none", credential={"id": "none"})
    ),
    "PATCH auth/passkeys/<str:id>": Row(with_token(404), at(f"/auth/passkeys/{NO_ID}"), sent(name="Laptop")),
    "DELETE auth/passkeys/<str:id>": Row(with_token(404), at(f"/auth/passkeys/{NO_ID}"), own_password),
}

KEYS = {
    "GET api-keys": Row((401, 200, 200, 200, 200, 200, 401, 200, 403), at("/api-keys")),
    "POST api-keys": Row(
        (401, 403, 201, 201, 201, 201, 401, 403, 403), at("/api-keys"), sent(name="new", scopes=[FOREIGN_SCOPE])
    ),
    "GET api-keys/<str:id>": Row((401, 200, 200, 200, 200, 200, 401, 200, 403), own_key),
    "GET api-keys/<str:id> as somebody else's": Row((401, 404, 404, 404, 404, 200, 401, 200, 403), foreign_key),
    "DELETE api-keys/<str:id>": Row((401, 204, 204, 204, 204, 204, 401, 204, 403), own_key),
    "DELETE api-keys/<str:id> as somebody else's": Row((401, 404, 404, 404, 404, 204, 401, 204, 403), foreign_key),
}

PEOPLE = {
    "GET audit": Row(administrators(200), at("/audit")),
    "GET roles": Row((401, 403, 200, 200, 200, 200, 401, 200, 403), at("/roles")),
    "GET users": Row(administrators(200), at("/users")),
    "POST users": Row(administrators(201), at("/users"), sent(email="new@example.com", username="new", role="author")),
    "GET users/<str:id>": Row(administrators(200), user_path()),
    "PATCH users/<str:id>": Row(administrators(200), user_path(), sent(role="author", is_active=False)),
    "DELETE users/<str:id>": Row(administrators(204), user_path()),
    "POST users/<str:id>/invitation": Row(administrators(202), invited_path),
    "DELETE users/<str:id>/second-factors": Row(administrators(204), user_path("/second-factors")),
}

ACCOUNTS: dict[str, Row] = {**DOORS, **OWN, **KEYS, **PEOPLE}
