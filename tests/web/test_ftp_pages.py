"""FTP accounts on the portal's and the console's pages."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import MemberAccess
from hosting.choices import OperationKind, OperationState
from hosting.models import FtpAccount, Operation
from tests.web import rows
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def anna(customer_interface: None) -> Account:
    """The account that the portal's tests look at."""
    return account()


def test_the_list_says_what_an_ftp_program_has_to_know(anna: Account) -> None:
    rows.ftp_account(anna.service, "off", suspended=True, folder="sites/anna.example/public", quota_mb=2048)
    page = signed_in(anna.person()).get(reverse("portal:ftp_accounts"))
    text = words(page)
    for said in ("anna_web", "anna_off", "sites/anna.example/public", "All files", "Locked", "21", "FTPES", "2 GB"):
        assert said in text, said
    assert anna.ftp.password_hash not in page.content.decode()
    viewer = words(signed_in(anna.person(MemberAccess.VIEWER)).get(reverse("portal:ftp_accounts")))
    assert "anna_web" in viewer and "Change password" not in viewer and "Add FTP account" not in viewer


def test_an_empty_list_offers_the_first_one(anna: Account) -> None:
    FtpAccount.objects.all().delete()
    assert "No FTP accounts yet" in words(signed_in(anna.person()).get(reverse("portal:ftp_accounts")))


def test_an_account_is_asked_for_in_a_folder_that_is_offered(anna: Account) -> None:
    client, url = signed_in(anna.person()), reverse("portal:ftp_account_add")
    form = client.get(url).context["form"]
    assert [value for value, _label in form.fields["folder"].choices] == ["", anna.domain.root, anna.second.root]
    wish = {"name": "shop", "password": PASSWORD, "folder": anna.domain.root, "quota_mb": "5", "approval": "plan"}
    answer = client.post(url, wish)
    operation = Operation.objects.latest("created_at")
    assert answer.headers["Location"] == reverse("portal:operation", args=(operation.pk,))
    assert (operation.kind, operation.refs) == (OperationKind.ADD_FTP_ACCOUNT, ["ftp_account:anna_shop"])
    made = FtpAccount.objects.get(name="anna_shop")
    assert (made.folder, made.quota_mb) == (anna.domain.root, 5)
    assert "Add the FTP account anna_shop" in words(client.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "../bob"}, "Use lower-case letters"),
        ({"name": "web"}, "already"),
        ({"password": "short"}, "shorter than"),
        ({"folder": "sites/other.example/public"}, "Select a valid choice"),
        ({"quota_mb": "-1"}, "greater than or equal"),
    ],
)
def test_what_is_wrong_is_said_beside_it(anna: Account, wrong: dict[str, str], said: str) -> None:
    wish = {"name": "shop", "password": PASSWORD, "folder": "", "quota_mb": "0", "approval": "plan", **wrong}
    page = signed_in(anna.person()).post(reverse("portal:ftp_account_add"), wish)
    assert page.status_code == 200 and said in words(page)
    assert FtpAccount.objects.count() == 1


def test_everything_else_of_an_account_is_one_form_away(anna: Account) -> None:
    client, operations = signed_in(anna.person()), Operation.objects.count()
    FtpAccount.objects.update(folder="sites/old")
    form = client.get(reverse("portal:ftp_account_change", args=(anna.ftp.pk,))).context["form"]
    assert "sites/old" in dict(form.fields["folder"].choices), "what it is shut into now can stay"
    for name, wish in (
        ("change", {"folder": "", "quota_mb": "3"}),
        ("password", {"password": PASSWORD}),
        ("suspend", {}),
        ("resume", {}),
    ):
        url = reverse(f"portal:ftp_account_{name}", args=(anna.ftp.pk,))
        assert client.post(url, {**wish, "approval": "plan"}).status_code == 302, name
    assert Operation.objects.count() == operations + 4
    url = reverse("portal:ftp_account_delete", args=(anna.ftp.pk,))
    assert client.post(url, {"typed": "anna_we"}).status_code == 200 and FtpAccount.objects.exists()
    assert client.post(url, {"typed": "anna_web"}).status_code == 302 and not FtpAccount.objects.exists()


def test_the_console_shows_and_changes_accounts(admin_client: Client) -> None:
    service = rows.service("anna", "anna.example", node=rows.node("web-1"))
    own: Any = rows.ftp_account(service, folder="sites")
    assert "anna_web" in words(admin_client.get("/admin/hosting/ftpaccount/"))
    base = f"/admin/hosting/ftpaccount/{own.pk}"
    page = admin_client.get(f"{base}/change/")
    assert "/home/anna/sites" in words(page) and own.password_hash not in page.content.decode()
    wish = {"folder": "logs", "quota_mb": "4", "reason": "asked", "approval": "plan"}
    assert admin_client.post(f"{base}/place/", wish).status_code == 302
    own.refresh_from_db()
    assert (own.folder, own.quota_mb) == ("logs", 4)
    for action, more in (("password", {"password": PASSWORD}), ("suspend", {}), ("resume", {}), ("remove", {})):
        assert admin_client.get(f"{base}/{action}/").status_code == 200, action
        assert admin_client.post(f"{base}/{action}/", {"approval": "plan", **more}).status_code == 302, action
    assert not FtpAccount.objects.exists()
    assert Operation.objects.filter(state=OperationState.PENDING).count() >= 4


def test_the_console_adds_one_on_its_service(admin_client: Client) -> None:
    service = rows.service("anna", "anna.example", node=rows.node("web-1"))
    url = f"/admin/hosting/hostingservice/{service.pk}/add-ftp-account/"
    assert "anna_ is put in front" in words(admin_client.get(url))
    wish = {"name": "web", "password": PASSWORD, "folder": "../x", "quota_mb": "0", "approval": "plan"}
    assert "no folder that an FTP account can have" in words(admin_client.post(url, wish))
    assert admin_client.post(url, {**wish, "folder": ""}).status_code == 302
    assert "anna_web" in words(admin_client.get(f"/admin/hosting/hostingservice/{service.pk}/change/"))
