"""Linux users and groups of the node, by name and by number."""

from __future__ import annotations

import grp
import os
import pwd
from typing import NamedTuple

from .wire import Refused

ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USER_PATH = "/usr/local/bin:/usr/bin:/bin"


class User(NamedTuple):
    """A Linux user with everything a process needs to become it."""

    name: str
    uid: int
    gid: int
    groups: list[int]
    home: str

    def environment(self) -> dict[str, str]:
        """The whole environment of a program that runs as this user: nothing is inherited."""
        return {
            "PATH": ROOT_PATH if self.uid == 0 else USER_PATH,
            "LC_ALL": "C.UTF-8",
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "SHELL": "/bin/sh",
            "DEBIAN_FRONTEND": "noninteractive",
        }


def find_user(name: str) -> User:
    """Look a user up.

    Raises:
        Refused: ``no_user``.
    """
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except (KeyError, UnicodeEncodeError) as error:
        raise Refused("no_user", f"the node has no user {name or os.geteuid()!r}") from error
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir)


def may_become(user: User) -> None:
    """Refuse (``no_permission``) unless this process is root or that user already."""
    if os.geteuid() not in (0, user.uid):
        raise Refused("no_permission", f"the agent is not root, so it cannot act as {user.name}")


def become(user: User) -> None:
    """Drop to that user for good: supplementary groups, group, user, in this order (credentials(7))."""
    may_become(user)
    if os.geteuid() != user.uid:
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)


def uid_of(owner: str) -> int:
    """Number of a user given by name, or by number when no such name exists.

    Raises:
        Refused: ``no_user``.
    """
    try:
        return pwd.getpwnam(owner).pw_uid
    except (KeyError, UnicodeEncodeError) as error:
        if owner.isascii() and owner.isdigit():
            return int(owner)
        raise Refused("no_user", f"the node has no user {owner!r}") from error


def gid_of(group: str) -> int:
    """Number of a group given by name, or by number when no such name exists.

    Raises:
        Refused: ``no_user``.
    """
    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, UnicodeEncodeError) as error:
        if group.isascii() and group.isdigit():
            return int(group)
        raise Refused("no_user", f"the node has no group {group!r}") from error


def owner_name(uid: int) -> str:
    """Name of a user, or its number as text when nobody has it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Name of a group, or its number as text when nobody has it."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
