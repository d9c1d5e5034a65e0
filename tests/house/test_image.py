"""The image's own commands, run in an empty tree with the files that it would hold; and what the two files must say."""

import fnmatch
import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.commands import KEY, ROOT, run
from tests.house.servers import server

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def argument(wanted: str) -> str:
    """Of the last instruction of this name, which is the one that counts."""
    return [rest for word, rest in instructions() if word == wanted][-1]


def context() -> list[Path]:
    """What .dockerignore leaves: of the last pattern that fits a file or a folder above it, whether it says no."""
    found = []
    for top in ROOT.iterdir():
        if not is_ignored(top.name):
            found += [path.relative_to(ROOT) for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]
    return sorted(path for path in found if not is_ignored(str(path)))


def is_ignored(name: str) -> bool:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    parts = name.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    ignored = False
    for pattern in patterns:
        plain = pattern.removeprefix("!").removeprefix("**/")
        anywhere = pattern.removeprefix("!").startswith("**/")
        candidates = [one.rsplit("/", 1)[-1] for one in above] if anywhere else [one for one in above if "/" not in one]
        if any(fnmatch.fnmatchcase(one, plain) for one in candidates):
            ignored = not pattern.startswith("!")
    return ignored


class TestContext:
    def test_it_holds_the_product_and_nothing_else(self) -> None:
        top = {path.parts[0] for path in context()}

        apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
        requirements = {"requirements.txt", "requirements-sso.txt", "constraints.txt"}
        assert top == {*apps, *requirements, "manage.py", "gunicorn.conf.py", "LICENSE"}

    @pytest.mark.parametrize(
        "name",
        [
            ".env",
            ".secret_key",
            ".admin_password",
            "db.sqlite3",
            "core/x.sqlite3-wal",
            "core/__pycache__/x.pyc",
            ".git/x",
        ],
    )
    def test_no_secret_and_no_data_come_in(self, name: str) -> None:
        assert is_ignored(name)


class TestDockerfile:
    def test_it_does_not_run_as_root(self) -> None:
        assert argument("USER") == "10001"

    def test_no_key_stays_in_the_image(self) -> None:
        kept = [rest for word, rest in instructions() if word in ("ENV", "ARG", "LABEL")]

        assert not [line for line in kept if "SECRET" in line or "PASSWORD" in line]

    def test_the_image_has_the_python_it_is_developed_on_in_both_stages(self) -> None:
        assert [rest.split()[0] for word, rest in instructions() if word == "FROM"] == ["python:3.13-slim"] * 2


@pytest.mark.server
def test_the_very_commands_of_the_image_build_start_and_report_health(tmp_path: Path) -> None:
    """Every RUN of the first stage, then CMD with its ENV, then HEALTHCHECK; / becomes a folder."""
    app = tmp_path / "app"
    app.mkdir()
    (tmp_path / "data").mkdir()
    first_stage = instructions()[: [word for word, _ in instructions()].index("FROM", 1)]
    bare = {"PATH": f"{python_of_the_image(tmp_path)}:/usr/bin:/bin", "HOME": str(tmp_path / "nobody")}

    for word, rest in first_stage:
        if word == "COPY":
            copy(rest, into=app)
        elif word == "RUN":
            built = run("/bin/sh", "-c", moved(rest, tmp_path), cwd=app, **bare)
            assert built.returncode == 0, built.stderr

    variables = {name: moved(value, tmp_path) for name, value in pairs(argument("ENV")).items()}
    variables["PATH"] = variables["PATH"].replace("$PATH", bare["PATH"])
    ready = {**bare, **variables, "SECRET_KEY": KEY}
    assert run("/bin/sh", "-c", "python manage.py migrate --noinput", cwd=app, **ready).returncode == 0
    command = json.loads(argument("CMD"))
    executable = shutil.which(command[0], path=ready["PATH"])
    assert executable == str(tmp_path / "venv" / "bin" / command[0])
    with server(executable, *command[1:], cwd=app, log=tmp_path / "log", **ready) as running:
        assert running.get("/readyz")[0] == 200
        assert running.get(f"/static/{collected(app)['admin/css/base.css']}")[0] == 200
        assert health_check(ready, running.port, app) == 0
        running.stop()
        assert health_check(ready, running.port, app) != 0


def python_of_the_image(folder: Path) -> Path:
    """``python`` in the image is Python 3.13 and has no packages; so is the one that .venv was made with."""
    (folder / "bin").mkdir()
    found = run(ROOT / "scripts" / "find_python").stdout.strip()
    (folder / "bin" / "python").symlink_to(os.path.realpath(found))
    return folder / "bin"


def copy(rest: str, *, into: Path) -> None:
    sources = rest.split()[:-1]
    for path in context():
        if sources == ["."] or str(path) in sources:
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, into / path)


def moved(command: str, root: Path) -> str:
    """The folders of the image, below ``root``."""
    return re.sub(r"(?<![\w.])/(venv|app|data)\b", rf"{root}/\1", command)


def pairs(rest: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in shlex.split(rest))


def collected(app: Path) -> dict[str, str]:
    paths: dict[str, str] = json.loads((app / "staticfiles" / "staticfiles.json").read_text())["paths"]
    return paths


def health_check(variables: dict[str, str], port: int, app: Path) -> int:
    command = json.loads(argument("HEALTHCHECK").partition(" CMD ")[2])
    return run(*command, cwd=app, **{**variables, "PORT": str(port)}).returncode


class TestCompose:
    @pytest.fixture
    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        return found

    def test_it_starts_in_the_order_of_health(self, services: dict[str, Any]) -> None:
        conditions = {name: one["condition"] for name, one in services["api"]["depends_on"].items()}

        assert conditions == {
            "migrate": "service_completed_successfully",
            "db": "service_healthy",
            "redis": "service_healthy",
        }
        assert services["migrate"]["depends_on"]["db"]["condition"] == "service_healthy"
        assert {name for name, one in services.items() if "test" in one.get("healthcheck", {})} == {"db", "redis"}

    def test_secrets_are_asked_for_and_none_is_inside(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text()
        values = re.findall(r"(?:SECRET|PASSWORD)\w*: (.+)", text)

        assert {"SECRET_KEY", "POSTGRES_PASSWORD"} == set(re.findall(r"\$\{(\w+):\?", text))
        assert [value for value in values if not value.startswith("${")] == []

    def test_ours_can_change_nothing_and_gain_nothing(self, services: dict[str, Any]) -> None:
        for name in ("api", "migrate"):
            assert services[name]["read_only"] is True
            assert services[name]["cap_drop"] == ["ALL"]
            assert services[name]["security_opt"] == ["no-new-privileges:true"]

    def test_only_the_api_can_be_reached_and_from_this_machine_alone(self, services: dict[str, Any]) -> None:
        ports = {name: one["ports"] for name, one in services.items() if "ports" in one}

        assert list(ports) == ["api"]
        assert all(port.startswith("127.0.0.1:") for port in ports["api"])

    def test_data_has_named_volumes(self, services: dict[str, Any]) -> None:
        named = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]

        used = [volume.split(":")[0] for one in services.values() for volume in one.get("volumes", [])]
        assert sorted(used) == sorted(named)

    def test_the_migration_runs_once_with_commands_that_there_are(self, services: dict[str, Any]) -> None:
        assert services["migrate"]["restart"] == "no"
        assert services["migrate"]["command"][-1].split(" && ") == [
            "python manage.py migrate --noinput",
            "python manage.py ensure_admin",
        ]
