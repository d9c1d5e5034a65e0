"""Benchmarks are run by hand, and use names of the product that are nobody else's: here it shows when one has gone."""

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from benchmarks.harness import databases, goals, groups, main, questions, rows, servers
from benchmarks.harness.load import Result
from benchmarks.harness.places import RESULTS
from benchmarks.harness.rounds import Cell, Measured
from tests.house.commands import KEY, ROOT, python

APPS = ("accounts", "cms_project", "content", "core", "delivery")
FILES = [ROOT / "benchmarks" / name for name in ("miss.py", "freshness.py")]
FILES += sorted((ROOT / "benchmarks" / "waiting").glob("*.py"))
NOBODY = "postgresql://postgres@127.0.0.1:1/nothing"  # no PostgreSQL listens there


# --- The programs ---------------------------------------------------------------------------------------------------


def test_miss_is_loaded_and_tells_its_options_without_a_database() -> None:
    answer = python("benchmarks/miss.py", "--help", SECRET_KEY=KEY, DATABASE_URL=NOBODY)

    assert answer.returncode == 0, answer.stderr
    assert ("--count" in answer.stdout, "--profile" in answer.stdout) == (True, True)


def test_the_whole_benchmark_is_loaded_and_tells_its_options_without_a_database() -> None:
    """With the product's Python: the peers' packages are asked for when it runs."""
    answer = python("-m", "benchmarks.harness.main", "--help", DATABASE_URL=NOBODY)

    assert answer.returncode == 0, answer.stderr
    assert "--rounds" in answer.stdout


ASK_FRESHNESS = """
import asyncio, sys
sys.path.insert(0, "benchmarks")
import freshness
sent = []

async def send(message):
    sent.append(message)

asyncio.run(freshness.application({}, None, send))
print(len(sent[1]["body"]), sorted(freshness.WAYS.values()))
"""


@pytest.mark.parametrize("way", ["nothing", "lease", "file"])
def test_freshness_answers_in_every_way_that_needs_no_server(way: str, tmp_path: Path) -> None:
    """As the name under which it starts itself: ``freshness:application``."""
    answer = python("-c", ASK_FRESHNESS, FRESHNESS_WAY=way, FRESHNESS_FILE=str(tmp_path / "log.db"))

    assert answer.stdout.split(" ", 1) == ["4096", "['file', 'lease', 'nothing', 'redis', 'select']\n"], answer.stderr


@pytest.mark.parametrize(
    ("way", "error"), [("redis", "redis.exceptions.ConnectionError: "), ("select", "psycopg.OperationalError: ")]
)
def test_freshness_has_a_client_for_the_others(way: str, error: str) -> None:
    """The error is the client's own: it has looked for a server."""
    nobody = {"DATABASE_URL": NOBODY, "REDIS_URL": "redis://127.0.0.1:1/0"}

    answer = python("-c", ASK_FRESHNESS, FRESHNESS_WAY=way, FRESHNESS_FILE="", **nobody)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert f"\n{error}" in answer.stderr


# --- Names of the product -------------------------------------------------------------------------------------------


def taken(tree: ast.AST) -> dict[str, Any]:
    """What the source calls whatever it imports of the product, inside functions as well. Raises where it is gone."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                if one.name.split(".")[0] in APPS:
                    found[one.asname or one.name.split(".")[0]] = importlib.import_module(one.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in APPS:
            for one in node.names:
                found[one.asname or one.name] = _member(node.module, one.name)
        elif isinstance(node, ast.ImportFrom) and node.module == "django.conf":
            found["settings"] = _member(node.module, "settings")
    return found


def _member(module: str, name: str) -> Any:
    loaded = importlib.import_module(module)
    return getattr(loaded, name) if hasattr(loaded, name) else importlib.import_module(f"{module}.{name}")


def wrong(tree: ast.AST) -> Iterator[str]:
    """Names that are not there, and calls that the product would refuse. Locals that hide a name are not looked for."""
    names = taken(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = _meant(node.value, names)
            if owner is not None and not hasattr(owner, node.attr):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call):
            called = _meant(node.func, names)
            if called is not None and not _takes(called, node):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def _meant(node: ast.expr, names: dict[str, Any]) -> Any:
    """The product's object behind ``a.b.c``; None: it is no such chain, or it breaks off before."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_meant(node.value, names), node.attr, None)
    return None


def _takes(called: Any, call: ast.Call) -> bool:
    """Whether these arguments can be given to it. Of ``*several`` and ``**several`` nobody knows how many there are."""
    if any(isinstance(one, ast.Starred) for one in call.args):
        return True
    signature = inspect.signature(called)
    named = {one.arg: None for one in call.keywords if one.arg is not None}
    try:
        bind = signature.bind if len(named) == len(call.keywords) else signature.bind_partial
        bind(*(None for _ in call.args), **named)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_they_use_of_the_product_is_there_and_takes_what_it_is_given(file: Path) -> None:
    assert list(wrong(ast.parse(file.read_text()))) == []


def test_the_programs_in_texts_use_names_that_are_there() -> None:
    """Counting anew after COPY is run by the product's ``manage.py shell``."""
    tree = ast.parse(databases._RECOUNT)

    assert isinstance(taken(tree)["changes"], ModuleType)
    assert list(wrong(tree)) == []


