"""OpenSSH: who signs in with which keys, each a file of its own and a group; no customer's change takes a reload."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from hosting.adapters._edited import edit_of
from hosting.adapters._values import OWNER, checked, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.openssh import setup, text
from hosting.connections.base import Context, MakeDirectory, Read, ReadAll, Remove, Request, Run, Steps, Tcp, Write
from hosting.errors import CommandFailed, ConfigurationInvalid, HostingError, ProbeFailed
from hosting.state import Change, Resource, SshAccess
from hosting.state.ssh import NONE, SFTP, SHELL
from hosting.texts import N_, plain

_GROUPS = {SFTP: setup.SFTP_GROUP, SHELL: setup.SHELL_GROUP}
_GROUP_FILE = Read("/etc/group")
#: useradd(8) and its kin wait for each other; so does gpasswd(1).
_RUN = "/run/npanel"
_QUEUED = ("/usr/bin/flock", "--timeout", "120", f"{_RUN}/passwd.lock")
_ANYWHERE = "host=localhost,addr=127.0.0.1"
_KEYS_FILE = f"{setup.KEYS}/%u"
#: What sshd must say of an account, by mode.
_EXPECTED = {
    SFTP: {"chrootdirectory": "/home", "forcecommand": "internal-sftp -d /%u -u 0022", "permittty": "no"},
    SHELL: {"chrootdirectory": "none", "forcecommand": "none"},
}
_ALWAYS = {"authorizedkeysfile": _KEYS_FILE, "passwordauthentication": "no", "disableforwarding": "yes"}
#: A reload closes the port for a moment.
_TRIES = 25


@register
class OpenSshAdapter(Adapter):
    """``/etc/npanel/ssh/keys/OWNER`` and membership of one of two groups."""

    kind = "openssh"
    handles: ClassVar[tuple[type[Resource], ...]] = (SshAccess,)
    owns = ("/etc/npanel/ssh", "/etc/group", "/etc/gshadow")

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources()

    def discover(self) -> Steps[dict[str, Any]]:
        """``port`` and ``fingerprints``: where people sign in, and how they know that it is really the node."""
        (keys,) = yield [ReadAll("/etc/ssh", "ssh_host_*_key.pub")]
        try:
            said = (yield from _configuration()) if keys.entries else {}
        except CommandFailed:  # it can't even start; the bootstrap will say why
            said = {}
        if not said:
            return {}
        return {"port": _port(said), "fingerprints": sorted(_fingerprints(keys.entries))}

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round, for one service or for all."""
        if not scope.wants(SshAccess.kind):
            return ()
        listing, groups = yield [ReadAll(setup.KEYS, scope.owner or "*"), _GROUP_FILE]
        members = _members(groups.text)
        named = {name for name in set().union(*members.values()) if scope.owner in (None, name)}
        found = {name: entry.text for name, entry in listing.entries.items() if OWNER.fullmatch(name)}
        seen = (_observed(name, found.get(name), members) for name in sorted(named | found.keys()))
        return tuple(access for access in seen if scope.covers(access))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Two rounds. What shuts comes before what opens: the group first, then the keys; and back the other way.

        Raises:
            HostingError: ``ssh_not_set_up``.
            UnsafeValue: a key that must not be written.
        """
        access = of_type(SshAccess, change.resource)
        path = f"{setup.KEYS}/{_owner_checked(access.owner)}"
        (reply,) = yield [_GROUP_FILE]
        members = _members(reply.text)
        if change.after is None:
            requests: list[Request] = [Remove(path), *_leave(access.owner, members, "")]
        else:
            _require_groups(members, access.mode)
            write = Write(path, text.render(access).encode(), mode=0o640, group=access.owner)
            # A file that shuts is written before anybody leaves the jail.
            folder = MakeDirectory(setup.KEYS, mode=0o711)
            requests = [*_join(access, members), folder, write, *_leave(access.owner, members, access.mode)]
        yield [MakeDirectory(_RUN, mode=0o711), *requests, *_ended(change)]

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let sshd test its configuration, and see that it says of root what it said without ours.

        Raises:
            ConfigurationInvalid: it has a fault, or would change how the panel itself comes in.
        """
        if not _configures(changes):
            return
        try:
            # Where a socket starts sshd, the folder that it insists on may not be there yet.
            yield [MakeDirectory("/run/sshd"), Run(("/usr/sbin/sshd", "-t"))]
            said = yield from _configuration("root")
        except CommandFailed as error:
            raise ConfigurationInvalid(plain(error.detail), path=setup.CONFIGURATION) from error
        if said.get("authorizedkeysfile", "") == _KEYS_FILE or said.get("forcecommand", "").startswith("internal-sftp"):
            detail = N_("root is in a group of customers', so nobody could look after the node any more.")
            raise ConfigurationInvalid(detail, path=setup.CONFIGURATION, hint=N_("Take root out of that group."))

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Make groups and folders; let sshd read its configuration, and see that it still answers. Sessions go on.

        Raises:
            ConfigurationInvalid: it answers no more.
        """
        if not _configures(changes):
            return
        there = [change.key for change in changes if change.after is not None]
        made: list[Request] = []
        if setup.SYSUSERS in there:
            made.append(Run(("/usr/bin/systemd-sysusers", setup.SYSUSERS)))
        if setup.TMPFILES in there:
            made.append(Run(("/usr/bin/systemd-tmpfiles", "--create", setup.TMPFILES)))
        # Where a socket starts sshd for each connection, it reads the configuration anyway.
        reload = Run(("/usr/bin/systemctl", "try-reload-or-restart", setup.UNIT))
        yield [*made, *([reload] if any(change.key == setup.CONFIGURATION for change in changes) else [])]
        yield from _answers()

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Ask sshd what it would let the account do (nobody here has its private key).

        Raises:
            ProbeFailed: it is not what was promised.
        """
        access = of_type(SshAccess, resource)
        if access.locked or access.mode == NONE:
            return "shut"
        said = yield from _configuration(access.owner)
        for name, value in {**_ALWAYS, **_EXPECTED[access.mode]}.items():
            if said.get(name, "") != value:
                raise ProbeFailed(
                    N_("sshd has %(name)s %(value)s for %(owner)s.", name=name, value=said.get(name, "-"),
                       owner=access.owner),
                    hint=N_("See whether /etc/ssh/sshd_config on the node still includes sshd_config.d."),
                )  # fmt: skip
        return "files in its home" if access.mode == SFTP else "a shell"


