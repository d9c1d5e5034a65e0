"""Makes ``.venv`` and installs the pinned requirements into it. Called by ``scripts/install``; needs no package.

A stamp in ``.venv`` remembers what was installed, so that the next start takes no time; it is written last, so that
what was interrupted is made good the next time. Several calls at once wait for one another.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
FILES = {
    "run": ["requirements.txt"],
    "sso": ["requirements.txt", "requirements-sso.txt"],
    "dev": ["requirements.txt", "requirements-sso.txt", "requirements-dev.txt"],
}


def main() -> None:
    wanted = sys.argv[1] if sys.argv[1:] and sys.argv[1] in FILES else "run"
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed(wanted):
            return
        if not is_sound():
            make()
        install(wanted)


def is_installed(wanted: str) -> bool:
    """Whoever has what tests need, or what an extra needs, has what the server needs."""
    return is_sound() and any(_stamped(kind) == stamp(kind) for kind, files in FILES.items() if _holds(files, wanted))


def is_sound() -> bool:
    """Its Python runs, is new enough and can install; a moved, half-made or orphaned ``.venv`` fails here."""
    probe = "import sys, pip; print(sys.prefix); sys.exit(sys.version_info < (3, 12))"
    if not PYTHON.exists():
        return False
    answer = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True)
    return answer.returncode == 0 and Path(answer.stdout.strip()).resolve() == VENV.resolve() and not _was_moved()


def make() -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    say(f"Making .venv with {base}")
    subprocess.run([base, "-m", "venv", "--clear", VENV], check=True)


def install(wanted: str) -> None:
    say(f"Installing what {FILES[wanted][-1]} lists; this happens once")
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    listed = FILES[wanted][-1]  # it takes the others along
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--no-warn-script-location", "-r", listed]
    if subprocess.run(command, cwd=ROOT, env=environment).returncode:
        sys.exit("The requirements could not be installed; what pip says stands above. The next try goes on from here.")
    (VENV / f".installed-{wanted}").write_text(stamp(wanted))


def _holds(files: list[str], wanted: str) -> bool:
    return set(files) >= set(FILES[wanted])


def stamp(wanted: str) -> str:
    listed = b"".join((ROOT / name).read_bytes() for name in [*FILES[wanted], "constraints.txt"])
    return hashlib.sha256(listed).hexdigest()


def _stamped(wanted: str) -> str:
    kept = VENV / f".installed-{wanted}"
    return kept.read_text() if kept.exists() else ""


def _was_moved() -> bool:
    """Installed programs carry the place they were installed to in their first line."""
    programs = [path for path in (VENV / "bin").glob("pip*") if path.is_file()]
    return not any(str(VENV).encode() in path.read_bytes()[:512] for path in programs)


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
