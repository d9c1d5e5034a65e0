"""The authenticator app: setting it up, the second step of a login, taking it away."""

import base64
import json
from datetime import timedelta
from io import StringIO
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core import mail
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.urls import get_resolver
from django.utils import timezone

from accounts import credentials
from accounts.factors import encryption, second_step, totp
from accounts.models import AuditEntry, TokenFamily
from core import addresses, errors
from tests.accounts.at_once import at_once
from tests.accounts.devices import App, with_app
from tests.accounts.shapes import problem
from tests.conftest import Api
from tests.factories import PASSWORD, make_user, pair_for, token_for

pytestmark = pytest.mark.django_db

NOON = "2026-03-01 12:00:00Z"


@pytest.fixture(autouse=True)
def noon(time_machine):
    time_machine.move_to(NOON, tick=False)


def first_step(api, user, **options):
    return api.post("/auth/login", {"email": user.email, "password": PASSWORD}, **options)


def challenge_for(api, user) -> str:
    return first_step(api, user).json()["challenge"]


def second(api, challenge: str, code: str, **more):
    return api.post("/auth/login/second-factor", {"challenge": challenge, "code": code, **more})


def wrong_fields(response) -> list[tuple[str, str]]:
    assert problem(response) == (422, "validation_error")
    return [(one["field"], one["code"]) for one in response.json()["errors"]]


def actions() -> list[str]:
    """Without the logins of the tests themselves."""
    return list(AuditEntry.objects.exclude(action="auth.login").order_by("id").values_list("action", flat=True))


# --- Setting it up -------------------------------------------------------------------------------------------------


def test_an_app_is_set_up_in_two_steps_and_its_owner_is_told(api, run_jobs):
    user = make_user(email="author@example.com")
    token = token_for(user)

    setup = api.post("/auth/second-factors/totp", {"current_password": PASSWORD}, token=token).json()
    before = api.get("/auth/second-factors", token=token).json()
    body = {"challenge": setup["challenge"], "code": App(setup["secret"]).code()}
    confirmed = api.post("/auth/second-factors/totp/confirm", body, token=token)
    run_jobs()

    after = api.get("/auth/second-factors", token=token)
    codes = confirmed.json()["recovery_codes"]
    assert before == {"totp": None, "recovery_codes_left": 0, "passkeys": []}
    assert (confirmed.status_code, len(set(codes)), {len(code) for code in codes}) == (200, 10, {10})
    assert after.json() == {
        "totp": {"enabled_at": "2026-03-01T12:00:00.000000Z", "last_used_at": None},
        "recovery_codes_left": 10,
        "passkeys": [],
    }
    assert (after["Cache-Control"], confirmed["Cache-Control"]) == ("private, no-store", "private, no-store")
    assert actions() == ["auth.second_factor_enabled"]
    assert [(one.to, "authenticator app was set up" in one.body) for one in mail.outbox] == [([user.email], True)]


def test_the_secret_comes_in_three_forms(api):
    user = make_user(email="author@example.com")

    setup = api.post("/auth/second-factors/totp", {"current_password": PASSWORD}, token=token_for(user)).json()

    address = urlsplit(setup["otpauth_url"])
    assert (address.scheme, address.netloc, address.path) == ("otpauth", "totp", "/author%40example.com")
    assert parse_qs(address.query) == {"secret": [setup["secret"]], "issuer": ["localhost"]}
    assert len(base64.b32decode(setup["secret"])) == 20
    kind, _, picture = setup["qr_code"].partition(",")
    assert (kind, b"<svg" in base64.b64decode(picture)) == ("data:image/svg+xml;base64", True)


def test_a_set_up_that_is_not_confirmed_changes_nothing(api):
    user = make_user()
    token = token_for(user)

    setup = api.post("/auth/second-factors/totp", {"current_password": PASSWORD}, token=token).json()
    answer = api.post("/auth/second-factors/totp/confirm", setup_body(setup, steps=5), token=token)

    assert wrong_fields(answer) == [("code", "wrong")]
    assert (Authenticator.objects.count(), first_step(api, user).status_code, actions()) == (0, 200, [])


