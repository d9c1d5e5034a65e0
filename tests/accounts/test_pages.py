"""Where the pages behind mailed links lead when all is done."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts import passwords
from tests.accounts.desk import NEW_PASSWORD
from tests.accounts.mailbox import asked
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("role", "place"), [("author", "/admin/"), ("member", "https://cms.example.com/")])
def test_a_set_password_leads_on_to_where_the_account_may_go(role, place, settings, run_jobs):
    settings.PUBLIC_BASE_URL = "https://cms.example.com"
    user = make_user(role)
    passwords.ask(user.email)
    form = {"token": asked(run_jobs, user.email), "password": NEW_PASSWORD, "again": NEW_PASSWORD}

    response = Client().post("/password-reset", urlencode(form), content_type="application/x-www-form-urlencoded")

    assert (response.status_code, f'class="button" href="{place}"' in response.text) == (200, True)
