"""Commands about nodes, plans, drift, databases, operators and keys."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from accounts.models import User
from hosting.models import Database, DriftItem, HostingPlan, Node
from hosting.sealing import Sealed
from hosting.services.databases import password_hash
from tests.factories import make_node
from tests.unit.commands.conftest import Manage
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db


# --- drift: 0 nothing, 1 refused, 2 something differs ----------------------------------------------------------------


def test_no_drift_exits_0(manage: Manage, world: World) -> None:
    world.host("example.com")
    assert manage("drift").out.strip() == "No drift."
    ran = manage("drift", "--json")
    assert (ran.status, ran.data) == (0, {"drift": []})


def plant(world: World) -> None:
    """Change a site's file by hand."""
    folder = "/etc/nginx/npanel/sites"
    (name,) = [name for name in world.server.tree.at(folder).children if "example" in name]
    data = world.server.content(f"{folder}/{name}")
    world.server.put(f"{folder}/{name}", data + b"# by hand\n")


def test_drift_exits_2_and_is_repaired(manage: Manage, world: World) -> None:
    world.host("example.com")
    plant(world)
    found = manage("drift", "--node", "fake1", "--json")
    assert found.status == 2
    (item,) = found.data["drift"]
    assert (item["node"], item["kind"], item["key"]) == ("fake1", "virtual_host", "example.com") and item["diff"]
    assert f"{item['id']}  fake1  virtual_host example.com" in manage("drift").out
    repaired = manage("drift", "--repair", str(item["id"]), "--yes", "--json")
    assert (repaired.status, repaired.data["state"]) == (0, "succeeded")
    assert manage("drift").status == 0
    assert DriftItem.objects.get(pk=item["id"]).state == "repaired"
    again = manage("drift", "--repair", str(item["id"]), "--yes", "--json")
    assert (again.status, again.data["error"]["code"]) == (1, "wrong_state")


def test_drift_is_adopted(manage: Manage, world: World) -> None:
    service = world.host("example.com", database="shop", database_password="correct horse battery")
    account = world.server.mariadb.users[f"{service.username}_shop", "localhost"]
    account.password_hash = password_hash("set by hand, 12 long")
    found = manage("drift", "--json")
    (item,) = found.data["drift"]
    assert item["kind"] == "database_user" and account.password_hash not in found.out
    assert manage("drift", "--adopt", str(item["id"])).status == 0
    assert manage("drift").status == 0
    assert service.database_users.get().password_hash == password_hash("set by hand, 12 long")


def test_a_node_that_is_down_has_no_known_drift(manage: Manage, world: World) -> None:
    world.server.down = True
    ran = manage("drift", "--json")
    assert (ran.status, ran.data["error"]["code"]) == (1, "connection_refused")


# --- nodes -----------------------------------------------------------------------------------------------------------


def test_a_node_is_added_with_what_to_do_next(manage: Manage, db: None) -> None:
    ran = manage(
        "node_add", "web-1", "192.0.2.1", "--local", "--public-address", "192.0.2.1", "--nameserver", "NS1.a.b."
    )
    assert ran.status == 0 and "node_bootstrap web-1" in ran.out
    node = Node.objects.get()
    assert (node.connection, node.public_addresses, node.nameservers) == ("local", ["192.0.2.1"], ["ns1.a.b"])


def test_only_the_public_key_is_printed(manage: Manage, db: None) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtq1yQn2w0mSXR7sXFQ2h9cXJNpG0F7d1kqz0KkVvxh"
    ran = manage("node_add", "web-1", "192.0.2.1", "--host-key", key, "--json")
    node = Node.objects.get()
    assert ran.data["public_key"] == node.public_key
    assert "PRIVATE" not in ran.out + ran.err and node.private_key_sealed not in ran.out


def test_a_host_key_may_come_from_a_file(manage: Manage, db: None, tmp_path: Path) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtq1yQn2w0mSXR7sXFQ2h9cXJNpG0F7d1kqz0KkVvxh"
    (tmp_path / "key").write_text(f"{key}\n")
    assert manage("node_add", "web-1", "192.0.2.1", "--host-key", f"@{tmp_path / 'key'}").status == 0
    assert Node.objects.get().host_keys == key


def test_bootstrapping_again_changes_nothing(manage: Manage, world: World) -> None:
    ran = manage("node_bootstrap", "fake1", "--yes", "--json")
    assert (ran.status, ran.data["plan"]["groups"]) == (0, [])


def test_node_check_exits_2_only_when_the_setup_differs(manage: Manage, world: World) -> None:
    ran = manage("node_check", "fake1", "--json")
    assert ran.status == 0 and ran.data["facts"]["cpus"] >= 1
    world.server.put("/etc/php/8.2/fpm/pool.d/npanel.conf", b"# by hand\n")
    assert manage("node_check", "fake1").status == 2


# --- plans, databases, operators, keys -------------------------------------------------------------------------------