def setup_body(setup: dict, *, steps: int = 0) -> dict:
    return {"challenge": setup["challenge"], "code": App(setup["secret"]).code(steps=steps)}


def test_a_set_up_is_its_makers_for_its_purpose_and_for_a_quarter_of_an_hour(api, time_machine):
    mine, other = make_user(), make_user()
    setup = api.post("/auth/second-factors/totp", {"current_password": PASSWORD}, token=token_for(mine)).json()
    with_app(other)
    login = challenge_for(api, other)

    answers = [
        api.post("/auth/second-factors/totp/confirm", setup_body(setup), token=token_for(make_user())),
        api.post("/auth/second-factors/totp/confirm", {"challenge": login, "code": "123456"}, token=token_for(other)),
        second(api, setup["challenge"], "123456"),
    ]
    time_machine.shift(900)
    answers.append(api.post("/auth/second-factors/totp/confirm", setup_body(setup), token=token_for(mine)))

    found = [problem(one) for one in answers]
    assert found == [(422, "validation_error")] * 2 + [(401, "challenge_invalid"), (422, "validation_error")]
    assert not Authenticator.objects.filter(user=mine).exists()


def test_a_set_up_works_once_also_after_the_app_was_removed(api):
    user = make_user()
    setup = totp.begin(user, password=PASSWORD, now=timezone.now())
    totp.confirm(user, setup.challenge, App(setup.secret).code(), now=timezone.now())
    totp.remove(user, password=PASSWORD, now=timezone.now())

    body = {"challenge": setup.challenge, "code": App(setup.secret).code()}
    answer = api.post("/auth/second-factors/totp/confirm", body, token=token_for(user))

    assert wrong_fields(answer) == [("challenge", "invalid")]
    assert Authenticator.objects.count() == 0


def test_there_is_one_app(api):
    user = make_user()
    with_app(user)

    answer = api.post("/auth/second-factors/totp", {"current_password": PASSWORD}, token=token_for(user))

    assert problem(answer) == (409, "totp_already_set_up")


def test_the_secret_is_not_in_the_database(api):
    user = make_user()
    app, codes = with_app(user)

    stored = json.dumps([row.data for row in Authenticator.objects.all()])
    secret = base64.b32encode(app.secret).decode()

    assert [one for one in (secret, *codes) if one in stored] == []


# --- The second step -----------------------------------------------------------------------------------------------


def test_the_right_password_is_answered_with_a_challenge_and_no_session(api):
    user = make_user()
    with_app(user)

    answer = first_step(api, user)

    body = answer.json()
    assert problem(answer) == (401, "second_factor_required")
    assert (body["methods"], body["passkey_options"]) == (["totp", "recovery_code"], None)
    assert (answer["Cache-Control"], TokenFamily.objects.count()) == ("no-store", 0)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_the_password_form_asks_for_it_as_well(api):
    user = make_user()
    app, _ = with_app(user)
    form = urlencode({"grant_type": "password", "username": user.email, "password": PASSWORD}).encode()

    answer = api.post("/auth/token", raw=form, content_type="application/x-www-form-urlencoded")

    assert (problem(answer), TokenFamily.objects.count()) == ((401, "second_factor_required"), 0)
    assert second(api, answer.json()["challenge"], app.code()).status_code == 200


def test_a_wrong_password_is_the_same_answer_with_and_without_a_second_factor(api):
    plain, guarded = make_user(), make_user()
    with_app(guarded)

    answers = [api.post("/auth/login", {"email": user.email, "password": "not it"}) for user in (plain, guarded)]

    contents = {answer.content.replace(answer["X-Request-ID"].encode(), b"id") for answer in answers}
    assert (len(contents), problem(answers[0])) == (1, (401, "invalid_credentials"))


def test_challenge_and_code_make_a_session(api):
    user = make_user()
    app, _ = with_app(user)

    answer = second(api, challenge_for(api, user), app.code())

    body = answer.json()
    assert (answer.status_code, body["user"]["id"], user.token_families.count()) == (200, str(user.pk), 1)
    assert api.get("/auth/me", token=body["access_token"]).status_code == 200
    assert api.post("/auth/refresh", {"refresh_token": body["refresh_token"]}).status_code == 200
    assert Authenticator.objects.get(type="totp").last_used_at == timezone.now()


