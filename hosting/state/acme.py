"""What a site shows a certificate authority while it proves a name."""

from dataclasses import dataclass
from typing import ClassVar

from hosting.state.resources import Ref, Resource, SystemUser, register_resource


@register_resource
@dataclass(frozen=True, slots=True)
class ChallengeFile(Resource):
    """A file that a site answers with below /.well-known/acme-challenge/ (RFC 8555 §8.3). It lives for seconds.

    Args:
        owner: Linux user of the service.
        site: the site's main host name; its aliases show the file as well, no other site does.
        token: the file's name, chosen by the authority.
        answer: its whole content: the token and the account key's digest.
    """

    kind: ClassVar[str] = "challenge_file"
    owner: str
    site: str
    token: str
    answer: str

    @property
    def key(self) -> str:
        return f"{self.site}+{self.token}"

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)