def _owner_checked(owner: str) -> str:
    return checked(owner, OWNER, N_("user name"))


# --- the file and the groups ---------------------------------------------------------------------------------------


def _members(groups: str) -> dict[str, set[str]]:
    """Who is in each of the two groups, by mode; a mode whose group the node has not is missing."""
    lines = {fields[0]: fields[3] for line in groups.splitlines() if len(fields := line.split(":")) == 4}
    return {mode: set(filter(None, lines[name].split(","))) for mode, name in _GROUPS.items() if name in lines}


def _observed(owner: str, found: str | None, members: Mapping[str, set[str]]) -> SshAccess:
    modes = [mode for mode, names in members.items() if owner in names]
    keys, locked = text.parse(found or "")
    access = SshAccess(owner, modes[0] if modes else NONE, keys, locked)
    wrong = _oddity(access, found, modes)
    return replace(access, edited=wrong) if wrong else access


def _oddity(access: SshAccess, found: str | None, modes: Sequence[str]) -> str:
    if len(modes) > 1:
        return "it is in both groups"
    if found is None:
        return "it has no file of keys"
    try:
        ours = text.render(access)
    except HostingError:
        ours = ""
    return "" if found == ours else edit_of(found, ours)


def _require_groups(members: Mapping[str, set[str]], mode: str) -> None:
    if mode != NONE and mode not in members:
        raise HostingError(
            N_("The node is not set up for SSH access of customers yet."),
            code="ssh_not_set_up",
            hint=N_("Run manage.py node_bootstrap for it, then try again."),
        )


def _join(access: SshAccess, members: Mapping[str, set[str]]) -> Iterator[Request]:
    if access.mode != NONE and access.owner not in members[access.mode]:
        yield _gpasswd("--add", access.owner, access.mode)


def _leave(owner: str, members: Mapping[str, set[str]], but: str) -> Iterator[Request]:
    for mode, names in members.items():
        if mode != but and owner in names:
            yield _gpasswd("--delete", owner, mode)


def _gpasswd(option: str, owner: str, mode: str) -> Run:
    return Run((*_QUEUED, "/usr/bin/gpasswd", option, owner, _GROUPS[mode]))


def _ended(change: Change) -> Iterator[Request]:
    """End sessions that would not begin any more: a key was taken away, or what it opens is another thing now."""
    before, after = change.before, change.after
    if not isinstance(before, SshAccess):
        return
    same = isinstance(after, SshAccess) and after.mode == before.mode and not after.locked
    if isinstance(after, SshAccess) and same and set(before.keys) <= set(after.keys):
        return
    # What a shell began goes on without its session; so with the shell goes all that runs as the user.
    which = () if before.mode == SHELL and not before.locked and not same else ("^sshd",)
    yield Run(("/usr/bin/pkill", "--signal", "KILL", "--uid", before.owner, *which), ok=(0, 1, 2))


# --- sshd ----------------------------------------------------------------------------------------------------------


def _configures(changes: Sequence[Change]) -> bool:
    return any(change.kind == "node_file" for change in changes)


def _configuration(user: str = "") -> Steps[dict[str, str]]:
    """sshd's settings, in general or for one account; of a setting that is there many times the first."""
    which = ("-C", f"user={user},{_ANYWHERE}") if user else ()
    (reply,) = yield [Run(("/usr/sbin/sshd", "-T", *which))]
    said: dict[str, str] = {}
    for line in reply.text.splitlines():
        name, _, value = line.partition(" ")
        said.setdefault(name.lower(), value.strip())
    return said


def _port(said: Mapping[str, str]) -> int:
    return int(said["port"]) if said.get("port", "").isdecimal() else 22


def _address(said: Mapping[str, str]) -> str:
    """An address of the node's that sshd listens on."""
    match = re.fullmatch(r"\[?([0-9a-fA-F.:]+?)\]?:\d+", said.get("listenaddress", ""))
    found = match[1] if match else ""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(found, found)  # noqa: S104 (a name, not a bind)


def _answers() -> Steps[None]:
    said = yield from _configuration()
    greeting = Tcp(_address(said), _port(said), read_until=b"\n")
    for left in reversed(range(_TRIES)):
        try:
            (reply,) = yield [greeting]
            if reply.stdout.startswith(b"SSH-2.0-"):
                return
        except HostingError:
            if not left:
                raise
        yield [Run(("/usr/bin/sleep", "0.2"))]
    raise ConfigurationInvalid(N_("sshd answers no more."), path=setup.CONFIGURATION)


def _fingerprints(files: Mapping[str, Any]) -> Iterator[str]:
    for entry in files.values():
        words = entry.text.split()
        if len(words) > 1:
            digest = hashlib.sha256(base64.b64decode(words[1])).digest()
            yield f"{words[0]} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
