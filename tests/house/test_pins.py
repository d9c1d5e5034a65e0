"""What is installed is what is pinned, down to the last dependency's dependency."""

import re
from importlib.metadata import requires, version

from packaging.requirements import Requirement

from tests.house.commands import ROOT

_PIN = re.compile(r"^([a-z0-9-]+)(\[[a-z0-9,-]+\])?==(\S+)")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {match[1]: match[3] for match in map(_PIN.match, lines) if match}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_line_is_an_exact_pin() -> None:
    for name in ("requirements.txt", "requirements-sso.txt", "requirements-dev.txt", "constraints.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-"))]

        assert [line for line in lines if not _PIN.match(line)] == []


def test_every_dependency_of_the_server_says_why_it_is_there() -> None:
    text = (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-sso.txt").read_text()
    lines = [line for line in text.splitlines() if _PIN.match(line)]

    assert [line for line in lines if "  # " not in line] == []


def test_everything_that_is_brought_along_is_pinned_and_installed_as_pinned() -> None:
    listed = ("requirements.txt", "requirements-sso.txt", "requirements-dev.txt")
    pinned = {one: pin for name in (*listed, "constraints.txt") for one, pin in pins(name).items()}
    reached = everything_below([one for name in listed for one in direct(name)])

    assert {name: version(name) for name in reached if pinned.get(name) != version(name)} == {}


def direct(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line.partition("#")[0].strip()) for line in lines if _PIN.match(line)]


def everything_below(wanted: list[Requirement]) -> set[str]:
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        one = wanted.pop()
        key = (plain(one.name), frozenset(one.extras))
        if key not in seen:
            seen.add(key)
            wanted += [below for below in map(Requirement, requires(one.name) or []) if applies(below, one.extras)]
    return {name for name, _ in seen}


def applies(below: Requirement, extras: set[str]) -> bool:
    return below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in {"", *extras})


def test_no_file_names_the_place_that_packages_come_from() -> None:
    for name in ("requirements.txt", "requirements-sso.txt", "requirements-dev.txt", "constraints.txt", "Dockerfile"):
        assert not re.search(r"https?://|--index-url|--find-links|--trusted-host", (ROOT / name).read_text())
