"""Document roots on a real node: the contract, a welcome page, and links a customer plants for root to follow."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hosting.adapters.base import Scope, adapters
from hosting.connections.base import Connection, Context, perform
from hosting.errors import HostingError, UnsafeValue
from hosting.state import Change, DocumentRoot, SystemUser, plan, state_of
from tests.contract.contract import Case, SetUp, carry_out, check_contract, new_context, snapshot, without
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
PUBLIC = "sites/site.test/public"


def owner(name: str) -> SystemUser:
    """The user a document root needs."""
    return SystemUser(name, f"/home/{name}")


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    def publish() -> None:
        script = f"cd ~/{PUBLIC} && rm index.html && mkdir a && echo mine > a/page.html && chmod 0600 a/page.html"
        node.exec(["runuser", "-u", "rootuser", "--", "sh", "-ec", script], check=True)

    root = DocumentRoot("rootuser", PUBLIC)
    check_contract(
        Case(
            adapters()["document_root"],
            connection,
            node,
            set_up("system_user", "document_root"),
            desired=(root, DocumentRoot("rootuser", "sites/other.test/public/web")),
            updated=(root, DocumentRoot("rootuser", "sites/other.test/public/web")),
            needs=(owner("rootuser"),),
            populate=publish,
        )
    )


def test_a_new_site_has_a_welcome_page_that_is_its_owners(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user", "document_root")
    wanted = (owner("gina"), DocumentRoot("gina", PUBLIC))
    carry_out(connection, plan({}, state_of(wanted)))
    page = f"/home/gina/{PUBLIC}/index.html"
    assert "site.test is ready" in node.read(page)
    assert node.exec(["stat", "-c", "%U:%G %a", page], check=True).stdout.strip() == "gina:gina 644"
    carry_out(connection, plan(state_of(wanted), {}), Context())


def test_what_is_there_already_is_left_alone(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user", "document_root")
    carry_out(connection, plan({}, state_of([owner("hans")])))
    node.exec(["runuser", "-u", "hans", "--", "mkdir", "-p", "-m", "0711", f"/home/hans/{PUBLIC}"], check=True)
    before = snapshot(node, ["/home/hans"])
    carry_out(connection, plan({}, state_of([DocumentRoot("hans", PUBLIC)])))
    assert snapshot(node, ["/home/hans"]) == before
    carry_out(connection, plan(state_of([owner("hans"), DocumentRoot("hans", PUBLIC)]), {}), Context())


def test_a_directory_the_customer_made_is_not_taken_for_ours(node: Node, connection: Connection, set_up: SetUp) -> None:
    facts = set_up("system_user", "document_root")
    carry_out(connection, plan({}, state_of([owner("ida")])))
    node.exec(["runuser", "-u", "ida", "--", "mkdir", "-p", "/home/ida/sites/own.test/public"], check=True)
    assert perform(connection, adapters()["document_root"].observe(Scope(facts, owner="ida"))) == ()
    carry_out(connection, plan(state_of([owner("ida")]), {}), Context())


@pytest.mark.parametrize("planted", ["/home/jan/sites", "/home/jan/sites/site.test"])
@pytest.mark.parametrize("target", ["/etc", "/home/victim", "/root"])
def test_root_does_not_follow_a_customers_link(
    node: Node, connection: Connection, set_up: SetUp, planted: str, target: str
) -> None:
    """Neither making, removing nor bringing back a site touches anything behind a planted link."""
    set_up("system_user", "document_root")
    people = (owner("jan"), owner("victim"))
    site = DocumentRoot("jan", PUBLIC)
    carry_out(connection, plan({}, state_of([*people, site])))
    node.exec(["runuser", "-u", "jan", "--", "rm", "-rf", planted], check=True)
    node.exec(["runuser", "-u", "jan", "--", "ln", "-s", target, planted], check=True)
    before = _elsewhere(node)
    context = new_context()
    for attempt in (plan({}, state_of([site])), plan(state_of([site]), {}), plan({}, state_of([site]))):
        try:
            carry_out(connection, attempt, context)
        except HostingError as error:
            assert error.code in ("node_file_error", "path_taken")
        assert _elsewhere(node) == before
    carry_out(connection, plan(state_of([*people, site]), {}), Context())
    assert node.exec(["test", "-d", target]).returncode == (1 if target == "/home/victim" else 0)


def _elsewhere(node: Node) -> object:
    return without(snapshot(node, ["/etc", "/root", "/home/victim"]), ["/etc/*-", "/etc/*.lock"])


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\u0085", "\u2028", "/../../x", "//x", "/."])
def test_paths_that_lead_elsewhere_are_refused(connection: Connection, bad: str) -> None:
    adapter = adapters()["document_root"]
    for broken in (DocumentRoot("kurt", f"{PUBLIC}{bad}"), DocumentRoot(f"kurt{bad}", PUBLIC)):
        with pytest.raises(UnsafeValue):
            perform(connection, adapter.apply(Change(broken.kind, broken.key, None, broken), Context()))


@pytest.fixture
def homes_elsewhere(node: Node) -> Iterator[None]:
    """Homes on a file system of their own, so that nothing can be renamed from there to /var."""
    node.exec(["mount", "-t", "tmpfs", "-o", "mode=0755", "homes", "/home"], check=True)
    yield
    node.exec(["umount", "/home"], check=True)


@pytest.mark.usefixtures("homes_elsewhere")
def test_homes_on_their_own_file_system_keep_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    def live() -> None:
        script = f"cd ~/{PUBLIC} && echo mine > page.html"
        node.exec(["runuser", "-u", "faruser", "--", "sh", "-ec", script], check=True)

    facts = set_up("system_user", "document_root")
    person, root = owner("faruser"), DocumentRoot("faruser", PUBLIC)
    user, folder = adapters()["system_user"], adapters()["document_root"]
    check_contract(Case(folder, connection, node, facts, (root,), (root,), needs=(person,), populate=live))
    check_contract(Case(user, connection, node, facts, (person,), (replace(person, locked=True),)))
