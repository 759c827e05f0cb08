"""What a mail test needs of the world: a person's mail program, and a mail server elsewhere that takes everything."""

import base64
import contextlib
import email
import imaplib
import re
import smtplib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message

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


@contextlib.contextmanager
def imap(node: str, login: str) -> Iterator[imaplib.IMAP4]:
    """A person's mail program, signed in."""
    with imaplib.IMAP4(node) as client:
        client.starttls(anyones_tls())
        client.login(login, PASSWORD)
        yield client


def mail_about(node: str, login: str, subject: str, folder: str = "INBOX") -> Message:
    """The one mail with a subject in a folder, with all its headers."""
    with imap(node, login) as client:
        client.select(folder, readonly=True)
        number = client.search(None, "SUBJECT", f'"{subject}"')[1][0].decode()
        part = client.fetch(number, "(BODY.PEEK[])")[1][0]
    assert isinstance(part, tuple), number
    return email.message_from_bytes(part[1])


def put(node: str, login: str, folder: str, mails: list[EmailMessage]) -> None:
    """Put mails into a folder."""
    with imap(node, login) as client:
        for mail in mails:
            assert client.append(folder, None, None, bytes(mail))[0] == "OK"  # type: ignore[arg-type]


def move_all(node: str, login: str, folder: str, target: str) -> None:
    """Move all mails of a folder to another one, as a person does."""
    with imap(node, login) as client:
        client.select(folder)
        assert client.uid("MOVE", "1:*", target)[0] == "OK"


class Filters:
    """A mail program's window for filters: ManageSieve (RFC 5804) over TLS, signed in."""

    def __init__(self, node: str, login: str) -> None:
        plain = socket.create_connection((node, 4190), timeout=PATIENCE)
        self._talk = plain.makefile("rwb")
        self._answer()
        assert self.say("STARTTLS").startswith("OK")
        self._socket = anyones_tls().wrap_socket(plain)
        self._talk = self._socket.makefile("rwb")
        self._answer()
        secret = base64.b64encode(f"\0{login}\0{PASSWORD}".encode()).decode()
        assert self.say(f'AUTHENTICATE "PLAIN" "{secret}"').startswith("OK")

    def say(self, line: str) -> str:
        """Give a command; gives the last line of what is answered, with the text that belongs to it."""
        self._talk.write(line.encode() + b"\r\n")
        self._talk.flush()
        return self._answer()

    def upload(self, script: str, name: str = "mine") -> str:
        """Put a filter there and, if it is taken, into use."""
        said = self.say(f'PUTSCRIPT "{name}" {{{len(script.encode())}+}}\r\n{script}')
        return self.say(f'SETACTIVE "{name}"') if said.startswith("OK") else said

    def none(self) -> str:
        """Use no filter any more."""
        return self.say('SETACTIVE ""')

    def _answer(self) -> str:
        while line := self._talk.readline().decode():
            if line.startswith(("OK", "NO", "BYE")):
                length = re.search(r"\{([0-9]+)\+?\}\r\n$", line)
                return line + (self._talk.read(int(length[1]) + 2).decode() if length else "")
        raise AssertionError("the server hung up")


def eventually(look: Callable[[], bool], what: str, log: Callable[[], str] = str) -> None:
    """Wait until something is so; ``log`` tells what there is to read when it never is."""
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}\n{log()}"
        time.sleep(0.2)


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 elsewhere ESMTP\r\n")
        sender = ""
        for raw in self.rfile:
            word = raw.strip().upper()
            if word.startswith(b"MAIL FROM:"):
                sender = raw.decode().partition("<")[2].partition(">")[0]
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                text = b"".join(line.removeprefix(b".") for line in lines)
                self.server.senders[text] = sender  # type: ignore[attr-defined]
                self.server.letters.append(text)  # type: ignore[attr-defined]
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
        #: Where a bounce of a letter would go.
        self.senders: dict[bytes, str] = {}

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
