"""A customer's mail on a real server: made in the portal, sent, signed, read, held back and let go again.

The node's MariaDB is stopped while mail flows, and no daemon is reloaded for a mailbox.
"""

import re
import secrets
import shlex
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dkim
import pytest

from tests.contract import letters
from tests.contract.letters import PASSWORD, Elsewhere, eventually, letter, refusal, subjects
from tests.live.front import Doors
from tests.live.panel import Account, Panel
from tests.live.web import Operator

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HOST = "10.77.0.1"
POST, FAR = Account("post", "post.test"), Account("far", "far.test")
OWNER = "paula@post.test"
LIMITS = {"quota_mb": 50, "sends_per_hour": 100}


@dataclass
class Story:
    """A customer with a browser, their server, and a mail server elsewhere."""

    panel: Panel
    person: Operator
    world: Elsewhere

    @property
    def node(self) -> str:
        """The server's address."""
        return self.panel.node.address

    def send(self, path: str, **fields: object) -> dict[str, object]:
        """Send a form of the portal, applied at once; wait for the end of what it asks for."""
        before = len(self.panel.operations("post"))
        page = self.person.post(f"/portal/mail/{path}", approval="at_once", **fields)
        assert "/portal/operations/" in page.url, page.text[:3000]
        self.panel.wait(lambda: len(self.panel.operations("post")) > before, "the operation")
        ended = self.panel.ended("post")
        assert ended["state"] == "succeeded", ended
        return ended

    @property
    def mail(self) -> int:
        """The id of the mail domain."""
        found = "SELECT m.id FROM hosting_maildomain m JOIN hosting_domain d ON d.id = m.domain_id WHERE d.name = %s"
        return int(self.panel.rows(found, POST.domain)[0]["id"])

    def daemons(self) -> str:
        """What a restart or a reload of a mail daemon would change."""
        show = ["systemctl", "show", "exim4", "dovecot", "--property=MainPID,ActiveEnterTimestampMonotonic,NRestarts"]
        logged = ["journalctl", "-u", "dovecot", "-u", "exim4", "--grep=SIGHUP|reload", "-q"]
        return self.panel.node.exec(show, check=True).stdout + self.panel.node.exec(logged).stdout

    def arrives(self, login: str, subject: str) -> None:
        """Wait for a message in a mailbox."""
        eventually(lambda: subject in subjects(self.node, login), f"{subject} for {login}")

    def goes_out(self, subject: str) -> bytes:
        """Wait for a message elsewhere."""
        read: Callable[[], str] = lambda: self.panel.node.read("/var/log/exim4/mainlog")[-3000:]  # noqa: E731
        eventually(lambda: bool(self.world.about(subject)), f"{subject} elsewhere", read)
        return self.world.about(subject)[0]

    def text_record(self, name: bytes, timeout: float = 5.0) -> bytes:
        """What the server's own DNS says, as a verifier asks it."""
        (answer,) = self.panel.visitor.dig(name.decode().rstrip("."), "TXT")
        return "".join(shlex.split(answer)).encode()


@pytest.fixture(scope="module")
def story(panel: Panel, panel_front: Doors) -> Iterator[Story]:
    """Two services: one of a customer who signs in, and the domain of somebody elsewhere."""
    panel.create(POST)
    panel.create(FAR)
    records = ("@ 60 MX 10 mx.far.test.", f"mx 60 A {HOST}")
    panel.manage("zone_edit", FAR.domain, *(word for text in records for word in ("--add", text)), "--yes")
    password = secrets.token_urlsafe(18)
    panel.manage("person_create", OWNER, "--customer", "Customer post", "--password-stdin", given=f"{password}\n")
    resolver = panel.node.read("/etc/resolv.conf")
    panel.node.write("/etc/resolv.conf", f"nameserver {panel.node.address}\n")
    url = f"http://127.0.0.1:{panel_front.port('customer')}"
    with panel.worker(), letters.elsewhere(HOST) as world:
        yield Story(panel, Operator(url, OWNER, password, door="portal"), world)
    panel.node.exec(["systemctl", "start", "mariadb"], check=True)
    panel.node.write("/etc/resolv.conf", resolver)


def test_a_customer_makes_mail_in_the_portal(story: Story) -> None:
    (row,) = story.panel.rows("SELECT id FROM hosting_domain WHERE name = %s", POST.domain)
    story.send(f"on/{row['id']}/")
    mail = story.mail
    before = story.daemons()
    for name in ("kim", "ann"):
        story.send(f"{mail}/add/", local_part=name, password=PASSWORD, **LIMITS)
    story.send(f"{mail}/addresses/add/", local_part="info", targets="kim@post.test\nbob@far.test")
    assert story.daemons() == before, "no daemon was reloaded"
    page = story.person.get(f"/portal/mail/{mail}/").text
    assert "kim@post.test" in page and "ann@post.test" in page
    assert story.panel.visitor.dig(POST.domain, "MX") == ["10 mail.post.test."]


