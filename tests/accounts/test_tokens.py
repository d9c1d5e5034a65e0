"""The life of a token, verb by verb. The doors through which people reach it are in test_doors.py."""

import hashlib
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import tokens
from accounts.credentials import InvalidCredentials
from accounts.models import TokenFamily, User
from tests.factories import make_user, pair_for

pytestmark = pytest.mark.django_db


def claims_of(raw: str) -> dict:
    return jwt.decode(raw, options={"verify_signature": False})


def exchange(raw: str, *, arrived_at: float | None = None) -> tokens.Pair:
    now = timezone.now()
    return tokens.rotate(raw, arrived_at=now.timestamp() if arrived_at is None else arrived_at, now=now)


def test_a_login_makes_a_family_that_remembers_where_it_came_from():
    user, now = make_user(), datetime(2026, 3, 1, 12, tzinfo=UTC)

    tokens.issue(user, address="2001:db8::1", user_agent="x" * 300, now=now)

    family = user.token_families.get()
    assert (family.created_at, family.rotated_at, family.expires_at) == (now, now, now + timedelta(days=7))
    assert (family.address, family.user_agent, family.revoked_at) == ("2001:db8::1", "x" * 200, None)


def test_a_login_without_an_address_is_a_login():
    user = make_user()

    tokens.issue(user, address="", user_agent="", now=timezone.now())

    assert user.token_families.get().address is None


def test_a_login_is_noted_as_the_last_one():
    user, now = make_user(), datetime(2026, 3, 1, 12, tzinfo=UTC)

    tokens.issue(user, address="", user_agent="", now=now)

    assert User.objects.get().last_login == now


def test_the_claims_are_exactly_the_documented_ones(settings):
    user, now = make_user("approver"), timezone.now().replace(microsecond=0)

    pair = tokens.issue(user, address="", user_agent="", now=now)

    family, at = user.token_families.get(), int(now.timestamp())
    shared = {"sub": str(user.pk), "role": "approver", "iat": at, "fam": str(family.pk)}
    shared |= {"aud": "stitch-api", "iss": settings.PUBLIC_BASE_URL}
    access, refresh = claims_of(pair.access_token), claims_of(pair.refresh_token)
    assert access == shared | {"exp": at + 900, "token_type": "access", "jti": access["jti"]}
    assert refresh == shared | {"exp": at + 7 * 86_400, "token_type": "refresh", "jti": family.jti}
    assert access["jti"] != refresh["jti"]


def test_the_header_names_the_key_and_the_one_algorithm(settings):
    settings.JWT_KEYS = {"spring": "s" * 32, "winter": "w" * 32}

    pair = pair_for(make_user())

    assert jwt.get_unverified_header(pair.access_token) == {"alg": "HS256", "typ": "JWT", "kid": "spring"}


def test_keys_rotate_without_logging_anybody_out(settings):
    settings.JWT_KEYS = {"winter": "w" * 32}
    user = make_user()
    old = pair_for(user)
    settings.JWT_KEYS = {"spring": "s" * 32, "winter": "w" * 32}

    new = exchange(old.refresh_token)

    assert tokens.identify(old.access_token)[0] == tokens.identify(new.access_token)[0] == user
    assert jwt.get_unverified_header(new.access_token)["kid"] == "spring"


def test_a_key_taken_off_the_ring_verifies_nothing_more(settings):
    settings.JWT_KEYS = {"winter": "w" * 32}
    old = pair_for(make_user())
    settings.JWT_KEYS = {"spring": "s" * 32}

    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(old.access_token)


def test_lifetimes_come_from_the_settings(settings):
    settings.ACCESS_TOKEN_LIFETIME, settings.REFRESH_TOKEN_LIFETIME = timedelta(seconds=60), timedelta(hours=1)

    pair = pair_for(make_user())

    access, refresh = claims_of(pair.access_token), claims_of(pair.refresh_token)
    assert (pair.expires_in, access["exp"] - access["iat"], refresh["exp"] - refresh["iat"]) == (60, 60, 3600)


