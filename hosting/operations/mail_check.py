"""Checks how well a domain's mail will be taken elsewhere: what others see of it in the DNS and at its server's ports.

Each finding is a check, a verdict, and facts; :mod:`hosting.mail_advice` has the words.
"""

import base64
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key
from django.conf import settings

from hosting.adapters import _mail
from hosting.choices import DkimState
from hosting.connections.base import Context, Read, perform
from hosting.connections.base import one as ask_for
from hosting.desired import addresses, node_facts
from hosting.desired.mail_records import delivered_here
from hosting.models import DkimKey, MailDomain, Node
from hosting.operations.dns_questions import Questions, Silence
from hosting.operations.nodes import connect
from hosting.operations.spf import Spf, evaluate
from observability.context import current

#: Seconds for all questions to the DNS, and for one server's port.
_DNS_SECONDS, _PORT_SECONDS = 25.0, 6.0
#: What is signed and verified.
_SAMPLE = b"NPanel signs this to see whether others can verify it."


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: its verdict, and the facts its words need."""

    check: str
    verdict: str
    facts: dict[str, str] = field(default_factory=dict)


def check(mail: MailDomain) -> dict[str, Any]:
    """All findings on a domain's mail, JSON-ready (worker only).

    Raises:
        HostingError: the node can't be asked for the key that it signs with.
    """
    return {"findings": [asdict(finding) for finding in _findings(mail)]}


def _findings(mail: MailDomain) -> Iterator[Finding]:
    domain, node = mail.domain.name, mail.domain.service.node
    here = tuple(address for _kind, address in addresses(node))
    questions = Questions(_DNS_SECONDS)
    yield _asked("mx", lambda: _mx(questions, mail, here))
    for address in here:
        yield _asked("spf", lambda address=address: _spf(questions, domain, address), address=address)
    for key in mail.dkim_keys.filter(state=DkimState.ACTIVE):
        private = _signing_key(node, domain, key)
        yield _asked("dkim", lambda key=key, private=private: _dkim(questions, domain, key, private))
    yield _asked("dmarc", lambda: _dmarc(questions, domain))
    host = _mail.node_host(node_facts(node))
    for address in here:
        yield _asked("rdns", lambda address=address: _rdns(questions, host, address), address=address)
    for port in (25, 587) if here else ():
        yield _port(here[0], port, host)
    yield from blocklist_findings(questions, here)


def _asked(name: str, look: Any, **facts: str) -> Finding:
    try:
        found: Finding = look()
    except Silence:
        return Finding(name, "no_answer", facts)
    return found


def _mx(questions: Questions, mail: MailDomain, here: tuple[str, ...]) -> Finding:
    domain = mail.domain
    hosts = questions.mail_hosts(domain.name)
    facts = {"hosts": ", ".join(hosts), "addresses": ", ".join(here)}
    ours = delivered_here(domain, mail, domain.records.all(), addresses(domain.service.node))
    if not any(hosts):
        return Finding("mx", "missing", facts)
    if any(set(questions.addresses(host)) & set(here) for host in hosts if host):
        return Finding("mx", "here", facts)
    return Finding("mx", "elsewhere" if ours else "elsewhere_meant", facts)


def _spf(questions: Questions, domain: str, address: str) -> Finding:
    found = evaluate(questions, domain, address)
    facts = {"address": address, "record": " | ".join(_records(questions, domain, "v=spf1"))}
    verdict = {Spf.PASS: "good", Spf.NONE: "missing", Spf.INVALID: "invalid"}.get(found, "refused")
    return Finding("spf", verdict, facts)


def _records(questions: Questions, name: str, start: str) -> list[str]:
    return [text for text in questions.texts(name) if text.lower().startswith(start)]


def _signing_key(node: Node, domain: str, key: DkimKey) -> str:
    """The private key that the node's mail server signs with, as it lies there."""
    path = f"{_mail.DOMAINS}/{_mail.domain_checked(domain)}/dkim/{key.selector}"
    context = Context(trace_id=current().trace_id)
    return perform(connect(node), ask_for(Read(path)), context=context).text


