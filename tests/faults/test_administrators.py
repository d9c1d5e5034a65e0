"""Administrators who all step down, or remove each other, at once, against several workers: one stays."""

from functools import partial

import pytest

from tests.faults.client import Client, at_once, statuses
from tests.faults.stitch import EMAIL, PASSWORD, Site, manage

pytestmark = pytest.mark.server

MANY = 12
MAKE = """
from django.contrib.auth.models import Group
from accounts.models import User
for number in range({many}):
    user = User.objects.create_user(f"admin{{number}}@example.com", f"admin{{number}}", "{password}")
    user.groups.add(Group.objects.get(name="admin"))
"""


@pytest.fixture
def administrators(site: Site) -> list[tuple[str, Client]]:
    """Their ids, and each logged in. The one that came with the site has left."""
    manage("shell", "--verbosity", "0", "-c", MAKE.format(many=MANY, password=PASSWORD), DATABASE_URL=site.database_url)
    found = [_logged_in(site, f"admin{number}@example.com") for number in range(MANY)]
    first, _ = _logged_in(site, EMAIL)
    assert found[0][1].ask("DELETE", f"/users/{first}").status == 204
    return found


def _logged_in(site: Site, email: str) -> tuple[str, Client]:
    pair = site.visitor.post("/auth/login", {"email": email, "password": PASSWORD}).json()
    return pair["user"]["id"], Client(site.port, token=pair["access_token"])


def left(administrators: list[tuple[str, Client]]) -> list[int]:
    answers = [client.get("/users?role=admin&is_active=true") for _, client in administrators]
    return [answer.json()["total"] for answer in answers if answer.status == 200]


def test_of_all_who_step_down_at_once_one_stays(administrators: list[tuple[str, Client]]) -> None:
    requests = [partial(client.patch, f"/users/{own}", {"role": "author"}) for own, client in administrators]

    answers = at_once(*requests)

    assert statuses(answers) == {200: MANY - 1, 409: 1}
    assert [one.json()["code"] for one in answers if one.status == 409] == ["last_administrator"]
    assert left(administrators) == [1]


def test_of_all_who_remove_each_other_somebody_stays(administrators: list[tuple[str, Client]]) -> None:
    removed = [own for own, _ in administrators[1:] + administrators[:1]]
    requests = [
        partial(client.ask, "DELETE", f"/users/{victim}")
        if number % 2
        else partial(client.patch, f"/users/{victim}", {"is_active": False})
        for number, ((_, client), victim) in enumerate(zip(administrators, removed, strict=True))
    ]

    answers = at_once(*requests)

    counts, still = statuses(answers), left(administrators)
    assert set(counts) <= {200, 204, 401, 403, 404, 409}
    done = counts.get(200, 0) + counts.get(204, 0)
    assert (len(still), set(still)) == (MANY - done, {MANY - done})
