"""Certificates of the tests' authority as Resources."""

from pathlib import Path

from hosting.state import Secret
from hosting.state.tls import TlsCertificate
from tests.certificates import Authority


def certificate(authority: Authority, folder: Path, owner: str, name: str) -> TlsCertificate:
    """A certificate for a name and its www name, with a key of its own."""
    files = authority.issue(folder, name, f"www.{name}")
    return TlsCertificate(owner, name, files.certificate.read_text(), Secret(files.key.read_text()))
