"""``make`` as a stranger types it: in a fresh copy of the tree, with an empty home and nothing in the environment."""

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import free_port
from tests.house.commands import KEY, ROOT, run
from tests.house.servers import server

LEFT_BEHIND = shutil.ignore_patterns(
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    "*.sqlite3*",
    "staticfiles",
    ".secret_key",
    ".admin_password",
    ".env",
)

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all tests of this file: they tell a story, from the first start on."""
    folder = tmp_path_factory.mktemp("fresh")
    shutil.copytree(ROOT, folder / "clone", ignore=LEFT_BEHIND)
    (folder / "home").mkdir()
    yield folder / "clone"
    shutil.rmtree(folder)


def home(clone: Path) -> dict[str, str]:
    """Not even ENV_FILE: a stranger has none, and .env is looked for."""
    return {"HOME": str(clone.parent / "home"), "ENV_FILE": ".env"}


@pytest.fixture(scope="module", autouse=True)
def dot_env(clone: Path) -> None:
    shutil.copy(clone / ".env.example", clone / ".env")


def test_the_first_run_installs_fills_and_tells_where_to_go(clone: Path, tmp_path: Path) -> None:
    with server("make", "run", cwd=clone, log=tmp_path / "log", **home(clone)) as running:
        status, _, body = running.get("/api/v1/posts")
        told = running.log
        code = running.stop()

    base = f"http://localhost:{running.port}"
    assert (status, b'"items":[{' in body) == (200, True)
    assert code != 0  # make reports that it was ended by a signal
    for address in (f"{base}/api/v1/posts", f"{base}/docs", f"{base}/admin/", "admin@example.com"):
        assert address in told


def test_the_second_run_takes_seconds_and_has_kept_everything(clone: Path, tmp_path: Path) -> None:
    before = (clone / "db.sqlite3").stat().st_ino
    started = time.monotonic()

    with server("make", "run", cwd=clone, log=tmp_path / "log", **home(clone)) as running:
        seconds = time.monotonic() - started
        told = running.log

    assert seconds < 10
    assert "Installing" not in told
    assert "Made " not in told
    assert (clone / "db.sqlite3").stat().st_ino == before


def test_changed_requirements_are_installed_and_unchanged_ones_are_not(clone: Path) -> None:
    with (clone / "requirements.txt").open("a") as file:
        file.write("# changed\n")

    told = [run("make", "install", cwd=clone, **home(clone)).stderr for _ in range(2)]

    assert ["Installing" in one for one in told] == [True, False]


def test_a_port_that_is_taken_is_one_sentence(clone: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        for target, variables in (("run", {}), ("serve", {"SECRET_KEY": KEY})):
            answer = run("make", target, cwd=clone, **{**home(clone), **variables, "PORT": str(port)})

            assert answer.returncode != 0
            sentences = [line for line in answer.stderr.splitlines() if not line.startswith("make:")]
            assert [line.startswith(f"Stitch does not start: port {port} cannot be had") for line in sentences] == [
                True
            ]


def test_serve_refuses_without_a_key_in_one_sentence(clone: Path) -> None:
    answer = run("make", "serve", cwd=clone, **home(clone))

    sentences = [line for line in answer.stderr.splitlines() if not line.startswith("make:")]
    assert answer.returncode != 0
    assert [line.startswith("Stitch does not start: SECRET_KEY is not set") for line in sentences] == [True]


def test_serve_makes_the_administrator_and_no_sample_content(clone: Path, tmp_path: Path) -> None:
    password = "a-phrase-that-nobody-guesses"
    variables = {
        **home(clone),
        "SECRET_KEY": KEY,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "ADMIN_EMAIL": "head@example.com",
        "ADMIN_PASSWORD": password,
    }
    for _ in range(2):  # the second time somebody is there
        with server("make", "serve", cwd=clone, log=tmp_path / "log", **variables) as running:
            credentials = {"email": "head@example.com", "password": password}
            login = running.request("POST", "/api/v1/auth/login", credentials)[0]
            posts = running.get("/api/v1/posts")[2]
            running.stop()

            assert (login, b'"total":0' in posts) == (200, True)
            assert password not in running.log


def test_serve_refuses_a_weak_password(clone: Path, tmp_path: Path) -> None:
    answer = run(
        "make",
        "serve",
        cwd=clone,
        **home(clone),
        SECRET_KEY=KEY,
        PORT=str(free_port()),
        DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
        ADMIN_EMAIL="head@example.com",
        ADMIN_PASSWORD="password1",
    )

    assert answer.returncode != 0
    assert "This password is too common." in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_venv_that_is_broken_or_was_moved_is_made_anew(clone: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")

    assert run("make", "install", cwd=clone, **home(clone)).returncode == 0
    assert run(python, "-c", "import django", cwd=clone).returncode == 0

    moved = clone.parent / "moved"
    clone.rename(moved)
    try:
        answer = run("make", "install", cwd=moved, **home(moved))
        assert "Making .venv" in answer.stderr
        assert run(moved / ".venv" / "bin" / "gunicorn", "--version", cwd=moved).returncode == 0
    finally:
        moved.rename(clone)


def test_help_names_every_target(clone: Path) -> None:
    answer = run("make", cwd=clone, **home(clone))

    named = [line.split()[1] for line in answer.stdout.splitlines()]
    assert set(named) >= {"run", "serve", "install", "test", "lint", "types", "migrations", "clean", "help"}


def test_clean_keeps_data_and_secrets(clone: Path) -> None:
    run("make", "clean", cwd=clone, **home(clone))

    assert not (clone / ".venv").exists()
    assert [name for name in ("db.sqlite3", ".secret_key", ".env") if not (clone / name).exists()] == []
