"""Dovecot on a real node: mailboxes."""

from dataclasses import replace

from hosting.adapters.base import adapters
from hosting.connections.base import Connection, Context, perform
from hosting.state import Autoreply, Mailbox, MailDomain, Secret, SystemUser
from tests.contract.contract import Case, SetUp, check_contract
from tests.lab.nodes import Node

OWNER = SystemUser("boxuser", "/home/boxuser")
DOMAIN = MailDomain("boxuser", "box.test")
#: Of the password "correct horse", made with crypt(3).
HASH = "$6$npaneltest$" + "a" * 86
BOX = Mailbox("boxuser", "box.test", "info", "/home/boxuser", Secret(HASH), quota_mb=10)


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    def deliver() -> None:
        message = "Subject: kept\n\nMine.\n"
        node.exec(["/usr/lib/dovecot/dovecot-lda", "-d", BOX.key], input=message, check=True)

    facts = set_up("system_user", "exim", "dovecot")
    reply = Autoreply("Übermorgen zurück", "Bis bald\nIhre Info\n", start="2026-01-01")
    changed = replace(BOX, quota_mb=0, locked=True, sends_per_hour=5, autoreply=reply, forward_to=("x@far.test",))
    case = Case(adapters()["dovecot"], connection, node, facts, (BOX,), (changed,), (OWNER, DOMAIN), populate=deliver)
    check_contract(case)


def test_probes_ask_dovecot_and_exim(node: Node, connection: Connection, set_up: SetUp) -> None:
    facts = set_up("system_user", "exim", "dovecot")
    dovecot = adapters()["dovecot"]
    case = Case(dovecot, connection, node, facts, (BOX,), ())
    case.become((), (OWNER, DOMAIN, BOX))
    assert perform(connection, dovecot.probe(BOX, facts)) == "takes mail"
    locked = replace(BOX, locked=True)
    case.become((BOX,), (locked,))
    assert perform(connection, dovecot.probe(locked, facts)) == "locked"
    case.become((OWNER, DOMAIN, locked), (), Context())
