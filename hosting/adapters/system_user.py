"""Linux users of hosting services: own uid and group, home, lock, quota where the file system has it."""

import csv
import io
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hosting.adapters._values import ABSOLUTE_PATH, OWNER, checked, home_checked, number_checked, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register, removed_path
from hosting.connections.base import (
    Context,
    List,
    MakeDirectory,
    Move,
    Read,
    Remove,
    Reply,
    Request,
    Run,
    Stat,
    Steps,
    Write,
)
from hosting.errors import HostingError, NodeFileError
from hosting.state import Change, Package, Resource, SystemUser
from hosting.texts import N_, Text

#: Names that daemons and Debian's base-passwd use, or that would mislead people.
RESERVED = frozenset(
    """
    root daemon bin sys sync games man lp mail news uucp proxy backup list irc gnats nobody adm tty disk kmem dialout
    fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev staff users nogroup render
    kvm sgx input crontab ssh sshd messagebus netdev polkitd systemd nginx apache httpd www web mysql mariadb postgres
    postgresql redis memcached pdns powerdns bind named exim postfix dovecot dovenull vmail ftp ftpd proftpd pureftpd
    global admin administrator npanel panel support hostmaster postmaster webmaster abuse test guest toor default docker
    """.split()
)
GECOS_NAME = "npanel"
HOME_MODE = 0o750
#: The web server's group may enter a home; no other customer may.
HOME_GROUP = "www-data"
SKELETON = (("sites", 0o755), ("logs", 0o750), ("tmp", 0o700))
_RUN = "/run/npanel"
# useradd and its kin wait for each other at most 15 s and then fail; among ourselves we queue without limit to that.
_QUEUED = ("/usr/bin/flock", "--timeout", "120", f"{_RUN}/passwd.lock")
_ACCOUNT_FILES = (Read("/etc/passwd"), Read("/etc/shadow"), Read("/etc/group"))
_LOCKED_SINCE = "1"  # days since 1970: an account that expired then admits nobody by any way of signing in


@dataclass(frozen=True, slots=True)
class _Account:
    """One line of passwd(5) with what shadow(5) adds; ``whole`` when it has its lines in shadow(5) and group(5) too."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str
    password: str
    expires: str
    whole: bool = True

    @property
    def ours(self) -> bool:
        return self.gecos.split(",")[0] == GECOS_NAME

    @property
    def quota_mb(self) -> int:
        limits = [part[6:] for part in self.gecos.split(",") if part.startswith("quota=")]
        return int(limits[0]) if limits and limits[0].isdecimal() else 0


def _gecos(user: SystemUser) -> str:
    """The comment that marks a user as ours; its last field (only root may change it) keeps the wanted quota."""
    return f"{GECOS_NAME},,,,quota={user.quota_mb}" if user.quota_mb else GECOS_NAME


def _accounts(passwd: str, shadow: str, group: str) -> dict[str, _Account]:
    groups = {tuple(line.split(":")[:3:2]) for line in group.splitlines()}
    secrets = {fields[0]: fields for fields in (line.split(":") for line in shadow.splitlines()) if len(fields) == 9}
    found = {}
    for fields in (line.split(":") for line in passwd.splitlines()):
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal():
            name, _, uid, gid, gecos, home, shell = fields
            secret = secrets.get(name, [""] * 9)
            whole = name in secrets and (name, gid) in groups
            found[name] = _Account(name, int(uid), int(gid), gecos, home, shell, secret[1], secret[7], whole)
    return found


@register
class SystemUserAdapter(Adapter):
    """useradd(8) and its kin; a user is ours when its GECOS full name is ``npanel``."""

    kind = "system_user"
    handles = (SystemUser,)
    owns = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/home")

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return (Package("passwd"), Package("procps"), Package("util-linux"))

    def discover(self) -> Steps[dict[str, Any]]:
        """``quota``: ``user`` where the file system of the homes enforces it, else ``none``; ``homes``: its mount."""
        mount, enforced = yield from _quota_of("/home")
        return {"quota": "user" if enforced else "none", "homes": mount}

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        if not scope.wants(SystemUser.kind):
            return ()
        where = [Stat(f"/home/{scope.owner}")] if scope.owner else [List("/home")]
        quota = scope.facts.discovered.get(self.kind, {})
        limits = [_quota_report(quota["homes"])] if quota.get("quota") == "user" else []
        replies = yield [*_ACCOUNT_FILES, *where, *limits]
        accounts = [a for a in _accounts(*(reply.text for reply in replies[:3])).values() if a.ours]
        accounts = [a for a in accounts if not scope.owner or a.name == scope.owner]
        homes = {scope.owner: replies[3]} if scope.owner else replies[3].entries
        enforced = _limits(replies[4].text) if limits else None
        elsewhere = yield from _homes_elsewhere(accounts)
        seen = [_observed(a, elsewhere.get(a.name) or homes.get(a.name), enforced) for a in accounts]
        return tuple(user for user in seen if scope.covers(user))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        user = of_type(SystemUser, change.resource)
        _check(user)
        kept = [path + suffix for path in _kept_at(user, context) for suffix in ("", ".account")]
        replies = yield [*_ACCOUNT_FILES, Stat(user.home)] + [
            Read(path) if path.endswith(".account") else Stat(path) for path in kept
        ]
        account = _accounts(*(reply.text for reply in replies[:3])).get(user.owner)
        if account is not None and not account.ours:
            raise _taken(N_("The node already has a user %(name)s that NPanel did not make.", name=repr(user.owner)))
        if change.after is None:
            yield from _remove(user, account, replies[3], context)
            return
        backup = _Backup.of(kept, replies[4:]) if change.before is None else _Backup()
        if account is None:
            _refuse_foreign(user, replies[2].text, replies[3])
        yield _requests(user, account, replies[3], backup)
        yield from _enforce(user, change)

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Act as the user in its own home."""
        resource = of_type(SystemUser, resource)
        (reply,) = yield [Run(("/usr/bin/id", "--user"), user=resource.owner)]
        return f"uid {reply.text.strip()}"


