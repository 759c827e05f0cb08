"""Runs on the node before Exim starts: makes a secret of the node's own if there is none.

Called as ``python3 secret_on_node.py PATH GROUP``.
"""

import contextlib
import os
import secrets
import shutil
import sys
from pathlib import Path


def main(target: Path, group: str) -> None:
    """Write it aside and link it into place, so that it is there as a whole or not at all."""
    if target.exists():
        return
    target.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(descriptor)
        shutil.chown(draft, "root", group)
        with contextlib.suppress(FileExistsError):
            os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
