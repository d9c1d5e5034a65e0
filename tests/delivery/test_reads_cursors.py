"""Walking through a list by cursor: everything once, whatever happens to the others in the meantime."""

import base64
import random
from datetime import timedelta
from uuid import UUID

import pytest

from core import clock
from core.ids import uuid7
from delivery import cursors
from delivery.listings import ORDERINGS, Place
from tests.conftest import Api
from tests.content.factory import make_page
from tests.delivery.entries import publish, publish_many, withdraw
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def walk(api: Api, path: str, *, between: object = lambda: None) -> list[str]:
    """The ids of all items, page by page, until ``next_cursor`` is null."""
    found: list[str] = []
    cursor = "*"
    while cursor is not None:
        answer = api.get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}").json()
        found += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        between()  # type: ignore[operator]
    return found


@pytest.mark.parametrize("ordering", list(ORDERINGS))
@pytest.mark.parametrize("filters", ["", "&tag=red", "&author=Desk", "&q=post", "&tag=red&author=Desk&fields=id"])
def test_everything_comes_once_in_the_order_of_the_pages(api: Api, ordering: str, filters: str) -> None:
    now = clock.now()
    publish_many([uuid7() for _ in range(5)], at=now, tags=["red"], author="Desk")
    publish_many([uuid7() for _ in range(5)], at=now - timedelta(hours=1), title="É post", tags=["red"], author="Desk")
    publish_many([uuid7() for _ in range(2)], at=now, title="Else")
    path = f"/posts?ordering={ordering}{filters}"

    walked = walk(api, f"{path}&per_page=3")

    listed = [item["id"] for item in api.get(f"{path}&per_page=100").json()["items"]]
    assert walked == listed
    assert len(walked) == (10 if filters else 12)


@pytest.mark.parametrize("seed", range(3))
def test_what_does_not_change_is_met_exactly_once_while_others_come_and_go(api: Api, seed: int) -> None:
    dice = random.Random(seed)
    still = [uuid7() for _ in range(10)]
    restless = [uuid7() for _ in range(10)]
    publish_many([*still, *restless], at=clock.now())

    def between() -> None:
        for _ in range(3):
            entry = dice.choice(restless)
            dice.choice([withdraw, lambda one: publish(one, created_at=clock.now() - timedelta(days=1))])(entry)

    walked = [UUID(one) for one in walk(api, "/posts?per_page=2", between=between)]

    assert sorted(one for one in walked if one in still) == sorted(still)


def test_the_envelope_of_a_walk(api: Api) -> None:
    publish_many([uuid7() for _ in range(4)], at=clock.now(), tags=["red"])

    first = api.get("/posts?tag=red&per_page=2&cursor=*")
    cursor = first.json()["next_cursor"]
    second = api.get(f"/posts?per_page=2&cursor={cursor}&tag=red")

    assert list(first.json()) == ["items", "total", "per_page", "next_cursor"]
    assert {name: first.json()[name] for name in ("total", "per_page")} == {"total": 4, "per_page": 2}
    assert first["Link"] == (
        '</api/v1/posts?cursor=%2A&per_page=2&tag=red>; rel="first", '
        f'</api/v1/posts?cursor={cursor}&per_page=2&tag=red>; rel="next"'
    )
    assert (len(second.json()["items"]), second.json()["next_cursor"]) == (2, None)
    assert second["Link"] == '</api/v1/posts?cursor=%2A&per_page=2&tag=red>; rel="first"'
    assert second["Surrogate-Key"] == "posts"


def test_pages_are_walked_through_as_well(api: Api) -> None:
    made = [str(make_page(title=title).pk) for title in ("b", "A", "é", "c")]

    assert walk(api, "/pages?per_page=1") == [made[1], made[0], made[3], made[2]]


def test_nothing_is_walked_through_at_once(api: Api) -> None:
    answer = api.get("/posts?cursor=*").json()

    assert answer == {"items": [], "total": 0, "per_page": 10, "next_cursor": None}


def test_a_cursor_from_before_the_first_century_of_computing_and_long_titles_come_back_as_they_went() -> None:
    for ordering, value in (("title", "ﷺ".encode() * 200), ("-title", b""), ("created_at", clock.now())):
        place = Place(value, uuid7())

        assert cursors.read(cursors.write(place, ordering=ordering), ordering=ordering).after == place


def encoded(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


ID = "0" * 32
TIME = "2026-03-01T09:30:00.000000Z"
BAD = [
    *("", "x", "**", "%00", "é", "A" * 5_000, "====", "A A"),
    *(encoded(f"-created_at {TIME}"), encoded(f"-created_at {TIME} {ID} x"), encoded(f"nothing {TIME} {ID}")),
    *(encoded(f"-created_at {TIME} {ID}") + "=", encoded(f"-created_at {TIME} 0{ID}"), encoded(f"-created_at  {ID}")),
    *(
        encoded(f"-created_at 00 {ID}"),
        encoded(f"-created_at 2026-03-01 {ID}"),
        encoded(f"-created_at {TIME[:-1]} {ID}"),
    ),
    *(encoded(f"-created_at 0001-01-01T00:00:00.000000+10:00 {ID}"), encoded(f"-created_at {TIME} {ID[:-1]}G")),
    *(encoded(f"-created_at 99999-01-01T00:00:00.000000Z {ID}"), encoded(f"-created_at {TIME} {ID}\n")),
    encoded(f"title 00 {ID}"),  # of another ordering
]


@pytest.mark.parametrize("cursor", BAD)
def test_any_other_cursor_is_refused(api: Api, cursor: str) -> None:
    publish_many([uuid7()], at=clock.now())

    response = api.get(f"/posts?cursor={cursor}")

    if cursor == "%00":
        assert response.status_code == 400  # as in every parameter
    else:
        assert (response.status_code, [(e["field"], e["code"]) for e in response.json()["errors"]]) == (
            422, [("cursor", "invalid")],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "field", "code"),
    [
        ("/posts?cursor=*&page=1", "cursor", "invalid"),
        ("/posts?cursor=*&cursor=*", "cursor", "duplicate"),
        ("/posts?cursor=*&per_page=101", "per_page", "out_of_range"),
        ("/settings?cursor=*", "cursor", "unknown_parameter"),
    ],
)
def test_a_cursor_goes_with_what_makes_sense(api: Api, path: str, field: str, code: str) -> None:
    response = api.get(path)

    assert (response.status_code, [(e["field"], e["code"]) for e in response.json()["errors"]]) == (
        422,
        [(field, code)],
    )


def test_a_cursor_is_for_the_public_list_alone(api: Api) -> None:
    response = api.get("/posts?status=draft&cursor=*", token=token_for(make_user("admin")))

    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "cursor")


def test_a_good_cursor_of_another_list_is_a_place_in_this_one(api: Api) -> None:
    """It names a place in an ordering and nothing else: no entry has to be there."""
    publish_many([uuid7() for _ in range(3)], at=clock.now())
    cursor = cursors.write(Place(clock.now() + timedelta(days=1), UUID(int=0)), ordering="-created_at")

    assert len(api.get(f"/posts?cursor={cursor}").json()["items"]) == 3
