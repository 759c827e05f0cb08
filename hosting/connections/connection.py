"""What local and SSH connections have in common: open when needed, reopen after a loss, let go in a forked child."""

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Sequence

from hosting import failpoints
from hosting.connections import bootstrap, protocol
from hosting.connections.base import Context, Move, Remove, Reply, Request, Symlink, Write
from hosting.connections.channel import AgentClient, NotSent, Pipe
from hosting.errors import AgentUnavailable, ConnectionFailed, HostingError
from hosting.texts import N_, NOTHING

_NOW = Context()


class AgentConnection(ABC):
    """A connection through an agent. Threads share it; a forked child opens its own at its next batch.

    Args:
        margin: seconds a batch may take beyond what its requests may.
        silence: seconds without a sign of life until the line counts as dead.
    """

    def __init__(self, *, margin: float = 15.0, silence: float = 30.0) -> None:
        self._margin, self._silence = margin, silence
        self._opening = threading.Lock()
        self._attempts = 0
        self._failure: ConnectionFailed | None = None
        self._client: AgentClient | None = None
        self._count_lock = threading.Lock()
        self.round_trips = 0
        _living.add(self)

    # Whether an agent that is not root is of no use.
    _needs_root = True

    @abstractmethod
    def _open(self) -> Pipe:
        """Start an agent. Raises a subclass of ConnectionFailed."""

    def batch(
        self, requests: Sequence[Request], *, context: Context = _NOW, stop_on_error: bool = False
    ) -> list[Reply | HostingError]:
        """See :class:`hosting.connections.base.Connection`. A batch that was certainly not sent is sent once more."""
        if not requests:
            return []
        seconds = protocol.allowed_seconds(requests) + self._margin
        failpoint = failpoints.agent_failpoint() if _changes_files(requests) else ""
        reason = NOTHING
        for _ in range(2):
            client = self._ready()
            try:
                answers = client.ask(
                    requests, context, seconds=seconds, stop_on_error=stop_on_error, failpoint=failpoint
                )
            except NotSent as error:
                reason = error.reason
                continue
            finally:
                self._count()
            return answers
        raise ConnectionFailed(N_("The connection to the node does not last: %(reason)s.", reason=reason))

    def close(self) -> None:
        """End the agent; another batch would open a new one."""
        with self._opening:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def hello(self) -> dict[str, object]:
        """What the agent said about itself: version, pid, hostname, uid, python. Opens the connection if need be."""
        return dict(self._ready().hello)

    def _count(self) -> None:
        with self._count_lock:
            self.round_trips += 1

    def _ready(self) -> AgentClient:
        """The running client, or a new one; threads that waited for the same failed attempt share its failure."""
        client, attempts = self._client, self._attempts
        if client is not None and not client.lost:
            return client
        with self._opening:
            if self._client is not None and not self._client.lost:
                return self._client
            if self._attempts != attempts and self._failure is not None:
                raise type(self._failure)(self._failure.detail_text, hint=self._failure.hint_text)
            return self._connect()

    def _connect(self) -> AgentClient:
        try:
            self._client = self._start()
            self._failure = None
        except ConnectionFailed as failure:
            self._failure = failure
            raise
        finally:
            self._attempts += 1
        return self._client

    def _start(self) -> AgentClient:
        client = AgentClient(self._open(), bootstrap.program(), silence=self._silence)
        if self._needs_root and client.hello.get("uid") != 0:
            client.close()
            raise AgentUnavailable(N_("The agent on the node is not root."), hint=N_("Let NPanel sign in as root."))
        return client

    def _forget(self) -> None:
        """In a forked child: the locks may be held by threads that do not exist here, and the agent is the parent's."""
        client, self._client = self._client, None
        self._opening, self._count_lock = threading.Lock(), threading.Lock()
        if client is not None:
            client.abandon()


def _changes_files(requests: Sequence[Request]) -> bool:
    return any(isinstance(request, Write | Move | Remove | Symlink) for request in requests)


_living: weakref.WeakSet[AgentConnection] = weakref.WeakSet()


def _forget_all() -> None:
    for connection in list(_living):
        connection._forget()


os.register_at_fork(after_in_child=_forget_all)