def test_mail_flows_while_mariadb_is_stopped(story: Story) -> None:
    """Sent by SMTP AUTH, read by IMAP, signed so that whoever asks the server's DNS finds it valid."""
    story.panel.node.exec(["systemctl", "stop", "mariadb"], check=True)
    for port in (465, 587):
        sent = letter("kim@post.test", "ann@post.test", f"inside-{port}")
        letters.submit(story.node, "kim@post.test", sent, port=port)
        story.arrives("ann@post.test", f"inside-{port}")
    letters.submit(story.node, "kim@post.test", letter("kim@post.test", "bob@far.test", "outside"))
    received = story.goes_out("outside")
    assert b"DKIM-Signature" in received and dkim.verify(received, dnsfunc=story.text_record)
    letters.deliver(story.node, letter("bob@far.test", "info@post.test", "to-the-alias"))
    story.arrives("kim@post.test", "to-the-alias")
    story.goes_out("to-the-alias")
    stranger = letter("bob@far.test", "bob@far.test", "relay")
    assert refusal(lambda: letters.deliver(story.node, stranger)).startswith("550")


def test_a_mailbox_changes_while_mariadb_is_stopped(story: Story) -> None:
    """Answer, copies, lock: each is so at once, without a reload."""
    (row,) = story.panel.rows("SELECT id FROM hosting_mailbox WHERE local_part = %s", "ann")
    before, box = story.daemons(), row["id"]
    story.send(f"boxes/{box}/answer/", subject="Away", body="Back soon", start="2020-01-01")
    letters.deliver(story.node, letter("bob@far.test", "ann@post.test", "hello"))
    assert b"Back soon" in story.goes_out("Auto-Submitted: auto-replied")
    story.send(f"boxes/{box}/suspend/")
    assert "locked" in refusal(
        lambda: letters.deliver(story.node, letter("bob@far.test", "ann@post.test", "to-a-locked-box"))
    )
    story.send(f"boxes/{box}/resume/")
    letters.deliver(story.node, letter("bob@far.test", "ann@post.test", "opened"))
    story.arrives("ann@post.test", "opened")
    assert story.daemons() == before


def test_a_suspended_service_holds_mail_off_before_it_refuses_a_locked_box(story: Story) -> None:
    """451: the senders' servers try again, so nothing is lost; afterwards all is as it was."""
    story.panel.node.exec(["systemctl", "start", "mariadb"], check=True)
    incoming = letter("bob@far.test", "kim@post.test", "meanwhile")
    story.panel.manage("service_suspend", "post", "--yes")
    assert refusal(lambda: letters.deliver(story.node, incoming)).startswith("451")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        letters.submit(story.node, "kim@post.test", letter("kim@post.test", "bob@far.test", "x"))
    story.panel.manage("service_resume", "post", "--yes")
    letters.deliver(story.node, incoming)
    story.arrives("kim@post.test", "meanwhile")
    assert story.panel.is_as_wanted("post")


def test_mail_that_is_turned_off_leaves_nothing_and_comes_back(story: Story) -> None:
    """Off by the page that asks for the name; its plan is approved, then undone."""
    story.person.post(f"/portal/mail/{story.mail}/off/", typed=POST.domain)
    story.panel.wait(lambda: story.panel.last("post")["state"] == "planned", "the plan")
    operation = story.panel.last("post")["id"]
    page = story.person.get(f"/portal/operations/{operation}/")
    digest = re.search(r'name="digest" value="([0-9a-f]+)"', page.text)
    assert digest is not None
    story.person.post(f"/portal/operations/{operation}/approve/", form=f"/portal/operations/{operation}/",
                      digest=digest[1])  # fmt: skip
    assert story.panel.ended("post")["state"] == "succeeded"
    found = ["find", "/etc/npanel/mail", "/home/post", "-path", "*post.test*", "-name", "*"]
    kept = [path for path in story.panel.node.exec(found).stdout.split() if "/sites/" not in path]
    assert kept == [] and story.panel.visitor.dig(POST.domain, "MX") == []
    story.panel.manage("service_rollback", "post", "--yes")
    assert "meanwhile" in subjects(story.node, "kim@post.test")
    assert story.panel.is_as_wanted("post")