def _check(user: SystemUser) -> None:
    checked(user.owner, OWNER, N_("user name"))
    home_checked(user.home, user.owner)
    checked(user.shell, ABSOLUTE_PATH, N_("shell"))
    number_checked(user.quota_mb, 0, 1 << 40, N_("quota"))
    if user.owner in RESERVED:
        raise HostingError(
            N_("The user name %(owner)s is reserved.", owner=repr(user.owner)),
            code="user_reserved",
            hint=N_("Choose another user name."),
            field="username",
        )


def _taken(detail: Text) -> HostingError:
    return HostingError(detail, code="user_taken", hint=N_("Choose another user name."), field="username")


def _refuse_foreign(user: SystemUser, groups: str, home: Reply) -> None:
    if any(line.startswith(f"{user.owner}:") for line in groups.splitlines()):
        raise _taken(N_("The node already has a group %(name)s that NPanel did not make.", name=repr(user.owner)))
    if home.exists:
        raise _taken(N_("The node already has a directory %(path)s.", path=repr(user.home)))


@dataclass(frozen=True, slots=True)
class _Backup:
    """What an earlier removal kept: where the home lies, and the account's uid, gid and password hash."""

    home: str = ""
    account: str = ""
    crontab: str = ""

    @classmethod
    def of(cls, paths: list[str], replies: Any) -> "_Backup":
        for (home, _), (directory, record) in zip(_pairs(paths), _pairs(list(replies)), strict=True):
            if directory.exists or record.exists:
                return cls(home if directory.exists else "", record.text, home + ".crontab")
        return cls()

    def fields(self) -> tuple[str, str, str]:
        """uid, gid, password hash (all "" when nothing was kept)."""
        uid, _, rest = self.account.strip().partition(":")
        gid, _, password = rest.partition(":")
        return uid, gid, password


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(items[::2], items[1::2], strict=True)


def _kept_at(user: SystemUser, context: Context) -> tuple[str, ...]:
    """Where a removal keeps the home: in NPanel's place, or beside the homes where those are another file system."""
    usual = removed_path(context, user.ref)
    if not usual:
        return ()
    return usual, f"{homes_removed(user.home, context.removed_id)}/{posixpath.basename(usual)}"


