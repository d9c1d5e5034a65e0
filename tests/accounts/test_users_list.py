"""The list of users, and one user: who sees them, and how they are found."""

import pytest
from django.contrib.auth.models import Group

from accounts.models import Role, User
from core import clock
from tests.accounts.groups import group_with
from tests.accounts.people import NEW, UNKNOWN, names, reloaded, superuser
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return make_user("admin", email="boss@example.com", username="boss")


@pytest.fixture
def token(admin) -> str:
    return token_for(admin)


# --- The list --------------------------------------------------------------------------------------------------------


def test_an_item_says_everything_but_what_is_secret(api, admin, token):
    response = api.get("/users", token=token)

    user = reloaded(admin)
    assert response.json() == {
        "items": [
            {
                "id": str(admin.pk),
                "email": "boss@example.com",
                "username": "boss",
                "display_name": "",
                "role": "admin",
                "groups": [],
                "is_active": True,
                "is_superuser": False,
                "is_invited": False,
                "has_second_factor": False,
                "last_login_at": clock.iso(user.last_login),
                "created_at": clock.iso(user.created_at),
                "updated_at": clock.iso(user.updated_at),
            }
        ],
        "total": 1,
        "page": 1,
        "per_page": 50,
        "total_pages": 1,
    }


def test_the_list_costs_the_same_for_one_and_for_many(api, token, django_assert_num_queries):
    for _ in range(3):
        with django_assert_num_queries(4):  # session with rights, count, rows, groups
            response = api.get("/users", token=token)
        make_user("author").groups.add(Group.objects.get_or_create(name="interns")[0])
        make_user("approver")

    assert response.json()["total"] == 5


@pytest.mark.parametrize("role", ["member", "author", "approver"])
def test_who_may_not_see_users_learns_nothing_about_them(api, role):
    token, other = token_for(make_user(role)), make_user()

    answers = [
        api.get("/users", token=token),
        api.get(f"/users/{other.pk}", token=token),
        api.get(f"/users/{UNKNOWN}", token=token),
        api.post("/users", NEW, token=token),
        api.patch(f"/users/{other.pk}", {"role": "admin"}, token=token),
        api.patch(f"/users/{UNKNOWN}", {"role": "admin"}, token=token),
        api.delete(f"/users/{other.pk}", token=token),
        api.post(f"/users/{other.pk}/invitation", token=token),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "permission_denied")] * 8
    assert (reloaded(other).role(), User.objects.count()) == ("author", 2)


def test_without_a_token_nobody_is_told_anything(api):
    answers = [api.get("/users"), api.post("/users", NEW), api.get("/roles"), api.delete(f"/users/{UNKNOWN}")]

    assert [one.status_code for one in answers] == [401] * 4


@pytest.mark.parametrize("sought", ["EEDLE@", "the_HANDLE", "shown name", " needle "])
def test_users_are_found_by_email_username_and_name(api, token, sought):
    make_user(email="needle@example.com", username="the_handle", display_name="Shown Name")
    make_user(email="hay@example.com", username="hay", display_name="100% hay_")

    response = api.get(f"/users?q={sought}", token=token)

    assert names(response) == ["the_handle"]


def test_wildcards_are_ordinary_letters(api, token):
    make_user(username="hay", display_name="100% hay")

    assert [names(api.get(f"/users?q={sought}", token=token)) for sought in ("%25", "0%25 h", "h%25y")] == [
        ["hay"],
        ["hay"],
        [],
    ]


def test_the_filter_of_roles_goes_by_the_highest(api, token):
    both = make_user("member", username="both")
    both.groups.add(Group.objects.get(name="approver"), Group.objects.get(name="author"))
    make_user("author", username="author")
    make_user("member", username="member")
    make_user("member", username="nothing").groups.clear()
    superuser().groups.add(Group.objects.get(name="author"))

    found = {role: sorted(names(api.get(f"/users?role={role}", token=token))) for role in Role.values}

    assert found == {
        "admin": ["boss", "root"],
        "approver": ["both"],
        "author": ["author"],
        "member": ["member", "nothing"],
    }
    listed = {item["username"]: item["role"] for item in api.get("/users", token=token).json()["items"]}
    assert listed == {name: role for role, several in found.items() for name in several}