def test_the_refresh_token_comes_as_a_cookie_where_the_second_step_asks_for_it(api):
    user = make_user()
    app, _ = with_app(user)
    body = {"challenge": challenge_for(api, user), "code": app.code(), "delivery": "cookie"}

    foreign = api.post("/auth/login/second-factor", body)
    ours = api.post("/auth/login/second-factor", body, headers={"Origin": "http://localhost:8000"})

    assert (problem(foreign), TokenFamily.objects.count()) == ((403, "csrf_failed"), 1)
    assert (ours.status_code, "refresh_token" in ours.json()) == (200, False)
    assert ours.cookies["refresh_token"]["httponly"] is True


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
def test_a_clock_may_be_off_by_one_step(api, steps, status):
    user = make_user()
    app, _ = with_app(user)
    Authenticator.objects.filter(type="totp").update(data=without_history())

    answer = second(api, challenge_for(api, user), app.code(steps=steps))

    assert answer.status_code == status


def without_history() -> dict:
    return Authenticator.objects.get(type="totp").data | {"last_step": 0}


@pytest.mark.parametrize("shown", ["{0}{1}", " {0} {1} ", "{0}-{1}"])
def test_a_code_may_be_typed_in_groups(api, shown):
    user = make_user()
    app, _ = with_app(user)
    code = app.code()

    assert second(api, challenge_for(api, user), shown.format(code[:3], code[3:])).status_code == 200


def test_a_code_is_good_once_and_no_earlier_one_after_it(api):
    user = make_user()
    app, _ = with_app(user)
    second(api, challenge_for(api, user), app.code())

    again = second(api, challenge_for(api, user), app.code())
    earlier = second(api, challenge_for(api, user), app.code(steps=-1))
    later = second(api, challenge_for(api, user), app.code(steps=1))

    assert [problem(one) for one in (again, earlier)] == [(401, "second_factor_invalid")] * 2
    assert later.status_code == 200


def test_the_code_of_the_set_up_does_not_log_in(api):
    user = make_user()
    setup = totp.begin(user, password=PASSWORD, now=timezone.now())
    code = App(setup.secret).code()
    totp.confirm(user, setup.challenge, code, now=timezone.now())

    assert problem(second(api, challenge_for(api, user), code)) == (401, "second_factor_invalid")


def test_a_wrong_code_may_be_mended_with_the_same_challenge_which_logs_in_once(api):
    user = make_user()
    app, codes = with_app(user)
    challenge = challenge_for(api, user)

    wrong = second(api, challenge, "000000" if app.code() != "000000" else "000001")
    right = second(api, challenge, app.code())
    again = second(api, challenge, codes[0])

    assert (problem(wrong), right.status_code) == ((401, "second_factor_invalid"), 200)
    assert (problem(again), user.token_families.count()) == ((401, "challenge_invalid"), 1)
    assert "auth.login_failed" in actions()


@pytest.mark.parametrize("code", ["١٢٣٤٥٦", "12345", "1234567", "-", "０００００００", "x" * 64])
def test_odd_codes_are_wrong_codes(api, code):
    user = make_user()
    with_app(user)

    assert problem(second(api, challenge_for(api, user), code)) == (401, "second_factor_invalid")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("challenge", "required")]),
        ({"challenge": "x"}, [("code", "one_of")]),
        ({"challenge": "x", "code": "1", "credential": {}}, [("code", "one_of")]),
        ({"challenge": 1, "code": 123456}, [("challenge", "invalid"), ("code", "invalid")]),
        ({"challenge": "x" * 4097, "code": "1" * 65}, [("challenge", "max_length"), ("code", "max_length")]),
        ({"challenge": "x", "code": "1", "trust": True}, [("trust", "unknown_field")]),
        ({"challenge": "x", "credential": "text"}, [("credential", "not_a_dict")]),
    ],
)
def test_a_second_step_that_makes_no_sense_is_refused_field_by_field(api, body, expected):
    assert wrong_fields(api.post("/auth/login/second-factor", body)) == expected