def test_a_plan_is_created_once(manage: Manage, db: None) -> None:
    for _n in range(2):
        assert manage("plan_create", "Gold", "--databases", "-1", "--domains", "3", "--json").data == {"plan": "Gold"}
    plan = HostingPlan.objects.get()
    assert (plan.databases, plan.domains, plan.php_processes) == (None, 3, 5)
    before = snapshot()
    ran = manage("plan_create", "Sil\nver", "--json")
    assert (ran.status, ran.data["error"]["code"]) == (1, "invalid") and snapshot() == before


def test_a_made_password_is_printed_once_and_works(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    ran = manage("database_create", "alice", "Shop", "--yes", "--json")
    assert ran.status == 0 and ran.data["state"] == "succeeded"
    account = world.server.mariadb.users["alice_shop", "localhost"]
    assert account.password_hash == password_hash(ran.data["password"])
    assert (ran.out + ran.err).count(ran.data["password"]) == 1
    text = manage("database_create", "alice", "alice_blog", typed="yes")
    assert text.out.count("shown once") == 1 and "alice_blog" in text.out


def test_a_given_password_is_not_printed(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    arguments = ("database_create", "alice", "shop", "--password-stdin", "--yes", "--json")
    ran = manage(*arguments, piped="correct horse battery\n")
    assert ran.status == 0 and "password" not in ran.data and "correct horse" not in ran.out + ran.err
    account = world.server.mariadb.users["alice_shop", "localhost"]
    assert account.password_hash == password_hash("correct horse battery")


def test_names_that_end_alike_are_told_apart(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    for name in ("a_blog", "blog"):
        assert manage("database_create", "alice", name, "--yes").status == 0
    rights = {name: set(user.rights) for (name, _host), user in world.server.mariadb.users.items()}
    assert (
        len(rights["alice_blog"]) == len(rights["alice_a_blog"]) == 1 and rights["alice_blog"] != rights["alice_a_blog"]
    )


def test_a_database_is_only_planned_when_asked(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    ran = manage("database_create", "alice", "shop", "--plan-only", "--json")
    assert ran.status == 2 and world.server.mariadb.databases == {}
    world.work()
    assert not Database.objects.exists()


def test_an_operator_gets_a_password_once(manage: Manage, db: None) -> None:
    ran = manage("operator_create", "Bob@Panel.test", "--role", "support", "--json")
    person = User.objects.get()
    assert (person.email, person.role, person.is_superuser) == ("bob@panel.test", "support", False)
    assert person.check_password(ran.data["password"])
    assert (ran.out + ran.err).count(ran.data["password"]) == 1
    before = snapshot()
    again = manage("operator_create", "bob@panel.test", "--json")
    assert (again.status, again.data["error"]["code"]) == (1, "invalid") and snapshot() == before


def test_an_operators_given_password_is_not_printed(manage: Manage, db: None) -> None:
    ran = manage("operator_create", "bob@panel.test", "--password-stdin", "--json", piped="correct horse battery\n")
    assert "password" not in ran.data and "correct horse" not in ran.out + ran.err
    assert User.objects.get().check_password("correct horse battery")


@pytest.fixture
def own_keys(settings: Any, tmp_path: Path) -> Path:
    """A machine without keys."""
    settings.NPANEL_WORKER_PUBLIC_KEYS = tmp_path / "keys" / "worker.pub"
    settings.NPANEL_WORKER_PRIVATE_KEYS = tmp_path / "keys" / "worker.key"
    settings.NPANEL_QUEUE_KEY_FILE = tmp_path / "keys" / "queue.key"
    return tmp_path / "keys"


def test_keys_are_made_once_and_never_printed(manage: Manage, own_keys: Path, db: None) -> None:
    first = manage("worker_key", "--init")
    kept = {file.name: file.read_text() for file in own_keys.iterdir()}
    assert set(kept) == {"worker.pub", "worker.key", "queue.key"}
    assert {file.stat().st_mode & 0o777 for file in own_keys.iterdir() if file.suffix == ".key"} == {0o600}
    second = manage("worker_key", "--init")
    assert {file.name: file.read_text() for file in own_keys.iterdir()} == kept
    for ran in (first, second):
        assert ran.status == 0 and not any(text.split()[-1] in ran.out + ran.err for text in kept.values())


def test_keys_are_rotated(manage: Manage, own_keys: Path, db: None) -> None:
    manage("worker_key", "--init")
    node = make_node()
    ran = manage("worker_key", "--rotate")
    assert ran.status == 0 and "w2; 1 secrets" in ran.out
    node.refresh_from_db()
    assert Sealed.load(node.secrets_sealed["powerdns_api_key"]).key_id == "w2"


def test_the_worker_does_not_start_without_its_key(manage: Manage, own_keys: Path, db: None) -> None:
    with pytest.raises(CommandError, match="worker_key --init"):
        manage("worker")
