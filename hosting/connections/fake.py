"""A node in memory for unit tests: files as on a real one, programs and services as the test registers them."""

import posixpath
import threading
from collections.abc import Callable, Iterable, Sequence

from hosting.connections import protocol
from hosting.connections.agent.wire import Refused
from hosting.connections.base import Context, Http, MakeDirectory, Reply, Request, Run, Symlink, Tcp, Write
from hosting.connections.fake_tree import Entry, FakeTree, FakeUser
from hosting.errors import ConnectionRefused, HostingError, OutcomeUnknown
from hosting.texts import N_

RunHandler = Callable[["FakeConnection", Run], Reply]
HttpHandler = Callable[["FakeConnection", Http], Reply]
TcpHandler = Callable[["FakeConnection", Tcp], Reply]
_ROOT = FakeUser("root", "root", home="/root")
_USERS = "daemon mail www-data nobody mysql pdns Debian-exim dovecot dovenull sshd _rspamd".split()
_GROUPS = "adm crontab nogroup shadow sudo ssl-cert".split()
_NOW = Context()


class FakeConnection:
    """Implements Connection without a node.

    Files obey the agent's rules (links, owners, permissions with ``user=``, ``changed``). A program nobody registered
    is CommandFailed with status 127; a URL or port nobody registered refuses the connection.

    Attributes:
        commands: argv prefix -> handler; the longest matching prefix wins; ``ok`` is applied to what it returns.
        http_handlers: URL prefix (``unix:/path`` for sockets) -> handler; the longest matching prefix wins.
        tcp_handlers: (address, port) -> handler.
        users, groups: the node's accounts; owners and ``user=`` must be among them.
        requests: every performed request with its context, in order.
        tree: the files; ``put``, ``content`` and ``exists`` are shortcuts.
    """

    def __init__(self) -> None:
        self.commands: dict[tuple[str, ...], RunHandler] = {}
        self.http_handlers: dict[str, HttpHandler] = {}
        self.tcp_handlers: dict[tuple[str, int], TcpHandler] = {}
        self.users = {"root": _ROOT, **{name: FakeUser(name, name) for name in _USERS}}
        self.groups = {"root", *_USERS, *_GROUPS}
        self.requests: list[tuple[Context, Request]] = []
        self.tree = FakeTree()
        self.round_trips = 0
        self.closed = False
        self._lock = threading.RLock()
        self._drop_after: int | None = None
        self._refusing = False

    def batch(
        self, requests: Sequence[Request], *, context: Context = _NOW, stop_on_error: bool = False
    ) -> list[Reply | HostingError]:
        """See :class:`hosting.connections.base.Connection`."""
        with self._lock:
            if not requests:
                return []
            if self._refusing:
                raise ConnectionRefused(N_("Nothing listens on the fake node."))
            self.round_trips += 1
            drop_after, self._drop_after = self._drop_after, None
            answers: list[Reply | HostingError] = []
            for number, request in enumerate(requests):
                if number == drop_after:
                    raise OutcomeUnknown(N_("The connection was lost after the request was sent: the test dropped it."))
                if stop_on_error and answers and isinstance(answers[-1], HostingError):
                    answers.append(
                        HostingError(N_("Not run: an earlier request failed."), code="not_run", permanent=False)
                    )
                else:
                    answers.append(self._answer(request, context))
            if drop_after is not None:
                raise OutcomeUnknown(N_("The connection was lost after the request was sent: the test dropped it."))
            return answers

    def close(self) -> None:
        """Nothing to end; ``closed`` tells that it was called."""
        self.closed = True

    def drop_next(self, after: int = 0) -> None:
        """Let the next batch perform its first ``after`` requests and then raise OutcomeUnknown."""
        self._drop_after = after

    def refuse(self) -> None:
        """Raise ConnectionRefused from now on."""
        self._refusing = True

    def accept(self) -> None:
        """Take connections again."""
        self._refusing = False

    def add_user(self, name: str, *, home: str = "", group: str = "", groups: Iterable[str] = ()) -> FakeUser:
        """Give the node a user, and the group of that name unless ``group`` names another. Makes no home."""
        user = FakeUser(name, group or name, tuple(groups), home or f"/home/{name}")
        self.users[name] = user
        self.groups |= {user.group, *user.groups}
        return user

    def remove_user(self, name: str) -> None:
        """Take a user and the group of its name away; files keep the name as owner."""
        self.users.pop(name, None)
        self.groups.discard(name)

    def put(self, path: str, data: bytes, *, mode: int = 0o644, owner: str = "root", group: str = "root") -> None:
        """Place a file, with its parents (0755 root), as if it had always been there."""
        self.tree.write(Write(path, data, mode=mode, owner=owner, group=group, parents=True), _ROOT)

    def put_directory(self, path: str, *, mode: int = 0o755, owner: str = "root", group: str = "root") -> None:
        """Place a directory, with its parents (0755 root), as if it had always been there."""
        if not self.exists(posixpath.dirname(path)):
            self.tree.mkdir(MakeDirectory(posixpath.dirname(path)), _ROOT)
        self.tree.mkdir(MakeDirectory(path, mode=mode, owner=owner, group=group), _ROOT)

    def put_link(self, path: str, target: str, *, owner: str = "root") -> None:
        """Place a symbolic link of any owner, for tests of what is refused."""
        parent = self.tree.at(posixpath.dirname(path))
        parent.children[posixpath.basename(path)] = Entry("link", 0o777, owner, owner, target=target)

    def content(self, path: str) -> bytes:
        """What is in a file. Raises KeyError when it is missing."""
        return self.tree.at(path).data

    def exists(self, path: str) -> bool:
        """Whether anything is at a path."""
        try:
            self.tree.at(path)
        except KeyError:
            return False
        return True

    def _answer(self, request: Request, context: Context) -> Reply | HostingError:
        self.requests.append((context, request))
        try:
            return self._perform(request)
        except Refused as refusal:
            return protocol.decode_reply(refusal.as_reply(), request)
        except HostingError as error:
            return error

    def _perform(self, request: Request) -> Reply:
        if isinstance(request, Run):
            return self._run(request)
        if isinstance(request, Http):
            return self._http(request)
        if isinstance(request, Tcp):
            return self._tcp(request)
        if isinstance(request, Write | MakeDirectory) and not request.user:
            self._need_owner(request.owner, request.group)
        user = _ROOT if isinstance(request, Symlink) else self._user(getattr(request, "user", None))
        return self.tree.perform(request, user)

    def _need_owner(self, owner: str, group: str) -> None:
        if owner not in self.users and not owner.isdigit():
            raise Refused("no_user", f"the node has no user {owner!r}")
        if group not in self.groups and not group.isdigit():
            raise Refused("no_user", f"the node has no group {group!r}")

    def _user(self, name: str | None) -> FakeUser:
        if name and name not in self.users:
            raise Refused("no_user", f"the node has no user {name!r}")
        return self.users[name or "root"]

    def _run(self, request: Run) -> Reply:
        self._user(request.user)
        prefixes = [prefix for prefix in self.commands if request.argv[: len(prefix)] == prefix]
        if not prefixes:
            raise Refused("command_failed", "the node has no such program", exit_status=127)
        reply = self.commands[max(prefixes, key=len)](self, request)
        if reply.exit_status not in request.ok:
            raise protocol.command_error(request, reply)
        return reply

    def _http(self, request: Http) -> Reply:
        url = f"unix:{request.unix_socket}" if request.unix_socket else request.url
        prefixes = [prefix for prefix in self.http_handlers if url.startswith(prefix)]
        if not prefixes:
            raise Refused("http_failed", f"{request.method} {request.url.partition('?')[0]}: Connection refused")
        return self.http_handlers[max(prefixes, key=len)](self, request)

    def _tcp(self, request: Tcp) -> Reply:
        handler = self.tcp_handlers.get((request.address, request.port))
        if handler is None:
            raise Refused("tcp_failed", f"port {request.port} of {request.address}: Connection refused")
        return handler(self, request)