def _dkim(questions: Questions, domain: str, key: DkimKey, private: str) -> Finding:
    name = f"{key.selector}._domainkey.{domain}"
    facts = {"name": name, "selector": key.selector}
    records = [text for text in questions.texts(name) if "p=" in text]
    if not private:
        return Finding("dkim", "no_key", facts)
    if not records:
        return Finding("dkim", "missing", facts)
    return Finding("dkim", "good" if _verifies(private, records) else "differs", facts)


def _verifies(private: str, records: list[str]) -> bool:
    """Whether what the node signs is verified by what the DNS says: signed and verified, not only compared."""
    tags = dict(part.strip().partition("=")[::2] for part in records[0].split(";") if "=" in part)
    try:
        signer = load_pem_private_key(private.encode(), None)
        if len(records) != 1 or not isinstance(signer, RSAPrivateKey):
            return False
        signature = signer.sign(_SAMPLE, PKCS1v15(), hashes.SHA256())
        public = load_der_public_key(base64.b64decode("".join(tags.get("p", "").split()), validate=True))
        if not isinstance(public, RSAPublicKey):
            return False
        public.verify(signature, _SAMPLE, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _dmarc(questions: Questions, domain: str) -> Finding:
    records = _records(questions, f"_dmarc.{domain}", "v=dmarc1")
    facts = {"name": f"_dmarc.{domain}", "record": " | ".join(records)}
    if not records:
        return Finding("dmarc", "missing", facts)
    tags = [part.strip().partition("=")[::2] for part in records[0].split(";")]
    policy = {name.strip().lower(): value.strip().lower() for name, value in tags}.get("p", "")
    good = len(records) == 1 and policy in ("none", "quarantine", "reject")
    return Finding("dmarc", "good" if good else "invalid", facts)


def _rdns(questions: Questions, host: str, address: str) -> Finding:
    names = questions.names_of(address)
    facts = {"address": address, "host": host, "names": ", ".join(names)}
    if not names:
        return Finding("rdns", "missing", facts)
    if host not in names:
        return Finding("rdns", "other_name", facts)
    return Finding("rdns", "good" if address in questions.addresses(host) else "not_back", facts)


def _port(address: str, port: int, host: str) -> Finding:
    facts = {"address": address, "port": str(port), "host": host}
    try:
        trusted = _greeted(address, port, host)
    except (OSError, smtplib.SMTPException) as error:
        no_tls = isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLError)
        return Finding("tls", "no_tls" if no_tls else "closed", facts)
    return Finding("tls", "good" if trusted else "untrusted", facts)


def _greeted(address: str, port: int, host: str) -> bool:
    """Encrypt as others do; gives whether the certificate is one that programs trust for the server's name."""
    try:
        _encrypt(address, port, host, ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        anyones = ssl.create_default_context()
        anyones.check_hostname, anyones.verify_mode = False, ssl.CERT_NONE
        _encrypt(address, port, host, anyones)
        return False
    return True


def _encrypt(address: str, port: int, host: str, context: ssl.SSLContext) -> None:
    with smtplib.SMTP(address, port, local_hostname="localhost", timeout=_PORT_SECONDS) as client:
        client._host = host  # type: ignore[attr-defined]  # the name that the certificate is checked for
        client.starttls(context=context)
        client.ehlo()


def blocklist_findings(questions: Questions, here: tuple[str, ...]) -> Iterator[Finding]:
    """Whether blocklists of the settings name one of these addresses; nothing where none is set."""
    for zone in settings.NPANEL_MAIL_BLOCKLISTS:
        for address in here:
            facts = {"address": address, "zone": zone}
            yield _asked("blocklist", lambda a=address, z=zone, f=facts: _blocklist(questions, a, z, f), **facts)


def _blocklist(questions: Questions, address: str, zone: str, facts: dict[str, str]) -> Finding:
    codes = questions.listed(address, zone)
    # 127.255.255.0/24 is no listing: lists say by it that they do not answer this resolver.
    if any(code.startswith("127.255.255.") or not code.startswith("127.") for code in codes):
        return Finding("blocklist", "no_answer", facts)
    return Finding("blocklist", "listed" if codes else "good", {**facts, "codes": ", ".join(codes)})
