"""Linux accounts of a fake node: the programs of passwd(8), and the files they keep."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.connections.base import Reply, Run

if TYPE_CHECKING:
    from hosting.connections.fake import FakeConnection

_FIRST_UID = 1000
_TAKEN, _MISSING = 9, 6  # exit statuses of useradd(8) and userdel(8)


@dataclass(slots=True)
class FakeAccount:
    """One line of passwd(5) and shadow(5)."""

    name: str
    uid: int
    gid: int
    gecos: str = ""
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    password: str = "*"  # noqa: S105 (no password)
    expires: str = ""


class FakeAccounts:
    """Accounts and groups by name; the files in /etc follow them."""

    def __init__(self, node: "FakeConnection") -> None:
        self._node = node
        self.accounts = {"root": FakeAccount("root", 0, 0, "root", "/root", "/bin/bash")}
        for number, name in enumerate(sorted(node.users.keys() - {"root"}), start=100):
            self.accounts[name] = FakeAccount(name, number, number)
        self.groups = {account.name: account.gid for account in self.accounts.values()}
        self.groups |= {name: 50 + place for place, name in enumerate(sorted(node.groups - self.groups.keys()))}
        #: Supplementary members of groups, as the last field of group(5) has them.
        self.members: dict[str, list[str]] = {}
        self.programs: dict[str, Callable[[list[str], Run], Reply]] = {
            "useradd": self._useradd,
            "usermod": self._usermod,
            "userdel": self._userdel,
            "groupadd": self._groupadd,
            "gpasswd": self._gpasswd,
            "systemd-sysusers": self._sysusers,
            "chpasswd": self._chpasswd,
            "id": self._id,
            "pkill": lambda words, run: Reply(exit_status=1),
        }
        self._save()

    def _useradd(self, words: list[str], run: Run) -> Reply:
        name, options = words[-1], _options(words)
        if name in self.accounts:
            return _failed(_TAKEN, f"useradd: user '{name}' already exists")
        uid = int(options.get("--uid", 0)) or max([_FIRST_UID - 1, *(a.uid for a in self.accounts.values())]) + 1
        if "--gid" not in options:
            self.groups[name] = uid
        self.accounts[name] = FakeAccount(name, uid, self.groups[name])
        self._change(self.accounts[name], options)
        self._node.add_user(name, home=self.accounts[name].home)
        return self._save()

    def _usermod(self, words: list[str], run: Run) -> Reply:
        account = self.accounts.get(words[-1])
        if account is None:
            return _failed(_MISSING, f"usermod: user '{words[-1]}' does not exist")
        self._change(account, _options(words))
        return self._save()

    def _change(self, account: FakeAccount, options: dict[str, str]) -> None:
        account.gecos = options.get("--comment", account.gecos)
        account.home = options.get("--home-dir", options.get("--home", account.home))
        account.shell = options.get("--shell", account.shell)
        account.expires = options.get("--expiredate", account.expires)
        account.password = options.get("--password", account.password)
        if "--lock" in options:
            account.password = f"!{account.password.removeprefix('!')}"
        if "--unlock" in options:
            account.password = account.password.removeprefix("!")

    def _userdel(self, words: list[str], run: Run) -> Reply:
        if self.accounts.pop(words[-1], None) is None:
            return _failed(_MISSING, f"userdel: user '{words[-1]}' does not exist")
        self.groups.pop(words[-1], None)
        for names in self.members.values():
            names[:] = [name for name in names if name != words[-1]]
        self._node.remove_user(words[-1])
        return self._save()

    def _groupadd(self, words: list[str], run: Run) -> Reply:
        if words[-1] in self.groups:
            return _failed(_TAKEN, f"groupadd: group '{words[-1]}' already exists")
        self.groups[words[-1]] = int(_options(words)["--gid"])
        self._node.groups.add(words[-1])
        return self._save()

    def _gpasswd(self, words: list[str], run: Run) -> Reply:
        option, name, group = words
        if group not in self.groups or name not in self.accounts:
            return _failed(3, f"gpasswd: {group} or {name} does not exist")
        names = self.members.setdefault(group, [])
        if option == "--add":
            names += [] if name in names else [name]
        elif name in names:
            names.remove(name)
        else:
            return _failed(3, f"gpasswd: user '{name}' is not a member of '{group}'")
        return self._save()

    def _sysusers(self, words: list[str], run: Run) -> Reply:
        lines = [line.split() for path in words for line in self._node.content(path).decode().splitlines()]
        for fields in lines:
            if fields and fields[0] == "g" and fields[1] not in self.groups:
                self.groups[fields[1]] = 999 - len(self.members)
                self.members[fields[1]] = []
                self._node.groups.add(fields[1])
        return self._save()

    def _chpasswd(self, words: list[str], run: Run) -> Reply:
        for line in run.stdin.decode().splitlines():
            name, _, password = line.partition(":")
            self.accounts[name].password = password
        return self._save()

    def _id(self, words: list[str], run: Run) -> Reply:
        return Reply(stdout=f"{self.accounts[run.user or 'root'].uid}\n".encode())

    def _save(self) -> Reply:
        accounts = self.accounts.values()
        passwd = "".join(f"{a.name}:x:{a.uid}:{a.gid}:{a.gecos}:{a.home}:{a.shell}\n" for a in accounts)
        shadow = "".join(f"{a.name}:{a.password}:20000:0:99999:7::{a.expires}:\n" for a in accounts)
        group = "".join(f"{name}:x:{gid}:{','.join(self.members.get(name, ()))}\n" for name, gid in self.groups.items())
        self._node.put("/etc/passwd", passwd.encode())
        self._node.put("/etc/shadow", shadow.encode(), mode=0o640, group="shadow")
        self._node.put("/etc/group", group.encode())
        return Reply()


_FLAGS = {"--no-create-home", "--user-group", "--no-log-init", "--lock", "--unlock", "--force", "--encrypted"}


def _options(words: list[str]) -> dict[str, str]:
    """Long options with their values ("" for flags); ``--key`` is of no interest here."""
    found: dict[str, str] = {}
    rest = iter(words[:-1])
    for word in rest:
        found[word] = "" if word in _FLAGS else next(rest, "")
    return found


def _failed(status: int, message: str) -> Reply:
    return Reply(exit_status=status, stderr=message.encode())
