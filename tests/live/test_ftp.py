"""FTP as people meet it: a file goes in and the browser sees it; what is locked, suspended or gone lets nobody in."""

import ftplib
from collections.abc import Iterator

import pytest

from tests.contract.ftp_client import refusal, signed_in
from tests.live.panel import Account, Panel

pytestmark = pytest.mark.lab
PASSWORD, NEW = "correct horse battery", "another horse battery"
UNIT = "pure-ftpd-mysql.service"


@pytest.fixture(scope="module")
def baker(panel: Panel) -> Iterator[Account]:
    """A customer with a site."""
    account = Account("baker", "baker.test")
    panel.create(account)
    yield account
    assert panel.delete("baker")["state"] == "succeeded"


def started(panel: Panel) -> str:
    """What is another way once the daemon is started again."""
    asked = ("--property=MainPID", "--property=NRestarts", "--property=ActiveEnterTimestampMonotonic")
    return str(panel.node.exec(["systemctl", "show", UNIT, *asked], check=True).stdout)


def ftp_files(panel: Panel) -> str:
    """Every file below the daemon's folder with its content's digest."""
    argv = ["find", "/etc/npanel/ftp", "-type", "f", "-exec", "sha256sum", "{}", "+"]
    return "\n".join(sorted(panel.node.exec(argv, check=True).stdout.splitlines()))


def test_an_account_from_the_first_upload_to_its_end(panel: Panel, baker: Account) -> None:
    address, folder = panel.node.address, f"sites/{baker.domain}/public"
    at_first, files = started(panel), ftp_files(panel)
    create = ("ftp_create", "baker", "web", "--folder", folder, "--quota-mb", "1", "--password-stdin", "--yes")
    done = panel.manage(*create, given=f"{PASSWORD}\n").json
    assert done["state"] == "succeeded" and done["result"]["reloads"] == []
    with signed_in(address, "baker_web", PASSWORD) as client:
        client.put("bread.html", b"<h1>Fresh bread</h1>")
        with pytest.raises(ftplib.error_perm, match="552"):
            client.put("oven.bin", b"x" * 1_500_000)
        with pytest.raises(ftplib.error_perm):
            client.cwd("/home")
    assert panel.visitor.get(baker.domain, "/bread.html").text == "<h1>Fresh bread</h1>"
    assert refusal(address, "baker_web", PASSWORD, plain=True).startswith("421")

    panel.manage("ftp_password", "baker_web", "--password-stdin", "--yes", given=f"{NEW}\n")
    assert refusal(address, "baker_web", PASSWORD).startswith("530")
    assert refusal(address, "baker_web", NEW) == ""

    panel.manage("service_suspend", "baker", "--yes")
    assert refusal(address, "baker_web", NEW).startswith("530")
    panel.manage("service_resume", "baker", "--yes")
    assert refusal(address, "baker_web", NEW) == ""
    panel.manage("ftp_change", "baker_web", "--suspend", "--yes")
    assert refusal(address, "baker_web", NEW).startswith("530")
    panel.manage("ftp_change", "baker_web", "--resume", "--folder", "", "--yes")

    assert panel.is_as_wanted("baker") and panel.drift() == []
    assert panel.manage("ftp_delete", "baker_web", "--yes").json["state"] == "succeeded"
    assert refusal(address, "baker_web", NEW).startswith("530")
    assert started(panel) == at_first, "nothing was restarted"
    assert ftp_files(panel) == files, "after the deletion the daemon's files are as they were"
    assert panel.visitor.get(baker.domain, "/bread.html").status == 200, "what was uploaded stays"
    hidden = panel.node.exec(["find", "/home/baker", "-name", ".ftpquota"], check=True).stdout
    assert hidden == ""


def test_a_deleted_service_lets_nobody_in_until_it_is_restored(panel: Panel) -> None:
    account = Account("miller", "miller.test")
    panel.create(account)
    folder = f"sites/{account.domain}/public"
    create = ("ftp_create", "miller", "web", "--folder", folder, "--password-stdin", "--yes")
    panel.manage(*create, given=f"{PASSWORD}\n")
    with signed_in(panel.node.address, "miller_web", PASSWORD) as client:
        client.put("flour.html", b"Flour")
        assert panel.delete("miller")["state"] == "succeeded"
        with pytest.raises((EOFError, OSError, ftplib.Error)):
            client.put("more.html", b"More")
    assert refusal(panel.node.address, "miller_web", PASSWORD).startswith("530")
    assert panel.manage("service_restore", "miller", "--yes").json["state"] == "succeeded"
    with signed_in(panel.node.address, "miller_web", PASSWORD) as client:
        assert client.fetch("flour.html") == b"Flour"
    assert panel.visitor.get(account.domain, "/flour.html").text == "Flour"
    assert panel.delete("miller")["state"] == "succeeded"
