"""Certificates from a real authority for sites of a real node: issued both ways, served, renewed, revoked."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.acme import Pebble, pebble
from tests.live.panel import Account, Panel

pytestmark = pytest.mark.lab
CHALLENGES = "/etc/nginx/npanel/challenges"


@pytest.fixture(scope="module")
def authority(panel: Panel) -> Iterator[Pebble]:
    """Pebble, which asks the node's own name server, visits its sites, and refuses every fifth nonce."""
    with pebble(resolver=f"{panel.node.address}:53", bad_nonces=20) as started:
        yield started


def ask(panel: Panel, authority: Pebble, *argv: str, expect: int = 0) -> Any:
    """Run a command that asks the authority; its process is started for it, with the settings that name it."""
    with panel.cold():
        return panel.manage(*argv, environment=settings(panel, authority), expect=expect).json


def settings(panel: Panel, authority: Pebble) -> dict[str, str]:
    return {
        "NPANEL_ACME_DIRECTORY": authority.directory,
        "NPANEL_ACME_CA_FILE": authority.ca_file,
        "NPANEL_HEALTH_RESOLVERS": panel.node.address,
    }


def shown(panel: Panel, authority: Pebble, name: str, folder: Path, port: int = 443) -> x509.Certificate:
    """What a browser that trusts the authority is shown for a name; it would refuse another name's, or an old one.

    Raises:
        ssl.SSLError: it would refuse.
    """
    roots = folder / "root.pem"
    roots.write_bytes(authority.root())
    context = ssl.create_default_context(cafile=str(roots))
    with (
        socket.create_connection((panel.node.address, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


def proofs(panel: Panel, name: str) -> list[str]:
    """What is left of proofs on the node."""
    files = panel.node.exec(["ls", CHALLENGES], check=True).stdout.split()
    return [*files, *(text for text in panel.visitor.dig(f"_acme-challenge.{name}", "TXT") if text != "NXDOMAIN")]


def test_http_01_renewal_and_revocation(panel: Panel, authority: Pebble, tmp_path: Path) -> None:
    account = Account("certs", "certs.example.test")
    panel.create(account)
    name = account.domain
    done = ask(panel, authority, "cert_issue", name)
    assert done["state"] == "succeeded"
    first = shown(panel, authority, name, tmp_path)
    assert shown(panel, authority, f"www.{name}", tmp_path) == first
    assert proofs(panel, name) == []
    assert panel.manage("service_plan", "certs").json["plan"]["counts"] == {"create": 0, "update": 0, "delete": 0}

    ask(panel, authority, "cert_renew", name)
    second = shown(panel, authority, name, tmp_path)
    assert second.serial_number != first.serial_number

    with pebble(resolver="127.0.0.1:9") as blind:  # it finds no name at all
        failed = ask(panel, blind, "cert_renew", name, expect=1)
    assert (failed["state"], failed["error"]["code"]) == ("rolled_back", "acme_validation_failed")
    assert shown(panel, authority, name, tmp_path) == second
    assert proofs(panel, name) == []

    panel.manage("service_suspend", "certs", "--yes")
    ask(panel, authority, "cert_renew", name)
    third = shown(panel, authority, name, tmp_path)
    assert third.serial_number != second.serial_number
    panel.manage("service_resume", "certs", "--yes")

    ask(panel, authority, "cert_revoke", name, "--yes")
    assert authority.is_revoked(third.serial_number) and not authority.is_revoked(second.serial_number)
    with pytest.raises(ssl.SSLError):
        shown(panel, authority, name, tmp_path)


def test_a_wildcard_by_dns_01(panel: Panel, authority: Pebble, tmp_path: Path) -> None:
    account = Account("wild", "wild.example.test")
    panel.create(account)
    serial = panel.visitor.dig(account.domain, "SOA")
    done = ask(panel, authority, "cert_issue", account.domain, "--wildcard")
    assert done["state"] == "succeeded"
    certificate = shown(panel, authority, f"www.{account.domain}", tmp_path)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {account.domain, f"*.{account.domain}"}
    assert proofs(panel, account.domain) == [] and panel.visitor.dig(account.domain, "SOA") != serial
    assert panel.manage("service_plan", "wild").json["plan"]["counts"] == {"create": 0, "update": 0, "delete": 0}


def test_the_same_certificate_for_web_and_mail(panel: Panel, authority: Pebble, tmp_path: Path) -> None:
    """Mail programs ask for the mail server's name, which no site answers for: it is proven in the zone."""
    account = Account("acmepost", "post.example.test")
    panel.create(account)
    panel.manage("mail_domain", account.domain, "--yes")
    done = ask(panel, authority, "cert_issue", account.domain)
    assert done["state"] == "succeeded"
    web = shown(panel, authority, account.domain, tmp_path)
    assert shown(panel, authority, f"mail.{account.domain}", tmp_path, 993) == web
    assert shown(panel, authority, f"mail.{account.domain}", tmp_path, 465) == web
    assert proofs(panel, f"mail.{account.domain}") == []
    assert panel.manage("service_plan", "acmepost").json["plan"]["counts"] == {"create": 0, "update": 0, "delete": 0}


def test_a_new_domain_gets_one_by_itself(panel: Panel, authority: Pebble, tmp_path: Path) -> None:
    """A worker that knows an authority: nobody asks, and the site has its certificate a moment later."""
    with panel.cold(), panel.worker(**settings(panel, authority)):
        account = Account("alone", "alone.example.test")
        panel.create(account)
        issued = "SELECT state FROM hosting_autocertificate JOIN hosting_domain ON domain_id = hosting_domain.id"
        panel.wait(
            lambda: [row["state"] for row in panel.rows(f"{issued} WHERE name = '{account.domain}'")] == ["issued"],
            "the certificate",
        )
        panel.wait(lambda: _is_shown(panel, authority, account.domain, tmp_path), "the site over HTTPS")


def _is_shown(panel: Panel, authority: Pebble, name: str, folder: Path) -> bool:
    try:
        return bool(shown(panel, authority, name, folder))
    except OSError:
        return False
