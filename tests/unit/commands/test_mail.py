"""Mail at the terminal: made, changed, and taken away by commands, and what they say when something is wrong."""

from typing import Any

import pytest

from hosting.models import DkimKey, MailAlias, Mailbox, MailDomain, Operation
from tests.unit.commands.conftest import Manage
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def alice(world: World) -> Any:
    """The customer whose mail this is."""
    return world.host("example.com", username="alice")


def settings_of(world: World, path: str) -> str:
    """A file below the mail's folder on the server, "" if it is not there."""
    full = f"/etc/npanel/mail/{path}"
    return str(world.server.content(full).decode()) if world.server.exists(full) else ""


def test_mail_is_turned_on_changed_and_off(manage: Manage, world: World) -> None:
    assert manage("mail_domain", "Example.com", "--yes", "--reason", "asked by phone").status == 0
    assert Operation.objects.latest("created_at").reason == "asked by phone"
    assert "local: yes" in settings_of(world, "domains/example.com/domain")
    first = DkimKey.objects.get().selector
    assert manage("mail_domain", "example.com", "--rotate-dkim", "--yes").status == 0
    assert DkimKey.objects.get(state="retired").selector == first
    assert manage("mail_domain", "example.com", "--catch-all", "kim@example.com", "--yes").status == 0
    assert MailDomain.objects.get().catch_all == "kim@example.com"
    assert manage("mail_domain", "example.com", "--remote", "yes", "--yes").status == 0
    assert "local: no" in settings_of(world, "domains/example.com/domain")
    assert manage("mail_domain", "example.com", "--off", "--yes").status == 0
    assert not MailDomain.objects.exists() and not settings_of(world, "domains/example.com/domain")
    assert manage("service_rollback", "alice", "--yes").status == 0
    assert (MailDomain.objects.get().catch_all, MailDomain.objects.get().remote) == ("kim@example.com", True)
    assert "local: no" in settings_of(world, "domains/example.com/domain")


def test_a_mailbox_is_made_changed_and_deleted(manage: Manage, world: World) -> None:
    manage("mail_domain", "example.com", "--yes")
    made = manage("mailbox_create", "Kim@example.com", "--quota-mb", "50", "--password-stdin", "--yes",
                  piped=f"{PASSWORD}\n")  # fmt: skip
    assert made.status == 0 and PASSWORD not in made.out + made.err
    box = Mailbox.objects.get()
    assert (str(box), box.quota_mb) == ("kim@example.com", 50)
    changes = (
        ("--forward-to", "a@example.net", "--forward-to", "b@example.net", "--no-keep"),
        ("--sends-per-hour", "7"),
        ("--suspend",),
    )
    for words in changes:
        assert manage("mailbox_change", "kim@example.com", *words, "--yes").status == 0
    settings = settings_of(world, "boxes/example.com/kim")
    assert "locked: yes" in settings and "sends_per_hour: 7" in settings and "a@example.net" in settings
    assert manage("mailbox_change", "kim@example.com", "--resume", "--yes").status == 0
    assert "locked: no" in settings_of(world, "boxes/example.com/kim")
    before = box.password_hash
    assert manage("mailbox_password", "kim@example.com", "--yes").status == 0
    assert Mailbox.objects.get().password_hash != before
    assert manage("mailbox_change", "kim@example.com", "--delete", "--yes").status == 0
    assert not Mailbox.objects.exists() and not settings_of(world, "boxes/example.com/kim")


def test_an_alias_is_made_changed_and_deleted(manage: Manage, world: World) -> None:
    manage("mail_domain", "example.com", "--yes")
    for targets in (("kim@example.net",), ("lee@example.net", "max@example.net"), ()):
        assert manage("mail_alias", "--yes", "info@example.com", *targets).status == 0
        kept = settings_of(world, "domains/example.com/aliases/info")
        assert all(target in kept for target in targets) and bool(kept) == bool(targets)
    assert not MailAlias.objects.exists()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("mail_domain", "nowhere.example"), "not_found"),
        (("mail_domain", "example.com", "--off"), "not_found"),
        (("mailbox_create", "kim@example.com"), "not_found"),
        (("mailbox_change", "kim@example.com", "--suspend"), "not_found"),
        (("mailbox_password", "kim"), "not_found"),
        (("mail_alias", "info@example.com", "kim@example.net"), "not_found"),
    ],
)
def test_what_is_not_there_is_said(manage: Manage, argv: tuple[str, ...], code: str) -> None:
    before = snapshot()
    ran = manage(*argv, "--yes", "--json")
    assert (ran.status, ran.data["error"]["code"]) == (1, code)
    assert snapshot() == before


@pytest.mark.parametrize("given", ["short\n", "\n", ""])
def test_a_bad_password_leaves_no_mailbox(manage: Manage, given: str) -> None:
    manage("mail_domain", "example.com", "--yes")
    before = snapshot()
    ran = manage("mailbox_create", "kim@example.com", "--password-stdin", "--yes", "--json", piped=given)
    assert (ran.status, ran.data["error"]["code"]) == (1, "weak_password")
    assert snapshot() == before
