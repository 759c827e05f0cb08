"""What can be asked of a node: requests, replies, and the Connection that carries them."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar

from hosting.errors import HostingError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One thing the node's agent does. ``user`` runs it as that Linux user instead of root."""

    op: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Run(Request):
    """Run a program by its argument list (there is no shell).

    Args:
        argv: program and arguments; secrets go through ``stdin``, never here.
        stdin: bytes for its standard input.
        timeout: seconds until it and its children are killed.
        user: run as this Linux user (uid, gid, supplementary groups, HOME).
        ok: exit statuses that are not an error.
    """

    op: ClassVar[str] = "run"
    argv: tuple[str, ...]
    stdin: bytes = field(default=b"", repr=False)
    timeout: float = 60.0
    user: str | None = None
    ok: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Read(Request):
    """Read one regular file without following links. A missing file is a reply with ``exists=False``.

    On the way to it (here and in all other file requests) only links are followed that root made in directories
    nobody else can change, such as Debian's /bin and /var/run; any other one is a NodeFileError.
    """

    op: ClassVar[str] = "read"
    path: str
    user: str | None = None
    limit: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadAll(Request):
    """Read all regular files of one directory (not below it) whose name matches ``pattern`` (fnmatch).

    A missing directory is an empty reply.
    """

    op: ClassVar[str] = "read_all"
    directory: str
    pattern: str = "*"
    user: str | None = None
    limit: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Write(Request):
    """Write one whole file atomically: temp in the same directory, fsync, rename, fsync of the directory.

    Args:
        path: absolute; every component is opened without following links.
        data: the whole content.
        mode: permission bits.
        owner, group: names; with ``user`` set they are ignored (the file belongs to that user).
        user: act as this Linux user.
        parents: make missing directories (0755 as root, 0750 as a user).
        exclusive: refuse (reply ``changed=False``) when the file exists.
    """

    op: ClassVar[str] = "write"
    path: str
    data: bytes = field(repr=False)
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    user: str | None = None
    parents: bool = False
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class MakeDirectory(Request):
    """Make a directory (and its missing parents) with owner and mode; existing ones get that owner and mode."""

    op: ClassVar[str] = "mkdir"
    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Symlink(Request):
    """Make or replace a symbolic link atomically (root-owned places only)."""

    op: ClassVar[str] = "symlink"
    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Remove(Request):
    """Remove a file, link, or (``recursive``) a tree, never following links; a missing path is fine."""

    op: ClassVar[str] = "remove"
    path: str
    recursive: bool = False
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Move(Request):
    """Rename within one file system, making the target's parent (0700 root). A missing source is ``changed=False``.

    An existing target is an error unless ``replace`` is set.
    """

    op: ClassVar[str] = "move"
    source: str
    target: str
    replace: bool = False
    user: str | None = None


