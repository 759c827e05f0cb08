"""A MailCertificate as its files, and the files (whoever wrote them) as a MailCertificate."""

import re
from collections.abc import Sequence
from dataclasses import replace

from hosting.adapters import _mail
from hosting.adapters._edited import digest_of
from hosting.adapters._values import HOST_NAME, checked
from hosting.errors import HostingError, UnsafeValue
from hosting.state import MailCertificate, Secret
from hosting.state.tls import PEM_CHAIN, PEM_KEY
from hosting.texts import N_

ROOT, GROUP = _mail.CERTIFICATES, _mail.EXIM_USER
#: Keys and chains; Exim's group reads them, and Dovecot before it gives its rights up.
KEYS = f"{ROOT}/mail"
#: What Dovecot includes.
BLOCKS = f"{ROOT}/dovecot"
_NAME = re.compile(r"^local_name (\S+) \{$", re.MULTILINE)


def _stem(one: MailCertificate) -> str:
    return f"{_mail.owner_checked(one.owner)}.{_mail.domain_checked(one.domain)}"


def pem_path(one: MailCertificate) -> str:
    """The key and the chain, in one file, so that the two always belong together."""
    return f"{KEYS}/{_stem(one)}.pem"


def block_path(one: MailCertificate) -> str:
    """What tells Dovecot of it."""
    return f"{BLOCKS}/{_stem(one)}.conf"


def link_path(name: str) -> str:
    """Where Exim looks when a program asks for a name."""
    return f"{ROOT}/{checked(name, HOST_NAME, N_('host name'))}.pem"


def render_pem(one: MailCertificate) -> str:
    """The key, then the chain.

    Raises:
        UnsafeValue: a part is not PEM text of its kind.
    """
    if PEM_KEY.fullmatch(one.key_pem.value) is None or PEM_CHAIN.fullmatch(one.chain) is None:
        raise UnsafeValue(N_("the certificate of %(name)s can't be written to a node", name=one.domain))
    return one.key_pem.value + one.chain


def render_block(one: MailCertificate) -> str:
    """For each name which file to show.

    Raises:
        UnsafeValue: a name is none, or there is none.
    """
    if not one.names:
        raise UnsafeValue(N_("the certificate of %(name)s can't be written to a node", name=one.domain))
    path, text = pem_path(one), "# Written by NPanel.\n"
    for name in one.names:
        checked(name, HOST_NAME, N_("host name"))
        text += f"local_name {name} {{\n  ssl_cert = <{path}\n  ssl_key = <{path}\n}}\n"
    return text


def parse(owner: str, domain: str, pem: str, block: str) -> MailCertificate:
    """The certificate that two files stand for; ``edited`` says that they are not of our form."""
    key, names = PEM_KEY.match(pem), tuple(_NAME.findall(block))
    chain = pem[key.end() :] if key else ""
    found = MailCertificate(owner, domain, names, chain, Secret(key[0] if key else ""))
    try:
        if (render_pem(found), render_block(found)) == (pem, block):
            return found
    except HostingError:
        pass
    edited = digest_of((pem + block).encode())
    names = tuple(name for name in names if HOST_NAME.fullmatch(name))
    return replace(found, names=names, chain="", key_pem=Secret(""), edited=edited)


def with_links(one: MailCertificate, targets: Sequence[str]) -> MailCertificate:
    """The same, as edited if a name does not lead to it."""
    astray = [name for name, target in zip(one.names, targets, strict=True) if target != pem_path(one)]
    return replace(one, edited=one.edited or digest_of(" ".join(astray).encode())) if astray else one
