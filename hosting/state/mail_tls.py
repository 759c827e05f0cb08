"""What the mail servers of a node show to programs that ask for a name of a domain's."""

from dataclasses import dataclass
from typing import ClassVar

from hosting.state.mail import MailDomain
from hosting.state.resources import Ref, Resource, Secret, register_resource


@register_resource
@dataclass(frozen=True, slots=True)
class MailCertificate(Resource):
    """The certificate that mail programs are shown for names of a mail domain.

    Args:
        owner: Linux user of the service; the files are root's all the same.
        domain: the MailDomain's name.
        names: host names that programs ask for, sorted, at least one.
        chain: PEM text, the certificate itself first, each followed by the one that signed it.
        key_pem: the private key as PKCS #8 PEM text.
        edited: digest of what is not as NPanel would write it, else ""; never desired.
    """

    kind: ClassVar[str] = "mail_certificate"
    owner: str
    domain: str
    names: tuple[str, ...]
    chain: str
    key_pem: Secret
    edited: str = ""

    @property
    def key(self) -> str:
        return self.domain

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(MailDomain.kind, self.domain),)
