"""``scripts/find_python`` on machines of all kinds, made of little scripts that answer as a Python would."""

import sys
from pathlib import Path

import pytest

from tests.house.commands import ROOT, run

SHELL = "/bin/sh"
FIND = ROOT / "scripts" / "find_python"


def fake(path: Path, answer: str | None) -> Path:
    """An executable that prints ``answer``, or one that fails as a shim does whose version is not selected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{SHELL}\n" + (f"echo '{answer}'\n" if answer else "echo 'command not found' >&2\nexit 127\n"))
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def find(home: Path, *folders: Path, **variables: str) -> tuple[int, str, str]:
    path = ":".join(map(str, folders)) or str(home)
    found = run(SHELL, FIND, PATH=path, HOME=str(home), **variables)
    return found.returncode, found.stdout.strip(), found.stderr.strip()


def test_the_one_that_fits_is_taken(tmp_path: Path, home: Path) -> None:
    fake(tmp_path / "a" / "python3", "3.11.2, too old")
    fit = fake(tmp_path / "b" / "python3.12", "fit")

    assert find(home, tmp_path / "a", tmp_path / "b") == (0, str(fit), "")


def test_the_version_it_is_developed_on_comes_first(tmp_path: Path, home: Path) -> None:
    for version in ("3.12", "3.14", "3.13"):
        fake(tmp_path / "bin" / f"python{version}", "fit")

    assert find(home, tmp_path / "bin")[1] == str(tmp_path / "bin" / "python3.13")


def test_a_shim_that_stands_for_nothing_does_not_hide_what_is_behind_it(tmp_path: Path, home: Path) -> None:
    fake(tmp_path / "shims" / "python3.13", None)
    fit = fake(tmp_path / "bin" / "python3.13", "fit")

    assert find(home, tmp_path / "shims", tmp_path / "bin")[1] == str(fit)


@pytest.mark.parametrize("place", ["root", "home", "shims"])
def test_one_that_is_installed_but_not_selected(tmp_path: Path, home: Path, place: str) -> None:
    folder = {"root": tmp_path / "manager", "home": home / ".pyenv", "shims": tmp_path / "manager"}[place]
    fake(folder / "shims" / "python3.13", None)
    fake(folder / "versions" / "3.9.1" / "bin" / "python3", "3.9.1, too old")
    fit = fake(folder / "versions" / "3.13.0" / "bin" / "python3.13", "fit")
    on_path = [folder / "shims"] if place == "shims" else []

    code, found, _ = find(home, *on_path, **({"PYENV_ROOT": str(folder)} if place == "root" else {}))

    assert (code, Path(found).resolve()) == (0, fit.resolve())


def test_otherwise_one_sentence_says_what_there_is(tmp_path: Path, home: Path) -> None:
    old = fake(tmp_path / "bin" / "python3", "3.11.2, too old")
    bare = fake(tmp_path / "bin" / "python3.12", "3.12.4, lacks ensurepip")
    shim = fake(tmp_path / "bin" / "python", None)

    code, out, sentence = find(home, tmp_path / "bin")

    assert (code, out) == (1, "")
    assert len(sentence.splitlines()) == 1
    for part in (f"{old} (3.11.2, too old)", f"{bare} (3.12.4, lacks ensurepip)", f"{shim} (does not run)"):
        assert part in sentence


def test_where_there_is_none_it_says_so(home: Path) -> None:
    code, _, sentence = find(home)

    assert code == 1
    assert "Found: none." in sentence


def test_the_one_that_was_named_is_the_only_one_asked(tmp_path: Path, home: Path) -> None:
    fake(tmp_path / "bin" / "python3.13", "fit")
    named = fake(tmp_path / "other" / "python", "3.8.1, too old")

    code, _, sentence = find(home, tmp_path / "bin", PYTHON=str(named))

    assert (code, f"Found: {named} (3.8.1, too old)." in sentence) == (1, True)


def test_a_real_one_is_really_asked(home: Path) -> None:
    code, found, sentence = find(home, PYTHON=sys.executable)

    assert (code, found, sentence) == (0, sys.executable, "")
