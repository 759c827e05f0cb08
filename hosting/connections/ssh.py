"""The connection to another machine: the agent runs behind one SSH channel, and the host key is pinned."""

import base64
import contextlib
import hashlib
import io
import logging
import re
import shlex
import socket
import threading
import time
from collections.abc import Sequence

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from hosting.connections import bootstrap
from hosting.connections.channel import Pipe
from hosting.connections.connection import AgentConnection
from hosting.connections.stderr import Tail
from hosting.errors import (
    AgentUnavailable,
    AuthenticationRefused,
    ConnectionFailed,
    ConnectionRefused,
    ConnectionTimedOut,
    HostingError,
    HostKeyChanged,
    UnknownHostKey,
)
from hosting.texts import N_, Text

# paramiko logs what goes wrong with whole traces; here it arrives as typed errors.
_LOG = "paramiko.npanel"
logging.getLogger(_LOG).setLevel(logging.CRITICAL + 1)
KEEPALIVE_SECONDS = 30
_STALL_SECONDS = 30.0
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
# In the order in which scan_host_key asks for them.
_KEY_TYPES: tuple[tuple[str, ...], ...] = (("ssh-ed25519",), ("ecdsa-sha2-nistp256",), _RSA)
_PRIVATE_KEYS: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_HOST_KEY = re.compile(
    r"(?P<type>ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) (?P<key>[A-Za-z0-9+/]+=*)(?: .*)?"
)


class SSHConnection(AgentConnection):
    """Reaches a node over SSH as root, or as a user that may ``sudo`` without a password.

    Args:
        host: name or address.
        port: TCP port of its sshd.
        username: whom to sign in as.
        private_key: OpenSSH or PEM text without a passphrase, or a paramiko key.
        host_key: the pinned public host keys, one ``type base64`` a line (sshd(8), known_hosts without the name).
        connect_timeout: seconds for each of: TCP, key exchange, authentication, start of the channel.
        margin, silence: see AgentConnection.

    Raises:
        HostingError: ``bad_private_key``, ``bad_host_key``: the arguments hold no usable key.
    """

    def __init__(
        self,
        host: str,
        port: int = 22,
        username: str = "root",
        *,
        private_key: str | paramiko.PKey,
        host_key: str,
        connect_timeout: float = 10.0,
        margin: float = 15.0,
        silence: float = 30.0,
    ) -> None:
        super().__init__(margin=margin, silence=silence)
        self._address, self._username, self._timeout = (host, port), username, connect_timeout
        self._key = _load_key(private_key) if isinstance(private_key, str) else private_key
        self._pinned = parse_host_keys(host_key)

    def __repr__(self) -> str:
        return f"SSHConnection({self._username}@{self._address[0]}:{self._address[1]})"

    def _open(self) -> Pipe:
        if not self._pinned:
            raise UnknownHostKey(
                N_("No host key of %(address)s is known.", address=self._address[0]),
                hint=N_("Compare the node's fingerprint with what its console shows, then confirm it."),
            )
        transport = _negotiate(self._address, [kind for kind, _ in self._pinned], self._timeout)
        try:
            self._check_host_key(transport)
            self._authenticate(transport)
            return _ChannelPipe(transport, _starter(self._username), self._timeout)
        except BaseException:
            transport.close()
            raise

    def _check_host_key(self, transport: paramiko.Transport) -> None:
        key = transport.get_remote_server_key()
        if (key.get_name(), key.get_base64()) not in self._pinned:
            raise _changed(
                N_(
                    "%(host)s answered with another host key than the pinned one. It is %(fingerprint)s now.",
                    host=self._address[0],
                    fingerprint=fingerprint(key.asbytes()),
                )
            )

    def _authenticate(self, transport: paramiko.Transport) -> None:
        try:
            transport.auth_publickey(self._username, self._key)
        except paramiko.AuthenticationException as error:
            if transport.is_active():
                raise AuthenticationRefused(
                    N_(
                        "%(address)s refused NPanel's key for %(username)s.",
                        address=self._address[0],
                        username=self._username,
                    ),
                    hint=N_(
                        "Add the node's public key, as NPanel shows it, to %(username)s's authorized_keys.",
                        username=self._username,
                    ),
                ) from error
            raise ConnectionFailed(
                N_("%(address)s ended the connection while signing in.", address=self._address[0])
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ConnectionFailed(
                N_("%(address)s ended the connection while signing in.", address=self._address[0])
            ) from error
        transport.set_keepalive(KEEPALIVE_SECONDS)


def scan_host_key(host: str, port: int = 22, timeout: float = 10.0) -> list[str]:
    """Ask a server for its public host keys, without signing in.

    Args:
        timeout: seconds for each of the steps.

    Returns:
        ``type base64`` lines, Ed25519 first, for a person to compare before they are pinned.

    Raises:
        ConnectionRefused, ConnectionTimedOut, ConnectionFailed: nothing answered as an SSH server.
    """
    found: list[str] = []
    for kinds in _KEY_TYPES:
        with contextlib.suppress(HostKeyChanged):  # it has no key of that type
            transport = _negotiate((host, port), list(kinds), timeout)
            key = transport.get_remote_server_key()
            transport.close()
            found.append(f"{key.get_name()} {key.get_base64()}")
    return found


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key's bytes, as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(key).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def parse_host_keys(text: str) -> list[tuple[str, str]]:
    """Pinned keys as (type, base64) pairs; empty lines are left out.

    Raises:
        HostingError: ``bad_host_key``: a line is no public key.
    """
    matches = [(line, _HOST_KEY.fullmatch(line.strip())) for line in text.splitlines() if line.strip()]
    for line, match in matches:
        if match is None:
            raise HostingError(
                N_("%(line)s is no public host key.", line=repr(line[:60])), code="bad_host_key", field="host_key"
            )
    return [(match["type"], match["key"]) for _, match in matches if match is not None]


def _changed(detail: Text) -> HostKeyChanged:
    return HostKeyChanged(
        detail,
        hint=N_("If the node was reinstalled, compare its fingerprint on its console and pin the new key."),
    )


def _load_key(text: str) -> paramiko.PKey:
    for kind in _PRIVATE_KEYS:
        with contextlib.suppress(paramiko.SSHException, ValueError, IndexError):  # of another type: try the next
            return kind.from_private_key(io.StringIO(text))
    raise HostingError(N_("The node's private key cannot be read."), code="bad_private_key", field="private_key")


def _negotiate(address: tuple[str, int], kinds: Sequence[str], timeout: float) -> paramiko.Transport:
    """Connect and exchange keys; the server's key is not checked yet.

    Raises:
        ConnectionRefused, ConnectionTimedOut, ConnectionFailed.
        HostKeyChanged: the server has no key of these types.
    """
    deadline = time.monotonic() + timeout
    transport = paramiko.Transport(_dial(address, timeout))
    transport.set_log_channel(_LOG)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    options = transport.get_security_options()
    options.key_types = [name for kind in kinds for name in (_RSA if kind == "ssh-rsa" else (kind,))]
    try:
        transport.start_client(timeout=timeout)
        transport.get_remote_server_key()  # raises when the time ran out
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        if isinstance(error, IncompatiblePeer) and "host key" in str(error):
            raise _changed(
                N_(
                    "%(host)s answered with another host key than the pinned one. It has no key of that type.",
                    host=address[0],
                )
            ) from error
        if time.monotonic() >= deadline:
            raise _timed_out(address) from error
        raise ConnectionFailed(
            N_(
                "%(address)s port %(port)s does not answer as an SSH server: %(error)s.",
                address=address[0],
                port=address[1],
                error=error,
            )
        ) from error
    return transport


def _timed_out(address: tuple[str, int]) -> ConnectionTimedOut:
    return ConnectionTimedOut(
        N_("%(address)s port %(port)s did not answer in time.", address=address[0], port=address[1])
    )


def _dial(address: tuple[str, int], timeout: float) -> socket.socket:
    try:
        wire = socket.create_connection(address, timeout=timeout)
    except TimeoutError as error:
        raise _timed_out(address) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConnectionRefused(
            N_(
                "%(address)s port %(port)s cannot be reached: %(reason)s.",
                address=address[0],
                port=address[1],
                reason=reason,
            )
        ) from error
    wire.settimeout(None)
    # paramiko sets none of these; without the first a round trip takes 50 ms instead of 1.5.
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_STALL_SECONDS * 1000))
    return wire


