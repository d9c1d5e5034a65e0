"""Promise 1: a reader never sees what is not published, by whatever door he looks."""

import pytest

from content import saving
from content.models import BlogPost
from core import clock
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db

SECRET = "unreleased"
LOOKS = (
    "/posts",
    "/posts?q=unreleased",
    "/posts?tag=unreleased",
    "/posts?author=unreleased",
    "/posts?ordering=title&per_page=1",
    "/posts?fields=title,body",
    "/posts?page=2",
    "/posts/unreleased",
    "/posts/public",
    "/pages",
    "/pages/unreleased",
    "/settings",
)


@pytest.fixture
def look(api: Api) -> object:
    def answers(token: str | None = None) -> list[tuple[int, bytes, dict[str, str]]]:
        several = [api.get(path, token=token, headers={"X-Request-ID": "same"}) for path in LOOKS]
        return [(one.status_code, one.content, dict(one.items())) for one in several]

    return answers


def _hide_everywhere() -> BlogPost:
    values = {"title": SECRET, "excerpt": SECRET, "author": SECRET, "tags": [SECRET]}
    draft = make_post(published=False, **values)
    make_page(published=False, title=SECRET)
    return draft


@pytest.mark.parametrize("role", [None, "member"])
def test_a_draft_changes_no_byte_of_any_public_answer(api: Api, look: object, role: str | None) -> None:
    make_post(title="Public")
    token = token_for(make_user(role)) if role else None
    before = look(token)  # type: ignore[operator]

    draft = _hide_everywhere()

    assert look(token) == before  # type: ignore[operator]
    assert api.get(f"/posts/{draft.pk}", token=token).status_code == 404


def test_an_unpublished_edit_changes_no_byte_of_any_public_answer(look: object) -> None:
    user = make_user("admin")
    post = make_post(title="Public", by=user)
    before = look()  # type: ignore[operator]

    values = {"title": SECRET, "slug": SECRET, "excerpt": SECRET, "author": SECRET, "tags": [SECRET], "body": SECRET}
    saving.save(post, values, as_draft=True, by=user, now=clock.now())

    assert look() == before  # type: ignore[operator]


def test_a_draft_that_takes_an_old_slug_shows_nowhere(api: Api, look: object) -> None:
    user = make_user("admin")
    post = make_post(title=SECRET, by=user)
    saving.save(post, {"slug": "public", "title": "Public"}, by=user, now=clock.now())
    before = look()  # type: ignore[operator]
    assert api.get(f"/posts/{SECRET}").status_code == 301

    make_post(title="Draft", slug=SECRET, published=False, by=user)

    assert look() == before  # type: ignore[operator]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_writing_to_a_draft_tells_a_member_no_more_than_writing_to_nothing(api: Api, method: str) -> None:
    _hide_everywhere()
    token = token_for(make_user("member"))
    headers = {"X-Request-ID": "same"}

    there = api.request(method, "/posts/unreleased", {"title": "x"}, token=token, headers=headers)
    nothing = api.request(method, "/posts/nothing", {"title": "x"}, token=token, headers=headers)

    assert (there.status_code, there.content) == (404, nothing.content)


def test_a_draft_and_nothing_take_the_same_queries(api: Api, django_assert_num_queries: object) -> None:
    _hide_everywhere()

    for path in ("/posts/unreleased", "/posts/nothing"):
        with django_assert_num_queries(2):  # type: ignore[operator]
            api.get(path)


def test_the_public_shape_says_nothing_of_people(api: Api) -> None:
    user = make_user("admin", display_name="Byline")
    make_post(title="Public", by=user)

    text = api.get("/posts/public").content.decode()

    assert str(user.pk) not in text and user.email not in text


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("member", 403)])
def test_lists_by_status_are_for_those_who_may_see_drafts(api: Api, role: str | None, status: int) -> None:
    _hide_everywhere()
    token = token_for(make_user(role)) if role else None

    responses = [api.get(f"/posts?status={value}", token=token) for value in ("draft", "published", "all", "nonsense")]

    assert [response.status_code for response in responses] == [status] * 4


def test_a_list_without_status_is_the_public_list_for_everybody(api: Api) -> None:
    make_post(title="Public")
    _hide_everywhere()

    assert api.get("/posts", token=token_for(make_user("admin"))).content == api.get("/posts").content


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("status=draft", [SECRET]),
        ("status=published", ["Public"]),
        ("status=all", [SECRET, "Public"]),
        ("status=scheduled", []),
        ("status=pending", []),
        ("status=all&tag=unreleased", [SECRET]),
        ("status=all&q=UNRELEASED", [SECRET]),
        ("status=all&author=unreleased", [SECRET]),
        ("status=all&ordering=title", ["Public", SECRET]),
        ("status=all&per_page=1&page=2", ["Public"]),
    ],
)
def test_editors_list_working_copies_by_status(api: Api, query: str, titles: list[str]) -> None:
    make_post(title="Public")
    _hide_everywhere()

    response = api.get(f"/posts?{query}", token=token_for(make_user("author")))

    assert [item["title"] for item in response.json()["items"]] == titles
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("number", [1, 3])
def test_lists_by_status_take_a_constant_number_of_queries(
    api: Api, number: int, django_assert_num_queries: object
) -> None:
    for _ in range(number):
        make_post(published=False)
    token = token_for(make_user("author"))

    with django_assert_num_queries(3):  # type: ignore[operator] # session with rights, total, rows
        api.get("/posts?status=all", token=token)


def test_editors_pick_fields_and_see_who_wrote(api: Api) -> None:
    author = make_user("author")
    make_post(title="Mine", published=False, by=author)

    items = api.get("/posts?status=draft&fields=title,created_by,status", token=token_for(author)).json()["items"]

    assert items == [{"title": "Mine", "status": "draft", "created_by": str(author.pk)}]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_new_slug_that_is_not_public_yet_is_no_address_for_a_member(api: Api, method: str) -> None:
    post = make_post(slug="public")
    saving.save(post, {"slug": SECRET}, as_draft=True, by=make_user("admin"), now=clock.now())
    member = token_for(make_user("member"))

    asked = [
        api.request(method, f"/posts/{slug}", {}, token=member).status_code for slug in (SECRET, "no-such", "public")
    ]

    assert asked == [404, 404, 403]
