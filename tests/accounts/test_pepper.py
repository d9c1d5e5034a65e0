"""The pepper: turned on, changed and turned off again, with nobody locked out on the way."""

import re
import time
from statistics import median
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.core import checks
from django.core.management import call_command

from accounts import credentials, hashers
from accounts.models import User
from cms_project import doctor, secrets
from tests.factories import PASSWORD, make_user, pair_for
from tests.house.commands import KEY, PRODUCTION, manage, python

OLD, NEW = "an-old-pepper-of-many-different-letters", "a-new-pepper-of-many-different-letters-2"
PLAIN = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher", "django.contrib.auth.hashers.Argon2PasswordHasher"]
PEPPERED = ["accounts.hashers.PepperedBCrypt", "accounts.hashers.PepperedArgon2"]
CHEAP = "django.contrib.auth.hashers.MD5PasswordHasher"
BCRYPT, ARGON2 = "peppered_bcrypt_sha256", "peppered_argon2"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.contrib.auth.hashers.BCryptSHA256PasswordHasher.rounds", 4)
    monkeypatch.setattr("django.contrib.auth.hashers.Argon2PasswordHasher.memory_cost", 1024)


def use(settings: Any, peppers: dict[str, str], *, kind: int = 0) -> None:
    """As the settings do it: with a pepper in front, the peppered hashers come first. ``kind`` 1 is Argon2."""
    first, second = (PEPPERED, PLAIN) if next(iter(peppers.values()), "") else (PLAIN, PEPPERED)
    settings.PASSWORD_PEPPERS = peppers
    settings.PASSWORD_HASHERS = [first[kind], second[kind], first[1 - kind], second[1 - kind]]


def log_in(user: User, password: str = PASSWORD) -> User:
    return credentials.authenticate(user.email, password, address="192.0.2.1")


def kind_of(user: User) -> str:
    """The algorithm of the stored hash, and the id of its pepper."""
    return re.match(r"[a-z0-9_]+(\$[0-9a-z]+(?=\$[ab]))?", User.objects.get(pk=user.pk).password)[0]


# --- The hash ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "algorithm"), [(0, BCRYPT), (1, ARGON2)])
def test_a_hash_names_its_hasher_and_its_pepper_and_holds_neither_secret(settings, kind, algorithm):
    use(settings, {"n": NEW, "o": OLD}, kind=kind)

    encoded = make_password(PASSWORD)

    assert encoded.startswith(f"{algorithm}$n$")
    assert (NEW in encoded, PASSWORD in encoded, len(encoded) <= 200) == (False, False, True)
    assert check_password(PASSWORD, encoded)
    assert not check_password(PASSWORD + "x", encoded)


@pytest.mark.parametrize("kind", [0, 1])
def test_without_the_pepper_the_hash_fits_no_password(settings, kind):
    use(settings, {"n": NEW}, kind=kind)
    encoded = make_password(PASSWORD)

    below = encoded.split("$", 2)[2]
    use(settings, {"n": OLD}, kind=kind)

    assert not check_password(PASSWORD, below)
    assert not check_password(PASSWORD, encoded)


@pytest.mark.parametrize("kind", [0, 1])
def test_no_letter_of_a_long_password_is_cut_off(settings, kind):
    use(settings, {"n": NEW}, kind=kind)
    long = "ü" * 511 + "\x00a"

    encoded = make_password(long)

    assert check_password(long, encoded)
    assert not check_password(long[:-1] + "b", encoded)


@pytest.mark.parametrize("kind", [0, 1])
def test_the_admin_can_describe_it(settings, kind):
    use(settings, {"n": NEW}, kind=kind)
    encoded = make_password(PASSWORD)

    summary = identify_hasher(encoded).safe_summary(encoded)

    assert (summary["pepper"], NEW in str(summary)) == ("n", False)
    assert identify_hasher(encoded).decode(encoded)["pepper"] == "n"


@pytest.mark.parametrize(("cost", "value"), [("BCryptSHA256PasswordHasher.rounds", 5)])
def test_a_hash_of_another_cost_is_renewed(settings, monkeypatch, cost, value):
    use(settings, {"n": NEW})
    encoded = make_password(PASSWORD)

    monkeypatch.setattr(f"django.contrib.auth.hashers.{cost}", value)

    renewed: list[str] = []
    assert check_password(PASSWORD, encoded, renewed.append)
    assert not check_password("not it", encoded, renewed.append)
    assert renewed == [PASSWORD]