# --- The challenge -------------------------------------------------------------------------------------------------


def test_a_challenge_lives_five_minutes(api, time_machine):
    user = make_user()
    app, _ = with_app(user)
    challenge = challenge_for(api, user)

    time_machine.shift(300)

    assert problem(second(api, challenge, app.code())) == (401, "challenge_invalid")


def test_a_challenge_dies_with_the_password_with_the_sessions_and_with_the_account(api):
    user = make_user()
    app, _ = with_app(user)
    refused = []

    for change in ("password", "session_stamp", "is_active"):
        challenge = challenge_for(api, user)
        kept = getattr(user, change)
        type(user).objects.filter(pk=user.pk).update(**{change: False if change == "is_active" else "moved"})
        refused.append(problem(second(api, challenge, app.code())))
        type(user).objects.filter(pk=user.pk).update(**{change: kept})

    assert (refused, TokenFamily.objects.count()) == ([(401, "challenge_invalid")] * 3, 0)


def test_a_challenge_is_no_token_and_a_token_no_challenge(api):
    user = make_user()
    app, _ = with_app(user)
    challenge, pair = challenge_for(api, user), pair_for(user)

    assert problem(api.get("/auth/me", token=challenge)) == (401, "token_invalid")
    assert problem(api.post("/auth/refresh", {"refresh_token": challenge})) == (401, "token_invalid")
    for raw in (pair.access_token, pair.refresh_token, "garbage", "a:b", "ä:b", "WyJ4Il0:x"):
        assert problem(second(api, raw, app.code())) == (401, "challenge_invalid")


def test_a_challenge_that_was_touched_is_worth_nothing(api):
    user = make_user()
    app, _ = with_app(user)
    challenge = challenge_for(api, user)

    for place in (0, 10, len(challenge) // 2, -1):
        touched = list(challenge)
        touched[place] = "A" if touched[place] != "A" else "B"
        assert problem(second(api, "".join(touched), app.code())) == (401, "challenge_invalid")


# --- Guessing ------------------------------------------------------------------------------------------------------


def test_codes_are_guessed_no_faster_than_passwords_also_by_who_knows_the_password(api):
    user = make_user()
    app, _ = with_app(user)

    challenges = [challenge_for(api, user) for _ in range(6)]

    answers = [second(api, challenges[n], f"{n:06}") for n in range(5)]
    right = second(api, challenges[5], app.code())

    assert {problem(one) for one in answers} == {(401, "second_factor_invalid")}
    assert (problem(right), int(right["Retry-After"]) > 0) == ((429, "too_many_failures"), True)
    assert TokenFamily.objects.count() == 0


def test_knowing_the_password_and_having_many_addresses_gives_no_more_guesses(api):
    user = make_user()
    app, _ = with_app(user)

    outcomes = []
    for n, code in enumerate([*(f"{n:06}" for n in range(5)), app.code()]):
        set_address = addresses.client_address_var.set(f"192.0.2.{n}")
        outcomes.append(outcome(user, code))
        addresses.client_address_var.reset(set_address)

    assert outcomes == ["second_factor_invalid"] * 5 + ["too_many_failures"]


def outcome(user, code: str) -> str:
    """Both steps, from the address of the moment."""
    credentials.authenticate(user.email, PASSWORD, address=addresses.client_address_var.get())
    try:
        second_step.demand(user, now=timezone.now())
    except second_step.SecondFactorRequired as asked:
        challenge = asked.challenge
    try:
        second_step.complete(challenge, code=code, now=timezone.now())
    except errors.Refusal as refusal:
        return refusal.code
    return "logged in"


def test_the_doors_are_counted(api, settings):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"
    user = make_user()
    token = token_for(user)
    doors = [
        ("POST", "/auth/login/second-factor"),
        ("POST", "/auth/login/passkey"),
        ("POST", "/auth/second-factors/totp"),
        ("POST", "/auth/second-factors/totp/confirm"),
        ("DELETE", "/auth/second-factors/totp"),
        ("POST", "/auth/second-factors/recovery-codes"),
        ("POST", "/auth/passkeys/options"),
        ("POST", "/auth/passkeys"),
        ("DELETE", "/auth/passkeys/x"),
    ]

    found = []
    for method, path in doors:
        caches["counters"].clear()
        statuses = [api.request(method, path, {}, token=token).status_code for _ in range(6)]
        found.append((429 in statuses[:5], statuses[5]))

    assert found == [(False, 429)] * len(doors)


def test_looking_is_not_counted(api, settings):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "1/m"
    token = token_for(make_user())

    statuses = [api.get("/auth/second-factors", token=token).status_code for _ in range(3)]
    statuses += [api.post("/auth/login/passkey/options").status_code for _ in range(3)]

    assert statuses == [200] * 6


# --- Taking it away ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proof", ["current_password", "code"])
def test_the_app_is_removed_with_the_password_or_a_code_and_takes_the_recovery_codes_along(api, proof, run_jobs):
    user = make_user()
    app, _ = with_app(user)
    run_jobs()
    mail.outbox.clear()
    body = {"current_password": PASSWORD} if proof == "current_password" else {"code": app.code()}

    answer = api.delete("/auth/second-factors/totp", body=body, token=token_for(user))
    run_jobs()

    assert (answer.status_code, Authenticator.objects.count()) == (204, 0)
    assert first_step(api, user).status_code == 200
    assert (actions()[-1:], len(mail.outbox)) == (["auth.second_factor_disabled"], 1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"current_password": "not it"}, [("current_password", "wrong")]),
        ({"code": "000"}, [("code", "wrong")]),
        ({}, [("current_password", "one_of")]),
        ({"current_password": "a", "code": "b"}, [("current_password", "one_of")]),
    ],
)
def test_without_proof_nothing_is_removed(api, body, expected):
    user = make_user()
    with_app(user)

    answer = api.delete("/auth/second-factors/totp", body=body, token=token_for(user))

    assert (wrong_fields(answer), Authenticator.objects.count()) == (expected, 2)


