"""FTP accounts along the whole road: asked for, carried out, taken back, and no password kept readable."""

import json

import bcrypt
import pytest

from audit.models import Event
from hosting.adapters.base import Scope, adapters
from hosting.adapters.pure_ftpd import setup
from hosting.connections.base import perform
from hosting.desired import adopt_all, node_facts, service_resources
from hosting.errors import HostingError
from hosting.models import ActivationLock, FtpAccount, HostingService, JournalEntry, Operation
from hosting.operations.present import plan_view
from hosting.services.ftp_accounts import (
    change_ftp_account,
    create_ftp_account,
    delete_ftp_account,
    resume_ftp_account,
    set_ftp_password,
    suspend_ftp_account,
)
from hosting.services.lifecycle import restore_service
from hosting.services.operations import rollback_operation
from hosting.services.sites import apply_service, create_service, resume_service, suspend_service
from hosting.state import Change, Ref, Resource
from hosting.state import FtpAccount as FtpAccountResource
from tests.factories import make_plan
from tests.unit.services.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
SITE = "sites/example.com/public"
FILE = f"{setup.ACCOUNTS}/alice_web"
HOSTILE = ["a\nb", "a\rb", "a\x00b", "a\x85b", "a\u2028b", "../a", "a/b", "a b", "|cat", "a:b", "${x}", "", "a_b", "ä"]


@pytest.fixture
def service(world: World) -> HostingService:
    """A hosted service."""
    return world.host("example.com", username="alice")


@pytest.fixture
def account(world: World, service: HostingService) -> FtpAccount:
    """An account that is on its node."""
    asked = create_ftp_account(
        actor=world.actor, service=service, name="web", password=PASSWORD, folder=SITE, quota_mb=5
    )
    done = world.run(asked)
    assert done.state == "succeeded", done.error
    return FtpAccount.objects.get()


def hash_of(account: FtpAccount) -> str:
    return FtpAccount.objects.get(pk=account.pk).password_hash


def lets_in(world: World, account: FtpAccount) -> str:
    """The folder in which somebody with the account's password is, "" for nowhere."""
    return world.server.ftp.lets_in("alice_web", hash_of(account))


def resources(service: HostingService) -> dict[Ref, Resource]:
    return service_resources(HostingService.objects.get(pk=service.pk))


def test_an_account_comes_to_its_node_and_nothing_is_reloaded(world: World, account: FtpAccount) -> None:
    assert lets_in(world, account) == f"/home/alice/{SITE}"
    assert account.password_hash.startswith("$2b$10$") and bcrypt.checkpw(
        PASSWORD.encode(), account.password_hash.encode()
    )
    operation = Operation.objects.latest("created_at")
    assert operation.result["reloads"] == [] and plan_view(operation).reloads == ()
    assert ActivationLock.objects.get(node=world.node).reloads["pure_ftpd"] == 1, "by the node's bootstrap alone"
    again = world.run(apply_service(actor=world.actor, service=account.service))
    assert (again.state, (again.plan or {}).get("changes")) == ("succeeded", [])


def test_no_password_is_kept_readable(world: World, account: FtpAccount) -> None:
    kept = json.dumps(
        [*Operation.objects.values(), *JournalEntry.objects.values(), *Event.objects.values()], default=str
    )
    assert "alice_web" in kept and PASSWORD not in kept and account.password_hash not in kept
    for _context, request in world.server.requests:
        assert account.password_hash not in str(getattr(request, "argv", ()))


def test_another_password_ends_sessions(world: World, account: FtpAccount) -> None:
    old = account.password_hash
    world.run(set_ftp_password(actor=world.actor, account=account, password="another long password"))
    assert world.server.ftp.lets_in("alice_web", old) == "" and lets_in(world, account)
    assert world.server.ftp.ended == ["alice_web"]


def test_a_folder_and_a_limit_change(world: World, account: FtpAccount) -> None:
    world.run(change_ftp_account(actor=world.actor, account=account, folder=f"/{SITE}/shop/", quota_mb=0))
    assert lets_in(world, account) == f"/home/alice/{SITE}/shop" and world.server.exists(f"/home/alice/{SITE}/shop")
    assert not world.server.exists(f"/home/alice/{SITE}/.ftpquota"), "the count of the old folder is gone"
    world.run(change_ftp_account(actor=world.actor, account=account, folder=""))
    assert lets_in(world, account) == "/home/alice"


def test_a_count_stays_while_another_account_needs_it(world: World, account: FtpAccount) -> None:
    count = f"/home/alice/{SITE}/.ftpquota"
    make = {"actor": world.actor, "service": account.service, "password": PASSWORD, "folder": SITE, "quota_mb": 9}
    world.run(create_ftp_account(name="two", **make))
    world.run(delete_ftp_account(actor=world.actor, account=account))
    assert world.server.exists(count)
    world.run(delete_ftp_account(actor=world.actor, account=FtpAccount.objects.get()))
    assert not world.server.exists(count)


def test_a_locked_account_lets_nobody_in_and_comes_back(world: World, account: FtpAccount) -> None:
    before = resources(account.service)
    world.run(suspend_ftp_account(actor=world.actor, account=account))
    assert lets_in(world, account) == "" and world.server.ftp.ended == ["alice_web"]
    world.run(resume_ftp_account(actor=world.actor, account=account))
    assert lets_in(world, account) and resources(account.service) == before


