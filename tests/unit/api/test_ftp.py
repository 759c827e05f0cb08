"""FTP accounts over the API: asked for, shown without secrets, and a stranger's not there."""

import pytest

from hosting.models import FtpAccount, Operation
from hosting.services.ftp_accounts import create_ftp_account
from tests.people import operator
from tests.unit.api.caller import code
from tests.unit.api.conftest import Tenant

PASSWORD = "correct horse battery staple"
HOSTILE = ["a\nb", "a\x00b", "a\u2028b", "../a", "|cat", "a b", "a:b", "a\x85b"]


def with_account(tenant: Tenant) -> FtpAccount:
    """A tenant with an FTP account."""
    create_ftp_account(actor=operator(), service=tenant.service, name="web", password=PASSWORD)
    return FtpAccount.objects.get(service=tenant.service)


def test_an_account_is_made_changed_and_deleted_by_its_owner(ours: Tenant) -> None:
    caller = ours.caller()
    made = {"service": ours.service.pk, "name": "web", "password": PASSWORD, "folder": "sites", "quota_mb": 10}
    assert caller.post("ftp-accounts", made).status_code == 202
    account = FtpAccount.objects.get()
    path = f"ftp-accounts/{account.pk}"
    shown = caller.get(path)
    assert (shown.json()["name"], shown.json()["folder"], shown.json()["quota_mb"]) == (account.name, "sites", 10)
    assert caller.ask("PATCH", path, {"quota_mb": 20}).status_code == 202
    assert caller.post(f"{path}/password", {"password": "another long password"}).status_code == 202
    assert caller.post(f"{path}/suspend", {}).status_code == 202
    row = FtpAccount.objects.get()
    assert (row.quota_mb, row.folder, row.suspended) == (
        20,
        "sites",
        True,
    ) and row.password_hash != account.password_hash
    assert caller.post(f"{path}/resume", {}).status_code == 202
    texts = caller.get("ftp-accounts").content + shown.content
    for secret in (row.password_hash, account.password_hash, PASSWORD):
        assert secret.encode() not in texts
    assert caller.delete(path).status_code == 202 and not FtpAccount.objects.exists()


def test_a_strangers_account_is_not_there(ours: Tenant, theirs: Tenant) -> None:
    with_account(ours)
    account = with_account(theirs)
    caller, before = ours.caller(), Operation.objects.count()
    assert len(caller.ids("ftp-accounts")) == 1
    for method, path, data in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PATCH", "", {"folder": ""}),
        ("POST", "/password", {"password": PASSWORD}),
        ("POST", "/suspend", {}),
        ("POST", "/resume", {}),
    ):
        assert code(caller.ask(method, f"ftp-accounts/{account.pk}{path}", data)) == (404, "not_found"), (method, path)
    made = {"service": theirs.service.pk, "name": "mine", "password": PASSWORD}
    assert code(caller.post("ftp-accounts", made)) == (422, "invalid")
    assert Operation.objects.count() == before


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_texts_reach_nothing(ours: Tenant, text: str) -> None:
    account, caller = with_account(ours), ours.caller()
    before = Operation.objects.count()
    for method, path, data in (
        ("POST", "ftp-accounts", {"service": ours.service.pk, "name": text, "password": PASSWORD}),
        ("POST", "ftp-accounts", {"service": ours.service.pk, "name": "x", "password": PASSWORD, "folder": text}),
        ("PATCH", f"ftp-accounts/{account.pk}", {"folder": text}),
    ):
        assert caller.ask(method, path, data).status_code in (400, 422), path
    assert Operation.objects.count() == before
