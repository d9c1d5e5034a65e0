"""Two people press the button in the same moment: the row is locked, so that exactly one of them is faster."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from tests.content.desk import Desk, fresh
from tests.content.factory import make_post
from tests.factories import make_user

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


def test_of_two_saves_at_once_exactly_one_wins_and_the_other_is_told() -> None:
    post = make_post(published=False, title="Before")
    desks = [Desk(make_user("approver")), Desk(make_user("admin"))]
    forms = [{**desk.form(post), "title": f"From {number}"} for number, desk in enumerate(desks)]
    start = Barrier(2)

    def save(number: int) -> Any:
        try:
            start.wait()
            return desks[number].post("blogpost_change", post.pk, **forms[number], _save="1")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(save, range(2)))

    codes = [answer.status_code for answer in answers]
    loser = answers[codes.index(200)]
    assert sorted(codes) == [200, 302]
    assert (fresh(post).title, fresh(post).version) == (f"From {codes.index(302)}", 2)
    assert loser.context["newer"].version == 2
