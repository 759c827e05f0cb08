"""The program that reads the queue on the node, on spool files as Exim writes them, and its typed answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hosting.adapters.mail_queue import answers
from hosting.errors import HostingError
from hosting.state.mail_queue import MESSAGE_ID

PROGRAM = Path(answers.__file__).with_name("queue_on_node.py")
FIRST, SECOND = "1vOZ2k-000000-01", "1vOZ2z-0000AB-aB"
ENVELOPE = """{id}-H
Debian-exim 105 110
<{sender}>
1764230400 0
-received_time_usec .123456
--helo_name laptop
--host_address [192.0.2.9]:40110
--aclm _alias 25
one
-frozen 1
XX
and more
-aclc _box 12
/etc/npanel/x
--auth_id kim@example.com
{more}-body_linecount 3
{tree}
3
bob@far.test
"odd name"@far.test
sue@else.test kim@example.com 15,0 1,-1#3

206P Received: from laptop
063  Subject: -frozen and SECRET
"""


class Spool:
    """A spool directory of Exim's, and the program on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("input", "msglog"):
            (folder / name).mkdir()

    def put(self, identity: str = FIRST, *, sender: str = "kim@example.com", more: str = "", tree: str = "XX") -> None:
        text = ENVELOPE.format(id=identity, sender=sender, more=more, tree=tree)
        (self.folder / "input" / f"{identity}-H").write_text(text)
        (self.folder / "input" / f"{identity}-D").write_bytes(b"x" * 1000)

    def run(self, *words: str, room: int = 8_000_000) -> str:
        text = PROGRAM.read_text().replace('"/var/spool/exim4"', repr(str(self.folder)))
        assert "8_000_000" in text
        text = text.replace("8_000_000", str(room))
        argv = [sys.executable, "-I", "-S", "-", *words]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_what_an_envelope_says(spool: Spool) -> None:
    spool.put()
    (spool.folder / "msglog" / FIRST).write_text(
        "2026-11-27 Received from kim\n2026-11-27 bob@far.test: no route\n2026-11-27 x@y: t transport succeeded\n"
    )
    (message,) = answers.queue_of(spool.run("list", "10")).messages
    assert (message.message_id, message.since, message.sender) == (FIRST, 1764230400, "kim@example.com")
    assert message.recipients == ("bob@far.test", '"odd name"@far.test', "sue@else.test")
    assert (message.count, message.domains) == (3, ("else.test", "far.test"))
    assert (message.auth, message.login, message.held) == ("kim@example.com", "", False)
    assert (message.said, message.size > 1000) == ("2026-11-27 bob@far.test: no route", True)


def test_who_is_reached_does_not_wait(spool: Spool) -> None:
    """By the envelope's tree, and by the journal of deliveries since it was written."""
    spool.put(tree='YN bob@far.test\nNN "odd name"@far.test')
    (message,) = answers.queue_of(spool.run("list", "10")).messages
    assert message.recipients == ("sue@else.test",)
    (spool.folder / "input" / f"{FIRST}-J").write_text("sue@else.test\n")
    (message,) = answers.queue_of(spool.run("list", "10")).messages
    assert (message.recipients, message.count) == ((), 0)


def test_a_program_of_the_node_and_a_held_message(spool: Spool) -> None:
    spool.put(more="-frozen 1764230500\n-local\n")
    (message,) = answers.queue_of(spool.run("list", "10")).messages
    assert (message.held, message.login, message.auth) == (True, "Debian-exim", "")


def test_the_newest_are_told_and_all_are_counted(spool: Spool) -> None:
    for identity in (SECOND, FIRST):
        spool.put(identity)
    found = answers.queue_of(spool.run("list", "1"))
    assert (found.present, found.total, [one.message_id for one in found.messages]) == (True, 2, [SECOND])
    assert found.oldest == answers.queue_of(spool.run("list", "2")).oldest > 1_700_000_000


def test_long_addresses_make_no_answer_that_is_too_long(spool: Spool) -> None:
    """Else whoever fills the queue keeps it from being looked at."""
    for identity in (FIRST, SECOND):
        spool.put(identity)
    room = len(json.dumps(json.loads(spool.run("list", "1"))["messages"][0]))
    found = answers.queue_of(spool.run("list", "9", room=room))
    assert (found.total, [one.message_id for one in found.messages]) == (2, [SECOND])


def test_nothing_waits_and_no_mail_server_was_ever_there(tmp_path: Path, spool: Spool) -> None:
    assert answers.queue_of(spool.run("list", "5")) == answers.Queue(True, 0, 0, ())
    (tmp_path / "input").rmdir()
    assert answers.queue_of(spool.run("list", "5")).present is False


def test_what_an_intruder_lays_into_the_spool_is_left_alone(spool: Spool, tmp_path: Path) -> None:
    """Links, pipes, names that are no ids, and files that are none of Exim's."""
    (tmp_path / "secret").write_text(f"{FIRST}-H\nroot 0 0\n<SECRET@x>\n1 0\nXX\n0\n")
    (spool.folder / "input" / f"{FIRST}-H").symlink_to(tmp_path / "secret")
    os.mkfifo(spool.folder / "input" / f"{SECOND}-H")
    (spool.folder / "input" / "1vOZ2z-0000AB-aC-H").write_bytes(b"\xff\x00nonsense")
    (spool.folder / "input" / "x;id-H").write_text("SECRET")
    found = answers.queue_of(spool.run("list", "10"))
    assert (found.total, found.messages) == (3, ())


def test_text_and_subject_are_not_told(spool: Spool) -> None:
    spool.put()
    assert "SECRET" not in spool.run("list", "10")


def test_one_is_asked_for_by_name(spool: Spool) -> None:
    spool.put()
    (message,) = answers.messages_of(spool.run("show", FIRST, SECOND))
    assert message.message_id == FIRST
    with pytest.raises(subprocess.CalledProcessError):
        spool.run("show", "../x")


def test_control_signs_of_senders_are_not_passed_on(spool: Spool) -> None:
    spool.put(sender="a\x1b[2Jb\u2028c@x")
    (message,) = answers.queue_of(spool.run("list", "10")).messages
    assert message.sender == "a�[2Jb�c@x"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"present": true, "total": -1, "oldest": 0, "messages": []}',
     '{"present": true, "total": "5", "oldest": 0, "messages": []}',
     '{"present": true, "total": 1, "oldest": 1000000000000, "messages": []}',
     '{"present": true, "total": 4294967296, "oldest": 1, "messages": []}',
     json.dumps({"present": True, "total": 1, "oldest": 1, "messages": [{"id": "../../etc"}]})],
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(HostingError) as raised:
        answers.queue_of(text)
    assert raised.value.code == "command_failed"


@pytest.mark.parametrize("text", ["", "1vOZ2k-000000-0", "1vOZ2k-000000-01\n", "-Mrm", "1vOZ2k/000000/01"])
def test_what_is_no_id(text: str) -> None:
    assert MESSAGE_ID.fullmatch(text) is None
