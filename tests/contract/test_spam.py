"""Spam on a real node: marked and filed, never lost, learned from what people move; one domain never for another."""

import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage

import pytest

from hosting.adapters.base import NodeFacts
from hosting.connections.base import Connection, Context
from hosting.state import Mailbox, plan, state_of
from tests.contract import letters
from tests.contract.contract import SetUp, carry_out
from tests.contract.letters import eventually, letter, subjects
from tests.contract.test_mail_flow import DOMAIN, HOST, OTHER, OWNER, RIVAL, Post, boxes_of
from tests.lab.nodes import Node

#: What every filter takes for spam (https://spamassassin.apache.org/gtube/).
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
#: As many lessons of either kind as it takes until the filter goes by what it learned.
LESSONS = 20
PILLS = "cheap blue pills without a prescription from our overseas pharmacy, delivered discreetly to your door tonight"
MINUTES = "minutes of the gardening club: the compost heap moves behind the shed, and Ruth brings seedlings on Friday"
#: What the filter keeps of a domain, as its own user.
_REDIS = ["runuser", "-u", "_rspamd", "--", "redis-cli", "-s", "/run/npanel-redis/redis.sock"]
_KNOCK = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
_TEACH = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/npanel-mail-learner.sock');"
    "s.sendall(b'spam kim@post.test\\nSubject: x\\n\\n' + b'pills and more pills for all of you ' * 9);"
    "s.shutdown(socket.SHUT_WR); s.recv(1)"
)


@pytest.fixture(scope="module")
def facts(node: Node, set_up: SetUp) -> NodeFacts:
    known = set_up("system_user", "exim", "dovecot", "rspamd")
    filter_is_up(node)
    return known


@pytest.fixture(scope="module")
def post(node: Node, connection: Connection, facts: NodeFacts) -> Iterator[Post]:
    """Two services with mailboxes."""
    boxes = boxes_of("kim", "ann")
    eve = replace(boxes["kim"], owner="rival", domain="rival.test", local_part="eve", home="/home/rival")
    everything = state_of([OWNER, OTHER, DOMAIN, RIVAL, eve, *boxes.values()])
    carry_out(connection, plan({}, everything))
    with letters.elsewhere(HOST) as world:
        yield Post(node, connection, world, {**boxes, "eve": eve})
    carry_out(connection, plan(everything, {}), Context())


def filter_is_up(node: Node) -> None:
    """Wait for the filter, whose first start on a machine takes long."""
    for _second in range(120):
        if node.exec(["test", "-S", "/run/rspamd/scanner.sock"]).returncode == 0:
            return
        time.sleep(0.5)
    raise AssertionError(node.exec(["tail", "-n", "20", "/var/log/rspamd/rspamd.log"]).stdout)


def spam(recipient: str, subject: str, **headers: str) -> EmailMessage:
    """A mail that any filter takes for spam."""
    message = letter("bob@far.test", recipient, subject, **headers)
    message.set_content(f"{GTUBE}\n")
    return message


def about(words: str, subject: str, recipient: str = "kim@post.test") -> EmailMessage:
    """A mail with these words; its number makes it another one each time."""
    message = letter("bob@far.test", recipient, subject)
    message.set_content(f"{words}.\n\nThis is {subject}.\n")
    return message


def lessons(node: Node, domain: str) -> tuple[int, int]:
    """How many mails the filter has learned as spam, and as none, for a domain."""
    asked = [*_REDIS, "HMGET", f"RS{domain}", "learns_spam", "learns_ham"]
    spams, hams = (int(line or 0) for line in (node.exec(asked, check=True).stdout + "\n").split("\n")[:2])
    return spams, hams


def score(post: Post, subject: str) -> float:
    """What the filter made of a mail of the pills kind."""
    letters.deliver(post.node.address, about(PILLS, subject))
    where = ["INBOX", "Junk"]
    login = "kim@post.test"
    eventually(lambda: any(subject in subjects(post.node.address, login, folder) for folder in where), subject)
    folder = next(folder for folder in where if subject in subjects(post.node.address, login, folder))
    found: Mailbox | str = letters.mail_about(post.node.address, login, subject, folder)["X-Spam-Status"]
    return float(str(found).partition("score=")[2])


def test_spam_lies_in_junk_and_the_rest_in_the_inbox(post: Post) -> None:
    letters.deliver(post.node.address, spam("kim@post.test", "win"))
    post.deliver("kim@post.test", "hello")
    assert post.mail("kim", "win", "Junk")["X-Spam-Flag"] == "YES"
    assert str(post.mail("kim", "hello")["X-Spam-Status"]).startswith("No, score=")
    assert "win" not in subjects(post.node.address, "kim@post.test")


