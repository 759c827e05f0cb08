"""Resolves requirements*.in and writes the hash-locked requirements*.txt that setup installs from."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements", "requirements-dev")  # in this order: the second is constrained by the first
# The output names no index and no machine: the same lock must come out everywhere.
OPTIONS = (
    "--generate-hashes",
    "--universal",
    "--python-version=3.11",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
)


def lock(name: str, arguments: list[str]) -> int:
    """Compile one file; give uv's exit status."""
    argv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", *OPTIONS, *arguments]
    done = subprocess.run([*argv, f"--output-file={name}.txt", f"{name}.in"], check=False, cwd=ROOT)
    print(f"{name}.txt: {'locked' if done.returncode == 0 else 'not locked, see above'}")
    return done.returncode


def main(arguments: list[str]) -> int:
    """Lock both; arguments go to uv (--upgrade, or --upgrade-package NAME)."""
    return max(lock(name, arguments) for name in LOCKS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
