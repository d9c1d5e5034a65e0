"""Passkeys: added, used as a second step and as a login of their own, refused, removed."""

import copy
import json

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.utils import timezone

from accounts.factors import passkeys
from accounts.models import AuditEntry, TokenFamily
from tests.accounts.at_once import at_once
from tests.accounts.devices import PRESENT, VERIFIED, Device, b64, unb64, with_app
from tests.accounts.shapes import problem
from tests.accounts.test_second_factor import first_step, wrong_fields
from tests.conftest import Api
from tests.factories import PASSWORD, make_user, token_for

pytestmark = pytest.mark.django_db

NOBODY = "01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3"


def with_passkey(user, device: Device, name: str = "Phone") -> tuple[passkeys.Passkey, list[str]]:
    begun = passkeys.begin(user, password=PASSWORD, now=timezone.now())
    credential = device.create(begun.options)
    added = passkeys.add(user, begun.challenge, credential, name=name, now=timezone.now())
    return added.passkey, added.recovery_codes


def begin(api, token) -> dict:
    return api.post("/auth/passkeys/options", {"current_password": PASSWORD}, token=token).json()


def add(api, token, begun, credential, name="Phone"):
    body = {"name": name, "challenge": begun["challenge"], "credential": credential}
    return api.post("/auth/passkeys", body, token=token)


def ask(api) -> dict:
    return api.post("/auth/login/passkey/options").json()


def log_in(api, asked, credential, **more):
    return api.post("/auth/login/passkey", {"challenge": asked["challenge"], "credential": credential, **more})


# --- Adding --------------------------------------------------------------------------------------------------------


def test_a_passkey_is_added_and_its_owner_is_told(api, run_jobs):
    user = make_user()
    token, device = token_for(user), Device()

    begun = begin(api, token)
    answer = add(api, token, begun, device.create(begun["options"]))
    run_jobs()

    body = answer.json()
    assert (answer.status_code, len(body["recovery_codes"])) == (201, 10)
    assert answer["Location"] == f"/api/v1/auth/passkeys/{body['passkey']['id']}"
    assert api.get("/auth/second-factors", token=token).json()["passkeys"] == [body["passkey"]]
    assert (body["passkey"]["name"], body["passkey"]["last_used_at"]) == ("Phone", None)
    assert AuditEntry.objects.filter(action="auth.passkey_added").count() == 1
    assert [one.to for one in mail.outbox] == [[user.email]]


def test_the_browser_is_asked_for_a_key_of_this_site_for_this_user(api):
    user = make_user(email="author@example.com", display_name="Author")
    with_passkey(user, known := Device())

    options = begin(api, token_for(user))["options"]

    assert options["rp"] == {"id": "localhost", "name": "localhost"}
    assert options["user"] == {"id": b64(user.pk.bytes), "name": "author@example.com", "displayName": "Author"}
    assert (len(unb64(options["challenge"])), options["attestation"]) == (32, "none")
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert [one["id"] for one in options["excludeCredentials"]] == [b64(known.credential_id)]
    assert options["excludeCredentials"][0]["transports"] == ["internal", "hybrid"]
    assert -7 in [one["alg"] for one in options["pubKeyCredParams"]]


def test_the_site_is_the_configured_one_and_not_the_host_of_the_request(api, rf):
    assert (rf.get("/").get_host(), ask(api)["options"]["rpId"]) == ("testserver", "localhost")


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "http://localhost:9999"},
        {"origin": "https://localhost:8000"},
        {"rp_id": "example.com"},
        {"flags": VERIFIED},
        {"client": {"type": "webauthn.get"}},
        {"client": {"challenge": b64(b"x" * 32)}},
        {"client": {"crossOrigin": True}},
        {"client": {"origin": None}},
        {"client": {"origin": ["http://localhost:8000"]}},
    ],
)
def test_a_key_made_elsewhere_or_for_something_else_is_not_added(api, wrong):
    token = token_for(make_user())
    begun = begin(api, token)

    answer = add(api, token, begun, Device().create(begun["options"], **wrong))

    assert (wrong_fields(answer), Authenticator.objects.count()) == ([("credential", "invalid")], 0)


