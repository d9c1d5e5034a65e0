"""The layers of docs/architecture.md, held by reading every import of the product, those inside functions included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {"core": 1, "accounts": 2, "delivery": 3, "content": 4, "cms_project": 7}
FILES = [path for app in LAYERS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts]
INTERFACES = ("api", "edge", "admin", "desk", "management")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "managers", "services", "selectors", "signals", "tasks"}


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (_module(node.module, alias.name) for alias in node.names)


def _module(package: str, name: str) -> str:
    """``from a import b``: the module a.b where there is one, otherwise a."""
    inside = ROOT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if inside.is_dir() or inside.with_suffix(".py").exists() else package


def app_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_app_imports_from_lower_layers_only(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]

    upward = [
        module
        for module in imported_modules(path)
        if app_of(module) in LAYERS and app_of(module) != own and LAYERS[app_of(module)] >= LAYERS[own]
    ]

    assert upward == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_verbs_and_models_do_not_know_the_interfaces(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    if parts[0] in ("core", "cms_project") or any(part.removesuffix(".py") in INTERFACES for part in parts):
        return

    known = [
        module
        for module in imported_modules(path)
        if app_of(module) == parts[0] and module.split(".")[1:2] and module.split(".")[1] in INTERFACES
    ]

    assert known == []


def test_the_package_that_serves_the_public_does_not_know_drafts() -> None:
    known = [module for path in (ROOT / "delivery").rglob("*.py") for module in imported_modules(path)]

    assert [module for module in known if app_of(module) in ("content", "accounts")] == []


def test_file_names_say_what_happens_inside() -> None:
    assert [path.name for path in FILES if path.stem in FORBIDDEN_NAMES] == []


def test_there_are_no_import_cycles() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    graph = {name: {m for m in imported_modules(path) if m in names and m != name} for name, path in names.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"cycle: {' -> '.join((*way, name))}"
        if name not in done:
            for below in graph[name]:
                visit(below, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())
