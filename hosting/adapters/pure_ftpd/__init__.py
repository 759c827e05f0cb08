"""Pure-FTPd: accounts, each a file of its own; the daemon looks each sign-in up in a file that is made of all of them.

No change takes a reload: that file is made aside and renamed into place, once for all operations that wait for it.
"""

from collections.abc import Sequence
from typing import ClassVar

from hosting.adapters._units import ends
from hosting.adapters._values import ABSOLUTE_PATH, OWNER, checked, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.pure_ftpd import account, setup
from hosting.adapters.pure_ftpd.account import Ids
from hosting.connections.base import (
    Context,
    MakeDirectory,
    Read,
    ReadAll,
    Remove,
    Request,
    Run,
    Stat,
    Steps,
    Tcp,
    Write,
)
from hosting.errors import ConfigurationInvalid, HostingError, NodeFileError, ProbeFailed
from hosting.state import Change, DaemonUnit, FtpAccount, NodeFile, Resource
from hosting.texts import N_

_START_ATTEMPTS = 50
_PASSWD = Read("/etc/passwd")
#: Where the daemon keeps how much an account's folder holds.
_COUNT = ".ftpquota"


@register
class PureFtpdAdapter(Adapter):
    """``/etc/npanel/ftp/accounts/NAME``, and ``accounts.pdb`` made of all of them."""

    kind = setup.KIND
    handles: ClassVar[tuple[type[Resource], ...]] = (FtpAccount,)
    owns = (setup.ROOT,)
    activates = True
    reload_free = True

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources(facts)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round."""
        if not scope.wants(FtpAccount.kind):
            return ()
        names = scope.keys(FtpAccount.kind)
        if names is None:
            owner = checked(scope.owner, OWNER, N_("user name")) if scope.owner else ""
            passwd, listing = yield [_PASSWD, ReadAll(setup.ACCOUNTS, f"{owner}*")]
            texts = {name: entry.text for name, entry in listing.entries.items()}
        else:
            known = [name for name in names if account.NAME.fullmatch(name)]
            passwd, *replies = yield [_PASSWD, *(Read(_path(name)) for name in known)]
            texts = {name: reply.text for name, reply in zip(known, replies, strict=True) if reply.exists}
        ids = _ids(passwd.text)
        found = (
            account.parse(name, text, ids.get(account.owner_of(name), Ids(0, 0)))
            for name, text in sorted(texts.items())
            if account.NAME.fullmatch(name)
        )
        return tuple(one for one in found if scope.covers(one))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Two rounds to make or change an account, two to remove it.

        Raises:
            HostingError: ``user_missing``: its Linux user is not there.
            UnsafeValue: a value is not of its grammar, or the account would reach outside of its owner's home.
        """
        wanted = of_type(FtpAccount, change.resource)
        before = change.before if isinstance(change.before, FtpAccount) else None
        if change.after is None:
            yield from _remove(wanted)
        else:
            yield from _make(wanted, before)

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Make the file anew, and end the sessions of whom it does not let in any more; or restart for a new setup."""
        if _configures(changes):
            if not ends(changes, setup.UNIT):
                yield [
                    Run(("/usr/bin/systemctl", "daemon-reload")),
                    Run(("/usr/bin/systemctl", "restart", setup.UNIT), timeout=60.0),
                ]
                yield from _wait_for_banner()
            return
        ended = sorted({change.key for change in changes if _ends_sessions(change)})
        for name in ended:
            checked(name, account.NAME, N_("FTP account"))
        yield [Run(("/usr/bin/python3", "-I", "-S", setup.ACCOUNTS_SCRIPT, *ended), timeout=120.0)]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """See that the daemon answers and that its file has the account as wanted (nobody here knows its password).

        Raises:
            ProbeFailed: it does not, or has not.
        """
        wanted = of_type(FtpAccount, resource)
        (passwd,) = yield [_PASSWD]
        line = account.render(wanted, _ids_of(wanted, passwd.text))
        # The name is the key it is found by; what is kept is the rest of the line, which never is an argument.
        kept = line.partition(":")[2].encode()
        found, banner = yield [
            Run(("/usr/bin/grep", "-qaFf", "-", setup.DATABASE), stdin=kept, ok=(0, 1, 2)),
            _banner(),
        ]
        if found.exit_status != 0:
            raise ProbeFailed(N_("Pure-FTPd does not know the account %(name)s as it should be.", name=wanted.name))
        if not banner.text.startswith("220"):
            raise ProbeFailed(N_("Pure-FTPd does not answer on port 21."))
        return "locked" if wanted.locked else "known"


def _path(name: str) -> str:
    return f"{setup.ACCOUNTS}/{name}"


def _configures(changes: Sequence[Change]) -> bool:
    return any(isinstance(change.resource, NodeFile | DaemonUnit) for change in changes)


def _ends_sessions(change: Change) -> bool:
    """Whether who is signed in now might not be let in, or elsewhere, from now on."""
    before, after = change.before, change.after
    if not isinstance(before, FtpAccount):
        return False
    if not isinstance(after, FtpAccount) or after.locked:
        return True
    return (before.password_hash, before.home) != (after.password_hash, after.home)


def _ids(passwd: str) -> dict[str, Ids]:
    """uid and gid of every Linux user."""
    lines = (line.split(":") for line in passwd.splitlines())
    return {
        fields[0]: Ids(int(fields[2]), int(fields[3]))
        for fields in lines
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal()
    }


def _ids_of(wanted: FtpAccount, passwd: str) -> Ids:
    ids = _ids(passwd).get(wanted.owner)
    if ids is None:
        raise HostingError(
            N_("The node has no user %(name)s.", name=repr(wanted.owner)),
            code="user_missing",
            hint=N_("Apply the service again."),
        )
    return ids


def _make(wanted: FtpAccount, before: FtpAccount | None) -> Steps[None]:
    """Its file, once the folder is there and, where it has a limit, counted."""
    moved = before is None or before.home != wanted.home
    (passwd,) = yield [_PASSWD]
    ids = _ids_of(wanted, passwd.text)
    text = account.render(wanted, ids)
    requests: list[Request] = []
    if moved and not (yield from _is_there(wanted)):
        requests.append(MakeDirectory(wanted.home, mode=0o755, user=wanted.owner))
    if wanted.quota_mb and (moved or before is None or not before.quota_mb):
        count = ("/usr/sbin/pure-quotacheck", "-u", str(ids.uid), "-d", wanted.home)
        requests.append(Run(count, user=wanted.owner, timeout=120.0))
    yield [*requests, Write(_path(wanted.name), text.encode(), mode=0o600, parents=True)]
    if before is not None and before.quota_mb and (moved or not wanted.quota_mb):
        yield from _forget_count(before)


def _is_there(wanted: FtpAccount) -> Steps[bool]:
    """Whether something is in the folder's place; what lies behind a link is the customer's own affair."""
    try:
        (there,) = yield [Stat(wanted.home, user=wanted.owner)]
    except NodeFileError:
        return True
    return there.exists


def _remove(gone: FtpAccount) -> Steps[None]:
    checked(gone.name, account.NAME, N_("FTP account"))
    yield [Remove(_path(gone.name))]
    if gone.quota_mb:
        yield from _forget_count(gone)


def _forget_count(gone: FtpAccount) -> Steps[None]:
    """Remove the daemon's count from a folder, unless another account with a limit is shut into it as well."""
    if not OWNER.fullmatch(gone.owner) or not ABSOLUTE_PATH.fullmatch(gone.home):
        return  # somebody's edit of its file, which led nowhere
    passwd, listing = yield [_PASSWD, ReadAll(setup.ACCOUNTS, f"{gone.owner}*")]
    ids = _ids(passwd.text).get(gone.owner)
    if ids is None:
        return
    others = (account.parse(name, entry.text, ids) for name, entry in listing.entries.items() if name != gone.name)
    if any(other.home == gone.home and other.quota_mb for other in others):
        return
    try:
        yield [Remove(f"{gone.home}/{_COUNT}", user=gone.owner)]
    except NodeFileError:
        return  # a link stands in the folder's place, or the folder is not the owner's any more


def _banner() -> Tcp:
    return Tcp("127.0.0.1", 21, b"QUIT\r\n", timeout=10.0, read_until=b"\r\n")


def _wait_for_banner() -> Steps[None]:
    for attempt in range(_START_ATTEMPTS):
        try:
            (reply,) = yield [_banner()]
            if reply.text.startswith("220"):
                return
        except HostingError:
            if attempt == _START_ATTEMPTS - 1:
                raise
        yield [Run(("/usr/bin/sleep", "0.1"))]
    raise ConfigurationInvalid(N_("Pure-FTPd does not answer."), path=setup.UNIT_FILE)
