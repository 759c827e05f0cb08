"""How well a domain's mail will be taken elsewhere: each finding against a resolver that answers from a table."""

import json
import socketserver
import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from hosting import signals_of_life
from hosting.connections.base import Remove
from hosting.dkim import new_key
from hosting.mail_advice import TITLES, advice_on, overall
from hosting.models import DkimKey, HostingService, MailDomain, MailLookup, MailQueue
from hosting.operations import blocklists, mail_check, mail_lookups
from hosting.operations import mail_queue as queues
from hosting.operations.dns_questions import Questions
from hosting.operations.spf import Spf, evaluate
from hosting.services.mail_lookups import check_mail
from tests.unit.portal.name_server import name_server
from tests.unit.services.world import ADDRESS, World

HOST = "fake1.panel.test"
REVERSE = "1.2.0.192.in-addr.arpa"


@pytest.fixture(autouse=True)
def no_server_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers at the address of an example; that need not take long."""
    monkeypatch.setattr(mail_check, "_PORT_SECONDS", 0.05)


@pytest.fixture
def mail(world: World, service: HostingService) -> MailDomain:
    world.node.facts["hostname"] = HOST
    world.node.save()
    return MailDomain.objects.select_related("domain__service__node").get()


def in_order(key: DkimKey) -> dict[tuple[str, str], list[str]]:
    """What the DNS has of a domain whose mail is in order."""
    half = len(key.public_key) // 2
    return {
        ("example.com", "MX"): ["10 mail.example.com."],
        ("mail.example.com", "A"): [ADDRESS],
        ("example.com", "TXT"): ['"v=spf1 mx ~all"', '"something else"'],
        (f"{key.selector}._domainkey.example.com", "TXT"): [
            f'"v=DKIM1; k=rsa; p={key.public_key[:half]}" "{key.public_key[half:]}"'
        ],
        ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=quarantine"'],
        (REVERSE, "PTR"): [f"{HOST}."],
        (HOST, "A"): [ADDRESS],
    }


def verdicts(mail: MailDomain, table: dict[tuple[str, str], list[str]], settings: Any) -> dict[str, str]:
    with name_server(table) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = mail_check.check(mail)["findings"]
    assert all(advice.text and "%(" not in advice.text + advice.advice for advice in advice_on(found))
    return {finding["check"]: finding["verdict"] for finding in found}


def test_all_in_order(mail: MailDomain, settings: Any) -> None:
    found = verdicts(mail, in_order(DkimKey.objects.get()), settings)
    assert found == {"mx": "here", "spf": "good", "dkim": "good", "dmarc": "good", "rdns": "good", "tls": "closed"}


def test_nothing_is_there(mail: MailDomain, settings: Any) -> None:
    found = verdicts(mail, {("example.com", "A"): [ADDRESS]}, settings)
    assert found | {"tls": ""} == {
        "mx": "missing", "spf": "missing", "dkim": "missing", "dmarc": "missing", "rdns": "missing", "tls": "",
    }  # fmt: skip


def test_nobody_answers(mail: MailDomain, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_check, "_DNS_SECONDS", 0.1)
    with name_server({}, silent=True) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        found = mail_check.check(mail)["findings"]
    assert {one["verdict"] for one in found if one["check"] != "tls"} == {"no_answer"}
    assert overall(advice_on([one for one in found if one["check"] != "tls"])) == "info"


@pytest.mark.parametrize(
    ("name", "kind", "records", "check", "verdict"),
    [
        ("example.com", "MX", ["10 mx.else.test."], "mx", "elsewhere"),
        ("example.com", "TXT", ['"v=spf1 ip4:192.0.2.99 -all"'], "spf", "refused"),
        ("example.com", "TXT", ['"v=spf1 -all"', '"v=spf1 mx -all"'], "spf", "invalid"),
        ("_dmarc.example.com", "TXT", ['"v=DMARC1; p=perhaps"'], "dmarc", "invalid"),
        (REVERSE, "PTR", ["host-1.provider.test."], "rdns", "other_name"),
        (HOST, "A", ["192.0.2.99"], "rdns", "not_back"),
    ],
)
def test_what_is_wrong(
    mail: MailDomain, settings: Any, name: str, kind: str, records: list[str], check: str, verdict: str
) -> None:
    table = {**in_order(DkimKey.objects.get()), (name, kind): records}
    assert verdicts(mail, table, settings)[check] == verdict


def test_mail_elsewhere_is_right_where_it_is_meant(mail: MailDomain, settings: Any) -> None:
    mail.remote = True
    mail.save()
    table = {**in_order(DkimKey.objects.get()), ("example.com", "MX"): ["10 mx.else.test."]}
    assert verdicts(mail, table, settings)["mx"] == "elsewhere_meant"


def test_another_key_in_the_dns_verifies_nothing(mail: MailDomain, settings: Any) -> None:
    """Compared with the key that lies on the node, by a signature."""
    key = DkimKey.objects.get()
    _private, public = new_key()
    for record in (f'"v=DKIM1; k=rsa; p={public[:200]}" "{public[200:]}"', '"v=DKIM1; p="', '"v=DKIM1; p=no base64!"'):
        table = {**in_order(key), (f"{key.selector}._domainkey.example.com", "TXT"): [record]}
        assert verdicts(mail, table, settings)["dkim"] == "differs"


def test_a_node_without_the_key(mail: MailDomain, world: World, settings: Any) -> None:
    key = DkimKey.objects.get()
    world.server.batch([Remove(f"/etc/npanel/mail/domains/example.com/dkim/{key.selector}")])
    assert verdicts(mail, in_order(key), settings)["dkim"] == "no_key"


def test_a_node_with_something_else_in_the_keys_place(mail: MailDomain, world: World, settings: Any) -> None:
    key = DkimKey.objects.get()
    world.server.put(f"/etc/npanel/mail/domains/example.com/dkim/{key.selector}", b"no key\n")
    assert verdicts(mail, in_order(key), settings)["dkim"] == "differs"


@pytest.mark.parametrize(
    ("listed", "verdict"), [(["127.0.0.2"], "listed"), ([], "good"), (["127.255.255.254"], "no_answer")]
)
def test_blocklists_of_the_settings(mail: MailDomain, settings: Any, listed: list[str], verdict: str) -> None:
    table = in_order(DkimKey.objects.get())
    assert "blocklist" not in verdicts(mail, table, settings)
    settings.NPANEL_MAIL_BLOCKLISTS = ["list.test"]
    if listed:
        table[("1.2.0.192.list.test", "A")] = listed
    assert verdicts(mail, table, settings)["blocklist"] == verdict


class _Plain(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 plain ESMTP\r\n")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 plain\r\n")


@pytest.fixture
def plain_server() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_server_without_encryption(plain_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_check, "_PORT_SECONDS", 5.0)
    assert mail_check._port("127.0.0.1", plain_server, HOST).verdict == "no_tls"


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ({"a.test": "v=spf1 ip4:192.0.2.0/24 -all"}, Spf.PASS),
        ({"a.test": "v=spf1 -ip4:192.0.2.7 +all"}, Spf.FAIL),
        ({"a.test": "v=spf1 ?all"}, Spf.NEUTRAL),
        ({"a.test": "v=spf1"}, Spf.NEUTRAL),
        ({"a.test": "v=spf1 ip6:2001:db8::/32 ~all"}, Spf.SOFTFAIL),
        ({"a.test": "v=spf1 a:h.test -all"}, Spf.PASS),
        ({"a.test": "v=spf1 a:far.test/24 -all"}, Spf.PASS),
        ({"a.test": "v=spf1 include:b.test -all", "b.test": "v=spf1 a:h.test -all"}, Spf.PASS),
        ({"a.test": "v=spf1 include:b.test ~all", "b.test": "v=spf1 -all"}, Spf.SOFTFAIL),
        ({"a.test": "v=spf1 include:none.test all"}, Spf.INVALID),
        ({"a.test": "v=spf1 redirect=b.test", "b.test": "v=spf1 a:h.test -all"}, Spf.PASS),
        ({"a.test": "v=spf1 redirect=none.test"}, Spf.INVALID),
        ({"a.test": "v=spf1 include:a.test all"}, Spf.INVALID),
        ({"a.test": "v=spf1 nonsense all"}, Spf.INVALID),
        ({"a.test": "v=spf1 ip4:300.0.0.1 all"}, Spf.INVALID),
        ({"a.test": "v=spf1 exp=x.test -all"}, Spf.FAIL),
        ({"a.test": "v=spf10 all"}, Spf.NONE),
        ({}, Spf.NONE),
    ],
)
def test_spf(records: dict[str, str], verdict: Spf, settings: Any) -> None:
    table = {(name, "TXT"): [f'"{text}"'] for name, text in records.items()}
    table |= {("h.test", "A"): ["192.0.2.7"], ("far.test", "A"): ["192.0.2.99"]}
    with name_server(table) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        assert evaluate(Questions(10.0), "a.test", "192.0.2.7") == verdict


def test_the_worker_answers_and_forgets(world: World, mail: MailDomain, settings: Any) -> None:
    with name_server(in_order(DkimKey.objects.get())) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        row = check_mail(actor=world.actor, mail=mail)
        assert row.state == "waiting"
        mail_lookups.answer_due()
    row.refresh_from_db()
    assert (row.state, {one["check"] for one in row.answer["findings"]} <= set(TITLES)) == ("answered", True)
    mail_lookups.forget_old()
    assert MailLookup.objects.exists()
    MailLookup.objects.update(created_at="2020-01-01T00:00:00Z")
    mail_lookups.forget_old()
    assert not MailLookup.objects.exists()


def test_the_command(world: World, mail: MailDomain, settings: Any) -> None:
    out = StringIO()
    with name_server({}) as server, pytest.raises(SystemExit) as ended:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        call_command("mail_check", "example.com", json=True, stdout=out)
    assert ended.value.code == 2
    assert {one["tone"] for one in json.loads(out.getvalue())["findings"]} == {"bad", "warn"}


def test_a_node_that_is_down_is_an_answer_too(world: World, mail: MailDomain) -> None:
    row = check_mail(actor=world.actor, mail=mail)
    world.server.down = True
    mail_lookups.answer_due()
    row.refresh_from_db()
    assert (row.state, row.error["code"]) == ("failed", "connection_refused")


def test_lists_are_asked_each_hour_and_remembered(world: World, mail: MailDomain, settings: Any) -> None:
    queues.look_at(world.node)
    blocklists.look_due()
    assert MailQueue.objects.get().listed_at is None
    settings.NPANEL_MAIL_BLOCKLISTS = ["list.test", "good.test"]
    with name_server({("1.2.0.192.list.test", "A"): ["127.0.0.2"]}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        blocklists.look_due()
        blocklists.look_due()
        assert len(server.asked) == 2, "not again within the hour"
    told = {sample.name: sample.value for sample in signals_of_life._mail_gauges()}
    assert told["npanel_mail_address_listed"] == 1
    with name_server({}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        MailQueue.objects.update(listed_at="2020-01-01T00:00:00Z")
        blocklists.look_due()
    assert MailQueue.objects.get().listed_on == []
    settings.NPANEL_MAIL_BLOCKLISTS = []
    blocklists.look_due()
    assert "npanel_mail_address_listed" not in {sample.name for sample in signals_of_life._mail_gauges()}


def test_a_list_that_does_not_answer_takes_nothing_back(world: World, mail: MailDomain, settings: Any) -> None:
    queues.look_at(world.node)
    MailQueue.objects.update(listed_on=[f"{ADDRESS} list.test"])
    settings.NPANEL_MAIL_BLOCKLISTS = ["list.test"]
    with name_server({("1.2.0.192.list.test", "A"): ["127.255.255.254"]}) as server:
        settings.NPANEL_HEALTH_RESOLVERS = server.setting
        blocklists.look_due()
    assert MailQueue.objects.get().listed_on == [f"{ADDRESS} list.test"]