# --- Turned on, changed, turned off -----------------------------------------------------------------------------------

STEPS = [
    ("off, then on", {}, {"n": NEW}, f"{BCRYPT}$n"),
    ("changed", {"o": OLD}, {"n": NEW, "o": OLD}, f"{BCRYPT}$n"),
    ("off again", {"o": OLD}, {"none": "", "o": OLD}, "bcrypt_sha256"),
    ("on after off", {"none": "", "o": OLD}, {"n": NEW, "o": OLD}, f"{BCRYPT}$n"),
    ("the same", {"o": OLD}, {"o": OLD}, f"{BCRYPT}$o"),
    ("one more behind", {"o": OLD}, {"o": OLD, "n": NEW}, f"{BCRYPT}$o"),
]


@pytest.mark.parametrize(("name", "before", "after", "kind"), STEPS)
@pytest.mark.django_db
def test_a_login_renews_the_hash_and_ends_no_session(settings, name, before, after, kind):
    use(settings, before)
    user = make_user()
    pair_for(user)

    use(settings, after)
    log_in(user)

    assert kind_of(user) == kind
    assert log_in(user).pk == user.pk
    assert user.token_families.filter(revoked_at=None).count() == 1


@pytest.mark.parametrize("before", [{}, {"o": OLD}])
@pytest.mark.django_db
def test_a_wrong_password_renews_nothing(settings, before):
    use(settings, before)
    user = make_user()
    stored = user.password

    use(settings, {"n": NEW, "o": OLD})
    with pytest.raises(credentials.InvalidCredentials):
        log_in(user, "not it")

    assert User.objects.get().password == stored


@pytest.mark.parametrize(("before", "after", "algorithm"), [(0, 1, ARGON2), (1, 0, BCRYPT)])
@pytest.mark.django_db
def test_the_hasher_may_change_with_the_pepper(settings, before, after, algorithm):
    use(settings, {"o": OLD}, kind=before)
    user = make_user()

    use(settings, {"n": NEW, "o": OLD}, kind=after)
    log_in(user)

    assert kind_of(user) == f"{algorithm}$n"


@pytest.mark.django_db
def test_another_hasher_in_front_renews_it_too(settings):
    use(settings, {"o": OLD})
    user = make_user()

    settings.PASSWORD_HASHERS = [CHEAP, *settings.PASSWORD_HASHERS]
    log_in(user)

    assert kind_of(user) == "md5"


# --- A pepper that is gone --------------------------------------------------------------------------------------------

GONE = [{}, {"n": NEW}, {"none": ""}, {"none": "", "n": NEW}]


@pytest.mark.parametrize("peppers", GONE)
@pytest.mark.django_db
def test_whoever_has_a_hash_of_a_lost_pepper_is_refused_like_anybody_and_counted(settings, peppers):
    use(settings, {"o": OLD})
    user = make_user()
    stored = user.password
    use(settings, peppers)
    make_user()

    for password in (PASSWORD, "not it"):
        with pytest.raises(credentials.InvalidCredentials):
            log_in(user, password)

    assert list(User.objects.filter(hashers.unreadable())) == [user]
    assert User.objects.get(pk=user.pk).password == stored


@pytest.mark.django_db
def test_when_the_pepper_is_back_so_is_its_user(settings):
    use(settings, {"o": OLD})
    user = make_user()
    use(settings, {"n": NEW})
    settings.PASSWORD_PEPPERS = {"n": NEW, "o": OLD}

    assert log_in(user).pk == user.pk
    assert not User.objects.filter(hashers.unreadable()).exists()


@pytest.mark.django_db
def test_nobody_is_counted_who_has_another_hash_or_no_password(settings):
    use(settings, {})
    make_user()
    without = make_user()
    without.set_unusable_password()
    without.save()
    use(settings, {"n": NEW, "o": OLD})
    make_user()

    assert (User.objects.count(), User.objects.filter(hashers.unreadable()).count()) == (3, 0)