def test_without_the_password_nothing_is_set_up(api):
    user = make_user()
    paths = ("/auth/second-factors/totp", "/auth/second-factors/recovery-codes", "/auth/passkeys/options")

    answers = [api.post(path, {"current_password": "not it"}, token=token_for(user)) for path in paths]

    assert [wrong_fields(one) for one in answers] == [[("current_password", "wrong")]] * 3
    assert Authenticator.objects.count() == 0


def test_where_there_is_no_app_none_is_removed(api):
    answer = api.delete("/auth/second-factors/totp", body={"current_password": PASSWORD}, token=token_for(make_user()))

    assert problem(answer) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/second-factors"),
        ("POST", "/auth/second-factors/totp"),
        ("POST", "/auth/second-factors/totp/confirm"),
        ("DELETE", "/auth/second-factors/totp"),
        ("POST", "/auth/second-factors/recovery-codes"),
        ("POST", "/auth/passkeys/options"),
        ("POST", "/auth/passkeys"),
        ("PATCH", "/auth/passkeys/01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3"),
        ("DELETE", "/auth/passkeys/01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3"),
        ("DELETE", "/users/01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3/second-factors"),
    ],
)
def test_nobody_manages_factors_without_a_token(api, method, path):
    assert problem(api.request(method, path, {})) == (401, "not_authenticated")


# --- Somebody else's -----------------------------------------------------------------------------------------------


def test_an_administrator_lets_somebody_in_again_who_has_lost_everything(api, run_jobs):
    user, administrator = make_user(), make_user("admin")
    with_app(user)
    run_jobs()
    mail.outbox.clear()

    answer = api.delete(f"/users/{user.pk}/second-factors", token=token_for(administrator))
    run_jobs()

    entry = AuditEntry.objects.get(action="auth.second_factors_reset")
    assert (answer.status_code, Authenticator.objects.count()) == (204, 0)
    assert (entry.actor_id, entry.object_id) == (administrator.pk, str(user.pk))
    assert [one.to for one in mail.outbox] == [[user.email]]
    assert first_step(api, user).status_code == 200


