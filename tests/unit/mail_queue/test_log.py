"""The delivery log as Exim writes it: found on the node, read as stories, and cut to what a customer may know."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hosting.adapters.mail_queue import log
from hosting.adapters.mail_queue.log import Found, Viewer, What
from hosting.errors import HostingError
from hosting.services.mail_lookups import checked_query

PROGRAM = Path(log.__file__).with_name("log_on_node.py")
SENT, CAME, OTHER = "1vOZ2k-000000-01", "1vOZ2k-000000-02", "1vOZ2k-000000-03"
ALICE = Viewer("alice", frozenset({"example.com"}))
NOW = f"""2026-11-27 08:00:00 {SENT} <= kim@example.com H=(laptop) [192.0.2.9] P=esmtpsa X=TLS1.3:AES:256 CV=no \
SNI="mail" A=plain:kim@example.com S=1234 id=x@laptop for Bob@far.test sue@far.test
2026-11-27 08:00:01 {SENT} => Bob@far.test R=remote T=remote_smtp H=mx.far.test [192.0.2.7] C="250 2.0.0 Ok: 4X"
2026-11-27 08:00:01 {SENT} ** sue@far.test R=remote T=remote_smtp H=mx.far.test [192.0.2.7]: SMTP error from remote \
mail server after RCPT TO:<sue@far.test>: 550 5.1.1 No such user
2026-11-27 08:00:02 {SENT} Completed
2026-11-27 08:01:00 {CAME} <= bob@far.test H=mx.far.test [192.0.2.7] P=esmtps S=900 id=y@far for info@example.com \
ann@rival.test
2026-11-27 08:01:01 {CAME} => kim <kim@example.com> R=mailbox T=dovecot C="250 2.0.0 Saved"
2026-11-27 08:01:01 {CAME} -> out@else.test <info@example.com> R=aliases T=remote_smtp H=mx.else.test [192.0.2.8]
2026-11-27 08:01:01 {CAME} == ann@rival.test R=suspended defer (-1): 4.2.1 This mail domain is suspended
2026-11-27 08:01:02 H=(spam) [192.0.2.66] F=<x@spam.test> rejected RCPT <nobody@example.com>: 5.1.1 No such address here
2026-11-27 08:01:03 H=(spam) [192.0.2.66] F=<x@spam.test> rejected RCPT <nobody@rival.test>: 5.1.1 No such address here
2026-11-27 08:02:00 {OTHER} <= form@example.com U=rival P=local S=55 for bob@far.test
2026-11-27 08:02:01 {OTHER} == bob@far.test R=remote T=remote_smtp defer (110): Connection timed out
2026-11-27 08:02:02 {OTHER} Frozen
"""


class Logs:
    """A folder of log files, and the program on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, text: str, name: str = "mainlog") -> None:
        data = text.encode("utf-8", "surrogateescape")
        (self.folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)

    def find(self, text: str, **more: object) -> Found:
        program = PROGRAM.read_text().replace('"/var/log/exim4"', repr(str(self.folder)))
        asked = json.dumps({"text": text, "messages": 50, "refusals": 30, "seconds": 20.0, **more})
        argv = [sys.executable, "-I", "-S", "-", "find", asked]
        done = subprocess.run(argv, input=program, capture_output=True, text=True, check=True)
        return log.found_in(done.stdout)


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    made = Logs(tmp_path)
    made.put(NOW)
    return made


def test_the_story_of_a_message(logs: Logs) -> None:
    (story,) = logs.find("SUE@far.test").stories
    assert (story.message_id, story.sender, story.auth, story.login) == (SENT, "kim@example.com", "kim@example.com", "")
    assert (story.recipients, story.size) == (("Bob@far.test", "sue@far.test"), 1234)
    accepted, delivered, bounced, completed = story.events
    assert [event.what for event in story.events] == [What.ACCEPTED, What.DELIVERED, What.BOUNCED, What.COMPLETED]
    assert (delivered.at, delivered.address) == ("2026-11-27 08:00:01", "Bob@far.test")
    assert delivered.detail == "mx.far.test 250 2.0.0 Ok: 4X"
    assert bounced.detail.endswith("550 5.1.1 No such user") and bounced.detail.startswith("SMTP error")
    assert (accepted.address, completed.address) == ("", "")


def test_aliases_mailboxes_and_what_waits(logs: Logs) -> None:
    (story,) = logs.find(CAME).stories
    _accepted, box, onward, late = story.events
    assert (box.address, box.origin, box.detail) == ("kim@example.com", "", "250 2.0.0 Saved")
    assert (onward.address, onward.origin) == ("out@else.test", "info@example.com")
    assert (late.what, late.address) == (What.DEFERRED, "ann@rival.test")
    assert late.detail == "defer (-1): 4.2.1 This mail domain is suspended"


def test_a_program_of_the_node_and_a_held_message(logs: Logs) -> None:
    (story,) = logs.find(OTHER).stories
    assert (story.login, story.auth, story.sender) == ("rival", "", "form@example.com")
    assert story.events[-1].what == What.HELD


