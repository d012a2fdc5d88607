from __future__ import annotations

import ast
from pathlib import Path

import pytest

from contract.source import ROOT, imports, modules, name_of, tracked, tree

FOLDERS = {".ci", "device", "provisioning", "systemd", "tests"}
MODULE_LINES = 400
FUNCTION_LINES = 40

CODE = [*modules("device"), *modules("tests")]
MOCKING = {"mock", "pytest_mock", "unittest"}
SOURCES = {".py", ".c", ".h", ".sh"}


def test_only_the_agreed_folders_stand_at_the_top() -> None:
    assert {path.parts[0] for path in tracked() if len(path.parts) > 1} <= FOLDERS


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    sources = [path for path in tracked() if path.suffix in SOURCES and (ROOT / path).exists()]
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in sources}
    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From the first statement after the docstring to the last."""
    body = function.body[ast.get_docstring(function) is not None :]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{name_of(path)}.{node.name}": body_lines(node)
        for path in modules("device")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and body_lines(node) > FUNCTION_LINES
    }
    assert long == {}


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_nothing_is_mocked(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] in MOCKING]


def test_test_modules_of_plain_folders_have_names_of_their_own() -> None:
    """Two test files of one name in folders without `__init__.py` hide each other."""
    plain = [path.name for path in modules("tests") if not (path.parent / "__init__.py").exists()]
    tests = [name for name in plain if name.startswith("test_")]
    assert sorted(set(tests)) == sorted(tests)
