"""A second node carries the zones of the first: changes, signatures, the end of one, and while the first is down."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.zone
import pytest

from tests.lab.nodes import Node
from tests.live.panel import NODE, Account, Panel
from tests.live.visitor import Visitor

pytestmark = pytest.mark.lab
NAME = "ns2.carried.test"


@pytest.fixture
def second(panel: Panel, fresh_node: Callable[[], Node]) -> Node:
    """Another node of the panel's."""
    node = fresh_node()
    pinned = ("--host-key", node.host_key, "--identity", str(node.key_path), "--public-address", node.address)
    panel.manage("node_add", "second", node.address, *pinned)
    panel.manage("node_bootstrap", "second", "--yes")
    return node


def soon(panel: Panel, visitor: Visitor, name: str, kind: str, wanted: list[str]) -> float:
    """Wait until a name server says this; gives the seconds that it took."""
    began = time.monotonic()
    panel.wait(lambda: visitor.dig(name, kind) == wanted, f"{name} {kind} {wanted}")
    return time.monotonic() - began


def fetch(node: Node, zone: str, keyring: dict[str, str] | None = None, name: str = "") -> str:
    """Ask for a whole zone: how many names it has, or how that was refused."""
    options = {}
    if keyring is not None:
        key = dns.tsig.Key(f"{name}.", keyring[name], dns.tsig.HMAC_SHA256)
        options = {"keyring": {key.name: key}, "keyname": key.name, "keyalgorithm": dns.tsig.HMAC_SHA256}
    try:
        found = dns.zone.from_xfr(dns.query.xfr(node.address, zone, lifetime=20, **options))  # type: ignore[arg-type]
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return f"{type(error).__name__} {error}"
    return f"{len(found.nodes)} names"


def validated(node: Node, ds: str, name: str, zone: str, folder: Path) -> str:
    tag, algorithm, digest_type, digest = ds.split()
    anchor = folder / "anchor.conf"
    anchor.write_text(f'trust-anchors {{ {zone}. static-ds {tag} {algorithm} {digest_type} "{digest}"; }};\n')
    argv = ("delv", f"@{node.address}", "-a", str(anchor), f"+root={zone}", name, "A")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_a_second_node_answers_for_the_first(panel: Panel, second: Node, tmp_path: Path) -> None:
    account, there = Account("carried", "carried.example.test"), Visitor(second)
    panel.create(account)
    name = account.domain
    assert panel.manage("zone_sign", name, "--yes").json["state"] == "succeeded"
    with panel.worker():
        assert panel.manage("secondary_add", NODE, NAME, "--carrier", "second", "--yes").json["state"] == "succeeded"
        panel.ended("second")
        took = [soon(panel, there, name, "A", panel.visitor.dig(name, "A"))]
        _follows(panel, there, name, took)
        _refuses_strangers(panel, name)
        _validates(panel, second, name, tmp_path)
        _carries_on_alone(panel, second, there, name)
        _ends(panel, there, name)
    print(f"seconds until the secondary answered: {', '.join(f'{seconds:.1f}' for seconds in took)}")


def _follows(panel: Panel, there: Visitor, name: str, took: list[float]) -> None:
    panel.manage("zone_edit", name, "--add", "new 60 A 192.0.2.77", "--yes")
    took.append(soon(panel, there, f"new.{name}", "A", ["192.0.2.77"]))
    panel.manage("zone_edit", name, "--replace", "new 60 A 192.0.2.78", "--yes")
    took.append(soon(panel, there, f"new.{name}", "A", ["192.0.2.78"]))
    panel.create(Account("later", "later.example.test"))
    took.append(soon(panel, there, "later.example.test", "A", panel.visitor.dig("later.example.test", "A")))
    panel.delete("later")
    took.append(soon(panel, there, "later.example.test", "A", ["REFUSED"]))
    panel.wait(lambda: panel.manage("secondary_show", NODE, expect=None).status == 0, "the secondary to be level")
    assert panel.is_as_wanted("carried")
    assert not [item for item in panel.drift() if item["kind"] == "dns_zone"]


def _refuses_strangers(panel: Panel, name: str) -> None:
    (facts,) = panel.manage("secondary_show", NODE, "--with-key").json["secondaries"]
    key, secret = facts["settings"]["key_name"], facts["settings"]["key"]
    assert "names" in fetch(panel.node, name, {key: secret}, key)
    assert "names" not in fetch(panel.node, name), "without a key"
    assert "names" not in fetch(panel.node, name, {key: "A" * 43 + "="}, key), "with a wrong key"
    assert "names" not in fetch(panel.node, name, {f"x.{key}": secret}, f"x.{key}"), "by another name"
    assert "names" not in fetch(panel.node, facts["settings"]["catalog"]), "the catalog names every customer"
    assert secret not in panel.everything_written()


def _validates(panel: Panel, second: Node, name: str, folder: Path) -> None:
    (ds,) = panel.manage("zone_ds", name, expect=None).json["ds"]
    assert "; fully validated" in validated(second, ds, f"new.{name}", name, folder)
    assert "negative response, fully validated" in validated(second, ds, f"no.{name}", name, folder)


def _carries_on_alone(panel: Panel, second: Node, there: Visitor, name: str) -> None:
    panel.node.exec(["systemctl", "stop", "pdns"], check=True)
    try:
        assert there.dig(f"new.{name}", "A") == ["192.0.2.78"]
    finally:
        panel.node.exec(["systemctl", "start", "pdns"], check=True)
    second.exec(["systemctl", "stop", "pdns"], check=True)
    try:
        shown = panel.manage("secondary_show", NODE, expect=2).json["secondaries"][0]
        assert name in shown["behind"]
        assert panel.manage("health", "secondaries", expect=2, plain=True).out.count("down")
    finally:
        second.exec(["systemctl", "start", "pdns"], check=True)
    panel.wait(lambda: panel.manage("secondary_show", NODE, expect=None).status == 0, "the secondary to be level")


def _ends(panel: Panel, there: Visitor, name: str) -> None:
    addresses = panel.visitor.dig(name, "A")
    assert panel.manage("secondary_remove", NODE, NAME, "--yes").json["state"] == "succeeded"
    panel.ended("second")
    soon(panel, there, name, "A", ["REFUSED"])
    assert panel.visitor.dig(name, "A") == addresses and panel.is_as_wanted("carried")
    assert "names" not in fetch(panel.node, name)
