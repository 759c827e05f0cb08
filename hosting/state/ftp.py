"""FTP accounts as plain values, and what their names and folders may be."""

import re
from dataclasses import dataclass
from typing import ClassVar

from hosting.errors import HostingError
from hosting.state.resources import DocumentRoot, Ref, Resource, Secret, SystemUser, register_resource
from hosting.texts import N_

#: What stands behind the owner's name and an underscore.
SHORT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_COMPONENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]{1,100}"
_FOLDER = re.compile(rf"(?!.{{201}}){_COMPONENT}(?:/{_COMPONENT})*")


class FtpInvalid(HostingError):
    """An FTP account's name or folder is none."""

    code = "ftp_invalid"


@register_resource
@dataclass(frozen=True, slots=True)
class FtpAccount(Resource):
    """One virtual FTP user, who acts as the Linux user of its service and sees nothing above its folder.

    Args:
        owner: Linux user of the service.
        name: what the person signs in with: the owner's name, alone or followed by an underscore and more.
        password_hash: BLF-CRYPT or SHA512-CRYPT (``$2b$…``, ``$6$…``).
        home: absolute path of the folder that it is shut into, the service's home or below it.
        quota_mb: how much it may hold in MiB, 0 for no limit of its own.
        locked: no sign-in: it is locked itself, or the service is suspended.
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
        """The user; and a site that its folder is in, which a restore must find still missing to bring it back."""
        parts = [part for part in self.home.partition(f"/{self.owner}/")[2].split("/") if part]
        above = ["/".join(parts[: many + 1]) for many in range(len(parts))]
        roots = [*above, *(f"{path}/public" for path in above[1:2])]
        return (Ref(SystemUser.kind, self.owner), *(Ref(DocumentRoot.kind, f"{self.owner}/{path}") for path in roots))


def ftp_name(owner: str, text: str) -> str:
    """The full name of an account, from what was typed with or without the owner's name in front.

    Raises:
        FtpInvalid: ``bad_ftp_name``.
    """
    short = text.strip().lower().removeprefix(f"{owner}_")
    if not SHORT_NAME.fullmatch(short):
        raise FtpInvalid(
            N_("%(name)s can't be the name of an FTP account.", name=repr(text[:80])),
            code="bad_ftp_name",
            hint=N_("Use lower-case letters, digits, and inside hyphens; 32 characters at most."),
            field="name",
        )
    return f"{owner}_{short}"


def ftp_folder(text: str) -> str:
    """A folder relative to the service's home in its one spelling, "" for the home itself.

    Raises:
        FtpInvalid: ``bad_folder``.
    """
    folder = text.strip().strip("/")
    if folder and not _FOLDER.fullmatch(folder):
        raise FtpInvalid(
            N_("%(folder)s is no folder that an FTP account can have.", folder=repr(text[:100])),
            code="bad_folder",
            hint=N_("Write it as sites/example.com/public: letters, digits, dots, hyphens and underscores."),
            field="folder",
        )
    return folder
