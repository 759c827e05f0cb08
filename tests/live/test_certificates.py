"""Certificates that a customer uploads are served by the real nginx, each by its name, and leave nothing behind."""

import hashlib
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.certificates import PEM, Authority
from tests.live.panel import Account, Panel
from tests.unit.certificates.making import pair

pytestmark = pytest.mark.lab
ONE, TWO = Account("certone", "certone.example.test"), Account("certtwo", "certtwo.example.test")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def given(panel: Panel, authority: Authority, account: Account, folder: Path) -> str:
    """Upload a new certificate; its SHA-256."""
    chain, key = pair(authority, account.domain, f"www.{account.domain}", f"mail.{account.domain}")
    file = folder / f"{account.username}.pem"
    file.write_text(chain + key)
    done = panel.manage("cert_upload", account.domain, str(file), "--yes").json
    assert done["state"] == "succeeded" and key.splitlines()[1] not in str(done)
    return x509.load_pem_x509_certificates(chain.encode())[0].fingerprint(hashes.SHA256()).hex()


def visited(panel: Panel, host: str, trusted: Authority, path: str = "/") -> tuple[str, str]:
    """SHA-256 of what a visitor is shown who trusts the authority, and the answer's head."""
    context = ssl.create_default_context(cadata=trusted.root.public_bytes(PEM).decode())
    with (
        socket.create_connection((panel.node.address, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: secured.recv(65_536), b""))
        shown = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
    return shown, answer.partition(b"\r\n\r\n")[0].decode()


def plainly(panel: Panel, host: str, path: str) -> str:
    """The head of the answer without TLS."""
    with socket.create_connection((panel.node.address, 80), timeout=10) as sent:
        sent.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sent.recv(65_536), b""))
    return answer.partition(b"\r\n\r\n")[0].decode()


def nginx_files(panel: Panel) -> str:
    """Every file below nginx's directory with mode, owner and digest."""
    found = panel.node.exec(
        ["find", "/etc/nginx", "-type", "f", "-printf", "%m %u:%g %p\n", "-exec", "sha256sum", "{}", ";"]
    )
    return "\n".join(sorted(found.stdout.splitlines()))


def test_each_site_is_served_with_its_own_and_nothing_is_left(
    panel: Panel, authority: Authority, tmp_path: Path
) -> None:
    before = nginx_files(panel)
    for account in (ONE, TWO):
        panel.create(account)
    without = nginx_files(panel)
    first, second = (given(panel, authority, account, tmp_path) for account in (ONE, TWO))
    assert visited(panel, ONE.domain, authority)[0] == first != second
    assert visited(panel, f"www.{TWO.domain}", authority)[0] == second
    again = panel.manage("service_apply", ONE.username, "--yes").json
    assert again["plan"]["counts"] == {"create": 0, "update": 0, "delete": 0}, "a second plan is empty"

    panel.manage("domain_https", ONE.domain, "--redirect", "on", "--yes")
    head = plainly(panel, ONE.domain, "/a/page?b=1")
    assert " 301 " in head and f"Location: https://{ONE.domain}/a/page?b=1" in head
    assert " 301 " not in plainly(panel, TWO.domain, "/"), "the other one answers as before"
    refused = panel.manage("domain_https", ONE.domain, "--hsts", "on", "--yes", expect=1)
    assert "certificate_untrusted" in refused.err + refused.out

    replaced = given(panel, authority, ONE, tmp_path)
    assert visited(panel, ONE.domain, authority)[0] == replaced != first
    listed = panel.manage("cert_list", "--ends-within", "100", expect=2).json["certificates"]
    assert {row["domains"][0] for row in listed} >= {ONE.domain, TWO.domain}

    panel.manage("cert_remove", TWO.domain, "--yes")
    with pytest.raises(OSError):
        visited(panel, TWO.domain, authority)
    assert visited(panel, ONE.domain, authority)[0] == replaced
    panel.manage("cert_remove", ONE.domain, "--yes")
    assert nginx_files(panel) == without, "the node is byte-identical to before"
    for account in (ONE, TWO):
        assert panel.delete(account.username)["state"] == "succeeded"
    assert nginx_files(panel) == before


def test_a_deleted_service_comes_back_with_its_certificate(panel: Panel, authority: Authority, tmp_path: Path) -> None:
    account = Account("certback", "certback.example.test")
    panel.create(account)
    shown = given(panel, authority, account, tmp_path)
    assert panel.delete(account.username)["state"] == "succeeded"
    with pytest.raises(OSError):
        visited(panel, account.domain, authority)
    assert panel.manage("service_restore", account.username, "--yes").json["state"] == "succeeded"
    assert visited(panel, account.domain, authority)[0] == shown


def shown(panel: Panel, host: str, port: int, trusted: Authority) -> str:
    """SHA-256 of what a mail program is shown that trusts the authority."""
    context = ssl.create_default_context(cadata=trusted.root.public_bytes(PEM).decode())
    with (
        socket.create_connection((panel.node.address, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def test_mail_programs_see_the_same(panel: Panel, authority: Authority, tmp_path: Path) -> None:
    account = Account("certmail", "certmail.example.test")
    panel.create(account)
    panel.manage("mail_domain", account.domain, "--yes")
    before = panel.node.exec(["find", "/etc/npanel/tls", "-printf", "%m %u:%g %p\n"]).stdout
    for _renewal in range(2):
        digest = given(panel, authority, account, tmp_path)
        for host in (account.domain, f"mail.{account.domain}"):
            assert [shown(panel, host, port, authority) for port in (465, 993)] == [digest, digest]
    again = panel.manage("service_apply", account.username, "--yes").json
    assert again["plan"]["counts"] == {"create": 0, "update": 0, "delete": 0}
    panel.manage("cert_remove", account.domain, "--yes")
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(panel, f"mail.{account.domain}", 465, authority)
    assert panel.node.exec(["find", "/etc/npanel/tls", "-printf", "%m %u:%g %p\n"]).stdout == before
    assert panel.delete(account.username)["state"] == "succeeded"
