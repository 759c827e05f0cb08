"""A node's own packages, files, links and units: bootstrap, its rollback byte for byte, secrets that stay secret."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.connections.base import Connection, perform
from hosting.connections.ssh import SSHConnection
from hosting.errors import HostingError, UnsafeValue
from hosting.state import (
    Change,
    DaemonUnit,
    NodeFile,
    NodeLink,
    Package,
    Plan,
    Ref,
    Resource,
    Secret,
    encode,
    plan,
    state_of,
)
from tests.contract.contract import (
    NOISE,
    WATCHED,
    SetUp,
    bootstrap,
    carry_out,
    difference,
    new_context,
    snapshot,
    without,
)
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab
BARE = NodeFacts("setup", "setup.test", "127.0.0.1")


def observe(connection: Connection, *wanted: Resource) -> dict[Ref, Resource]:
    """What there is of the wanted Resources."""
    return state_of(perform(connection, adapters()["node_setup"].observe(Scope(BARE, owner="", setup=wanted))))


def make(connection: Connection, *wanted: Resource) -> Plan:
    """Plan against what is there, carry it out, and return the plan."""
    changes = plan(observe(connection, *wanted), state_of(wanted))
    carry_out(connection, changes)
    return changes


def test_a_second_bootstrap_finds_nothing_to_do(connection: Connection, node: Node, set_up: SetUp) -> None:
    facts = set_up()
    mine = ("system_user", "document_root", "php_fpm", "nginx", "node_setup")
    wanted = [resource for kind in mine for resource in adapters()[kind].setup(facts)]
    found = observe(connection, *wanted, *getattr(adapters()["nginx"], "unwanted", ()))
    assert plan(found, state_of(wanted)).render() == Plan().render()
    assert found.keys() == state_of(wanted).keys()
    assert node.exec(["nginx", "-t"]).returncode == 0


def test_a_bootstrap_can_be_taken_back_byte_for_byte(fresh_node: Callable[[], Node]) -> None:
    """On a server with stock nginx and PHP: everything that was there before is there again, and nothing more."""
    node = fresh_node()
    own = SSHConnection(node.address, private_key=node.key_path.read_text(), host_key=node.host_key)
    facts = NodeFacts(node.name, f"{node.name}.test", node.address)
    kinds = ("system_user", "document_root", "php_fpm", "nginx", "node_setup")
    before = without(snapshot(node, WATCHED), NOISE)
    wanted = [resource for kind in kinds for resource in adapters()[kind].setup(facts)]
    there = observe(own, *wanted, *getattr(adapters()["nginx"], "unwanted", ()))
    bootstrap(own, facts, kinds)
    assert node.exec(["readlink", "/etc/nginx/sites-enabled/default"]).returncode != 0
    carry_out(own, plan(there, state_of(wanted)).inverse)
    left = difference(before, without(snapshot(node, WATCHED), NOISE))
    assert not [path for path, (was, now) in left.items() if was or not now or not now[0].startswith("0o40")]
    assert node.exec(["systemctl", "is-active", "nginx", "php8.2-fpm"]).stdout.split() == ["active", "active"]
    own.close()


def test_files_carry_their_secret_without_showing_it(node: Node, connection: Connection) -> None:
    file = NodeFile(
        "/etc/npanel-try/api.conf", "user=x\napi-key=@SECRET@\nend\n", mode=0o600, secret=Secret("hunter2secret")
    )
    make(connection, file)
    assert node.read(file.path) == "user=x\napi-key=hunter2secret\nend\n"
    assert node.exec(["stat", "-c", "%a %U", file.path]).stdout == "600 root\n"
    assert observe(connection, file) == state_of([file])
    rotated = replace(file, secret=Secret("another-one"))
    changes = plan(observe(connection, rotated), state_of([rotated]))
    shown = changes.render() + str([encode(change.before) for change in changes.changes])
    assert len(changes) == 1 and "hunter2secret" not in shown and "another-one" not in shown
    carry_out(connection, changes)
    carry_out(connection, changes.inverse)
    assert node.read(file.path) == "user=x\napi-key=hunter2secret\nend\n"
    node.write(file.path, "something else\nold-key=hunter1\n")
    changes = plan(observe(connection, file), state_of([file]))
    assert "hunter1" not in changes.render()
    carry_out(connection, changes)
    carry_out(connection, changes.inverse)
    assert node.read(file.path) == "something else\nold-key=hunter1\n"
    carry_out(connection, plan(state_of([file]), {}))
    assert observe(connection, file) == {}


def test_a_changed_mode_or_owner_is_drift(node: Node, connection: Connection) -> None:
    file = NodeFile("/etc/npanel-try/plain.conf", "a\n", mode=0o640, group="www-data")
    make(connection, file)
    node.exec(["chmod", "0666", file.path], check=True)
    assert observe(connection, file) == state_of([replace(file, mode=0o666)])
    make(connection, file)
    assert node.exec(["stat", "-c", "%a %U:%G", file.path]).stdout == "640 root:www-data\n"


def test_a_strangers_link_in_a_files_place_is_not_followed(node: Node, connection: Connection) -> None:
    node.exec(["ln", "-sf", "/etc/hostname", "/etc/npanel-link.conf"], check=True)
    before = node.read("/etc/hostname")
    with pytest.raises(HostingError):
        carry_out(connection, plan({}, state_of([NodeFile("/etc/npanel-link.conf", "x\n")])))
    assert node.read("/etc/hostname") == before
    node.exec(["rm", "/etc/npanel-link.conf"], check=True)


def test_links_are_made_removed_and_brought_back(node: Node, connection: Connection) -> None:
    link = NodeLink("/etc/npanel-try-link", "/etc/hostname")
    made = make(connection, link)
    assert node.exec(["readlink", link.path]).stdout.strip() == "/etc/hostname"
    carry_out(connection, made.inverse)
    assert observe(connection, link) == {}


def test_units_are_enabled_started_and_put_back(node: Node, connection: Connection) -> None:
    node.write("/etc/systemd/system/npanel-try.service", UNIT)
    node.exec(["systemctl", "daemon-reload"], check=True)
    unit = DaemonUnit("npanel-try.service")
    assert observe(connection, unit) == state_of([replace(unit, enabled=False, running=False)])
    made = make(connection, unit)
    assert observe(connection, unit) == state_of([unit])
    carry_out(connection, made)
    carry_out(connection, made.inverse)
    assert node.exec(["systemctl", "is-enabled", "npanel-try"]).stdout.strip() == "disabled"
    assert node.exec(["systemctl", "is-active", "npanel-try"]).stdout.strip() == "inactive"
    assert observe(connection, DaemonUnit("not-there.service")) == {}


UNIT = "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


def test_a_package_is_installed_from_lists_that_were_too_old(node: Node, connection: Connection) -> None:
    """apt itself, with a source on the node's own disk; taking the installation back removes the package again."""
    _offer(node, "npanel-try")
    package = Package("npanel-try")
    made = make(connection, package)
    assert node.exec(["npanel-try"]).stdout == "installed\n"
    assert observe(connection, package, Package("no-such-package")) == state_of([package])
    assert not make(connection, package)
    carry_out(connection, made.inverse)
    assert node.exec(["test", "-e", "/usr/bin/npanel-try"]).returncode == 1
    assert observe(connection, package) == {}
    with pytest.raises(HostingError):
        make(connection, Package("no-such-package"))


