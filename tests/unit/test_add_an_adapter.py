"""The adapter in docs/how-to/add-an-adapter.md works as it stands there: one file, registered, used."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hosting.adapters import base
from hosting.adapters.base import NodeFacts, Scope, activations, adapter_for
from hosting.connections.base import Context, Http, Reply, Run, perform
from hosting.connections.fake import FakeConnection
from hosting.errors import UnsafeValue
from hosting.state import Change, VirtualHost

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-adapter.md"
FACTS = NodeFacts("n1", "n1", "192.0.2.1")
SITE = VirtualHost(
    owner="al", name="example.com", root="/home/al/sites/example.com/public", aliases=("www.example.com",)
)


@pytest.fixture
def caddy() -> Iterator[ModuleType]:
    """The page's code as a module, registered for this test."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    module = ModuleType("hosting.adapters.caddy")
    exec(compile(code[1], str(PAGE), "exec"), module.__dict__)  # noqa: S102 - our own page
    yield module
    base.unregister("caddy")


@pytest.fixture
def node() -> FakeConnection:
    """A node with a caddy that accepts everything."""
    fake = FakeConnection()
    fake.commands[("caddy", "validate")] = lambda _fake, _run: Reply()
    fake.commands[("systemctl", "reload", "caddy")] = lambda _fake, _run: Reply()
    return fake


def change(before: VirtualHost | None, after: VirtualHost | None) -> Change:
    return Change("virtual_host", SITE.key, before, after)


def test_it_takes_over_sites_by_being_there(caddy: ModuleType) -> None:
    assert adapter_for("virtual_host").kind == "caddy"
    assert list(activations([change(None, SITE)])) == ["caddy"]


@pytest.mark.parametrize("php", [True, False])
@pytest.mark.parametrize("suspended", [True, False])
def test_it_observes_what_it_applied(caddy: ModuleType, node: FakeConnection, php: bool, suspended: bool) -> None:
    site = VirtualHost(
        owner="al", name=SITE.name, root=SITE.root, aliases=SITE.aliases, php=php or suspended, suspended=suspended
    )
    adapter = adapter_for("virtual_host")
    perform(node, adapter.apply(change(None, site), Context()))
    assert perform(node, adapter.observe(Scope(FACTS, owner="al"))) == (site,)
    perform(node, adapter.validate([change(None, site)]))
    perform(node, adapter.activate([change(None, site)]))
    assert ("systemctl", "reload", "caddy") in [r.argv for _context, r in node.requests if isinstance(r, Run)]
    node.http_handlers["http://192.0.2.1/"] = lambda _fake, http: Reply(status=503 if suspended else 200)
    assert perform(node, adapter.probe(site, FACTS)).startswith("answered")
    assert any(isinstance(r, Http) and r.host == site.name for _context, r in node.requests)
    perform(node, adapter.apply(change(site, None), Context()))
    assert perform(node, adapter.observe(Scope(FACTS))) == ()


def test_an_edited_file_is_seen(caddy: ModuleType, node: FakeConnection) -> None:
    adapter = adapter_for("virtual_host")
    perform(node, adapter.apply(change(None, SITE), Context()))
    node.put("/etc/caddy/npanel/al.example.com.caddy", b"http://example.com { respond 200 }\n")
    (found,) = perform(node, adapter.observe(Scope(FACTS, owner="al")))
    assert found != SITE


@pytest.mark.parametrize("root", ["/home/al/x\n\trespond 200", "/home/al/x }", "/home/al/\u2028"])
def test_it_refuses_to_write_what_would_be_read_otherwise(caddy: ModuleType, node: FakeConnection, root: str) -> None:
    site = VirtualHost(owner="al", name=SITE.name, root=root)
    with pytest.raises(UnsafeValue):
        perform(node, adapter_for("virtual_host").apply(change(None, site), Context()))
