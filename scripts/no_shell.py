"""Fails when Python source could start a shell: every command NPanel runs is an argument list (SECURITY §1).

What it finds: ``shell=True`` in all its spellings, the standard library's functions that hand a string to a shell,
an argument list that is itself ``sh -c …``, and paramiko's ``exec_command`` outside the one module that starts the
agent and the test of who may run commands. It reads the syntax tree, so comments and strings that mention these names
are no findings.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]

SHELL_FUNCTIONS = frozenset(
    {
        "os.system",
        "os.popen",
        "posix.system",
        "pty.spawn",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
        "asyncio.subprocess.create_subprocess_shell",
    }
)
SUBPROCESS_FUNCTIONS = frozenset(
    f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")
)
POPEN_SHELL_POSITION = 8  # the ninth parameter of subprocess.Popen
SHELL_PROGRAMS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox", "su", "runuser"})
COMMAND_OPTION = re.compile(r"-[A-Za-z]{0,3}c[A-Za-z]{0,3}")
AGENT_STARTER = "hosting/connections/ssh.py"
#: Tries whom sshd gives a command to, and whom not.
SSHD_TRIER = "tests/contract/test_openssh.py"
SKIPPED_DIRECTORIES = frozenset({".git", ".venv", "var", "build", "staticfiles", "node_modules", "__pycache__"})


@dataclass(frozen=True, order=True)
class Finding:
    """One place where a shell could start: path as given, 1-based line, what was found."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class ShellFinder(ast.NodeVisitor):
    """Collects the findings of one module; `path` is relative to the repository, with slashes."""

    def __init__(self, path: str, names: dict[str, str]) -> None:
        self.path = path
        self.findings: set[Finding] = set()
        self._names = names

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._check_function(node, f"{node.module}.{alias.name}")

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _constant(target.slice) == "shell" and _is_true(node.value):
                self._found(node, "a keyword dictionary with shell=True")
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._check_function(node, self._names.get(node.id, ""))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._check_function(node, self._dotted(node))
        self._check_method(node, node.attr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = self._dotted(node.func)
        self._check_getattr(node, name)
        self._check_shell_argument(node, name)
        self.generic_visit(node)

    def visit_List(self, node: ast.List) -> None:
        self._check_argument_list(node)
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        self._check_argument_list(node)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if _constant(key) == "shell" and _is_true(value):
                self._found(node, "a keyword dictionary with shell=True")
        self.generic_visit(node)

    def _found(self, node: ast.AST, what: str) -> None:
        self.findings.add(Finding(self.path, getattr(node, "lineno", 0), what))

    def _dotted(self, node: ast.AST) -> str:
        """Give the full dotted name an expression stands for, following imports; "" when it has none."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        if isinstance(node, ast.Call) and self._dotted(node.func) in {"__import__", "importlib.import_module"}:
            return str(_constant(node.args[0])) if node.args else ""
        return ""

    def _check_function(self, node: ast.AST, name: str) -> None:
        if name in SHELL_FUNCTIONS:
            self._found(node, f"{name} starts a shell")

    def _check_method(self, node: ast.AST, attribute: str) -> None:
        if attribute == "exec_command" and not self.path.endswith((AGENT_STARTER, SSHD_TRIER)):
            self._found(node, f"exec_command runs a remote shell: only {AGENT_STARTER} may start the agent")
        elif attribute in {"invoke_shell", "subprocess_shell"}:
            self._found(node, f"{attribute} starts a shell")

    def _check_getattr(self, node: ast.Call, name: str) -> None:
        if name == "getattr" and len(node.args) >= 2:
            attribute = str(_constant(node.args[1]))
            self._check_function(node, f"{self._dotted(node.args[0])}.{attribute}")
            self._check_method(node, attribute)

    def _check_shell_argument(self, node: ast.Call, name: str) -> None:
        """Of subprocess any `shell` that is not literally False counts; elsewhere (a login shell's field) only True."""
        of_subprocess = name in SUBPROCESS_FUNCTIONS
        given = [keyword.value for keyword in node.keywords if keyword.arg == "shell"]
        if of_subprocess:
            given += node.args[POPEN_SHELL_POSITION : POPEN_SHELL_POSITION + 1]
        for value in given:
            if _is_true(value) or (of_subprocess and _constant(value) is not False):
                self._found(node, f"shell=True in {name or 'a call'}")

    def _check_argument_list(self, node: ast.List | ast.Tuple) -> None:
        """Tests may: they plant faults on lab nodes as a careless administrator would."""
        if self.path.startswith("tests/"):
            return
        words = [_constant(element) for element in node.elts]
        if any(_is_shell_program(word) and _has_command_option(words[place + 1 :]) for place, word in enumerate(words)):
            self._found(node, "an argument list that runs a command string in a shell (-c)")


def _constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _is_true(node: ast.AST) -> bool:
    value = _constant(node)
    return not isinstance(value, str | bytes) and bool(value)


def _is_shell_program(word: object) -> bool:
    return isinstance(word, str) and PurePosixPath(word).name in SHELL_PROGRAMS


def _has_command_option(words: list[object]) -> bool:
    """Tell whether -c (also joined, as in -lc) stands before a `--`: after that another program's options begin."""
    if "--" in words:
        words = words[: words.index("--")]
    return any(isinstance(word, str) and COMMAND_OPTION.fullmatch(word) for word in words)


def _imported_names(tree: ast.AST) -> dict[str, str]:
    """Map each name an import binds, anywhere in the module, to the full dotted name behind it."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
    return names


def find_shells(source: str, path: str) -> list[Finding]:
    """Give the findings of one module's source, sorted; a module that cannot be parsed is a finding too."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [Finding(path, error.lineno or 0, f"cannot be parsed: {error.msg}")]
    finder = ShellFinder(path, _imported_names(tree))
    finder.visit(tree)
    return sorted(finder.findings)


def python_files(top: Path) -> Iterator[Path]:
    """Walk a file or folder for Python sources: *.py, and files without a suffix whose first line names Python."""
    if top.is_file():
        yield top
        return
    for entry in sorted(top.iterdir()):
        if entry.is_symlink() or entry.name in SKIPPED_DIRECTORIES:
            continue
        if entry.is_dir():
            yield from python_files(entry)
        elif entry.suffix == ".py" or (not entry.suffix and _is_python_script(entry)):
            yield entry


def _is_python_script(path: Path) -> bool:
    with path.open("rb") as stream:
        first = stream.readline(200)
    return first.startswith(b"#!") and b"python" in first


def check_paths(tops: Iterable[Path]) -> tuple[int, list[Finding]]:
    """Check every source under the paths; give how many files were read and what was found."""
    files = [path for top in tops for path in python_files(top.resolve())]
    findings: list[Finding] = []
    for path in files:
        shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()
        findings += find_shells(path.read_text(encoding="utf-8"), shown)
    return len(files), findings


def main(arguments: list[str]) -> int:
    """Check the given paths, or the whole repository; exit status 1 when anything was found or nothing read."""
    count, findings = check_paths([Path(argument) for argument in arguments] or [ROOT])
    for finding in findings:
        print(finding)
    print(f"no_shell: {count} files, {len(findings)} findings")
    return 1 if findings or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
