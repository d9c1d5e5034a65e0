"""Every command of docs/api/guide.md works as pasted, one after the other, against a server with sample content."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import free_port
from tests.house.commands import KEY, ROOT, manage
from tests.house.servers import Running, server

pytestmark = pytest.mark.server

GUIDE = (ROOT / "docs" / "api" / "guide.md").read_text()
PASSWORD = "a long enough passphrase"  # also what .admin_password holds
# A refusal ends the script; nobody who pastes a command would go on after one either.
STRICT = 'set -euo pipefail; curl() { command curl --silent --show-error --fail-with-body "$@"; echo; }\n'


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    place, port = tmp_path_factory.mktemp("guide"), str(free_port())
    variables = {
        "DEBUG": "1",
        "SECRET_KEY": KEY,
        "PORT": port,
        "DATABASE_URL": f"sqlite:///{place}/db.sqlite3",
        "ADMIN_EMAIL": "admin@example.com",
        "ADMIN_PASSWORD": PASSWORD,
        "RATELIMIT_ENABLE": "0",
    }
    for command in ("migrate", "seed"):
        manage(command, **variables).check_returncode()
    uvicorn = (sys.executable, "-m", "uvicorn", "cms_project.asgi:application", "--port", port)
    with server(*uvicorn, log=place / "log", **variables) as running:
        yield running


def commands() -> str:
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return "\n".join(block for block in blocks if "npx" not in block)


def test_the_commands_of_the_guide_work_as_pasted(seeded: Running, tmp_path: Path) -> None:
    (tmp_path / ".admin_password").write_text(PASSWORD)
    script = STRICT + commands().replace("http://localhost:8000", f"http://localhost:{seeded.port}")

    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = re.findall(r"^HTTP/1.1 (\d+)", done.stdout, re.MULTILINE)
    assert said == ["304", "201", "204"]
    assert '"sanitised":[]' in done.stdout and '"excerpt":"What we grafted, and why."' in done.stdout
