"""A replica and a pooler beside DATABASE_URL."""

import json
from typing import Any

import pytest

from tests.house.commands import KEY, manage, python

PRIMARY, REPLICA, POOLER = (f"postgresql://stitch@{host}.example.com/stitch" for host in ("db", "replica", "pooler"))
SQLITE = "sqlite:///db.sqlite3"
ASK = """
import json, os, sys
sys.argv[0] = os.environ.get("STARTED_AS", sys.argv[0])
from django.conf import settings
names = ("DATABASES", "DATABASE_DIRECT", "DATABASE_ROUTERS")
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def settings(**variables: str) -> dict[str, Any]:
    answer = python("-c", ASK, DJANGO_SETTINGS_MODULE="cms_project.settings", SECRET_KEY=KEY, **variables)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_without_them_there_is_one_database_and_no_router() -> None:
    found = settings(DATABASE_URL=PRIMARY)

    assert ([*found["DATABASES"]], found["DATABASE_DIRECT"], found["DATABASE_ROUTERS"]) == (["default"], None, [])
    assert "statement_timeout=15000" in found["DATABASES"]["default"]["OPTIONS"]["options"]


def test_a_replica_is_a_second_database_which_tests_take_for_the_first() -> None:
    found = settings(DATABASE_URL=PRIMARY, DATABASE_REPLICA_URL=REPLICA)

    replica = found["DATABASES"]["replica"]
    assert (replica["HOST"], replica["TEST"]) == ("replica.example.com", {"MIRROR": "default"})
    assert replica["OPTIONS"] == found["DATABASES"]["default"]["OPTIONS"]
    assert found["DATABASE_ROUTERS"] == ["core.replicas.Router"]


def test_behind_a_pooler_nothing_is_asked_of_a_session_and_nothing_left_in_it() -> None:
    found = settings(DATABASE_URL=POOLER, DATABASE_REPLICA_URL=f"{POOLER}_replica", DATABASE_DIRECT_URL=PRIMARY)

    direct = found["DATABASE_DIRECT"]
    assert (direct["HOST"], "options" in direct["OPTIONS"]) == ("db.example.com", True)
    for entry in found["DATABASES"].values():
        assert entry["HOST"] == "pooler.example.com"
        assert entry["DISABLE_SERVER_SIDE_CURSORS"] is True
        assert entry["OPTIONS"] == {"connect_timeout": 2, "answer_timeout": 16, "prepare_threshold": None}


@pytest.mark.parametrize(
    ("started_as", "host"),
    [
        ("manage.py", "db.example.com"),
        ("/srv/stitch/manage.py", "db.example.com"),
        ("/srv/.venv/bin/django-admin", "db.example.com"),
        ("/srv/.venv/bin/gunicorn", "pooler.example.com"),
        ("/srv/.venv/bin/uvicorn", "pooler.example.com"),
    ],
)
def test_commands_go_around_the_pooler(started_as: str, host: str) -> None:
    found = settings(DATABASE_URL=POOLER, DATABASE_DIRECT_URL=PRIMARY, STARTED_AS=started_as)

    assert found["DATABASES"]["default"]["HOST"] == host


@pytest.mark.parametrize("name", ["DATABASE_REPLICA_URL", "DATABASE_DIRECT_URL"])
@pytest.mark.parametrize(
    ("database", "value", "sentence"),
    [
        (SQLITE, PRIMARY, "{} is set and DATABASE_URL is SQLite"),
        (PRIMARY, SQLITE, "{} must be postgresql://user:password@host/name"),
        (
            PRIMARY,
            "postgresql://db.example.com",
            "{} must be postgresql://user:password@host/name: it names no database",
        ),
    ],
)
def test_what_is_no_postgresql_is_refused(name: str, database: str, value: str, sentence: str) -> None:
    answer = manage("check", SECRET_KEY=KEY, DATABASE_URL=database, **{name: value})

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Stitch does not start: {sentence.format(name)}")
    assert len(answer.stderr.splitlines()) == 1