def homes_removed(home: str, removed_id: str) -> str:
    """The folder beside the homes (root's, 0700) for what can't be renamed into NPanel's own place."""
    return f"{posixpath.dirname(home)}/.npanel-removed/{removed_id}"


def _requests(user: SystemUser, account: _Account | None, home: Reply, backup: _Backup) -> list[Request]:
    """All that makes the account and its home as wanted, in order, for one round trip."""
    requests: list[Request] = [MakeDirectory(_RUN, mode=0o711)]
    if account is not None and not account.whole:
        requests += _undone(account)
        backup = replace(backup, account=_record(account))
        account = None
    if account is None:
        requests += _creation(user, backup)
        account = _Account(user.owner, 0, 0, _gecos(user), user.home, user.shell, "*", "")
    requests += _modification(user, account)
    if backup.home and not home.exists:
        requests += [Move(backup.home, user.home), Move(backup.crontab, _crontab(user))]
    requests.append(MakeDirectory(user.home, mode=HOME_MODE, owner=user.owner, group=HOME_GROUP))
    if not home.exists and not backup.home:
        requests += [MakeDirectory(f"{user.home}/{name}", mode=mode, user=user.owner) for name, mode in SKELETON]
    return requests


def _undone(account: _Account) -> list[Request]:
    """Take away what a useradd(8) that was killed between two files has left, to make it again with the same uid."""
    return [
        Run((*_QUEUED, "/usr/sbin/userdel", "--force", account.name), ok=(0, 6)),
        Run((*_QUEUED, "/usr/sbin/groupdel", account.name), ok=(0, 6)),
    ]


def _record(account: _Account) -> str:
    return f"{account.uid}:{account.gid}:{account.password}\n"


def _creation(user: SystemUser, backup: _Backup) -> list[Request]:
    uid, gid, password = backup.fields()
    requests: list[Request] = []
    group: tuple[str, ...] = ("--user-group",)
    if gid:
        requests.append(Run((*_QUEUED, "/usr/sbin/groupadd", "--gid", gid, user.owner)))
        group = ("--uid", uid, "--gid", user.owner)
    # No subordinate ids: nothing of a customer's runs in a user namespace, and each would take 65,536 of them.
    limits = ("--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0", "--no-log-init")
    account = ("--home-dir", user.home, "--shell", user.shell, "--comment", _gecos(user), "--password", "*")
    requests.append(Run((*_QUEUED, "/usr/sbin/useradd", "--no-create-home", *group, *limits, *account, user.owner)))
    if password:
        line = f"{user.owner}:{password}\n".encode()
        requests.append(Run((*_QUEUED, "/usr/sbin/chpasswd", "--encrypted"), stdin=line))
    return requests


def _modification(user: SystemUser, account: _Account) -> list[Request]:
    options: list[str] = []
    if account.gecos != _gecos(user):
        options += ["--comment", _gecos(user)]
    if account.shell != user.shell:
        options += ["--shell", user.shell]
    if account.home != user.home:
        options += ["--home", user.home]
    if user.locked and account.expires != _LOCKED_SINCE:
        options += ["--lock", "--expiredate", _LOCKED_SINCE]
    if not user.locked and account.expires:
        options += ["--unlock", "--expiredate", ""]
    return [Run((*_QUEUED, "/usr/sbin/usermod", *options, user.owner))] if options else []


def _crontab(user: SystemUser) -> str:
    return f"/var/spool/cron/crontabs/{user.owner}"


def _remove(user: SystemUser, account: _Account | None, home: Reply, context: Context) -> Steps[None]:
    """End the user's processes, put the home aside, remove account and group. Each step may have been made before."""
    if account is None:
        return
    end = Run(("/usr/bin/pkill", "--signal", "KILL", "--uid", str(account.uid)), ok=(0, 1))
    yield from _put_aside(user, account, home, context, end)
    # --force: the PHP pool's master may start a process for this uid until it is reloaded; it is ended below.
    yield [
        MakeDirectory(_RUN, mode=0o711),
        Run((*_QUEUED, "/usr/sbin/userdel", "--force", user.owner), ok=(0, 6)),
        end,
    ]


