"""Every call in the source that writes a log line names an operation that is registered."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from observability import operations
from observability.operations import known_operations, register_operation

ROOT = Path(__file__).parents[3]
APPS = ("npanel", "hosting", "accounts", "audit", "observability")
_LIBRARY_CALLS = ("getLogger",)
_WRITES = frozenset("debug info warning error exception critical log".split())
#: The one module that may speak to the standard library's logging: it is what shapes every line.
_SHAPES_LINES = "observability/logging.py"


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def _loggers(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "get_logger" and not _is_structlog(node.func):
            yield node


def _speaks(call: ast.Call, tree: ast.Module) -> bool:
    """Whether a library's logger is kept or written to; one that is only silenced writes no line."""
    calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return next((func.attr in _WRITES for func in calls if func.value is call), True)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_structlog(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node).startswith("structlog")


def _operation(call: ast.Call) -> str:
    """The operation that a call names, "" for none: a literal, or a constant of observability.operations."""
    given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "operation"), None)
    if isinstance(given, ast.Call) and _name(given.func) == "register_operation":
        given = given.args[0]
        return register_operation(str(given.value)) if isinstance(given, ast.Constant) else ""
    if isinstance(given, ast.Constant):
        return str(given.value)
    return "" if given is None else str(getattr(operations, _name(given), ""))


def test_every_logger_names_a_known_operation() -> None:
    """There are many loggers, and none without an operation or with one that nobody registered."""
    calls = [(place, call) for place, tree in _sources() for call in _loggers(tree)]
    assert len(calls) > 20
    wrong = [f"{place}:{call.lineno}" for place, call in calls if _operation(call) not in known_operations()]
    assert wrong == []


def test_nothing_goes_around_our_logger() -> None:
    """The standard library's loggers would give lines whose operation is a guess; silencing one is no line."""
    around = [
        f"{place}:{node.lineno}"
        for place, tree in _sources()
        if place != _SHAPES_LINES
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) in _LIBRARY_CALLS and _speaks(node, tree)
    ]
    assert around == []


@pytest.mark.parametrize(
    "source", ['get_logger("no_such")', "get_logger()", "get_logger(NO_SUCH)", 'get_logger(operation="no_such")']
)
def test_what_would_be_found(source: str) -> None:
    """The look at the source is no blind one."""
    (call,) = _loggers(ast.parse(source))
    assert _operation(call) not in known_operations()
