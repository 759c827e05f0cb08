"""Runs on the node: starts Pure-FTPd with a view of the homes in which no symbolic link is followed.

It enters an account's folder as root before it becomes its owner, and a customer can put a link to somebody else's site
in that folder's place at any moment. In a mount that follows none the way ends there, whenever the link was made.
"""

import os
import subprocess
import sys

_HOMES = "/home"


def main(program: list[str]) -> None:
    """Make the mount in this process's own mount namespace, and become the daemon."""
    subprocess.run(["/usr/bin/mount", "--bind", "-o", "nosymfollow,nosuid,nodev", _HOMES, _HOMES], check=True)
    os.execv(program[0], program)  # noqa: S606 - the unit says which; no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
