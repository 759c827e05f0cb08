"""What a mail test needs of the world: a person's mail program, and a mail server elsewhere that takes everything."""

import contextlib
import imaplib
import smtplib
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage

PASSWORD = "correct horse"
PATIENCE = 15.0


def anyones_tls() -> ssl.SSLContext:
    """The node's own certificate is signed by nobody."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def letter(sender: str, recipient: str, subject: str, **headers: str) -> EmailMessage:
    """A short message."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(f"About {subject}.\n")
    return message


def submit(node: str, login: str, message: EmailMessage, sender: str = "", *, port: int = 587) -> None:
    """Send as a person's mail program does: with TLS, signed in."""
    tls = anyones_tls()
    client = smtplib.SMTP_SSL(node, port, context=tls) if port == 465 else smtplib.SMTP(node, port)
    with client:
        if port != 465:
            client.starttls(context=tls)
        client.login(login, PASSWORD)
        client.send_message(message, from_addr=sender or login)


def deliver(node: str, message: EmailMessage, sender: str = "bob@far.test") -> None:
    """Send as a stranger's mail server does."""
    with smtplib.SMTP(node, 25) as client:
        client.send_message(message, from_addr=sender)


def refusal(act: Callable[[], object]) -> str:
    """What the mail server said when it refused."""
    try:
        act()
    except smtplib.SMTPRecipientsRefused as error:
        ((code, said),) = error.recipients.values()
    except smtplib.SMTPResponseException as error:
        code, said = error.smtp_code, error.smtp_error  # type: ignore[assignment]
    else:
        return ""
    return f"{code} {said.decode() if isinstance(said, bytes) else said}"


def subjects(node: str, login: str, folder: str = "INBOX") -> list[str]:
    """The subjects in a folder, over IMAP."""
    with imaplib.IMAP4(node) as client:
        client.starttls(anyones_tls())
        client.login(login, PASSWORD)
        client.select(folder, readonly=True)
        _, found = client.search(None, "ALL")
        numbers = found[0].split()
        parts = [client.fetch(n.decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0] for n in numbers]
    return [part[1].decode().strip().removeprefix("Subject: ") for part in parts if isinstance(part, tuple)]


def eventually(look: Callable[[], bool], what: str, log: Callable[[], str] = str) -> None:
    """Wait until something is so; ``log`` tells what there is to read when it never is."""
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}\n{log()}"
        time.sleep(0.2)


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 elsewhere ESMTP\r\n")
        for raw in self.rfile:
            word = raw.strip().upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.letters.append(b"".join(line.removeprefix(b".") for line in lines))  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 OK\r\n")
            if word == b"QUIT":
                return


class Elsewhere(socketserver.ThreadingTCPServer):
    """A mail server that takes every message and keeps it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 25), _Talk)
        self.letters: list[bytes] = []

    def about(self, subject: str) -> list[bytes]:
        """The messages with a word in their headers."""
        return [letter for letter in self.letters if subject.encode() in letter.partition(b"\r\n\r\n")[0]]


@contextlib.contextmanager
def elsewhere(address: str) -> Iterator[Elsewhere]:
    """A mail server at an address of this machine, for the time of the block."""
    with Elsewhere(address) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