def test_a_frontend_of_ours_may_add_a_key(api):
    token = token_for(make_user())
    begun = begin(api, token)

    answer = add(api, token, begun, Device().create(begun["options"], origin="http://localhost:5173"))

    assert answer.status_code == 201


def test_a_challenge_adds_one_key_for_the_one_who_asked(api):
    user, other = make_user(), make_user()
    begun = begin(api, token_for(user))

    foreign = add(api, token_for(other), begun, Device().create(begun["options"]))
    first = add(api, token_for(user), begun, Device().create(begun["options"]))
    again = add(api, token_for(user), begun, Device().create(begun["options"]))

    assert (wrong_fields(foreign), first.status_code) == ([("challenge", "invalid")], 201)
    assert wrong_fields(again) == [("challenge", "invalid")]
    assert Authenticator.objects.filter(type="webauthn").count() == 1


def test_a_challenge_for_adding_lives_five_minutes_and_logs_nobody_in(api, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user, device = make_user(), Device()
    with_passkey(user, device)
    token = token_for(user)
    begun = begin(api, token)

    crossed = log_in(api, begun, device.get(ask(api)["options"] | {"challenge": begun["options"]["challenge"]}))
    time_machine.shift(300)
    late = add(api, token, begun, Device().create(begun["options"]))

    assert (problem(crossed), wrong_fields(late)) == ((401, "challenge_invalid"), [("challenge", "invalid")])


def test_a_key_belongs_to_one_account(api):
    user, other, device = make_user(), make_user(), Device()
    with_passkey(user, device)

    begun = begin(api, token_for(other))
    answer = add(api, token_for(other), begun, device.create(begun["options"]))

    assert (problem(answer), passkeys.all_of(other)) == ((409, "passkey_registered"), [])


def test_nobody_has_endlessly_many(api, monkeypatch):
    monkeypatch.setattr(passkeys, "MAX_PASSKEYS", 2)
    user = make_user()
    for _ in range(2):
        with_passkey(user, Device())

    begun = begin(api, token_for(user))
    answer = add(api, token_for(user), begun, Device().create(begun["options"]))

    assert (problem(answer), len(passkeys.all_of(user))) == ((409, "too_many_passkeys"), 2)


def test_of_a_key_its_public_half_is_kept_and_nothing_about_its_maker():
    user, device = make_user(), Device()

    with_passkey(user, device)

    data = Authenticator.objects.get(type="webauthn").data
    assert set(data) == {"id", "name", "credential", "counter", "transports"}
    assert set(data["credential"]) == {"id", "rawId", "type", "response"}
    assert len(json.dumps(data)) < 1500


# --- Logging in with nothing else ----------------------------------------------------------------------------------


def test_a_passkey_logs_in_without_a_password_and_without_a_second_step(api):
    user, device = make_user(), Device()
    with_passkey(user, device)
    with_app(user)

    asked = ask(api)
    answer = log_in(api, asked, device.get(asked["options"]))

    assert (answer.status_code, answer.json()["user"]["id"]) == (200, str(user.pk))
    assert (asked["options"]["userVerification"], "allowCredentials" in asked["options"]) == ("required", False)
    assert user.token_families.count() == 1
    assert passkeys.all_of(user)[0].last_used_at is not None


def test_the_refresh_token_comes_as_a_cookie_where_it_is_asked_for(api):
    device = Device()
    with_passkey(make_user(), device)
    asked = ask(api)

    headers = {"Origin": "http://localhost:8000"}
    body = {**asked, "credential": device.get(asked["options"]), "delivery": "cookie"}
    body.pop("options")
    answer = api.post("/auth/login/passkey", body, headers=headers)

    assert (answer.status_code, "refresh_token" in answer.json()) == (200, False)
    assert answer.cookies["refresh_token"]["httponly"] is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "http://localhost:8000.evil.example.com"},
        {"rp_id": "evil.example.com"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"client": {"type": "webauthn.create"}},
        {"client": {"challenge": b64(b"x" * 32)}},
        {"client": {"crossOrigin": True}},
        {"user_handle": None},
        {"user_handle": b"x" * 16},
        {"user_handle": b"x"},
    ],
)
def test_an_answer_given_elsewhere_or_for_something_else_opens_nothing(api, wrong):
    user, device = make_user(), Device()
    with_passkey(user, device)
    asked = ask(api)

    answer = log_in(api, asked, device.get(asked["options"], **wrong))

    assert (problem(answer), TokenFamily.objects.count()) == ((401, "passkey_invalid"), 0)