def test_the_newest_comes_first_and_a_whole_domain_can_be_asked_for(logs: Logs) -> None:
    assert [story.message_id for story in logs.find("@far.test").stories] == [OTHER, CAME, SENT]


def test_mail_that_was_not_taken(logs: Logs) -> None:
    (refused,) = logs.find("nobody@example.com").refused
    assert (refused.address, refused.detail) == ("nobody@example.com", "5.1.1 No such address here")


def test_a_message_that_began_in_a_rotated_file_is_told_whole(logs: Logs) -> None:
    first, rest = NOW.split("\n", 1)
    logs.put(rest)
    logs.put(f"{first}\n", "mainlog.2.gz")
    (story,) = logs.find("sue@far.test").stories
    assert [event.what for event in story.events][:2] == [What.ACCEPTED, What.DELIVERED]
    (logs.folder / "mainlog.1").symlink_to(logs.folder / "mainlog")
    os.mkfifo(logs.folder / "mainlog.3")
    assert len(logs.find("sue@far.test").stories) == 1


def test_what_was_found_until_the_time_was_up_is_told(logs: Logs) -> None:
    """Looking may take half of the time; the lines of what was found are gathered in the other half."""
    logs.put("".join(f"2026-11-27 07:00:00 x{number}\n" for number in range(2_000_000)), "mainlog.1")
    found = logs.find("sue@far.test", seconds=0.4)
    assert found.complete is False and [story.message_id for story in found.stories] == [SENT]


def test_a_file_that_is_broken_ends_no_search(logs: Logs) -> None:
    (logs.folder / "mainlog.2.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 100)
    assert len(logs.find("sue@far.test").stories) == 1


def test_so_many_and_no_more(logs: Logs) -> None:
    found = logs.find("far.test", messages=1)
    assert [story.message_id for story in found.stories] == [OTHER]
    logs.put(NOW, "mainlog.1")
    assert logs.find("far.test", messages=1).complete is False
    assert logs.find("nothing@like.it").complete is True


def test_the_text_is_fixed(logs: Logs) -> None:
    """Neither a pattern nor a command."""
    for text in (".*", "sue.far.test", "$(id)", "'; id; '"):
        assert logs.find(text).stories == ()


def test_control_signs_of_others_are_not_passed_on(logs: Logs) -> None:
    logs.put(f"2026-11-27 08:00:01 {SENT} ** bob@far.test R=r T=t: 550 \x1b[2Jx\x85y\n")
    (event,) = logs.find("bob@far.test").stories[0].events
    assert "\x1b" not in event.detail and event.detail.startswith("550 ")


def test_a_sender_sees_all_of_what_they_sent(logs: Logs) -> None:
    found = logs.find("far.test")
    seen = log.seen_by(found, ALICE)
    sent = next(story for story in seen.stories if story.message_id == SENT)
    assert sent == next(story for story in found.stories if story.message_id == SENT)


def test_a_sender_is_not_told_where_others_have_their_mail_go_on_to(logs: Logs) -> None:
    logs.put(
        NOW.replace("-> out@else.test <info@example.com> R=aliases", "-> out@else.test <ann@rival.test> R=aliases")
    )
    logs.put((logs.folder / "mainlog").read_text().replace(CAME, SENT))
    (story,) = log.seen_by(logs.find(SENT), ALICE).stories
    assert "else.test" not in json.dumps([[event.address, event.origin, event.detail] for event in story.events])
    assert (What.DELIVERED, "ann@rival.test") in [(event.what, event.address) for event in story.events]


def test_a_recipient_sees_what_concerns_their_own_addresses(logs: Logs) -> None:
    seen = {story.message_id: story for story in log.seen_by(logs.find("far.test"), ALICE).stories}
    assert set(seen) == {SENT, CAME}, "what names their address as its sender is not theirs for that"
    assert seen[CAME].recipients == ("info@example.com",)
    assert "rival" not in json.dumps([event.address for event in seen[CAME].events])
    assert [event.address for event in log.seen_by(logs.find("x@spam.test"), ALICE).refused] == ["nobody@example.com"]


def test_a_stranger_sees_nothing(logs: Logs) -> None:
    assert log.seen_by(logs.find("far.test"), Viewer("nobody", frozenset({"else.test"}))).stories == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"messages": [], "refused": 5, "complete": true}'])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(HostingError) as raised:
        log.found_in(text)
    assert raised.value.code == "command_failed"


@pytest.mark.parametrize("text", ["", "kim", "a b@c.test", "x\n@c.test", "@", "a@", f"{'x' * 255}@c.test", "x\x00@c"])
def test_what_is_no_question(text: str) -> None:
    with pytest.raises(HostingError) as raised:
        checked_query(text)
    assert raised.value.code == "bad_query"


def test_what_is_one() -> None:
    assert [checked_query(text) for text in (" Kim@Example.com ", "@example.com", SENT)] == [
        "kim@example.com", "@example.com", SENT,
    ]  # fmt: skip