@dataclass(frozen=True, slots=True)
class List(Request):
    """Names and facts of a directory's entries; a missing directory is an empty reply."""

    op: ClassVar[str] = "list"
    path: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Stat(Request):
    """Facts of a path itself (a link is not followed). A missing path is ``exists=False``."""

    op: ClassVar[str] = "stat"
    path: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Http(Request):
    """One HTTP request from the node to itself.

    Args:
        method: e.g. ``GET``.
        url: ``http://127.0.0.1:8081/…``; with https the certificate is not checked (loopback probes).
        headers: sent as they are; never logged.
        header_files: (header name, path on the node) pairs; the agent reads each file as root, without following links,
            and sends its stripped text as that header, so that an API key never crosses the wire. A missing file is a
            ``NodeFileError`` of this request.
        host: what to send as Host header (and SNI) when it differs from the URL's.
        unix_socket: path of a socket to connect to instead of the URL's address.
        connect: address to connect to instead of the URL's host (loopback or one of the node's own addresses).
    """

    op: ClassVar[str] = "http"
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    header_files: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    timeout: float = 10.0
    host: str = ""
    unix_socket: str = ""
    connect: str = ""
    limit: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tcp(Request):
    """Connect from the node to one of its own TCP or UDP ports, send bytes, read up to ``limit`` bytes (probes).

    ``read_until`` ends the reading early. Over UDP one datagram is sent and one is read.
    """

    op: ClassVar[str] = "tcp"
    address: str
    port: int
    data: bytes = field(default=b"", repr=False)
    udp: bool = False
    timeout: float = 5.0
    limit: int = 65536
    read_until: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request. Only the fields that the request's kind fills are meaningful.

    Args:
        exit_status, stdout, stderr: of ``Run``; ``stdout`` is the body of ``Http`` and the bytes of ``Tcp``.
        status, headers: of ``Http``.
        truncated: ``Run`` said more than is kept (16 MiB of stdout, 1 MiB of stderr).
        exists, data, mode, owner, group, type, size, mtime, links: of ``Read``/``Stat`` (type: file, directory,
            link, other); ``target`` is a link's.
        entries: name -> Reply, of ``List`` (facts) and ``ReadAll`` (facts and data).
        changed: of ``Write``, ``MakeDirectory``, ``Symlink``, ``Remove``, ``Move``.
        seconds: time it took on the node.
    """

    exit_status: int = 0
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    truncated: bool = False
    status: int = 0
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    exists: bool = False
    data: bytes = field(default=b"", repr=False)
    mode: int = 0
    owner: str = ""
    group: str = ""
    type: str = ""
    size: int = 0
    mtime: float = 0.0
    links: int = 0
    target: str = ""
    entries: Mapping[str, "Reply"] = field(default_factory=dict, repr=False)
    changed: bool = False
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """``stdout`` (or, for file requests, ``data``) as text; invalid UTF-8 is replaced."""
        return (self.stdout or self.data).decode("utf-8", "replace")


# A conversation with a node: yields requests (sent together), receives their replies in order, returns a result.
Steps = Generator[Sequence[Request], Sequence[Reply], T]


@dataclass(frozen=True, slots=True)
class Context:
    """What every request carries to the node, so that its own journal can be matched with ours.

    Args:
        trace_id: 32 hex digits.
        operation_id: UUID text of the operation, or "" outside of one.
        removed_id: names the folder where removed data of this operation is kept (for a rollback operation: the
            folder of the operation it takes back).
    """

    trace_id: str = ""
    operation_id: str = ""
    removed_id: str = ""


class Connection(Protocol):
    """A way to one node. Safe to share between threads; never used across a fork (a new one is opened instead)."""

    round_trips: int

    def batch(
        self, requests: Sequence[Request], *, context: Context = Context(), stop_on_error: bool = False
    ) -> list[Reply | HostingError]:
        """Send requests together, in order, in one round trip.

        Returns:
            One Reply, or the HostingError of that request alone, for each request. With ``stop_on_error`` the
            requests after the first failed one are not run and answer ``HostingError(code="not_run")``.

        Raises:
            ConnectionFailed: (a subclass) nothing was sent.
            OutcomeUnknown: the connection dropped or timed out after sending.
        """
        ...

    def close(self) -> None:
        """End the agent and the transport. Safe to call twice."""
        ...


def one(request: Request) -> Steps[Reply]:
    """Ask for a single request inside a conversation: ``reply = yield from one(Read(path))``."""
    replies = yield [request]
    return replies[0]


@dataclass(slots=True)
class _Talk:
    """One conversation in flight inside :func:`converse`."""

    steps: Steps[object]
    pending: Sequence[Request] = ()
    result: object = None
    error: HostingError | None = None
    done: bool = False

    def advance(self, answers: Sequence[Reply | HostingError] | None) -> None:
        """Feed the replies (the first error is thrown into the conversation) and take the next requests."""
        try:
            failure = next((a for a in answers or () if isinstance(a, HostingError)), None)
            if answers is None:
                self.pending = next(self.steps)
            elif failure is not None:
                self.pending = self.steps.throw(failure)
            else:
                self.pending = self.steps.send([a for a in answers if isinstance(a, Reply)])
        except StopIteration as stop:
            self.result, self.done = stop.value, True
        except HostingError as error:
            self.error, self.done = error, True


def converse(
    connection: Connection, talks: Sequence[Steps[T]], *, context: Context = Context()
) -> list[T | HostingError]:
    """Run several conversations side by side; each round sends the requests of all of them in one batch.

    Returns:
        For each conversation its result, or the HostingError that ended it.

    Raises:
        ConnectionFailed, OutcomeUnknown: the connection itself failed; no conversation can be trusted to be over.
    """
    running = [_Talk(steps) for steps in talks]
    for talk in running:
        talk.advance(None)
    while active := [talk for talk in running if not talk.done]:
        flat = [request for talk in active for request in talk.pending]
        answers = connection.batch(flat, context=context) if flat else []
        position = 0
        for talk in active:
            mine = answers[position : position + len(talk.pending)]
            position += len(talk.pending)
            talk.advance(mine)
    return [talk.error if talk.error is not None else talk.result for talk in running]  # type: ignore[misc]


def perform(connection: Connection, steps: Steps[T], *, context: Context = Context()) -> T:
    """Run one conversation and return its result, raising the HostingError that ended it."""
    (outcome,) = converse(connection, [steps], context=context)
    if isinstance(outcome, HostingError):
        raise outcome
    return outcome
