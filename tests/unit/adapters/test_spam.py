"""The spam filter's setup, and the learner that takes lessons: what it believes, and whom."""

import os
import socket
import threading
from pathlib import Path

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.adapters.rspamd import learner, setup, teach
from hosting.connections.base import Run, perform
from hosting.connections.fake_node import FakeNode
from hosting.state import DaemonUnit, NodeFile, plan, state_of
from tests.contract.contract import carry_out

FACTS = NodeFacts("n1", "n1.test", "192.0.2.1", memory_mb=2048)


def test_the_node_gets_a_filter_that_only_the_mail_server_reaches() -> None:
    files = {one.path: one.content for one in setup.node_resources(FACTS) if isinstance(one, NodeFile)}
    assert "mode=0660 owner=_rspamd group=Debian-exim" in files["/etc/rspamd/override.d/worker-normal.inc"]
    assert "mode=0600" in files["/etc/rspamd/override.d/worker-controller.inc"]
    assert "enabled = false;" in files["/etc/rspamd/local.d/greylist.conf"]
    assert "reject = null;" in files["/etc/rspamd/local.d/actions.conf"]
    assert "port 0\n" in files["/etc/npanel/redis.conf"]
    assert "maxmemory 128mb\n" in files["/etc/npanel/redis.conf"]
    units = {one.name: one.running for one in setup.node_resources(FACTS) if isinstance(one, DaemonUnit)}
    assert units == {
        "redis-server.service": False,
        "npanel-redis.service": True,
        "npanel-mail-learner.socket": True,
        "rspamd.service": True,
    }


def restarts(node: FakeNode) -> list[str]:
    """What was restarted."""
    return [r.argv[-1] for _, r in node.requests if isinstance(r, Run) and "restart" in r.argv]


def test_setting_it_up_starts_it_once_and_a_second_time_finds_nothing_to_do() -> None:
    node, wanted = FakeNode(installed=False), setup.node_resources(FACTS)
    scope = Scope(FACTS, owner="", setup=wanted)

    def missing() -> object:
        return plan(state_of(perform(node, adapters()["node_setup"].observe(scope))), state_of(wanted))

    carry_out(node, missing())  # type: ignore[arg-type]
    assert restarts(node) == []
    assert not missing()
    node.put("/etc/rspamd/local.d/actions.conf", b"reject = 5;\n")
    carry_out(node, missing())  # type: ignore[arg-type]
    assert restarts(node) == [setup.MEMORY_UNIT, setup.LEARNER_SOCKET_UNIT, setup.UNIT]
    assert perform(node, adapters()["rspamd"].observe(Scope(FACTS))) == ()


@pytest.mark.parametrize(
    "first",
    [
        b"spam kim@a.test",
        b"SPAM kim@a.test\n",
        b"spam kim/x@a.test\n",
        b"spam ../kim@a.test\n",
        b"spam kim@..\n",
        b"spam kim@a.test/../b.test\n",
        b"spam kim@a.test \n",
        b"eggs kim@a.test\n",
        b"spam kim@a.test\r\n",
        b"spam kim@\n",
        b"\n",
    ],
)
def test_what_is_no_lesson_is_none(first: bytes) -> None:
    assert learner.lesson_of(b"ham kim.x@a.test\nmail\nmore") == ("ham", "kim.x", "a.test", b"mail\nmore")
    assert learner.lesson_of(first + b"mail" * (b"\n" in first)) is None


def test_a_mailbox_belongs_to_whom_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "a.test").mkdir()
    (tmp_path / "a.test" / "kim").write_text("# Written by NPanel.\nowner: kim\nlocked: no\n")
    assert learner.owner_of("kim", "a.test", str(tmp_path)) == "kim"
    assert learner.owner_of("ann", "a.test", str(tmp_path)) == ""
    assert learner.owner_of("kim", "b.test", str(tmp_path)) == ""


def test_a_lesson_reaches_the_learner_with_its_giver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    me, given = pwd.getpwuid(os.getuid()).pw_name, []
    monkeypatch.setattr(learner, "learn", lambda *lesson: given.append(lesson) or 200)
    said: list[str] = []
    path = str(tmp_path / "learner.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def take() -> None:
            connection, _ = listener.accept()
            with connection:
                said.append(learner.main(connection))

        for owner in (me, "somebody-else"):
            monkeypatch.setattr(learner, "owner_of", lambda *_names, owner=owner: owner)
            thread = threading.Thread(target=take)
            thread.start()
            teach.teach("spam", "kim@a.test", b"Subject: x\n\nbuy\n", path)
            thread.join()
    assert given == [("spam", "kim@a.test", b"Subject: x\n\nbuy\n")]
    assert said == ["spam for a.test", f"{me} may not teach for a.test"]
