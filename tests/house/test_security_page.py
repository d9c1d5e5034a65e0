"""docs/security.md states each promise with the tests that hold it; here the page is held to that."""

import re

import pytest

from tests.house.commands import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
PROMISES = 27
_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`([a-z_/0-9]+\.py)(?:::(test_\w+))?`")

rows = {int(number): (promise, proof) for number, promise, proof in _ROW.findall(PAGE)}


def test_every_promise_is_there_once_in_order():
    assert [int(number) for number, _, _ in _ROW.findall(PAGE)] == list(range(1, PROMISES + 1))


@pytest.mark.parametrize("number", range(1, PROMISES + 1))
def test_a_promise_names_tests_that_exist(number):
    _, proof = rows[number]
    named = _TEST.findall(proof)

    missing = [f"{path}::{name}" for path, name in named if not _exists(path, name)]

    assert missing == []
    assert named or "not yet" in proof


def _exists(path: str, name: str) -> bool:
    file = ROOT / "tests" / path
    return file.exists() and (not name or f"def {name}(" in file.read_text())
