"""A person with an FTP program, for tests against a real node."""

import contextlib
import ftplib
import socket
import ssl
from collections.abc import Iterator


class Client(ftplib.FTP_TLS):
    """Explicit TLS; the data connection resumes the control connection's session, as Pure-FTPd asks."""

    def __init__(self, address: str, **options: object) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the node's own certificate
        super().__init__(context=context, timeout=20, **options)  # type: ignore[arg-type]
        self.connect(address, 21)

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """As the parent, with the session of the control connection."""
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - the base of FTP over TLS
        if self._prot_p:  # type: ignore[attr-defined]
            session = self.sock.session  # type: ignore[union-attr]
            conn = self.context.wrap_socket(conn, server_hostname=self.host, session=session)
        return conn, size

    def put(self, name: str, data: bytes) -> str:
        """Upload a file; gives what the server said last. One that has enough hangs up before it says so."""
        self.voidcmd("TYPE I")
        with self.transfercmd(f"STOR {name}") as conn, contextlib.suppress(OSError):
            conn.sendall(data)
            if isinstance(conn, ssl.SSLSocket):
                conn.unwrap()
        return self.voidresp()

    def fetch(self, name: str) -> bytes:
        """Download a file."""
        parts: list[bytes] = []
        self.retrbinary(f"RETR {name}", parts.append)
        return b"".join(parts)


@contextlib.contextmanager
def signed_in(address: str, name: str, password: str) -> Iterator[Client]:
    """A session over TLS."""
    client = Client(address)
    try:
        client.login(name, password)
        client.prot_p()
        yield client
    finally:
        client.close()


def refusal(address: str, name: str, password: str, *, plain: bool = False) -> str:
    """What the server says to somebody whom it does not let in, "" when it lets them in."""
    client = ftplib.FTP(address, timeout=20) if plain else Client(address)  # noqa: S321 - which is to be refused
    try:
        client.login(name, password)
    except ftplib.Error as error:
        return str(error)
    finally:
        client.close()
    return ""