def test_somebody_elses_key_opens_nothing(api):
    user, thief = make_user(), Device()
    with_passkey(user, Device())
    with_passkey(make_user(), thief)
    asked = ask(api)

    answer = log_in(api, asked, thief.get(asked["options"], user_handle=user.pk.bytes))

    assert (problem(answer), TokenFamily.objects.count()) == ((401, "passkey_invalid"), 0)


def test_the_id_of_a_key_without_the_key_opens_nothing(api):
    user, device = make_user(), Device()
    with_passkey(user, device)
    forged = Device(credential_id=device.credential_id, user_handle=user.pk.bytes)
    asked = ask(api)

    assert problem(log_in(api, asked, forged.get(asked["options"]))) == (401, "passkey_invalid")


def test_an_answer_is_good_once(api):
    device = Device()
    with_passkey(make_user(), device)
    asked = ask(api)
    credential = device.get(asked["options"])

    answers = [log_in(api, asked, credential) for _ in range(2)]

    assert (answers[0].status_code, problem(answers[1])) == (200, (401, "challenge_invalid"))
    assert TokenFamily.objects.count() == 1


def test_an_answer_to_another_challenge_is_none(api):
    device = Device()
    with_passkey(make_user(), device)

    answer = log_in(api, ask(api), device.get(ask(api)["options"]))

    assert problem(answer) == (401, "passkey_invalid")


