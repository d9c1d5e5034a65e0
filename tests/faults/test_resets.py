"""One mailed link, used many times at once, against several workers: it works once."""

from functools import partial

import pytest

from tests.faults.client import at_once, statuses
from tests.faults.stitch import EMAIL, Site, manage

pytestmark = pytest.mark.server

MANY = 8
LINK = f"""
from accounts import links
from accounts.models import User
user = User.objects.get(email="{EMAIL}")
print(links.make(links.Purpose.RESET_PASSWORD, user.pk, state=links.state_of(user)))
"""


def test_of_many_new_passwords_by_one_link_exactly_one_is_set(site: Site) -> None:
    token = manage("shell", "--verbosity", "0", "-c", LINK, DATABASE_URL=site.database_url).strip()
    passwords = [f"a new passphrase, number {number}" for number in range(MANY)]
    confirm = partial(site.visitor.post, "/auth/password-reset/confirm")

    answers = at_once(*(partial(confirm, {"token": token, "password": password}) for password in passwords))

    assert statuses(answers) == {204: 1, 422: MANY - 1}
    winner = next(number for number, answer in enumerate(answers) if answer.status == 204)
    tried = [passwords[winner], passwords[winner - 1]]
    logins = [site.visitor.post("/auth/login", {"email": EMAIL, "password": one}).status for one in tried]
    assert logins == [200, 401]
