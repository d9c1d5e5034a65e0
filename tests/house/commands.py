"""Runs our own programs as a stranger would: in a process and with an environment of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "k3Yf0r-7he-7es7s-0f-7he-h0use-w1th-v4ried-l3tters-and-l0ng-en0ugh"
PRODUCTION = {
    "SECRET_KEY": KEY,
    "PUBLIC_BASE_URL": "https://cms.example.com",
    "ALLOWED_HOSTS": "cms.example.com",
    "TRUSTED_PROXY_COUNT": "1",
    "DATABASE_URL": "postgresql://stitch:secret@db.example.com/stitch",
    "REDIS_URL": "redis://redis.example.com:6379/0",
    "ALLOWED_ORIGINS": "https://www.example.com",
    "EMAIL_URL": "smtps://stitch:secret@mail.example.com",
}


def environment(**variables: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "ENV_FILE": "", "PYTHONDONTWRITEBYTECODE": "1", **variables}


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, *arguments, **variables)


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return python("manage.py", *arguments, **variables)