def _starter(username: str) -> str:
    """The one command line NPanel ever sends: constant but for the ``sudo`` in front (sshd gives it to a shell)."""
    argv = bootstrap.command()
    return shlex.join(argv if username == "root" else ["sudo", "-n", "--", *argv])


class _ChannelPipe:
    """Streams of a command on an SSH channel; the transport belongs to it."""

    def __init__(self, transport: paramiko.Transport, command: str, timeout: float) -> None:
        self._transport = transport
        try:
            self._channel = transport.open_session(timeout=timeout)
            self._channel.settimeout(timeout)
            self._channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise AgentUnavailable(N_("The node let us in, but starts no program: %(error)s.", error=error)) from error
        self._channel.settimeout(_STALL_SECONDS)
        self._tail = Tail(self._read_stderr)

    def read(self, size: int) -> bytes:
        while True:
            try:
                return self._channel.recv(size)
            except TimeoutError:  # the limit is meant for sending; paramiko has one for both
                continue
            except (OSError, EOFError):
                return b""

    def write(self, data: bytes) -> None:
        self._channel.sendall(data)

    def last_words(self) -> str:
        return self._tail.text(wait=True)

    def close(self) -> None:
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):  # the node may have closed it already
            self._channel.close()
        self._transport.close()

    def abandon(self) -> None:
        """Close the child's copy of the socket only: paramiko would say good-bye on the parent's connection."""
        self._channel.lock = threading.Lock()  # its holder may be a thread that does not exist here
        self._channel.closed = True
        self._transport.sock.close()

    def _read_stderr(self) -> bytes:
        while True:
            try:
                return self._channel.recv_stderr(65536)
            except TimeoutError:
                continue
