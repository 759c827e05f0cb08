"""What is sent to a node is whole, standard library only, and runs on Python 3.9."""

import ast
import sys
from pathlib import Path

import pytest

from hosting.connections import bootstrap

SOURCES = sorted((Path(bootstrap.__file__).parent / "agent").glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_agent_needs_nothing_but_the_standard_library(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.module or "").split(".")[0] in sys.stdlib_module_names


def test_every_file_of_the_agent_is_sent_after_what_it_imports() -> None:
    assert {path.stem for path in SOURCES} == {"__init__", *bootstrap.MODULES}
    seen: set[str] = set()
    for name in bootstrap.MODULES:
        tree = ast.parse((SOURCES[0].parent / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                needed = {node.module} if node.module else {alias.name for alias in node.names}
                assert needed <= seen, f"{name} is sent before {needed - seen}"
        seen.add(name)


def test_the_length_in_front_is_the_programs() -> None:
    length, _, text = bootstrap.program().partition(b"\n")
    assert int(length) == len(text)
    compile(text, "agent", "exec")


def test_the_command_line_is_one_constant_short_line() -> None:
    argv = bootstrap.command()
    assert argv[:3] == ["python3", "-I", "-c"]
    assert "\n" not in argv[3]
    assert len(argv[3]) < 200
