"""Checkpoints reach a syslog that listens, over UDP, TCP and a unix socket; sealing survives one that does not."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from audit.checkpoints import exported
from audit.keys import Signatures
from audit.models import Checkpoint, Event, Seal
from audit.sealing import seal_pending
from audit.syslog import send
from audit.verifying import verify

from .trail import own_keys

pytestmark = pytest.mark.django_db(transaction=True)
#: RFC 5424 §6: priority and version, time, host, application, process, message id, no structured data, the message.
_RFC5424 = re.compile(r"<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ npanel-audit - checkpoint - (\{.*\})")


@pytest.fixture(autouse=True)
def trail(settings: Any, tmp_path: Path) -> None:
    own_keys(settings, tmp_path)


def checkpoint_in(message: str) -> dict[str, Any]:
    """The checkpoint that a message carries; it is one, whole and signed."""
    found = _RFC5424.fullmatch(message)
    assert found, message
    said = json.loads(found[1])
    row = Checkpoint.objects.get(size=said["size"])
    assert (said["head"], said["signature"]) == (row.head_hash, row.signature)
    statement = next(one for one in exported() if one.size == said["size"])
    assert Signatures().are_good(said["key"], said["signature"], statement.payload)
    return dict(said)


def heard(link: socket.socket) -> str:
    """What came over a connection until the other end closed it, without its frame (RFC 6587 §3.4.1)."""
    raw = b""
    while part := link.recv(4096):
        raw += part
    length, _space, message = raw.partition(b" ")
    assert int(length) == len(message)
    return message.decode()


def test_over_tcp(happen: Callable[..., Event], settings: Any) -> None:
    messages: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def listen() -> None:
            for _ in range(2):
                link, _address = server.accept()
                with link:
                    messages.append(heard(link))

        thread = Thread(target=listen)
        thread.start()
        settings.NPANEL_AUDIT_SYSLOG = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        for _ in range(2):
            happen()
            seal_pending()
        thread.join(20)
    assert [checkpoint_in(message)["size"] for message in messages] == [1, 2]


@pytest.mark.parametrize("scheme", ["", "unix://"])
def test_at_a_unix_socket(happen: Callable[..., Event], settings: Any, tmp_path: Path, scheme: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(20)
        settings.NPANEL_AUDIT_SYSLOG = f"{scheme}{tmp_path / 'log'}"
        happen()
        seal_pending()
        assert checkpoint_in(server.recv(4096).decode())["size"] == 1


def test_over_udp(happen: Callable[..., Event], settings: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        settings.NPANEL_AUDIT_SYSLOG = f"udp://127.0.0.1:{server.getsockname()[1]}"
        happen()
        seal_pending()
        assert checkpoint_in(server.recv(4096).decode())["size"] == 1


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:1", "/nowhere/log"])
def test_sealing_goes_on_when_nobody_listens(happen: Callable[..., Event], settings: Any, where: str) -> None:
    settings.NPANEL_AUDIT_SYSLOG = where
    with pytest.raises(OSError):
        send("heard by nobody")
    for _ in range(2):
        happen()
        seal_pending()
    assert Seal.objects.count() == 2
    assert verify().bad is None


def test_what_nobody_took_is_sent_again(happen: Callable[..., Event], settings: Any, tmp_path: Path) -> None:
    settings.NPANEL_AUDIT_SYSLOG = str(tmp_path / "log")
    happen()
    seal_pending()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(20)
        happen()
        seal_pending()
        assert [checkpoint_in(server.recv(4096).decode())["size"] for _ in range(2)] == [1, 2]
