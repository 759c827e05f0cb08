"""Mail's texts at every door: what ends a line, leaves a folder or means something to a daemon is refused."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from hosting.models import HostingService, MailAlias, Mailbox, MailDomain, Operation
from hosting.services.mail import enable_mail
from hosting.services.mail_aliases import create_alias
from hosting.services.mailboxes import create_mailbox
from npanel.interfaces import interface_settings
from tests import factories, people
from tests.unit.api.caller import Caller
from tests.unit.commands.conftest import Manage, manage
from tests.unit.services.world import World
from tests.web.portal import signed_in

__all__ = ["manage"]

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
#: Line ends of some reader, paths, shells, Exim's and Dovecot's own signs, headers, sieve.
NAMES = (
    "a\rb", "a\nb", "a\x00b", "a\x85b", "a\u2028b", "../a", "a/b", "a b", "|cat", "a:b", "${run{id}}", "a@b", "a\\",
    '"a"', "a;b", "%u", "a+b", "-a", ".a", "a..b", "a" * 65, "{a}", "kim\u200b", "кim",
)  # fmt: skip
#: What is none in a text of many lines either.
LINES = ("a\rb", "a\x00b", "a\x85b", "a\u2028b", "a\x1bb", "a\x7fb")


@dataclass
class Doors:
    """A service with mail, and the four ways to it."""

    world: World
    service: HostingService
    mail: MailDomain
    box: Mailbox
    alias: MailAlias
    manage: Manage

    def state(self) -> str:
        """All that must stay as it is."""
        models = (MailDomain, Mailbox, MailAlias)
        kept = [list(model._default_manager.order_by("pk").values()) for model in models]
        return json.dumps([kept, Operation.objects.count()], default=str)

    def portal(self, name: str, row: Any, **data: Any) -> bool:
        """Whether the portal took it."""
        with override_settings(NPANEL_INTERFACE="customer", **interface_settings("customer")):
            client: Client = signed_in(people.member(self.service.customer))
            answer = client.post(reverse(f"portal:{name}", args=(row.pk,)), {"approval": "at_once", **data})
        assert answer.status_code in (200, 302), answer.status_code
        return answer.status_code == 302

    def console(self, row: Any, action: str, **data: Any) -> bool:
        """Whether the console took it."""
        client = signed_in(people.admin())
        url = f"/admin/hosting/{row._meta.model_name}/{row.pk}/{action}/"
        answer = client.post(url, {"approval": "at_once", **data})
        assert answer.status_code in (200, 302), answer.status_code
        return answer.status_code == 302

    def api(self, method: str, path: str, **data: Any) -> bool:
        """Whether the API took it."""
        status = Caller(people.admin()).ask(method, path, data).status_code
        assert status in (202, 400, 409, 422), status
        return status == 202

    def command(self, *argv: str) -> bool:
        """Whether a command took it."""
        return self.manage(argv[0], "--yes", *argv[1:], piped=f"{PASSWORD}\n").status == 0


@pytest.fixture
def doors(world: World, manage: Manage) -> Iterator[Doors]:
    """One service with a mailbox and an alias."""
    service = world.host("anna.example", username="anna", customer=factories.make_customer())
    actor = world.actor
    enable_mail(actor=actor, domain=service.domains.get())
    mail = MailDomain.objects.get()
    create_mailbox(actor=actor, mail=mail, local_part="kim", password=PASSWORD)
    create_alias(actor=actor, mail=mail, local_part="info", targets=["kim@anna.example"])
    world.work()
    yield Doors(world, service, mail, Mailbox.objects.get(), MailAlias.objects.get(), manage)


def test_every_door_takes_what_is_right(doors: Doors) -> None:
    """What the others see refused is refused for what it says, not because the door is shut."""
    mail, box, alias = doors.mail, doors.box, doors.alias
    limits = {"password": PASSWORD, "quota_mb": 1, "sends_per_hour": 1}
    good, answer = "lee@example.net", {"subject": "Away", "body": "fine"}
    assert doors.portal("mailbox_add", mail, local_part="a1", **limits)
    assert doors.portal("alias_add", mail, local_part="b1", targets=good)
    assert doors.console(mail, "add-mailbox", local_part="a2", **limits)
    assert doors.console(mail, "add-alias", local_part="b2", targets=good)
    assert doors.api("POST", "mailboxes", mail=mail.pk, local_part="a3", password=PASSWORD)
    assert doors.api("POST", "mail-aliases", mail=mail.pk, local_part="b3", targets=[good])
    assert doors.command("mailbox_create", "--password-stdin", "--", "a4@anna.example")
    assert doors.command("mail_alias", "--", "b4@anna.example", good)
    assert doors.portal("mail_catch_all", mail, catch_all=good)
    assert doors.portal("mailbox_forward", box, forward_to=good)
    assert doors.portal("alias_change", alias, targets=good)
    assert doors.console(mail, "catch-all", catch_all=good)
    assert doors.console(box, "forward", forward_to=good)
    assert doors.console(alias, "edit", targets=good)
    assert doors.api("PATCH", f"mail-domains/{mail.pk}", catch_all=good)
    assert doors.api("PATCH", f"mailboxes/{box.pk}", forward_to=[good])
    assert doors.api("PATCH", f"mail-aliases/{alias.pk}", targets=[good])
    assert doors.command("mail_domain", "anna.example", f"--catch-all={good}")
    assert doors.command("mailbox_change", "kim@anna.example", f"--forward-to={good}")
    assert doors.command("mail_alias", "--", "info@anna.example", good)
    assert doors.portal("mailbox_answer", box, **answer) and doors.console(box, "answer", **answer)
    assert doors.api("POST", f"mailboxes/{box.pk}/autoreply", **answer)
    assert doors.portal("mailbox_password", box, password=PASSWORD)
    assert doors.console(box, "password", password=PASSWORD)
    assert doors.api("POST", f"mailboxes/{box.pk}/password", password=PASSWORD)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_an_address(doors: Doors, name: str) -> None:
    mail, before = doors.mail, doors.state()
    limits = {"password": PASSWORD, "quota_mb": 1, "sends_per_hour": 1}
    for taken in (
        doors.portal("mailbox_add", mail, local_part=name, **limits),
        doors.portal("alias_add", mail, local_part=name, targets="kim@anna.example"),
        doors.console(mail, "add-mailbox", local_part=name, **limits),
        doors.console(mail, "add-alias", local_part=name, targets="kim@anna.example"),
        doors.api("POST", "mailboxes", mail=mail.pk, local_part=name, password=PASSWORD),
        doors.api("POST", "mail-aliases", mail=mail.pk, local_part=name, targets=["kim@anna.example"]),
        doors.command("mailbox_create", "--password-stdin", "--", f"{name}@anna.example"),
        doors.command("mail_alias", "--", f"{name}@anna.example", "kim@anna.example"),
    ):
        assert not taken
    assert doors.state() == before


@pytest.mark.parametrize("name", [name for name in NAMES if name != "a+b"])
def test_an_address_that_mail_goes_to(doors: Doors, name: str) -> None:
    mail, box, alias, before = doors.mail, doors.box, doors.alias, doors.state()
    for address in (f"{name}@example.net", f"kim@{name}"):
        for taken in (
            doors.portal("mail_catch_all", mail, catch_all=address),
            doors.portal("mailbox_forward", box, forward_to=address),
            doors.portal("alias_change", alias, targets=address),
            doors.console(mail, "catch-all", catch_all=address),
            doors.console(box, "forward", forward_to=address),
            doors.console(alias, "edit", targets=address),
            doors.api("PATCH", f"mail-domains/{mail.pk}", catch_all=address),
            doors.api("PATCH", f"mailboxes/{box.pk}", forward_to=[address]),
            doors.api("PATCH", f"mail-aliases/{alias.pk}", targets=[address]),
            doors.command("mail_domain", "anna.example", f"--catch-all={address}"),
            doors.command("mailbox_change", "kim@anna.example", f"--forward-to={address}"),
            doors.command("mail_alias", "--", "info@anna.example", address),
        ):
            assert not taken, address
    assert doors.state() == before


@pytest.mark.parametrize("text", LINES)
def test_an_automatic_answer(doors: Doors, text: str) -> None:
    """Browsers send line ends as CR LF; a CR alone, and whatever else controls, is refused in both texts."""
    box, before = doors.box, doors.state()
    for subject, body in ((text, "fine"), ("fine", text), ("a\nb", "fine")):
        for taken in (
            doors.portal("mailbox_answer", box, subject=subject, body=body),
            doors.console(box, "answer", subject=subject, body=body),
            doors.api("POST", f"mailboxes/{box.pk}/autoreply", subject=subject, body=body),
        ):
            assert not taken
    assert doors.state() == before and not hasattr(Mailbox.objects.get(), "autoreply")


@pytest.mark.parametrize(
    "password", ["short", "x" * 73, "a long\npassword", "a long\x00password", "a long\u2028password"]
)
def test_a_password(doors: Doors, password: str) -> None:
    box, before = doors.box, doors.state()
    for taken in (
        doors.portal("mailbox_password", box, password=password),
        doors.console(box, "password", password=password),
        doors.api("POST", f"mailboxes/{box.pk}/password", password=password),
    ):
        assert not taken
    assert doors.state() == before