@pytest.mark.parametrize(
    ("source", "is_wrong"),
    [
        ("from delivery.edge.memory import Memory\nMemory(1)", False),
        ("from delivery.edge.memory import Memory\nMemory()", True),
        ("from delivery.edge import direct\ndirect._no_such_name", True),
        ("from core import observability\nobservability.log_request(**line, started=0.0)", False),
        ("from core import observability\nobservability.log_request(**line, begun=0.0)", True),
        ("def later():\n    from delivery.models import LiveEntry\n    LiveEntry.objects.no_such()", True),
        ("from django.conf import settings\nsettings.NO_SUCH_SETTING", True),
        ("settings.NO_SUCH_SETTING", False),
    ],
)
def test_what_is_looked_for_is_found(source: str, is_wrong: bool) -> None:
    assert bool(list(wrong(ast.parse(source)))) == is_wrong


def programs() -> list[servers.Program]:
    several = [servers.HIT, servers.MISS, servers.FILLING, servers.PRODUCTION, servers.lanes(8), servers.readers(8)]
    return [*several, servers.bare(Path("/captured")), servers.bare_guarded(Path("/captured"))]


def is_defined(module: str, name: str) -> bool:
    """Looked for in the source: who loads these modules starts something."""
    source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()
    return re.search(rf"^(async def |def |class )?{name}\b", source, re.MULTILINE) is not None


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.key)
def test_what_the_harness_starts_is_there(program: servers.Program) -> None:
    module, _, name = program.command[-1].partition(":")
    folder, _, worker = program.variables.get("WORKER", "cms_project.worker.Worker").rpartition(".")
    configuration = ROOT / program.command[program.command.index("-c") + 1]

    assert (is_defined(module, name), is_defined(folder, worker), configuration.is_file()) == (True, True, True)


def test_the_product_knows_the_settings_that_it_is_given() -> None:
    """One that it does not know would be measured as if it were not there."""
    known = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    given = {name for program in programs() if program.database == "stitch" for name in program.variables}

    assert {"EDGE_CACHE", "DATABASE_LANES"} <= given
    assert sorted(given - known) == []


@pytest.mark.parametrize("table", rows.PROJECTION + rows.WORKING_COPIES, ids=lambda table: table.name)
def test_the_tables_that_are_filled_have_these_columns_and_need_no_others(table: rows.Table) -> None:
    model = next(one for one in apps.get_models() if one._meta.db_table == table.name)

    fields = {field.column: field for field in model._meta.concrete_fields}

    assert sorted(table.columns.keys() - fields.keys()) == []
    assert sorted(name for name, field in fields.items() if name not in table.columns and not may_lack(field)) == []


def may_lack(field: models.Field) -> bool:
    return field.null or field.has_db_default() or field.generated or isinstance(field, models.AutoField)


# --- The results ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The results that are shown, as the harness wrote them."""
    written: dict[str, Any] = json.loads((RESULTS / "benchmarks.json").read_text())
    return written


def measured_in(document: dict[str, Any]) -> list[Measured]:
    return [
        Measured(
            key,
            one["title"],
            one["baseline"],
            one["connections"],
            {
                name: Cell(cell["title"], [Result(**result) for result in cell["rounds"]])
                for name, cell in one["variants"].items()
            },
        )
        for key, one in document["questions"].items()
    ]


def test_the_results_that_are_shown_have_the_shape_that_is_written_now(document: dict[str, Any]) -> None:
    """When this fails, measure anew, or bring what is shown into the new shape."""
    assert {one.key: one.as_dict() for one in measured_in(document)} == document["questions"]


def test_the_goals_can_be_held_against_the_results_that_are_shown(document: dict[str, Any]) -> None:
    measured, memory, start_up = measured_in(document), document["memory"], document["start_up_seconds"]

    lines = goals.table(measured, memory, start_up).splitlines()
    without = goals.table(measured, [], {}).splitlines()

    can_be_held = [goal for goal in goals.GOALS if document["questions"].keys() >= set(goal.needs)]
    assert len(without) == 2 + len(can_be_held) > 2
    assert len(lines) == len(without) + 2  # memory, start-up
    assert {line.count("|") for line in lines} == {6}
    assert [line for line in lines if " nan " in line or " inf " in line] == []
    assert all(line.endswith((" aim reached |", " reached |", " **missed** |")) for line in lines[2:])


def test_no_goal_waits_for_a_question_that_nobody_asks(tmp_path: Path) -> None:
    """It would be left out of the table, silently."""
    asked = [*questions.hits(tmp_path, 1_000), *questions.misses(tmp_path, 1_000), *groups.WRITES]
    asked += [one for count in main.SIZES for one in questions.growth(tmp_path, count)]

    keys = {one.key for one in asked} | {"waiting"}

    assert {name for goal in goals.GOALS for name in goal.needs} <= keys


def test_the_whole_page_can_be_made_of_the_results_that_are_shown(document: dict[str, Any]) -> None:
    run = groups.Run.__new__(groups.Run)  # without servers and databases
    run.measured, run.memory, run.start_up = measured_in(document), document["memory"], document["start_up_seconds"]

    page = main._markdown(run, document["about"], list(main.SIZES))

    titles = [one["title"] for key, one in document["questions"].items() if not key.startswith("growth_")]
    assert [title for title in titles if f"### {title}\n" not in page] == []
    assert page.count("\n## ") == 5
