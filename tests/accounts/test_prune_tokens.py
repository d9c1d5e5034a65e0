"""The command that operators run once a day."""

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import TokenFamily
from tests.factories import make_user, pair_for


@pytest.mark.django_db
def test_the_command_says_what_it_deleted(time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    pair_for(make_user())
    time_machine.shift(8 * 86_400)
    pair_for(make_user())
    output = StringIO()

    call_command("prune_tokens", stdout=output)

    assert output.getvalue() == "Deleted 1 expired sessions, 0 used refresh tokens and 0 unconfirmed registrations.\n"
    assert TokenFamily.objects.count() == 1