def test_nobody_else_does(api):
    user, superuser = make_user(), make_user("admin", is_superuser=True)
    administrator = make_user("admin")
    for one in (user, superuser, administrator):
        with_app(one)

    found = [
        problem(api.delete(f"/users/{of.pk}/second-factors", token=token_for(by)))
        for by, of in (
            (make_user("approver"), user),
            (user, user),
            (administrator, superuser),
            (administrator, administrator),
        )
    ]

    assert found == [(403, "permission_denied")] * 3 + [(409, "cannot_reset_your_own_factors")]
    assert Authenticator.objects.count() == 6


@pytest.mark.parametrize("user_id", ["01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3", "1", "x" * 300])
def test_of_nobody_nothing_is_reset(api, user_id):
    answer = api.delete(f"/users/{user_id}/second-factors", token=token_for(make_user("admin")))

    assert problem(answer) == (404, "not_found")


# --- What allauth brings along -------------------------------------------------------------------------------------


def test_none_of_allauths_own_doors_exists(settings):
    names = [str(view) for view in get_resolver().reverse_dict]
    packages = [getattr(view, "__module__", "") for view in get_resolver().reverse_dict]

    assert [one for one in names + packages if "allauth" in one or one.startswith(("account_", "mfa_"))] == []
    assert settings.AUTHENTICATION_BACKENDS == ["django.contrib.auth.backends.ModelBackend"]
    assert [model for model in admin.site._registry if model.__module__.startswith("allauth")] == []
    assert [one for one in (*settings.MIDDLEWARE, *settings.API_MIDDLEWARE) if "allauth" in one] == []


# --- Keys ----------------------------------------------------------------------------------------------------------


def test_a_key_is_changed_without_locking_anybody_out(settings, api):
    user = make_user()
    app, codes = with_app(user)
    settings.SECOND_FACTOR_KEYS = {"2026": "k" * 32}
    renewed = encryption.renew_all()
    settings.SECRET_KEY = "another secret key of this server, long enough"

    answer = second(api, challenge_for(api, user), app.code())
    by_recovery = second(api, challenge_for(api, user), codes[0])

    assert (renewed, answer.status_code, by_recovery.status_code) == (2, 200, 200)


def test_a_key_that_is_lost_is_the_servers_fault_and_says_so(settings, api, caplog):
    user = make_user()
    app, _ = with_app(user)
    settings.SECRET_KEY = "another secret key of this server, long enough"

    answer = second(api, challenge_for(api, user), app.code())

    assert (problem(answer), TokenFamily.objects.count()) == ((503, "unavailable"), 0)
    assert "SECOND_FACTOR_KEYS" in caplog.text


# --- At once -------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_logins_with_one_code_at_once_one_wins(settings):
    settings.LOCKOUT_ENABLE = False
    user = make_user()
    app, _ = with_app(user)
    challenges = [challenge_for(Api(), user) for _ in range(16)]
    code = app.code()

    answers = at_once(16, lambda: second(Api(), challenges.pop(), code).status_code)

    assert (sorted(answers), user.token_families.count()) == ([200] + [401] * 15, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_logins_with_one_challenge_at_once_one_wins(settings):
    settings.LOCKOUT_ENABLE = False
    user = make_user()
    _, codes = with_app(user)
    challenge = challenge_for(Api(), user)

    answers = at_once(8, lambda: second(Api(), challenge, codes.pop()).status_code)

    assert (sorted(answers), user.token_families.count()) == ([200] + [401] * 7, 1)
    assert connection.vendor == "postgresql"


def test_what_the_admin_needs_is_free_of_requests():
    user = make_user()
    app, _ = with_app(user)

    with pytest.raises(second_step.SecondFactorRequired) as asked:
        second_step.demand(user, now=timezone.now())
    passed = second_step.complete(asked.value.challenge, code=app.code(), now=timezone.now() + timedelta(seconds=1))

    assert passed == user


def test_the_command_encrypts_with_the_newest_key(settings):
    with_app(make_user())
    settings.SECOND_FACTOR_KEYS = {"2026": "k" * 32}
    output = StringIO()

    call_command("reencrypt_second_factors", stdout=output)

    assert output.getvalue() == "Encrypted 2 secrets with the first key.\n"