def test_what_a_stranger_says_of_a_filter_is_not_believed(post: Post) -> None:
    letters.deliver(post.node.address, spam("kim@post.test", "praised", X_Spam_Status="No", X_Spam_Flag="NO"))
    assert post.mail("kim", "praised", "Junk").get_all("X-Spam-Flag") == ["YES"]


def test_what_is_sent_by_people_here_is_not_filtered(post: Post) -> None:
    post.submit("ann", "kim@post.test", "colleague")
    assert post.mail("kim", "colleague")["X-Spam-Status"] is None


def test_mail_flows_without_the_filter_and_says_so(post: Post) -> None:
    post.node.exec(["systemctl", "stop", "rspamd"], check=True)
    try:
        letters.deliver(post.node.address, spam("kim@post.test", "unfiltered"))
        assert str(post.mail("kim", "unfiltered")["X-Spam-Status"]).startswith("Unscanned")
    finally:
        post.node.exec(["systemctl", "start", "rspamd"], check=True)
    filter_is_up(post.node)


def test_a_filter_that_hangs_holds_no_mail_up(post: Post) -> None:
    post.node.exec(["systemctl", "kill", "--signal=SIGSTOP", "rspamd"], check=True)
    try:
        post.deliver("kim@post.test", "patient")
        assert str(post.mail("kim", "patient")["X-Spam-Status"]).startswith("Unscanned")
    finally:
        post.node.exec(["systemctl", "kill", "--signal=SIGCONT", "rspamd"], check=True)


def test_moving_into_junk_and_out_of_it_teaches_the_filter(post: Post) -> None:
    address, login = post.node.address, "kim@post.test"
    before = score(post, "pills-before")
    letters.put(address, login, "Drafts", [about(PILLS, f"pills-{number}") for number in range(LESSONS)])
    letters.move_all(address, login, "Drafts", "Junk")
    eventually(lambda: lessons(post.node, "post.test") == (LESSONS, 0), "lessons of spam", lambda: _said(post.node))
    with letters.imap(address, login) as client:
        client.select("Junk")
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()
    letters.put(address, login, "Junk", [about(MINUTES, f"minutes-{number}") for number in range(LESSONS)])
    letters.move_all(address, login, "Junk", "INBOX")
    eventually(lambda: lessons(post.node, "post.test") == (LESSONS, LESSONS), "lessons of no spam")
    assert score(post, "pills-after") > before + 2
    assert lessons(post.node, "rival.test") == (0, 0)
    letters.deliver(address, about(PILLS, "pills-elsewhere", "eve@rival.test"))
    eventually(lambda: "pills-elsewhere" in subjects(address, "eve@rival.test"), "the rival's mail")
    elsewhere = str(letters.mail_about(address, "eve@rival.test", "pills-elsewhere")["X-Spam-Status"])
    assert float(elsewhere.partition("score=")[2]) < before + 1


def test_what_is_thrown_away_from_junk_teaches_nothing(post: Post) -> None:
    address, login = post.node.address, "eve@rival.test"
    letters.put(address, login, "Junk", [about(PILLS, "away", login)])
    letters.move_all(address, login, "Junk", "Trash")
    letters.put(address, login, "Drafts", [about(PILLS, "kept", login)])
    letters.move_all(address, login, "Drafts", "Junk")
    eventually(lambda: lessons(post.node, "rival.test") == (1, 0), "the lesson", lambda: _said(post.node))


def test_nobody_teaches_for_others(post: Post) -> None:
    before = lessons(post.node, "post.test")
    post.node.exec(["runuser", "-u", "rival", "--", "python3", "-c", _TEACH], check=True)
    eventually(lambda: "rival may not teach for post.test" in _said(post.node), "a refusal", lambda: _said(post.node))
    assert lessons(post.node, "post.test") == before


@pytest.mark.parametrize("place", ["rspamd/scanner", "rspamd/controller", "npanel-redis/redis"])
def test_no_customer_reaches_the_filter_itself(post: Post, place: str) -> None:
    path = f"/run/{place}.sock"
    assert post.node.exec(["test", "-S", path]).returncode == 0
    knock = post.node.exec(["runuser", "-u", "rival", "--", "python3", "-c", _KNOCK, path])
    assert "PermissionError" in knock.stderr
    assert post.node.exec(["ss", "-Hltn", "( sport = 6379 or sport >= 11332 )"]).stdout == ""


def _said(node: Node) -> str:
    return node.exec(["journalctl", "-q", "--no-pager", "-n", "40", "-u", "npanel-mail-learner@*"]).stdout


def test_it_starts_without_asking_for_the_address_of_any_name(post: Post) -> None:
    """Of the distribution's workers two are off; their places were names all the same, and one that found none died."""
    nameless = ["unshare", "--mount", "sh", "-ec", "mount --bind /dev/null /etc/hosts && exec rspamadm configtest"]
    done = post.node.exec(nameless)
    assert "syntax OK" in done.stdout, done.stdout + done.stderr
