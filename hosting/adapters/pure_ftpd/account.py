"""An FtpAccount as the one line of its file, and the line (whoever wrote it) as an FtpAccount.

The line is one of pure-pw(8)'s password file, so that all files one after another are what ``pure-pw mkdb`` reads.
"""

import re
from dataclasses import dataclass

from hosting.adapters._edited import edit_of
from hosting.adapters._values import ABSOLUTE_PATH, OWNER, checked, number_checked
from hosting.errors import UnsafeValue
from hosting.state import FtpAccount, Secret
from hosting.state.ftp import SHORT_NAME
from hosting.state.mail import PASSWORD_HASH
from hosting.texts import N_

NAME = re.compile(rf"{OWNER.pattern}(?:_{SHORT_NAME.pattern})?")
#: No hash of crypt(3) begins with it, so no password fits, and taking it off gives the hash back.
_LOCK = "!"
#: What tells the daemon not to look above the folder.
_SHUT_IN = "/./"
_FIELDS = 18
_MIB = 1 << 20
_LEAST_UID = 1000


@dataclass(frozen=True, slots=True)
class Ids:
    """The Linux user and group that an account acts as."""

    uid: int
    gid: int


def render(account: FtpAccount, ids: Ids) -> str:
    """The whole file.

    Raises:
        UnsafeValue: a value must not reach the file, or the account would reach outside of its owner's home.
    """
    _check(account, ids)
    text = _text(account, ids)
    if parse(account.name, text, ids) != account:
        raise UnsafeValue(N_("The FTP account %(name)s can't be written down safely.", name=repr(account.name)))
    return text


def _check(account: FtpAccount, ids: Ids) -> None:
    checked(account.owner, OWNER, N_("user name"))
    checked(account.name, NAME, N_("FTP account"))
    checked(account.home, ABSOLUTE_PATH, N_("folder"))
    # Nothing else: pure-pw's own argon2 takes seconds a sign-in.
    if PASSWORD_HASH.fullmatch(account.password_hash.value) is None:
        raise UnsafeValue(N_("The password hash of %(name)s has no form that is used here.", name=repr(account.name)))
    number_checked(account.quota_mb, 0, 1 << 40, N_("quota"))
    for number in (ids.uid, ids.gid):
        number_checked(number, _LEAST_UID, (1 << 32) - 2, N_("user id"))
    _check_owner(account)


def _is_writable(account: FtpAccount, ids: Ids) -> bool:
    try:
        _check(account, ids)
    except UnsafeValue:
        return False
    return True


def parse(name: str, text: str, ids: Ids) -> FtpAccount:
    """The account that a file stands for; ``edited`` says what is not as :func:`render` would write it.

    Args:
        name: as the file is called. text: its content. ids: what the owner's are on this node.
    """
    fields = text.removesuffix("\n").split(":")
    if len(fields) != _FIELDS:
        return FtpAccount(owner_of(name), name, Secret(""), "", edited=edit_of(text, ""))
    size = fields[12]
    found = FtpAccount(
        owner_of(name),
        name,
        Secret(fields[1].removeprefix(_LOCK)),
        fields[5].removesuffix(_SHUT_IN),
        quota_mb=int(size) // _MIB if re.fullmatch(r"[0-9]{1,20}", size) else 0,
        locked=fields[1].startswith(_LOCK),
    )
    if _text(found, ids) == text and _is_writable(found, ids):
        return found
    # Only a digest: what differs may be the hash of a password.
    return FtpAccount(
        found.owner,
        name,
        found.password_hash,
        found.home,
        quota_mb=found.quota_mb,
        locked=found.locked,
        edited=edit_of(text, ""),
    )


def owner_of(name: str) -> str:
    """The Linux user whose account has that name."""
    return name.partition("_")[0]


def _check_owner(account: FtpAccount) -> None:
    below = re.search(rf"/{account.owner}(?:/|\Z)", account.home)
    if owner_of(account.name) != account.owner or below is None or below.start() == 0:
        raise UnsafeValue(
            N_("the FTP account %(name)s is not wholly %(owner)s's", name=repr(account.name), owner=account.owner)
        )


def _text(account: FtpAccount, ids: Ids) -> str:
    lock = _LOCK if account.locked else ""
    quota = str(account.quota_mb * _MIB) if account.quota_mb else ""
    fields = [
        account.name,
        f"{lock}{account.password_hash.value}",
        str(ids.uid),
        str(ids.gid),
        account.owner,
        f"{account.home}{_SHUT_IN}",
        *[""] * 6,
        quota,
        *[""] * 5,
    ]
    return ":".join(fields) + "\n"
