"""What is installed is what is pinned, down to the last dependency's dependency."""

import re
from importlib.metadata import distributions

from tests.house.commands import ROOT

_PIN = re.compile(r"^([a-z0-9-]+)(\[[a-z0-9,-]+\])?==(\S+)")
NOT_OURS = {"pip", "setuptools", "wheel"}


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {match[1]: match[3] for match in map(_PIN.match, lines) if match}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_line_is_an_exact_pin() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-"))]

        assert [line for line in lines if not _PIN.match(line)] == []


def test_every_dependency_of_the_server_says_why_it_is_there() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if _PIN.match(line)]

    assert [line for line in lines if "  # " not in line] == []


def test_nothing_is_installed_that_is_not_pinned() -> None:
    pinned = pins("requirements.txt") | pins("requirements-dev.txt") | pins("constraints.txt")
    installed = {plain(one.name): one.version for one in distributions() if plain(one.name) not in NOT_OURS}

    assert {name: version for name, version in installed.items() if pinned.get(name) != version} == {}


def test_no_file_names_the_place_that_packages_come_from() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt", "Dockerfile"):
        assert not re.search(r"https?://|--index-url|--find-links|--trusted-host", (ROOT / name).read_text())