def _put_aside(user: SystemUser, account: _Account, home: Reply, context: Context, end: Run) -> Steps[None]:
    places = _kept_at(user, context)
    if not places:
        yield [end, Remove(user.home, recursive=True), Remove(_crontab(user))]
        return
    try:
        yield [end, *_keep(user, account, places[0])]
    except NodeFileError as error:
        if not home.exists or "cross-device" not in error.detail.lower():
            raise
        yield _keep(user, account, places[1])


def _keep(user: SystemUser, account: _Account, place: str) -> list[Request]:
    return [
        Write(f"{place}.account", _record(account).encode(), mode=0o600, parents=True),
        Move(_crontab(user), f"{place}.crontab"),
        Move(user.home, place),
    ]


# --- observing -----------------------------------------------------------------------------------------------------


def _homes_elsewhere(accounts: list[_Account]) -> Steps[Mapping[str, Reply]]:
    """Facts of the homes that do not lie in /home."""
    far = [a for a in accounts if a.home != f"/home/{a.name}"]
    replies = (yield [Stat(a.home) for a in far]) if far else ()
    return {a.name: reply for a, reply in zip(far, replies, strict=True)}


def _observed(account: _Account, home: Reply | None, enforced: Mapping[int, int] | None) -> SystemUser:
    locked = account.expires == _LOCKED_SINCE
    oddity = _oddity(home, account)
    user = SystemUser(account.name, account.home, account.shell, account.quota_mb, locked, oddity)
    if enforced is None:
        return user
    return replace(user, quota_mb=enforced.get(account.uid, 0))


def _oddity(home: Reply | None, account: _Account) -> str:
    if not account.whole:
        return "the account is half made: its group or its line in /etc/shadow is missing"
    if home is None or not home.exists:
        return "the home is missing"
    found = (home.type, home.mode & 0o7777, home.owner, home.group)
    if found == ("directory", HOME_MODE, account.name, HOME_GROUP):
        return ""
    return f"the home is a {home.type} {home.owner}:{home.group} {home.mode & 0o7777:04o}"


# --- quota ---------------------------------------------------------------------------------------------------------


def _quota_of(path: str) -> Steps[tuple[str, bool]]:
    """The mount point of a path, and whether user quota is not only an option of it but in force."""
    (reply,) = yield [
        Run(("/usr/bin/findmnt", "--noheadings", "--raw", "--output", "TARGET,OPTIONS", "--target", path))
    ]
    mount, _, options = reply.text.strip().partition(" ")
    names = {option.partition("=")[0] for option in options.split(",")}
    if names.isdisjoint({"quota", "usrquota", "usrjquota", "uquota"}):
        return mount, False
    (report,) = yield [replace(_quota_report(mount), ok=(0, 1))]
    return mount, report.exit_status == 0


def _enforce(user: SystemUser, change: Change) -> Steps[None]:
    """Set the limit where there is quota and the limit is another one than before."""
    before = change.before.quota_mb if isinstance(change.before, SystemUser) else 0
    if user.quota_mb == before:
        return
    mount, enforced = yield from _quota_of(user.home)
    if enforced:
        blocks = str(user.quota_mb * 1024)
        yield [Run(("/usr/sbin/setquota", "--user", user.owner, blocks, blocks, "0", "0", mount))]


def _quota_report(mount: str) -> Run:
    return Run(("/usr/sbin/repquota", "--user", "--no-names", "--output=csv", mount))


def _limits(report: str) -> dict[int, int]:
    """Hard block limits in MiB by uid, from repquota(8)'s CSV (1 KiB blocks)."""
    limits = {}
    for row in csv.DictReader(io.StringIO(report)):
        uid = str(next(iter(row.values()))).removeprefix("#")
        if uid.isdecimal():
            limits[int(uid)] = int(row["BlockHardLimit"]) // 1024
    return limits