def _offer(node: Node, name: str) -> None:
    """Put a package with one program into a new apt source on the node."""
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
    node.write(f"/root/{name}/DEBIAN/control", control)
    node.write(f"/root/{name}/usr/bin/{name}", "#!/bin/sh\necho installed\n", mode="755")
    node.exec(["mkdir", "-p", "/srv/source"], check=True)
    node.exec(["dpkg-deb", "--build", f"/root/{name}", "/srv/source/x.deb"], check=True)
    digest = node.exec(["sha256sum", "/srv/source/x.deb"], check=True).stdout.split()[0]
    size = node.exec(["stat", "-c", "%s", "/srv/source/x.deb"], check=True).stdout.strip()
    node.write("/srv/source/Packages", f"{control}Filename: ./x.deb\nSize: {size}\nSHA256: {digest}\n\n")
    node.write("/etc/apt/sources.list.d/try.list", "deb [trusted=yes] file:/srv/source ./\n")


@pytest.mark.parametrize(
    "broken",
    [
        Package("--reinstall"),
        Package("x; true"),
        Package("x\n"),
        NodeFile("/etc/../x", "x"),
        NodeFile("etc/x", "x"),
        NodeLink("/etc/x\n", "/x"),
        DaemonUnit("--force.service"),
        DaemonUnit("x.service\n"),
        DaemonUnit("nginx"),
    ],
)
def test_names_that_are_none_are_refused(connection: Connection, broken: Resource) -> None:
    with pytest.raises(UnsafeValue):
        perform(
            connection, adapters()["node_setup"].apply(Change(broken.kind, broken.key, None, broken), new_context())
        )