def test_a_question_is_open_for_five_minutes(api, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    device = Device()
    with_passkey(make_user(), device)
    asked = ask(api)

    time_machine.shift(300)

    assert problem(log_in(api, asked, device.get(asked["options"]))) == (401, "challenge_invalid")


def test_whoever_is_not_active_is_not_let_in(api):
    user, device = make_user(), Device()
    with_passkey(user, device)
    type(user).objects.update(is_active=False)
    asked = ask(api)

    answer = log_in(api, asked, device.get(asked["options"]))

    assert (problem(answer), TokenFamily.objects.count()) == ((401, "passkey_invalid"), 0)


def test_a_counter_that_does_not_move_on_tells_of_a_copy(api, run_jobs):
    user, device = make_user(), Device(counter=5)
    with_passkey(user, device)
    device.counter = 7
    asked = ask(api)
    log_in(api, asked, device.get(asked["options"]))
    run_jobs()
    mail.outbox.clear()

    answers = []
    for device.counter in (7, 6, 0):
        asked = ask(api)
        answers.append(problem(log_in(api, asked, device.get(asked["options"]))))
    run_jobs()

    assert (answers, TokenFamily.objects.count()) == ([(401, "passkey_invalid")] * 3, 1)
    assert Authenticator.objects.get(type="webauthn").data["counter"] == 7
    assert AuditEntry.objects.filter(action="auth.passkey_refused").count() == 3
    assert len(mail.outbox) == 3


def test_a_key_that_never_counts_is_no_copy(api):
    device = Device(counter=0)
    with_passkey(make_user(), device)

    answers = []
    for _ in range(2):
        asked = ask(api)
        answers.append(log_in(api, asked, device.get(asked["options"])).status_code)

    assert answers == [200, 200]


# --- As the second step --------------------------------------------------------------------------------------------


def test_a_passkey_is_a_second_factor(api):
    user, device = make_user(), Device()
    with_passkey(user, device)

    asked = first_step(api, user)
    body = asked.json()
    credential = device.get(body["passkey_options"], flags=PRESENT)
    answer = api.post("/auth/login/second-factor", {"challenge": body["challenge"], "credential": credential})
    again = api.post("/auth/login/second-factor", {"challenge": body["challenge"], "credential": credential})

    assert (problem(asked), body["methods"]) == ((401, "second_factor_required"), ["recovery_code", "passkey"])
    assert [one["id"] for one in body["passkey_options"]["allowCredentials"]] == [b64(device.credential_id)]
    assert (answer.status_code, problem(again)) == (200, (401, "challenge_invalid"))


def test_another_users_passkey_is_none(api):
    user, other = make_user(), make_user()
    with_passkey(user, Device())
    with_passkey(other, thief := Device())
    body = first_step(api, user).json()

    answers = [
        api.post("/auth/login/second-factor", {"challenge": body["challenge"], "credential": credential})
        for credential in (
            thief.get(body["passkey_options"]),
            thief.get(body["passkey_options"], user_handle=user.pk.bytes),
            thief.get(body["passkey_options"], user_handle=None),
        )
    ]

    assert [problem(one) for one in answers] == [(401, "passkey_invalid")] * 3
    assert TokenFamily.objects.count() == 0


def test_a_device_that_takes_somebody_else_for_its_user_opens_nothing(api):
    user, device = make_user(), Device()
    with_passkey(user, device)
    body = first_step(api, user).json()
    credential = device.get(body["passkey_options"], user_handle=make_user().pk.bytes)

    answer = api.post("/auth/login/second-factor", {"challenge": body["challenge"], "credential": credential})

    assert (problem(answer), TokenFamily.objects.count()) == ((401, "passkey_invalid"), 0)


def test_a_challenge_of_the_login_without_password_is_none_of_the_second_step(api):
    user, device = make_user(), Device()
    with_passkey(user, device)
    asked = ask(api)
    body = {"challenge": asked["challenge"], "credential": device.get(asked["options"])}

    assert problem(api.post("/auth/login/second-factor", body)) == (401, "challenge_invalid")


# --- Nonsense ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("id",), None),
        (("id",), 10**9),
        (("rawId",), 10**12),
        (("rawId",), b64(b"other")),
        (("type",), "password"),
        (("type",), None),
        (("response",), None),
        (("response",), "text"),
        (("response",), []),
        (("response", "signature"), 10**12),
        (("response", "signature"), {"a": "b"}),
        (("response", "signature"), "ä"),
        (("response", "signature"), "A" * 20_001),
        (("response", "authenticatorData"), 4_000_000_000),
        (("response", "authenticatorData"), b64(b"short")),
        (("response", "authenticatorData"), b64(b"x" * 32 + b"\xc5" + b"\x81" * 15_000)),
        (("response", "clientDataJSON"), 1),
        (("response", "clientDataJSON"), b64(b"[" * 15_000)),
        (("response", "clientDataJSON"), b64(b"null")),
        (("response", "clientDataJSON"), b64(b'{"type":"webauthn.get","challenge":7,"origin":{}}')),
        (("response", "userHandle"), 16),
        (("response", "userHandle"), [1]),
    ],
)
def test_nonsense_in_an_answer_is_refused_before_it_costs_anything(api, path, value):
    device = Device()
    with_passkey(make_user(), device)
    asked = ask(api)
    credential = copy.deepcopy(device.get(asked["options"]))
    place = credential
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    assert problem(log_in(api, asked, credential)) == (401, "passkey_invalid")


