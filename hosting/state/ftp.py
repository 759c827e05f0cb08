"""FTP accounts as plain values."""

from dataclasses import dataclass
from typing import ClassVar

from hosting.state.resources import Ref, Resource, Secret, SystemUser, register_resource


@register_resource
@dataclass(frozen=True, slots=True)
class FtpAccount(Resource):
    """One virtual FTP user, who acts as the Linux user of its service and sees nothing above its folder.

    Args:
        owner: Linux user of the service.
        name: what the person signs in with: the owner's name, alone or followed by an underscore and more.
        password_hash: SHA512-crypt (``$6$…``).
        home: absolute path of the folder that it is shut into, the service's home or below it.
        quota_mb: how much it may hold in MiB, 0 for no limit of its own.
        locked: True while the service is suspended.
        edited: digest of the account's file when it is not as NPanel would write it, else ""; never desired.
    """

    kind: ClassVar[str] = "ftp_account"
    owner: str
    name: str
    password_hash: Secret
    home: str
    quota_mb: int = 0
    locked: bool = False
    edited: str = ""

    @property
    def key(self) -> str:
        return self.name

    def depends_on(self) -> tuple[Ref, ...]:
        return (Ref(SystemUser.kind, self.owner),)