def test_a_suspended_service_lets_nobody_in_and_comes_back_exactly(world: World, account: FtpAccount) -> None:
    make = {"actor": world.actor, "service": account.service, "password": PASSWORD}
    world.run(create_ftp_account(name="off", **make))
    world.run(suspend_ftp_account(actor=world.actor, account=FtpAccount.objects.get(name="alice_off")))
    before = resources(account.service)
    world.run(suspend_service(actor=world.actor, service=account.service))
    assert lets_in(world, account) == "" and "alice_web" in world.server.ftp.ended
    world.run(resume_service(actor=world.actor, service=account.service))
    assert lets_in(world, account) and resources(account.service) == before
    off = FtpAccount.objects.get(name="alice_off")
    assert off.suspended and world.server.ftp.lets_in(off.name, off.password_hash) == "", "its own lock stays"


def test_what_was_deleted_comes_back_and_leaves_nothing_meanwhile(world: World, account: FtpAccount) -> None:
    before = resources(account.service)
    removal = world.run(delete_ftp_account(actor=world.actor, account=account))
    assert removal.state == "succeeded" and not FtpAccount.objects.exists()
    assert not world.server.exists(FILE) and b"alice" not in world.server.content(setup.DATABASE)
    back = world.run(rollback_operation(actor=world.actor, operation=removal))
    assert back.state == "succeeded" and resources(account.service) == before
    assert lets_in(world, FtpAccount.objects.get())


def test_a_deleted_service_takes_its_accounts_along_and_brings_them_back(world: World, account: FtpAccount) -> None:
    world.server.put(f"/home/alice/{SITE}/mine.html", b"precious", owner="alice", group="alice")
    world.delete(account.service)
    assert not world.server.exists(FILE) and lets_in(world, account) == ""
    world.run(restore_service(actor=world.actor, service=HostingService.objects.get()))
    assert lets_in(world, account) == f"/home/alice/{SITE}"
    assert world.server.content(f"/home/alice/{SITE}/mine.html") == b"precious"


def test_a_user_name_that_is_given_again_has_no_accounts(world: World, account: FtpAccount) -> None:
    world.delete(account.service)
    world.purge(HostingService.objects.get())
    world.work()
    again = create_service(
        actor=world.actor, customer=account.service.customer, node=world.node, plan=account.service.plan,
        domain="example.com", username="alice",
    )  # fmt: skip
    world.run(again)
    assert not FtpAccount.objects.exists()


def test_the_plan_says_how_many(world: World) -> None:
    service = world.host("example.com", username="alice", plan=make_plan(ftp_accounts=1))
    make = {"actor": world.actor, "service": service, "password": PASSWORD}
    create_ftp_account(name="one", **make)
    with pytest.raises(HostingError) as refused:
        create_ftp_account(name="two", **make)
    assert refused.value.code == "limit_reached" and FtpAccount.objects.count() == 1


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_texts_reach_nothing(world: World, service: HostingService, text: str) -> None:
    before = Operation.objects.count()
    wishes = [{"name": text}]
    if text not in ("", "a/b", "a_b"):
        wishes.append({"name": "web", "folder": text})
    for wish in wishes:
        with pytest.raises(HostingError):
            create_ftp_account(actor=world.actor, service=service, **{"password": PASSWORD, **wish})
    assert Operation.objects.count() == before and not FtpAccount.objects.exists()


@pytest.mark.parametrize("folder", ["/..", "sites/../../bob", "..", "./x", "a//b", "a" * 201, "a\\b", "~bob"])
def test_no_folder_leads_out_of_the_home(world: World, service: HostingService, folder: str) -> None:
    with pytest.raises(HostingError) as refused:
        create_ftp_account(actor=world.actor, service=service, name="web", password=PASSWORD, folder=folder)
    assert refused.value.code == "bad_folder"


def test_a_strangers_name_in_front_is_only_a_part_of_the_name(world: World, service: HostingService) -> None:
    with pytest.raises(HostingError) as refused:
        create_ftp_account(actor=world.actor, service=service, name="bob_web", password=PASSWORD)
    assert refused.value.code == "bad_ftp_name"


@pytest.mark.parametrize("password", ["short", "x" * 73, "twelve\nletters here", "with\x00nothing in it"])
def test_passwords_that_would_not_be_what_was_typed_are_refused(
    world: World, service: HostingService, password: str
) -> None:
    with pytest.raises(HostingError) as refused:
        create_ftp_account(actor=world.actor, service=service, name="web", password=password)
    assert refused.value.code == "weak_password" and not FtpAccount.objects.exists()


def seen(world: World, service: HostingService) -> FtpAccountResource | None:
    """What the node has of the account."""
    scope = Scope(node_facts(world.node), owner=service.username)
    found = perform(world.server, adapters()["pure_ftpd"].observe(scope))
    return next((one for one in found if isinstance(one, FtpAccountResource)), None)


def test_what_somebody_did_on_the_node_is_seen_and_can_be_adopted(world: World, account: FtpAccount) -> None:
    service, wanted = account.service, seen(world, account.service)
    text = world.server.content(FILE).decode()
    world.server.put(FILE, text.replace("5242880", "1048576").encode(), mode=0o600)
    found = seen(world, service)
    assert found is not None and found.quota_mb == 1 and not found.edited
    adopt_all(service, [Change("ftp_account", "alice_web", wanted, found)])
    assert FtpAccount.objects.get().quota_mb == 1
    world.server.put(FILE, text.replace(SITE, "../bob").encode(), mode=0o600)
    edited = seen(world, service)
    with pytest.raises(HostingError) as refused:
        adopt_all(service, [Change("ftp_account", "alice_web", wanted, edited)])
    assert refused.value.code == "not_adoptable"
    assert world.run(apply_service(actor=world.actor, service=service)).state == "succeeded"
    assert lets_in(world, account) == f"/home/alice/{SITE}"
    adopt_all(service, [Change("ftp_account", "alice_web", wanted, None)])
    assert not FtpAccount.objects.exists()
