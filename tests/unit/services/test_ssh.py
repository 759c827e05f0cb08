"""SFTP and SSH by their facts and along the whole road: asked for, carried out, taken back, suspended, sold."""

import json

import pytest

from audit.models import Event
from hosting.choices import OperationKind, OperationState
from hosting.desired import adopt_all, service_resources
from hosting.errors import HostingError
from hosting.models import HostingService, Operation, SshKey
from hosting.services.operations import rollback_operation
from hosting.services.plans import change_plan
from hosting.services.sites import apply_service, resume_service, suspend_service
from hosting.services.ssh import add_ssh_key, remove_ssh_key, set_ssh_access
from hosting.state import Change, Ref, SshAccess, SystemUser
from tests.factories import make_plan
from tests.ssh_keys import ed25519_pair, rsa_pair
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
LAPTOP, DESK = ed25519_pair("kim@laptop"), rsa_pair()
FILE = "/etc/npanel/ssh/keys/alice"


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service whose plan has all there is."""
    return world.host("example.com", username="alice", plan=make_plan(ssh="shell"))


def fresh(service: HostingService) -> HostingService:
    return HostingService.objects.get(pk=service.pk)


def wanted(service: HostingService) -> SshAccess | None:
    found = service_resources(fresh(service)).get(Ref("ssh_access", "alice"))
    assert found is None or isinstance(found, SshAccess)
    return found


def add(world: World, service: HostingService, public: str = LAPTOP.public, **more: str) -> Operation:
    return world.run(add_ssh_key(actor=world.actor, service=service, key=public, **more))


def opened(world: World) -> str:
    return world.server.ssh.admits("alice", LAPTOP.blob)


def test_a_key_signs_in_as_soon_as_it_is_there(world: World, service: HostingService) -> None:
    assert wanted(service) is None and not opened(world)
    operation = add(world, service, name="Kim's laptop")
    assert (operation.state, operation.kind) == (OperationState.SUCCEEDED, OperationKind.CHANGE_SSH)
    assert opened(world) == "sftp" and SshKey.objects.get().comment == "Kim's laptop"
    again = world.run(apply_service(actor=world.actor, service=service))
    assert (again.state, (again.plan or {})["changes"]) == ("succeeded", [])
    shown = json.dumps([*Operation.objects.values(), *Event.objects.values()], default=str)
    assert SshKey.objects.get().fingerprint in shown


def test_a_key_that_is_removed_signs_in_no_more_and_undo_brings_it_back(world: World, service: HostingService) -> None:
    add(world, service)
    add(world, service, DESK.public)
    before = wanted(service)
    removal = world.run(remove_ssh_key(actor=world.actor, key=SshKey.objects.get(comment="kim@laptop")))
    assert removal.state == "succeeded" and not opened(world) and world.server.ssh.admits("alice", DESK.blob)
    back = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert back.state == "succeeded" and wanted(service) == before and opened(world) == "sftp"


def test_the_last_key_takes_all_of_it_along(world: World, service: HostingService) -> None:
    groups = world.server.content("/etc/group")
    adding = add(world, service)
    removal = world.run(remove_ssh_key(actor=world.actor, key=SshKey.objects.get()))
    assert removal.state == "succeeded" and not world.server.exists(FILE)
    assert world.server.content("/etc/group") == groups
    world.run(rollback_operation(actor=world.actor, operation=removal))
    assert opened(world) == "sftp" and adding.state == "succeeded"


def test_adding_can_be_undone(world: World, service: HostingService) -> None:
    set_mode(world, service, "shell")
    operation = add(world, service)
    assert opened(world) == "shell" and world.server.accounts.accounts["alice"].shell == "/bin/bash"
    back = world.run(rollback_operation(actor=world.actor, operation=operation))
    assert back.state == "succeeded" and not SshKey.objects.exists() and fresh(service).ssh == "shell"
    assert world.server.accounts.accounts["alice"].shell == "/usr/sbin/nologin" and not opened(world)


def set_mode(world: World, service: HostingService, mode: str) -> Operation:
    return world.run(set_ssh_access(actor=world.actor, service=service, mode=mode))


@pytest.mark.parametrize("first", ["none", "sftp", "shell"])
@pytest.mark.parametrize("second", ["none", "sftp", "shell"])
def test_the_access_changes_and_comes_back(world: World, service: HostingService, first: str, second: str) -> None:
    add(world, service)
    set_mode(world, service, first)
    before = service_resources(fresh(service))
    operation = set_mode(world, service, second)
    assert operation.state == "succeeded" and opened(world) == ("" if second == "none" else second)
    assert SshKey.objects.count() == 1
    if first != second:
        back = world.run(rollback_operation(actor=world.actor, operation=operation))
        assert back.state == "succeeded" and service_resources(fresh(service)) == before
        assert opened(world) == ("" if first == "none" else first)


def test_a_suspension_shuts_and_a_resumption_opens_exactly(world: World, service: HostingService) -> None:
    set_mode(world, service, "shell")
    add(world, service)
    before = world.server.content(FILE), world.server.content("/etc/group"), world.server.content("/etc/passwd")
    world.run(suspend_service(actor=world.actor, service=service))
    assert not opened(world) and LAPTOP.blob not in [
        line.split()[1] for line in world.server.content(FILE).decode().splitlines() if not line.startswith("#")
    ]
    add(world, service, DESK.public)
    assert not world.server.ssh.admits("alice", DESK.blob)
    world.run(remove_ssh_key(actor=world.actor, key=SshKey.objects.get(comment="kim@old")))
    world.run(resume_service(actor=world.actor, service=service))
    after = world.server.content(FILE), world.server.content("/etc/group"), world.server.content("/etc/passwd")
    assert opened(world) == "shell" and after == before


def test_a_deleted_service_leaves_nothing_and_comes_back_with_its_keys(world: World, service: HostingService) -> None:
    groups = world.server.content("/etc/group").replace(b"alice", b"")
    add(world, service)
    deletion = world.delete(service)
    assert deletion.state == "succeeded" and not world.server.exists(FILE)
    assert b"alice" not in world.server.content("/etc/group") and groups
    back = world.run(rollback_operation(actor=world.actor, operation=deletion))
    assert back.state == "succeeded" and opened(world) == "sftp"


def test_what_the_plan_has_not_is_refused(world: World, service: HostingService) -> None:
    change_plan(actor=world.actor, plan=service.plan, ssh="sftp")
    before = snapshot()
    with pytest.raises(HostingError) as refused:
        set_ssh_access(actor=world.actor, service=service, mode="shell")
    assert (refused.value.code, refused.value.field) == ("ssh_not_sold", "mode")
    change_plan(actor=world.actor, plan=service.plan, ssh="none")
    with pytest.raises(HostingError) as refused:
        add_ssh_key(actor=world.actor, service=service, key=LAPTOP.public)
    assert refused.value.code == "ssh_not_sold"
    assert {name: count for name, count in snapshot().items() if name != "Event"} == {
        name: count for name, count in before.items() if name != "Event"
    }


def test_a_smaller_plan_takes_effect_with_the_next_operation(world: World, service: HostingService) -> None:
    add(world, service)
    set_mode(world, service, "shell")
    change_plan(actor=world.actor, plan=service.plan, ssh="sftp")
    assert fresh(service).out_of_sync and set(fresh(service).unsynced) == {"ssh_access:alice", "system_user:alice"}
    world.run(apply_service(actor=world.actor, service=service))
    assert opened(world) == "sftp" and not fresh(service).out_of_sync
    assert world.server.accounts.accounts["alice"].shell == "/usr/sbin/nologin"


def test_a_key_is_there_once_and_there_are_twenty(world: World, service: HostingService) -> None:
    add(world, service)
    for text in (LAPTOP.public, f"{LAPTOP.public} again", " ".join(LAPTOP.public.split()[:2])):
        with pytest.raises(HostingError) as refused:
            add_ssh_key(actor=world.actor, service=service, key=text)
        assert refused.value.code == "ssh_key_taken"
    for _ in range(19):
        add_ssh_key(actor=world.actor, service=service, key=ed25519_pair().public)
    with pytest.raises(HostingError) as refused:
        add_ssh_key(actor=world.actor, service=service, key=ed25519_pair().public)
    assert refused.value.code == "limit_reached" and SshKey.objects.count() == 20


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\x85", "\u2028", "\u2029", "\x1b[2J"], ids=ascii)
def test_hostile_texts_reach_nothing(world: World, service: HostingService, bad: str) -> None:
    before = snapshot()
    for key, name in (
        (f"{LAPTOP.public}{bad}{DESK.public}", ""),
        (f'command="id"{bad}{LAPTOP.public}', ""),
        (LAPTOP.public, f"a{bad}{DESK.public}"),
        (LAPTOP.public, "n" * 101),
    ):
        with pytest.raises(HostingError):
            add_ssh_key(actor=world.actor, service=service, key=key, name=name)
    for mode in (f"shell{bad}", "root", ""):
        with pytest.raises(HostingError):
            set_ssh_access(actor=world.actor, service=service, mode=mode)
    assert snapshot() == before


def test_drift_is_adopted_or_says_why_not(world: World, service: HostingService) -> None:
    add(world, service)
    now = wanted(service)
    assert now is not None
    other = SshAccess("alice", "shell", tuple(sorted(key.value for key in SshKey.objects.all())))
    user = SystemUser("alice", "/home/alice", "/bin/bash")
    with pytest.raises(HostingError):
        adopt_all(fresh(service), [Change("system_user", "alice", None, user)])
    adopt_all(fresh(service), [Change("system_user", "alice", None, user), Change("ssh_access", "alice", now, other)])
    assert wanted(service) == other
    for found in (SshAccess("alice", "sftp", now.keys, locked=True), SshAccess("alice", "sftp", now.keys, edited="x")):
        with pytest.raises(HostingError) as refused:
            adopt_all(fresh(service), [Change("ssh_access", "alice", other, found)])
        assert refused.value.code == "not_adoptable"
