"""A zone leaves as a file and comes back, and a resolver sees each step of it and of its undo."""

import subprocess
from pathlib import Path

import pytest

from tests.live.panel import Account, Panel

pytestmark = pytest.mark.lab

OLD_PROVIDERS = """$ORIGIN moves.example.test.
$TTL 1h
@       IN SOA  ns.old.test. admin.old.test. ( 2026010101 7200 3600 1209600 300 )
        IN NS   ns.old.test.
        IN MX   10 mail
        IN TXT  "v=spf1 mx ; not a comment" " -all"
        IN CAA  0 issue "letsencrypt.org"
mail    IN A    192.0.2.25
www     IN CNAME @
@       IN A    192.0.2.80
$GENERATE 1-3 host$ 300 A 192.0.2.$
"""


@pytest.fixture(scope="module")
def moving(panel: Panel) -> Account:
    """A service whose domain comes from elsewhere."""
    account = Account("moves", "moves.example.test")
    panel.create(account)
    return account


def test_a_zone_file_goes_in_comes_out_and_changes_nothing(panel: Panel, moving: Account, tmp_path: Path) -> None:
    file, name = tmp_path / "old.zone", moving.domain
    file.write_text(OLD_PROVIDERS)
    at_first = panel.visitor.dig(name, "A")
    done = panel.manage("zone_import", name, str(file), "--yes", plain=True)
    assert "Line 3, moves.example.test SOA, is left out" in done.err and "Line 4" in done.err
    assert panel.visitor.dig(name, "MX") == [f"10 mail.{name}."]
    assert panel.visitor.dig(name, "TXT") == ['"v=spf1 mx ; not a comment" " -all"']
    assert panel.visitor.dig(f"host3.{name}", "A") == ["192.0.2.3"]
    assert panel.visitor.dig(name, "NS") == [f"ns1.{name}.", f"ns2.{name}."]
    exported = panel.manage("zone_export", name, plain=True).out
    file.write_text(exported)
    serial = panel.visitor.dig(name, "SOA")
    assert "0 added, 0 changed, 0 removed" in panel.manage("zone_import", name, str(file), "--preview", plain=True).out
    again = panel.manage("zone_import", name, str(file), "--yes").json
    assert (again["state"], again["plan"]["counts"]) == ("succeeded", {"create": 0, "update": 0, "delete": 0})
    assert panel.visitor.dig(name, "SOA") == serial, "nothing was written"
    panel.manage(
        "zone_edit",
        name,
        "--add",
        "x 60 TXT two words",
        "--delete",
        "mail A",
        "--replace",
        "@ 60 MX 5 x.test.",
        "--yes",
    )
    assert panel.visitor.dig(f"x.{name}", "TXT") == ['"two words"'] and panel.visitor.dig(name, "MX") == ["5 x.test."]
    panel.manage("zone_undo", name, "--yes")
    assert panel.visitor.dig(name, "MX") == [f"10 mail.{name}."]
    panel.manage("zone_undo", name, "--yes")
    assert panel.visitor.dig(name, "A") == at_first and panel.visitor.dig(name, "MX") == []


def _delv(panel: Panel, ds: str, name: str, zone: str, folder: Path) -> str:
    """What a validating resolver says that trusts this DS record and nothing else."""
    tag, algorithm, digest_type, digest = ds.split()
    anchor = folder / "anchor.conf"
    anchor.write_text(f'trust-anchors {{ {zone}. static-ds {tag} {algorithm} {digest_type} "{digest}"; }};\n')
    argv = ("delv", f"@{panel.node.address}", "-a", str(anchor), f"+root={zone}", name, "A")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_a_signed_zone_validates_also_after_a_deletion_was_taken_back(panel: Panel, tmp_path: Path) -> None:
    """Changed, deleted and restored, its answers validate by the DS record that was given to the registrar at first."""
    account = Account("signed", "signed.example.test")
    panel.create(account)
    assert panel.manage("zone_sign", account.domain, "--yes").json["state"] == "succeeded"
    (ds,) = panel.manage("zone_ds", account.domain, expect=None).json["ds"]
    assert "; fully validated" in _delv(panel, ds, account.domain, account.domain, tmp_path)
    panel.manage("zone_edit", account.domain, "--add", "new 60 A 192.0.2.77", "--yes")
    assert "; fully validated" in _delv(panel, ds, f"new.{account.domain}", account.domain, tmp_path)
    assert "negative response, fully validated" in _delv(panel, ds, f"no.{account.domain}", account.domain, tmp_path)
    assert panel.delete("signed")["state"] == "succeeded"
    assert panel.visitor.dig(account.domain, "A") == ["REFUSED"]
    assert panel.manage("service_restore", "signed", "--yes").json["state"] == "succeeded"
    assert "; fully validated" in _delv(panel, ds, f"new.{account.domain}", account.domain, tmp_path)
    panel.manage("zone_unsign", account.domain, "--although-published", "--yes")
    assert panel.visitor.dig(account.domain, "DNSKEY") == []


def test_an_export_is_what_another_name_servers_checker_takes(panel: Panel, moving: Account) -> None:
    """PowerDNS's own reader of zone files, on the node."""
    text = panel.manage("zone_export", moving.domain, plain=True).out
    panel.node.exec(["install", "-m", "644", "/dev/stdin", "/tmp/exported.zone"], input=text, check=True)
    shown = panel.node.exec(["zone2json", "--zone=/tmp/exported.zone", f"--zone-name={moving.domain}"], check=True)
    assert f'"name": "www.{moving.domain}."' in shown.stdout
