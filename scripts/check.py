"""Runs every static check, each named and timed, and all of them even when one fails."""

import os
import secrets
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.certificates import Authority  # noqa: E402

BIN = Path(sys.executable).parent
PYTHON = sys.executable
NOT_OURS = frozenset({"scripts", "tests", "docs", "static", "templates", "deploy", "var", "build", "staticfiles"})


@dataclass(frozen=True)
class Step:
    """One check: a name for people, the command, and what its environment has besides ours."""

    name: str
    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a check ended: whether it passed, its wall seconds, and all it said."""

    step: Step
    passed: bool
    seconds: float
    output: str


def production_environment(folder: str) -> dict[str, str]:
    """Give what production settings need, made up for this one run: `check --deploy` reads it and nobody else."""
    Authority().issue(Path(folder) / "tls", "panel.example.test")
    return {
        "NPANEL_ENVIRONMENT": "production",
        "NPANEL_DATABASE_URL": f"sqlite:///{folder}/production.sqlite3",
        "NPANEL_VAR_DIR": folder,
        "NPANEL_ALLOWED_HOSTS": "panel.example.test",
        "NPANEL_SECRET_KEY": secrets.token_urlsafe(64),
        "NPANEL_ADMIN_URL": "https://panel.example.test:2087",
        "NPANEL_PORTAL_URL": "https://panel.example.test:2083",
    }


def steps(folder: str) -> list[Step]:
    """List the checks; `folder` is a scratch directory where their databases and keys may be."""
    manage = [PYTHON, "manage.py"]
    spectacular = ["spectacular", "--validate", "--fail-on-warn", "--file", f"{folder}/openapi.yaml"]
    development = {"NPANEL_ENVIRONMENT": "development", "NPANEL_VAR_DIR": folder}
    deploy = [*manage, "check", "--deploy", "--fail-level", "WARNING"]
    production = production_environment(folder)
    return [
        Step("ruff check", [str(BIN / "ruff"), "check", "--output-format=concise", "."]),
        Step("ruff format", [str(BIN / "ruff"), "format", "--check", "--output-format=concise", "."]),
        Step("types (mypy)", [str(BIN / "mypy"), "--show-traceback"], development),
        Step("import rules", [str(BIN / "lint-imports"), "--no-cache"], development),
        Step("import rules know all packages", [PYTHON, "scripts/check.py", "packages"]),
        Step("migrations are made", [*manage, "makemigrations", "--check", "--dry-run"], development),
        Step("production keys are made", [*manage, "worker_key", "--init"], production),
        Step("production settings: admin", deploy, {**production, "NPANEL_INTERFACE": "admin"}),
        Step("production settings: customer", deploy, {**production, "NPANEL_INTERFACE": "customer"}),
        Step("templates (djlint)", [str(BIN / "djlint"), "--lint", "--quiet", "templates"]),
        Step("API schema (OpenAPI)", [*manage, *spectacular], development),
        Step("no shell", [PYTHON, "scripts/no_shell.py"]),
        Step("texts are marked", [PYTHON, "scripts/texts.py"]),
        Step("messages are collected", [PYTHON, "scripts/messages.py", "--check"]),
    ]


def unknown_packages() -> list[str]:
    """Give top-level packages that import-linter is not told about: their imports would be checked by nobody."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    return sorted(found - NOT_OURS - set(settings["root_packages"]))


def check_packages() -> int:
    """The step that compares the tree with the import rules; prints what is missing and gives an exit status."""
    missing = unknown_packages()
    for name in missing:
        print(f"{name}/ is not in root_packages of [tool.importlinter] in pyproject.toml")
    return 1 if missing else 0


def carry_out(step: Step) -> Outcome:
    """Run one check, its output kept; a program that is not there is a failure, not an accident."""
    started = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NPANEL_")}
    try:
        done = subprocess.run(
            step.argv,
            check=False,
            cwd=ROOT,
            env={**environment, **step.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return Outcome(step, False, time.monotonic() - started, str(error))
    return Outcome(step, done.returncode == 0, time.monotonic() - started, done.stdout)


def report(outcome: Outcome) -> None:
    """Print one line for a check that passed, and all it said for one that failed."""
    verdict = "ok  " if outcome.passed else "FAIL"
    print(f"{verdict} {outcome.step.name:<32} {outcome.seconds:6.1f} s", flush=True)
    if not outcome.passed:
        shown = " ".join(outcome.step.argv).replace(f"{ROOT}/", "")
        print(f"     $ {shown}")
        print("\n".join(f"     {line}" for line in outcome.output.rstrip().splitlines()), flush=True)


def main(arguments: list[str]) -> int:
    """Run the checks whose name holds one of the given words (all without words); 0 only when all of them passed."""
    if arguments == ["packages"]:
        return check_packages()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="npanel-check-") as folder:
        for step in steps(folder):
            if not arguments or any(word in step.name for word in arguments):
                outcomes.append(carry_out(step))
                report(outcomes[-1])
    failed = [outcome.step.name for outcome in outcomes if not outcome.passed]
    summary = f"{len(outcomes) - len(failed)} checks passed, {len(failed)} failed"
    print(f"\n{summary}{': ' + ', '.join(failed) if failed else ''}")
    return 0 if outcomes and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
