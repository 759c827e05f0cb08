"""Runs on the node before a mail daemon starts: makes the node's own certificate if there is none."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_OPENSSL = "/usr/bin/openssl"


def main(target: Path, host: str, group: str) -> None:
    """Make key and certificate aside and link them into place, so that two daemons starting at once share one."""
    if target.exists():
        return
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    os.umask(0o077)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".draft-") as place:
        draft = _made(Path(place), host)
        draft.chmod(0o640)
        shutil.chown(draft, "root", group)
        _sync(draft)
        with contextlib.suppress(FileExistsError):
            os.link(draft, target)
    _sync(target.parent)


def _made(place: Path, host: str) -> Path:
    key, certificate, both = place / "key", place / "certificate", place / "both"
    command = [_OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "3650"]
    command += ["-subj", f"/CN={host}"[:68], "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
