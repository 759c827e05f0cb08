"""Decides whether the panel may present its TLS certificate: production refuses one that browsers would warn about."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from npanel import env
from observability.certificates import UnreadableCertificate, key_problems, problems, read_certificate

HINT = (
    "Put a certificate from a certificate authority, with its chain, at NPANEL_TLS_CERTIFICATE and its key at "
    "NPANEL_TLS_KEY; then: manage.py panel_certificate --check"
)


@dataclass(frozen=True)
class TlsFiles:
    """Where the certificate (with its chain) and its private key are."""

    certificate: Path
    key: Path


def tls_files() -> TlsFiles:
    """Where this installation has them (docs/settings.md)."""
    folder = env.path("VAR_DIR", env.BASE_DIR / "var") / "tls"
    return TlsFiles(env.path("TLS_CERTIFICATE", folder / "panel.crt"), env.path("TLS_KEY", folder / "panel.key"))


def reasons_against(files: TlsFiles, hosts: Iterable[str] = (), *, with_key: bool = True) -> list[str]:
    """Everything that speaks against presenting it in production; empty when nothing does.

    Args:
        hosts: the names the panel answers to.
        with_key: whether to look at the key, too. Web processes may not read it: nginx's first process does.
    """
    try:
        certificate = read_certificate(files.certificate)
    except UnreadableCertificate as error:
        return [str(error)]
    found = problems(certificate, hosts)
    return [*found, *key_problems(certificate, files.key)] if with_key else found


def refuse_to_start(environment: str) -> None:
    """End a web process of production whose certificate is no good, with a text that says what to do.

    Raises:
        SystemExit: it is no good.
    """
    if environment != "production":
        return
    files = tls_files()
    if found := reasons_against(files, env.words("ALLOWED_HOSTS"), with_key=False):
        lines = [f"The panel does not start with its certificate {files.certificate}:", *found, HINT]
        raise SystemExit("\n  ".join(lines))