@pytest.mark.parametrize(
    "attestation",
    [
        10**12,
        b64(b""),
        b64(b"\xff"),
        b64(b"\x81" * 15_000),
        b64(b"\xa3cfmtdnonegattStmt\xa0hauthDataX\x05short"),
        b64(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
        b64(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
        b64(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
    ],
)
def test_nonsense_in_a_new_key_is_refused(api, attestation):
    token = token_for(make_user())
    begun = begin(api, token)
    credential = Device().create(begun["options"])
    credential["response"]["attestationObject"] = attestation

    answer = add(api, token, begun, credential)

    assert (wrong_fields(answer), Authenticator.objects.count()) == ([("credential", "invalid")], 0)


# --- Names and the end ---------------------------------------------------------------------------------------------


def test_a_passkey_is_renamed(api):
    user = make_user()
    passkey, _ = with_passkey(user, Device())

    answer = api.patch(f"/auth/passkeys/{passkey.id}", {"name": "Key ring"}, token=token_for(user))

    assert (answer.status_code, answer.json()["name"]) == (200, "Key ring")
    assert AuditEntry.objects.get(action="auth.passkey_renamed").changes == {"name": ["Phone", "Key ring"]}


@pytest.mark.parametrize("name", ["", "  ", 7, None, "x" * 101])
def test_a_name_is_a_name(api, name):
    user = make_user()
    passkey, _ = with_passkey(user, Device())

    answer = api.patch(f"/auth/passkeys/{passkey.id}", {"name": name}, token=token_for(user))

    assert (problem(answer), passkeys.all_of(user)[0].name) == ((422, "validation_error"), "Phone")


def test_a_passkey_is_removed_with_the_password_and_the_last_one_takes_the_recovery_codes_along(api):
    user, device = make_user(), Device()
    first, _ = with_passkey(user, device)
    second, _ = with_passkey(user, Device())
    token = token_for(user)

    one = api.delete(f"/auth/passkeys/{first.id}", body={"current_password": PASSWORD}, token=token)
    between = api.get("/auth/second-factors", token=token).json()
    other = api.delete(f"/auth/passkeys/{second.id}", body={"current_password": PASSWORD}, token=token)
    asked = ask(api)
    used = log_in(api, asked, device.get(asked["options"]))

    assert (one.status_code, len(between["passkeys"]), between["recovery_codes_left"]) == (204, 1, 10)
    assert (other.status_code, Authenticator.objects.count()) == (204, 0)
    assert problem(used) == (401, "passkey_invalid")


def test_without_the_password_none_is_removed(api):
    user = make_user()
    passkey, _ = with_passkey(user, Device())

    answer = api.delete(f"/auth/passkeys/{passkey.id}", body={"current_password": "not it"}, token=token_for(user))

    assert (wrong_fields(answer), len(passkeys.all_of(user))) == ([("current_password", "wrong")], 1)


@pytest.mark.parametrize("whose", ["other", "nobody", "garbage"])
def test_anothers_passkey_is_not_there(api, whose):
    owner = make_user()
    passkey, _ = with_passkey(owner, Device())
    passkey_id = {"other": str(passkey.id), "nobody": NOBODY, "garbage": "x" * 300}[whose]
    token = token_for(make_user())

    answers = [
        api.patch(f"/auth/passkeys/{passkey_id}", {"name": "Mine"}, token=token),
        api.delete(f"/auth/passkeys/{passkey_id}", body={"current_password": PASSWORD}, token=token),
    ]

    assert [problem(one) for one in answers] == [(404, "not_found")] * 2
    assert [one.name for one in passkeys.all_of(owner)] == ["Phone"]


# --- At once -------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_logins_with_one_answer_at_once_one_wins():
    user, device = make_user(), Device()
    with_passkey(user, device)
    asked = ask(Api())
    credential = device.get(asked["options"])

    answers = at_once(16, lambda: log_in(Api(), asked, credential).status_code)

    assert (sorted(answers), user.token_families.count()) == ([200] + [401] * 15, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_challenge_adds_one_key_however_many_come_at_once():
    user = make_user()
    begun = passkeys.begin(user, password=PASSWORD, now=timezone.now())
    token = token_for(user)
    asked = {"challenge": begun.challenge, "options": begun.options}

    answers = at_once(8, lambda: add(Api(), token, asked, Device().create(asked["options"])).status_code)

    assert (sorted(answers), len(passkeys.all_of(user))) == ([201] + [422] * 7, 1)