@pytest.mark.parametrize(("count", "words"), [(1, "1 user,"), (2, "2 users,")])
@pytest.mark.django_db
def test_the_start_and_the_check_say_how_many(settings, count, words):
    use(settings, {"o": OLD})
    for _ in range(count):
        make_user()
    use(settings, {"n": NEW})

    (found,) = doctor.shut_out()
    (warning,) = [one for one in checks.run_checks(databases=["default"]) if one.id == "stitch.W003"]

    assert (found.level, found.name) == ("error", "PASSWORD_PEPPER")
    assert found.text == f"lacks the pepper of {words} who cannot log in before it is back."
    assert warning.msg == f"{found.name} {found.text}"


@pytest.mark.django_db
def test_where_nobody_is_shut_out_nothing_is_said(settings):
    use(settings, {"o": OLD})
    make_user()

    assert doctor.shut_out() == []
    call_command("check", databases=["default"])


def test_doctor_counts_them_in_a_database_of_its_own(tmp_path):
    here = {**PRODUCTION, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3", "WEB_CONCURRENCY": "1"}
    manage("migrate", "--verbosity", "0", **here)
    made = manage(
        *("createsuperuser", "--noinput", "--email", "a@example.com", "--username", "a"),
        **here,
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        PASSWORD_PEPPER=f"o:{OLD}",
    )

    well = manage("doctor", **here, PASSWORD_PEPPER=f"o:{OLD}")
    ill = manage("doctor", **here)

    assert (made.returncode, well.returncode, ill.returncode) == (0, 0, 1)
    assert "error    PASSWORD_PEPPER lacks the pepper of 1 user," in ill.stdout


def test_doctor_makes_no_database(tmp_path):
    answer = manage("doctor", **{**PRODUCTION, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}, WEB_CONCURRENCY="1")

    assert (answer.returncode, list(tmp_path.iterdir())) == (0, [])


# --- The time it takes ------------------------------------------------------------------------------------------------


def seconds(user_email: str) -> float:
    began = time.perf_counter()
    with pytest.raises(credentials.InvalidCredentials):
        credentials.authenticate(user_email, "not it", address="192.0.2.1")
    return time.perf_counter() - began


@pytest.mark.django_db
def test_nobody_learns_from_the_time_whether_an_account_exists_or_has_lost_its_pepper(settings, monkeypatch):
    monkeypatch.setattr("django.contrib.auth.hashers.BCryptSHA256PasswordHasher.rounds", 9)
    settings.LOCKOUT_ENABLE = False
    use(settings, {"o": OLD})
    make_user(email="lost@example.com")
    use(settings, {"n": NEW})
    make_user(email="known@example.com")
    names = ("lost", "known", "unknown")

    rounds = [{name: seconds(f"{name}@example.com") for name in names} for _ in range(15)]

    middle = {name: median(one[name] for one in rounds) for name in names}
    assert max(middle.values()) < 1.3 * min(middle.values()), middle


# --- The setting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (f"n:{NEW},o:{OLD}", {"n": NEW, "o": OLD}),
        (f'{{"n": "{NEW}"}}', {"n": NEW}),
        ("none", {"none": ""}),
        (f"none, o:{OLD}", {"none": "", "o": OLD}),
    ],
)
def test_how_it_is_written(raw, expected):
    found = secrets.peppers(raw)

    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize(
    "raw", [OLD, "o:short", f"o:{OLD},none", f"o:{OLD},o:{NEW}", f"o$:{OLD}", f":{OLD}", "none,", f"none,{OLD}"]
)
def test_what_is_weak_or_nonsense_is_refused_without_repeating_it(raw):
    with pytest.raises(ValueError, match=r".") as refusal:
        secrets.peppers(raw)

    assert not any(part in str(refusal.value) for part in (OLD, NEW, "short"))


ASK = "import json; from django.conf import settings; print(json.dumps(settings.PASSWORD_HASHERS))"


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({}, PLAIN[0]),
        ({"PASSWORD_PEPPER": f"o:{OLD}"}, PEPPERED[0]),
        ({"PASSWORD_PEPPER": f"none,o:{OLD}"}, PLAIN[0]),
        ({"PASSWORD_PEPPER": f"o:{OLD}", "PASSWORD_HASHER": "argon2"}, PEPPERED[1]),
    ],
)
def test_the_first_hasher_follows_from_the_settings_and_all_of_them_verify(variables, first):
    answer = python("-c", ASK, DJANGO_SETTINGS_MODULE="cms_project.settings", SECRET_KEY=KEY, **variables)

    assert answer.stdout.startswith(f'["{first}"'), answer.stderr
    assert all(path in answer.stdout for path in (*PLAIN, *PEPPERED))
