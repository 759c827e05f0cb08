"""A certificate authority of the tests' own: Pebble, which looks names up and visits sites where the test says."""

import json
import os
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import PEM, Authority

_START_S = 20.0


@dataclass(frozen=True)
class Pebble:
    """A running authority.

    Args:
        directory: its address. ca_file: whom to trust to talk to it. management: where its roots are given out.
    """

    directory: str
    ca_file: str
    management: str

    def root(self) -> bytes:
        """Its root certificate (PEM); another one at each start."""
        return self._ask(f"{self.management}/roots/0")

    def is_revoked(self, serial: int) -> bool:
        """Whether a certificate was declared void."""
        said = json.loads(self._ask(f"{self.management}/cert-status-by-serial/{serial:x}"))
        return str(said["Status"]) == "Revoked"

    def _ask(self, url: str) -> bytes:
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:  # noqa: S310 - an https address of ours
            return bytes(answer.read())


@contextmanager
def pebble(
    *, resolver: str, http_port: int = 80, bad_nonces: int = 0, always_valid: bool = False, days: int = 90
) -> Iterator[Pebble]:
    """Start one, and stop it at the end.

    Args:
        resolver: ``address:port`` of the name server that it asks. http_port: where it visits sites.
        bad_nonces: percent of requests that it refuses for their nonce. always_valid: it looks at nothing.
        days: how long its certificates are valid.
    """
    with tempfile.TemporaryDirectory(prefix="npanel-pebble-") as name:
        folder = Path(name)
        authority = Authority()
        files = authority.issue(folder / "own", "localhost")
        (folder / "ca.pem").write_bytes(authority.root.public_bytes(PEM))
        port, management = _free_port(), _free_port()
        facts = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(files.certificate),
            "privateKey": str(files.key),
            "httpPort": http_port,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": days * 86400,
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": facts}))
        environment = {
            **os.environ,
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_AUTHZREUSE": "0",
            "PEBBLE_WFE_NONCEREJECT": str(bad_nonces),
            "PEBBLE_VA_ALWAYS_VALID": "1" if always_valid else "0",
        }
        started = Pebble(f"https://localhost:{port}/dir", str(folder / "ca.pem"), f"https://localhost:{management}")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/usr/bin/pebble", "-config", str(folder / "pebble.json"), "-dnsserver", resolver],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            try:
                _wait(started, process, folder / "log")
                yield started
            finally:
                process.terminate()
                process.wait(timeout=10)


def _wait(started: Pebble, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            started._ask(started.directory)
            return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Pebble does not answer: {log.read_text(errors='replace')[-2000:]}") from error
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
