"""``manage.py doctor`` names a CDN that does not hear of changes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cms_project import doctor
from core import clock
from delivery.models import PurgeCursor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_nodes(settings: Any) -> None:
    provider = "delivery.providers.varnish.Varnish"
    settings.CDN_PURGE = [{"PROVIDER": provider, "OPTIONS": {"address": address}} for address in ("a:1", "b:2")]


def test_one_that_fails_is_named_with_its_reason() -> None:
    since = datetime(2027, 3, 1, 12, tzinfo=UTC)
    PurgeCursor.objects.create(target="varnish://a:1", position=1, free_at=clock.now())
    PurgeCursor.objects.create(
        target="varnish://b:2", position=1, free_at=clock.now(), failures=9, failing_since=since, error="answered 403"
    )

    text = "has failed since 2027-03-01T12:00:00.000000Z: varnish://b:2: answered 403."
    assert doctor.unpurged() == [doctor.Finding("warning", "CDN_PURGE_URL", text)]


def test_where_all_is_well_it_says_nothing() -> None:
    assert doctor.unpurged() == []
