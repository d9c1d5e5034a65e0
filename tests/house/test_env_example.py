"""``.env.example`` documents exactly the variables that are read, and changes nothing by itself."""

import json
import re

from tests.house.commands import KEY, ROOT, python

EXAMPLE = (ROOT / ".env.example").read_text()
_LINE = re.compile(r"^([A-Z_]+)=", re.MULTILINE)

ASK = """
import json, re, django
from django.conf import settings
from cms_project import env
django.setup()
names = [name for name in dir(settings) if name.isupper()]
plain = {name: re.sub(" at 0x[0-9a-f]+", "", repr(getattr(settings, name))) for name in names}
print(json.dumps({"read": sorted(env.READ), "settings": plain}))
"""


def ask(**variables: str) -> dict[str, object]:
    answer = python("-c", ASK, DJANGO_SETTINGS_MODULE="cms_project.settings", SECRET_KEY=KEY, DEBUG="1", **variables)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def test_it_names_every_variable_that_is_read_and_no_other() -> None:
    assert sorted(_LINE.findall(EXAMPLE)) == ask()["read"]


def test_copied_as_it_is_it_changes_nothing() -> None:
    assert ask(ENV_FILE=".env.example")["settings"] == ask()["settings"]


def test_every_variable_is_explained_right_above_it() -> None:
    blocks = EXAMPLE.strip().split("\n\n")
    unexplained = [block for block in blocks if _LINE.search(block) and not block.startswith("# ")]

    assert unexplained == []
    assert all(len(_LINE.findall(block)) <= 1 for block in blocks)


def test_defaults_are_told() -> None:
    untold = [block for block in EXAMPLE.split("\n\n") if _LINE.search(block) and "Default: " not in block]

    assert untold == []
