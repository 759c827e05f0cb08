"""Posts one signed body to an address on the internet, and to none inside: resolved once, checked, and pinned."""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from hosting.errors import HostingError
from hosting.texts import N_, Text
from observability.context import Trace, current, format_traceparent, new_span_id, valid_trace_id
from observability.redaction import redact_text

#: Seconds for one socket call, for what is sent and answered, and for a whole delivery with its look-up of the name:
#: an answer that drips must not hold the sender.
_TIMEOUT, _DEADLINE, LONGEST = 5.0, 15.0, 30.0
#: Bytes of the answer that are read, and characters of it that are kept.
_READ, KEPT = 4096, 300
#: NAT64 (RFC 6052), translated and compatible addresses (RFC 2765, 4291): an IPv4 address is their end.
_HOLD_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
_IPV6_ONLY = (ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1"))


class BadAddress(HostingError):
    """The address is none that NPanel would post to."""

    code = "bad_address"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be posted: where to, the body, the secret that signs it, and the headers that name it."""

    url: str
    secret: str
    payload: dict[str, Any]
    event: str
    delivery: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: its HTTP status (None when it said nothing), and the first characters, or what failed."""

    status: int | None
    text: str

    @property
    def accepted(self) -> bool:
        """Whether it was a success; a redirect is none."""
        return self.status is not None and 200 <= self.status < 300


def check_url(url: str) -> SplitResult:
    """The parts of an address that webhooks may have: https (plain http in development only), host, no credentials.

    Raises:
        BadAddress: what is wrong with it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad(N_("The address can't be read.")) from error
    schemes = ("https", "http") if settings.NPANEL_WEBHOOK_LOOPBACK else ("https",)
    if parts.scheme not in schemes or not parts.hostname or port == 0:
        raise _bad(N_("The address of a webhook begins with https:// and a host name."))
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad(N_("The address holds a name, a password or a fragment."))
    if not url.isascii() or any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise _bad(N_("The address holds blanks or characters that are not ASCII."))
    return parts


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The signature header: HMAC-SHA256 over ``timestamp.body``, so that an old body can't be sent as a new one."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={mac}"


def post(letter: Letter) -> Answer:
    """Post a letter; whatever goes wrong is an answer without a status, for the row to say."""
    try:
        parts = check_url(letter.url)
        return _exchange(parts, _resolve(parts), letter)
    except HostingError as error:
        return Answer(None, error.detail[:KEPT])
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        return Answer(None, _printable(f"{type(error).__name__}: {error}"))


def _exchange(parts: SplitResult, address: str, letter: Letter) -> Answer:
    body = json.dumps(letter.payload, separators=(",", ":")).encode()
    connection = _Pinned(parts, address)
    watchdog = threading.Timer(_DEADLINE, connection.abort)
    watchdog.daemon = True
    watchdog.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, _headers(letter, body))
        answer = connection.getresponse()
        text = answer.read(_READ).decode("utf-8", "replace")
        return Answer(answer.status, _printable(text))
    finally:
        watchdog.cancel()
        connection.close()


def _printable(text: str) -> str:
    """A receiver may answer with what it was sent, or with its own secrets in a traceback."""
    return "".join(character if character.isprintable() else " " for character in redact_text(text))[:KEPT]


def _trace_of(payload: dict[str, Any]) -> Trace:
    """The trace of what a letter tells of, so that the receiver's own logs join its story; else the running one."""
    data = payload.get("data") or {}
    told = (data.get(name) for name in ("operation", "bulk_run"))
    ids = (str(about.get("trace_id", "")) for about in told if isinstance(about, dict))
    known = next((trace_id for trace_id in ids if valid_trace_id(trace_id)), "")
    return Trace(known, new_span_id()) if known else current()


def _headers(letter: Letter, body: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": f"NPanel/{settings.NPANEL_VERSION}",
        "NPanel-Event": letter.event,
        "NPanel-Delivery": letter.delivery,
        "traceparent": format_traceparent(_trace_of(letter.payload)),
        "NPanel-Signature": sign(letter.secret, int(time.time()), body),
    }


def _resolve(parts: SplitResult) -> str:
    found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    return pinned([str(entry[4][0]) for entry in found])


def pinned(addresses: list[str]) -> str:
    """The one to post to of a name's addresses. All that it stands for must be outside: half a trap is one as well.

    Raises:
        BadAddress: the name leads inside.
    """
    for address in addresses:
        if not _is_outside(address):
            raise _bad(N_("The address leads into a private network."))
    return addresses[0]


def _is_outside(text: str) -> bool:
    """Whether an address is on the internet: not loopback, private, link-local, multicast, reserved, or a way there."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local:
            return False
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or _ipv4_within(address)
        if inner is not None:
            return _is_outside(str(inner))
    if settings.NPANEL_WEBHOOK_LOOPBACK and address.is_loopback:
        return True
    return address.is_global and not address.is_multicast


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address at the end of those that routers translate or once did."""
    inside = address not in _IPV6_ONLY and any(address in network for network in _HOLD_IPV4)
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if inside else None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


class _Pinned(http.client.HTTPConnection):
    """A connection to the one address that was checked, whatever the name would resolve to by now."""

    def __init__(self, parts: SplitResult, address: str) -> None:
        super().__init__(str(parts.hostname), _port(parts), timeout=_TIMEOUT)
        self.default_port = 443 if parts.scheme == "https" else 80  # so that the Host header has the port when needed
        self._address = address
        self._context = ssl.create_default_context() if parts.scheme == "https" else None

    def connect(self) -> None:
        """Connect to the address; the certificate has to be the name's."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)

    def abort(self) -> None:
        """End it from another thread."""
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


def _bad(detail: Text) -> BadAddress:
    return BadAddress(detail, field="url", hint=N_("Use an https address that anybody on the internet can reach."))
