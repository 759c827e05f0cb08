"""A MailCertificate as its two files, and the texts (whoever wrote them) as a MailCertificate."""

from dataclasses import replace

from hosting.adapters import _mail
from hosting.adapters._edited import digest_of
from hosting.adapters.tls import pem
from hosting.state import MailCertificate, Resource, TlsCertificate

#: Dovecot reads every file here when it is reloaded.
SETTINGS = f"{_mail.CERTIFICATES}/dovecot"
#: The second line of ``edited`` where not the certificate's own file was edited, but Dovecot's settings.
_OF_SETTINGS = "in Dovecot's settings"


def pem_path(name: str) -> str:
    """Key and chain in one file, which Exim finds by the name that was asked for."""
    return f"{_mail.CERTIFICATES}/{_mail.domain_checked(name)}.pem"


def settings_path(owner: str, name: str) -> str:
    """Dovecot's settings for the name; the part before the first dot is the owner."""
    return f"{SETTINGS}/{_mail.owner_checked(owner)}.{_mail.domain_checked(name)}.conf"


def render_settings(name: str) -> str:
    """What tells Dovecot of the certificate."""
    path = pem_path(name)
    return f"# Written by NPanel.\nlocal_name {name} {{\n  ssl_cert = <{path}\n  ssl_key = <{path}\n}}\n"


def render_pem(certificate: MailCertificate) -> str:
    """The key, then the chain.

    Raises:
        UnsafeValue: a part is not PEM text of its kind.
    """
    return pem.render(TlsCertificate(certificate.owner, certificate.name, certificate.chain, certificate.key_pem))


def parse(owner: str, name: str, settings: str, text: str) -> MailCertificate:
    """The certificate that two files stand for (the second may be missing: "")."""
    read = pem.parse(owner, name, text)
    found = MailCertificate(owner, name, read.chain, read.key_pem, read.edited)
    if not found.edited and settings != render_settings(name):
        return replace(found, edited=f"{digest_of(settings.encode())}\n{_OF_SETTINGS}")
    return found


def is_of_settings(resource: Resource | None) -> bool:
    """Whether Dovecot's settings were edited by hand, and not the certificate's own file."""
    return str(getattr(resource, "edited", "")).endswith(_OF_SETTINGS)