def test_who_it_is_takes_one_query(django_assert_num_queries):
    user = make_user()
    raw = pair_for(user).access_token

    with django_assert_num_queries(1):
        found, claims = tokens.identify(raw)

    assert (found, claims["sub"]) == (user, str(user.pk))


def test_an_access_token_ends_with_its_time(time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    raw = pair_for(make_user()).access_token

    time_machine.shift(899)
    tokens.identify(raw)
    time_machine.shift(1)
    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(raw)


def test_a_token_from_a_server_whose_clock_runs_ahead_is_good_at_once(time_machine):
    time_machine.move_to("2026-03-01 12:05:00Z", tick=False)
    user = make_user()
    raw = pair_for(user).access_token

    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)

    assert tokens.identify(raw)[0] == user


def test_a_refresh_token_ends_with_its_time(time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    raw = pair_for(make_user()).refresh_token

    time_machine.shift(7 * 86_400)

    with pytest.raises(tokens.TokenInvalid):
        exchange(raw)


def test_an_exchange_gives_a_new_pair_of_the_same_family():
    user = make_user()
    old = pair_for(user)

    new = exchange(old.refresh_token)

    family = user.token_families.get()
    assert claims_of(new.refresh_token)["jti"] == family.jti != claims_of(old.refresh_token)["jti"]
    assert {claims_of(raw)["fam"] for raw in (new.access_token, new.refresh_token)} == {str(family.pk)}
    assert new.user == user


def test_an_exchange_carries_the_role_that_the_user_has_by_then():
    user = make_user("author")
    old = pair_for(user)
    user.groups.set(user.groups.model.objects.filter(name="approver"))

    new = exchange(old.refresh_token)

    assert [claims_of(pair.access_token)["role"] for pair in (old, new)] == ["author", "approver"]


def test_an_exchange_prolongs_the_family(time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user = make_user()
    pair = pair_for(user)

    time_machine.shift(6 * 86_400)
    exchange(pair.refresh_token)

    family = user.token_families.get()
    assert (family.rotated_at, family.expires_at) == (
        datetime(2026, 3, 7, 12, tzinfo=UTC),
        datetime(2026, 3, 14, 12, tzinfo=UTC),
    )


def test_a_used_token_is_blacklisted_by_its_hash_and_never_stored_as_text():
    raw = pair_for(make_user()).refresh_token

    exchange(raw)

    entry = BlacklistedToken.objects.select_related("token").get()
    claims = claims_of(raw)
    assert (entry.token.jti, entry.token.token) == (claims["jti"], hashlib.sha256(raw.encode()).hexdigest())
    assert (entry.token.created_at.timestamp(), entry.token.expires_at.timestamp()) == (claims["iat"], claims["exp"])


def test_a_token_that_comes_back_ends_its_family_and_no_other():
    user = make_user()
    old, other = pair_for(user), pair_for(user)
    new = exchange(old.refresh_token)

    with pytest.raises(tokens.TokenReused) as refused:
        exchange(old.refresh_token)

    assert refused.value.code == "token_reused"
    for dead in (tokens.identify, exchange):
        with pytest.raises(tokens.TokenInvalid):
            dead(new.access_token if dead is tokens.identify else new.refresh_token)
    assert tokens.identify(other.access_token)[0] == user


def test_a_token_from_two_exchanges_ago_ends_the_family_too():
    first = pair_for(make_user())
    second = exchange(first.refresh_token)
    third = exchange(second.refresh_token)

    with pytest.raises(tokens.TokenReused):
        exchange(first.refresh_token)

    with pytest.raises(tokens.TokenInvalid):
        exchange(third.refresh_token)


def test_a_loser_that_had_arrived_before_the_exchange_was_complete_leaves_the_family_alive():
    old = pair_for(make_user())
    arrived_at = timezone.now().timestamp()
    new = exchange(old.refresh_token)

    with pytest.raises(tokens.AlreadyRotated) as refused:
        exchange(old.refresh_token, arrived_at=arrived_at)

    assert refused.value.code == "already_rotated"
    assert exchange(new.refresh_token).user == new.user


def test_a_loser_between_the_winners_commit_and_its_answer_leaves_the_family_alive():
    old = pair_for(make_user())
    new = exchange(old.refresh_token)
    OutstandingToken.objects.all().delete()  # written last: so it looks until then

    with pytest.raises(tokens.AlreadyRotated):
        exchange(old.refresh_token)

    assert exchange(new.refresh_token).user == new.user


def test_an_early_loser_is_judged_by_the_exchange_of_its_own_token():
    first = pair_for(make_user())
    second = exchange(first.refresh_token)
    after_the_first_exchange = timezone.now().timestamp()
    exchange(second.refresh_token)

    with pytest.raises(tokens.TokenReused):
        exchange(first.refresh_token, arrived_at=after_the_first_exchange)


def test_a_refused_exchange_changes_nothing():
    user = make_user()
    pair = pair_for(user)
    before = TokenFamily.objects.values().get()

    for wrong in (pair.access_token, "garbage", pair.refresh_token[:-2] + "AA"):
        with pytest.raises(tokens.TokenInvalid):
            exchange(wrong)

    assert (TokenFamily.objects.values().get(), OutstandingToken.objects.count()) == (before, 0)


def test_a_logout_ends_access_and_refresh_at_once():
    pair = pair_for(make_user())

    tokens.revoke(pair.refresh_token, now=timezone.now())

    for dead in (lambda: tokens.identify(pair.access_token), lambda: exchange(pair.refresh_token)):
        with pytest.raises(tokens.TokenInvalid):
            dead()


def test_a_second_logout_keeps_the_moment_of_the_first():
    user, first = make_user(), datetime(2026, 3, 1, 12, tzinfo=UTC)
    pair = pair_for(user)

    tokens.revoke(pair.refresh_token, now=first)
    tokens.revoke(pair.refresh_token, now=first + timedelta(hours=1))

    assert user.token_families.get().revoked_at == first


def test_a_logout_with_a_used_token_ends_the_family():
    old = pair_for(make_user())
    new = exchange(old.refresh_token)

    tokens.revoke(old.refresh_token, now=timezone.now())

    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(new.access_token)


def test_revoke_all_ends_every_family_of_one_user():
    user, other = make_user(), make_user()
    pairs = [pair_for(user), pair_for(user)]
    kept = pair_for(other)

    count = tokens.revoke_all(user, now=timezone.now())

    assert (count, tokens.identify(kept.access_token)[0]) == (2, other)
    for pair in pairs:
        with pytest.raises(tokens.TokenInvalid):
            tokens.identify(pair.access_token)


@pytest.mark.parametrize("change", ["deactivated", "deleted"])
def test_tokens_of_somebody_who_is_gone_stop_at_once(change):
    user = make_user()
    pair = pair_for(user)
    if change == "deactivated":
        User.objects.update(is_active=False)
    else:
        user.delete()

    for dead in (lambda: tokens.identify(pair.access_token), lambda: exchange(pair.refresh_token)):
        with pytest.raises(tokens.TokenInvalid):
            dead()


def test_a_token_of_one_user_does_not_fit_the_family_of_another(settings):
    user, other = make_user(), make_user()
    pair = pair_for(user)
    TokenFamily.objects.update(user=other)

    for dead in (lambda: tokens.identify(pair.access_token), lambda: exchange(pair.refresh_token)):
        with pytest.raises(tokens.TokenInvalid):
            dead()


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "changed"}])
def test_no_login_is_completed_with_credentials_that_have_just_changed(change):
    checked = make_user()
    User.objects.update(**change)

    with pytest.raises(InvalidCredentials):
        tokens.issue(checked, address="", user_agent="", now=timezone.now())

    assert TokenFamily.objects.count() == 0


def test_pruning_forgets_what_has_expired_and_nothing_else(time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user = make_user()
    exchange(pair_for(user).refresh_token)
    time_machine.shift(3 * 86_400)
    kept = pair_for(user)
    exchange(kept.refresh_token)

    time_machine.shift(4 * 86_400)
    counts = tokens.prune(now=timezone.now())

    assert counts == (1, 1)
    assert (TokenFamily.objects.count(), OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (
        1,
        1,
        1,
    )
    assert str(user.token_families.get().pk) == claims_of(kept.refresh_token)["fam"]
