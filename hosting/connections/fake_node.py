"""A whole server in memory: the daemons that adapters change, so that services can be made and probed in milliseconds.

>>> node = FakeNode()
>>> node.batch([...]); node.visit("a.test"); node.resolve("a.test", "A")

Knobs: ``node.down`` (nothing listens), ``node.slow`` (seconds a batch takes), ``node.break_nginx()``,
``node.break_php()``, ``node.system.stop(unit)``, ``node.programs["useradd"] = …``.
"""

import posixpath
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from hosting.connections.agent.wire import Refused
from hosting.connections.base import Context, Http, Reply, Request, Run, Tcp
from hosting.connections.fake import FakeConnection
from hosting.connections.fake_accounts import FakeAccounts
from hosting.connections.fake_ftp import FakeFtp
from hosting.connections.fake_mail import FakeMail
from hosting.connections.fake_mariadb import FakeMariaDb
from hosting.connections.fake_powerdns import FakePowerDns
from hosting.connections.fake_sites import FakeSites
from hosting.connections.fake_ssh import FakeSsh
from hosting.connections.fake_system import FakeSystem
from hosting.connections.protocol import command_error
from hosting.errors import HostingError

#: What a program does: its arguments (without itself) and the request they came in, to a Reply.
Program = Callable[[list[str], Run], Reply]
#: Programs that only run another one, and how many arguments of their own come before it.
_WRAPPERS = {"flock": 3, "prlimit": 1, "env": 1}
_API_PORT = 8081
_NOW = Context()


class FakeNode(FakeConnection):
    """A Debian server with nginx, php-fpm, MariaDB, PowerDNS, Exim, Dovecot and Pure-FTPd installed and not yet set up.

    Args:
        installed: False for a server on which the daemons' packages are still missing.
        php: PHP versions that are installed.

    Attributes:
        slow: seconds that every batch takes.
        programs: name -> what it does; ``commands`` (by argv prefix, see FakeConnection) goes before these.
        system, accounts, sites, mariadb, powerdns, mail, ftp, ssh: the simulated parts and what they hold.
    """

    def __init__(self, *, installed: bool = True, php: Sequence[str] = ("8.2",)) -> None:
        super().__init__()
        self.slow = 0.0
        self.programs: dict[str, Program] = {}
        self.system = FakeSystem(self, php if installed else (), installed=installed)
        self.accounts = FakeAccounts(self)
        self.sites = FakeSites(self)
        self.mariadb = FakeMariaDb(self)
        self.powerdns = FakePowerDns(self)
        self.mail = FakeMail(self)
        self.ftp = FakeFtp(self)
        self.ssh = FakeSsh(self)
        parts = (self.accounts, self.sites, self.mariadb, self.powerdns, self.mail, self.ftp, self.ssh)
        for part in (self.system, *parts):
            self.programs |= part.programs
        self.programs["python3"] = self._python

    @property
    def down(self) -> bool:
        """Whether nothing listens there; assign to switch the node off and on."""
        return self._refusing

    @down.setter
    def down(self, value: bool) -> None:
        self._refusing = value

    def batch(
        self, requests: Sequence[Request], *, context: Context = _NOW, stop_on_error: bool = False
    ) -> list[Reply | HostingError]:
        """See :class:`hosting.connections.base.Connection`; takes ``slow`` seconds."""
        if self.slow:
            time.sleep(self.slow)
        return super().batch(requests, context=context, stop_on_error=stop_on_error)

    def break_nginx(self, path: str = "/etc/nginx/conf.d/broken.conf") -> str:
        """Plant a file that nginx refuses, as somebody at the node's keyboard would, and return its path."""
        self.put(path, b"server {\n    frobnicate on;\n}\n")
        return path

    def break_php(self, version: str = "8.2") -> str:
        """Plant a pool file that php-fpm refuses, and return its path."""
        path = f"/etc/php/{version}/fpm/pool.d/broken.conf"
        self.put(path, b"[broken]\nfrobnicate = on\n")
        return path

    def visit(self, host: str, path: str = "/") -> Reply:
        """What a visitor's browser gets.

        Raises:
            Refused: nobody answers for that name.
        """
        return self.sites.answer(host, path, local=False)

    def resolve(self, name: str, type: str) -> set[str]:
        """What a resolver gets: the contents of the answer, empty when there is none."""
        return self.powerdns.lookup(name, type)

    def _run(self, request: Run) -> Reply:
        if any(request.argv[: len(prefix)] == prefix for prefix in self.commands):
            return super()._run(request)
        self._user(request.user)
        name, arguments = _unwrapped(request.argv)
        program = self.programs.get(name)
        if program is None:
            raise Refused("command_failed", f"the node has no program {name!r}", exit_status=127)
        reply = program(arguments, request)
        if reply.exit_status not in request.ok:
            raise command_error(request, reply)
        return reply

    def _python(self, words: list[str], request: Run) -> Reply:
        """Programs of ours that came over standard input; their arguments tell whose they are."""
        mine = words[3:4] in (["list"], ["show"], ["retry"], ["find"])
        return self.mail.spool(words, request) if mine else self.ftp.programs["python3"](words, request)

    def _http(self, request: Http) -> Reply:
        url = urlsplit(request.url)
        if request.unix_socket or any(request.url.startswith(prefix) for prefix in self.http_handlers):
            return super()._http(request)
        if url.port == _API_PORT:
            return self.powerdns.api(request)
        host = request.host or url.hostname or ""
        return self.sites.answer(host, url.path or "/", local=True)

    def _tcp(self, request: Tcp) -> Reply:
        if request.port == 53 and (request.address, 53) not in self.tcp_handlers:
            return Reply(stdout=self.powerdns.answer(request.data))
        if request.port == 25 and (request.address, 25) not in self.tcp_handlers:
            return Reply(stdout=self.mail.answer(request.data))
        if request.port == 21 and (request.address, 21) not in self.tcp_handlers:
            return Reply(stdout=self.ftp.answer())
        if request.port == 22 and (request.address, 22) not in self.tcp_handlers:
            return Reply(stdout=self.ssh.answer(request))
        return super()._tcp(request)


def _unwrapped(argv: tuple[str, ...]) -> tuple[str, list[str]]:
    """Program name and arguments, without programs that only wrap it."""
    words = list(argv)
    while (name := posixpath.basename(words[0])) in _WRAPPERS:
        words = words[1 + _WRAPPERS[name] :]
    return name, words[1:]