def test_active_and_inactive_are_told_apart(api, token):
    make_user(username="off", is_active=False)

    found = [names(api.get(f"/users?is_active={flag}", token=token)) for flag in ("true", "false")]

    assert found == [["boss"], ["off"]]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("username", ["Alpha", "beta", "boss"]),
        ("-username", ["boss", "beta", "Alpha"]),
        ("email", ["beta", "boss", "Alpha"]),
        ("-created_at", ["Alpha", "beta", "boss"]),
        ("created_at", ["boss", "beta", "Alpha"]),
        ("-last_login_at", ["boss", "beta", "Alpha"]),
        ("last_login_at", ["beta", "Alpha", "boss"]),
        ("display_name", ["boss", "beta", "Alpha"]),
    ],
)
def test_lists_are_ordered_by_what_is_asked_for(api, token, ordering, expected):
    make_user(email="a@example.com", username="beta", display_name="M")
    make_user(email="z@example.com", username="Alpha", display_name="n")

    assert names(api.get(f"/users?ordering={ordering}", token=token)) == expected


def test_pages_of_equals_neither_repeat_nor_miss_anybody(api, token):
    for _ in range(7):
        make_user(display_name="Same")

    pages = [api.get(f"/users?ordering=display_name&per_page=3&page={number}", token=token) for number in (1, 2, 3, 4)]

    found = [name for page in pages for name in names(page)]
    assert (len(found), len(set(found)), names(pages[3])) == (8, 8, [])
    assert 'rel="last"' in pages[0]["Link"]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("name=x", "name", "unknown_parameter"),
        ("password=x", "password", "unknown_parameter"),
        ("session_stamp=x", "session_stamp", "unknown_parameter"),
        ("ordering=password", "ordering", "invalid_choice"),
        ("ordering=session_stamp", "ordering", "invalid_choice"),
        ("role=boss", "role", "invalid_choice"),
        ("role=", "role", "invalid_choice"),
        ("is_active=yes", "is_active", "invalid"),
        ("q=", "q", "blank"),
        ("q=" + "x" * 101, "q", "max_length"),
        ("q=a&q=b", "q", "duplicate"),
        ("per_page=101", "per_page", "out_of_range"),
    ],
)
def test_what_the_list_does_not_know_is_refused(api, token, query, field, code):
    response = api.get(f"/users?{query}", token=token)

    problem = response.json()
    assert (response.status_code, [(one["field"], one["code"]) for one in problem["errors"]]) == (422, [(field, code)])


# --- One user --------------------------------------------------------------------------------------------------------


def test_a_single_read_also_says_what_the_user_may(api, token):
    user = make_user("author")
    user.groups.add(group_with("interns", "content.publish_page"))

    response = api.get(f"/users/{user.pk}", token=token)

    detail = response.json()
    assert (response.status_code, detail["groups"], detail["role"]) == (200, ["interns"], "author")
    assert detail["permissions"] == sorted(reloaded(user).get_all_permissions())
    assert {"content.publish_page", "content.add_page"} <= set(detail["permissions"])


def test_a_read_can_be_asked_for_again(api, token):
    user = make_user()
    etag = api.get(f"/users/{user.pk}", token=token)["ETag"]

    again = api.get(f"/users/{user.pk}", token=token, headers={"If-None-Match": etag})

    assert (again.status_code, etag.startswith('"')) == (304, True)


@pytest.mark.parametrize("key", [UNKNOWN, "nobody", "boss", "1", "%00"])
def test_whoever_is_not_there_is_not_found(api, token, key):
    answers = [
        api.get(f"/users/{key}", token=token),
        api.patch(f"/users/{key}", {"role": "admin"}, token=token),
        api.delete(f"/users/{key}", token=token),
        api.post(f"/users/{key}/invitation", token=token),
    ]

    assert {one.status_code for one in answers} <= {404, 400}
