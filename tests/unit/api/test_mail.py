"""Mail over the API: asked for, shown without secrets, and a stranger's not there."""

import pytest

from hosting.models import Autoreply, DkimKey, MailAlias, Mailbox, MailDomain, Operation
from hosting.services.mail import enable_mail
from hosting.services.mail_aliases import create_alias
from hosting.services.mailboxes import create_mailbox
from tests.people import operator
from tests.unit.api.caller import code
from tests.unit.api.conftest import Tenant

PASSWORD = "correct horse battery staple"
HOSTILE = ["a\nb", "a\x00b", "a\u2028b", "../a", "|cat", "${run{id}}", "a b", "a:b"]


def with_mail(tenant: Tenant) -> MailDomain:
    """A tenant with a mailbox and an alias."""
    enable_mail(actor=operator(), domain=tenant.domain)
    mail = MailDomain.objects.get(domain=tenant.domain)
    create_mailbox(actor=operator(), mail=mail, local_part="kim", password=PASSWORD)
    create_alias(actor=operator(), mail=mail, local_part="info", targets=["kim@example.net"])
    return mail


def test_mail_is_made_by_its_owner(ours: Tenant) -> None:
    caller = ours.caller()
    assert caller.post("mail-domains", {"domain": ours.domain.pk}).status_code == 202
    mail = MailDomain.objects.get()
    made = {"mail": mail.pk, "local_part": "Kim", "password": PASSWORD, "quota_mb": 10}
    assert caller.post("mailboxes", made).status_code == 202
    alias = {"mail": mail.pk, "local_part": "info", "targets": ["kim@example.net"]}
    assert caller.post("mail-aliases", alias).status_code == 202
    box = Mailbox.objects.get()
    answer = {"subject": "Away", "body": "Back soon", "end": "2027-01-02"}
    assert caller.post(f"mailboxes/{box.pk}/autoreply", answer).status_code == 202
    assert Autoreply.objects.get().end is not None
    shown = caller.get(f"mailboxes/{box.pk}")
    assert (shown.json()["address"], shown.json()["answers"], shown.json()["quota_mb"]) == (str(box), True, 10)
    texts = shown.content + caller.get("mail-domains").content
    for secret in (box.password_hash, PASSWORD, DkimKey.objects.get().private_key_sealed):
        assert secret.encode() not in texts


def test_a_strangers_mail_is_not_there(ours: Tenant, theirs: Tenant) -> None:
    with_mail(ours)
    mail = with_mail(theirs)
    caller, before = ours.caller(), Operation.objects.count()
    rows = {"mail-domains": MailDomain, "mailboxes": Mailbox, "mail-aliases": MailAlias}
    for name, model in rows.items():
        assert len(caller.ids(name)) == 1
        theirs_pk = model.objects.order_by("-pk").first().pk
        assert code(caller.get(f"{name}/{theirs_pk}")) == (404, "not_found")
        assert code(caller.delete(f"{name}/{theirs_pk}")) == (404, "not_found")
    box = Mailbox.objects.get(mail=mail)
    assert code(caller.post(f"mailboxes/{box.pk}/password", {"password": PASSWORD})) == (404, "not_found")
    made = {"mail": mail.pk, "local_part": "lee", "password": PASSWORD}
    assert code(caller.post("mailboxes", made)) == (422, "invalid")
    assert Operation.objects.count() == before


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_reach_nothing(ours: Tenant, text: str) -> None:
    mail, caller = with_mail(ours), ours.caller()
    before, box = Operation.objects.count(), Mailbox.objects.get()
    for method, path, data in (
        ("POST", "mailboxes", {"mail": mail.pk, "local_part": text, "password": PASSWORD}),
        ("POST", "mail-aliases", {"mail": mail.pk, "local_part": text, "targets": ["kim@example.net"]}),
        ("POST", "mail-aliases", {"mail": mail.pk, "local_part": "x", "targets": [f"{text}@example.net"]}),
        ("PATCH", f"mailboxes/{box.pk}", {"forward_to": [f"kim@{text}"]}),
        ("PATCH", f"mail-domains/{mail.pk}", {"catch_all": f"{text}@example.net"}),
    ):
        assert caller.ask(method, path, data).status_code in (400, 422), path
    assert Operation.objects.count() == before
