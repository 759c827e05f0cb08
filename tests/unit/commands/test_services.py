"""The service commands: exit statuses, what is printed where, and that ``--json`` is one document."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from accounts.models import Customer
from audit.models import Event
from hosting.choices import OperationState, ServiceState
from hosting.connections.base import Reply
from hosting.errors import HostingError
from hosting.models import HostingService, Operation, WorkerHeartbeat
from hosting.services.sites import suspend_service
from tests.factories import make_domain, make_plan, make_service
from tests.unit.commands.conftest import Manage
from tests.unit.commands.test_governed import delete
from tests.unit.services.world import World, snapshot

pytestmark = pytest.mark.django_db
CREATE = ("service_create", "example.com", "--customer", "Alice", "--node", "fake1", "--plan", "Gold")


@pytest.fixture(autouse=True)
def plan(world: World) -> None:
    """What commands refer to by name."""
    make_plan(name="Gold")


def test_a_service_is_created_and_reported(manage: Manage, world: World) -> None:
    ran = manage(*CREATE, "--username", "alice", "--yes", "--reason", "new customer")
    assert ran.status == 0, ran.err
    assert "Succeeded" in ran.out and "trace" in ran.out and "probed virtual_host:example.com" in ran.out
    assert "Planning" in ran.err or "Applying" in ran.err or "Done" in ran.err
    assert world.status("example.com") == 200
    event = Event.objects.get(verb="operation.service_create", outcome="requested")
    assert (event.actor_interface, event.reason) == ("command", "new customer")


def test_json_is_one_document_and_nothing_else(manage: Manage) -> None:
    ran = manage(*CREATE, "--yes", "--json")
    assert (ran.status, ran.err) == (0, "")
    operation = Operation.objects.exclude(kind="node_bootstrap").get()
    assert ran.data["operation"] == str(operation.pk) and ran.data["state"] == "succeeded"
    assert ran.data["trace_id"] == operation.trace_id and len(operation.trace_id) == 32
    assert ran.data["plan"]["digest"] == operation.plan_digest
    assert {probe["ref"] for probe in ran.data["result"]["probes"]} >= {"virtual_host:example.com"}


def test_without_yes_the_plan_is_shown_and_waits(manage: Manage, world: World) -> None:
    ran = manage(*CREATE)
    assert ran.status == 2
    assert "+ Site example.com" in ran.out and "Digest" in ran.out
    operation = Operation.objects.exclude(kind="node_bootstrap").get()
    assert f"operation_approve {operation.pk} {operation.plan_digest}" in ran.err
    assert world.status("example.com") == 0
    approved = manage("operation_approve", str(operation.pk), operation.plan_digest)
    assert approved.status == 0 and world.status("example.com") == 200


def test_json_without_yes_never_asks_and_gives_the_plan(manage: Manage) -> None:
    ran = manage(*CREATE, "--json", typed="yes")
    assert ran.status == 2 and ran.data["state"] == "planned"
    assert {group["adapter"] for group in ran.data["plan"]["groups"]} >= {"nginx", "php_fpm", "powerdns"}


@pytest.mark.parametrize(("typed", "status", "served"), [("yes", 0, 200), ("YES", 0, 200), ("no", 2, 0), ("y", 2, 0)])
def test_a_person_is_asked_and_only_yes_applies(
    manage: Manage, world: World, typed: str, status: int, served: int
) -> None:
    ran = manage(*CREATE, typed=typed)
    assert (ran.status, world.status("example.com")) == (status, served)
    if not served:
        assert "nothing was changed" in ran.err
        assert HostingService.objects.get().state == ServiceState.TERMINATED


def test_plan_only_shows_and_leaves_nothing(manage: Manage, world: World) -> None:
    assert manage(*CREATE, "--plan-only").status == 2
    assert world.status("example.com") == 0 and HostingService.objects.get().username_key is None
    assert Operation.objects.exclude(kind="node_bootstrap").get().state == OperationState.CANCELLED


def test_service_plan_exits_2_only_when_something_differs(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    same = manage("service_plan", "alice", "--json")
    assert (same.status, same.data["plan"]["groups"]) == (0, [])
    (site,) = [name for name in world.server.tree.at("/etc/nginx/npanel/sites").children if "example" in name]
    world.server.put(f"/etc/nginx/npanel/sites/{site}", b"# by hand\n")
    differs = manage("service_plan", "alice")
    assert differs.status == 2 and "~ Site example.com" in differs.out
    assert world.server.content(f"/etc/nginx/npanel/sites/{site}") == b"# by hand\n"
    assert manage("service_apply", "alice", "--yes").status == 0
    assert manage("service_plan", "alice").status == 0


def test_a_service_goes_through_its_life(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice")
    for command, status in (("service_suspend", 503), ("service_resume", 200)):
        ran = manage(command, "alice", "--yes", "--json")
        assert (ran.status, ran.data["state"], world.status("example.com")) == (0, "succeeded", status)
    delete(manage)
    assert world.status("example.com") == 0
    ran = manage("service_rollback", "alice", "--yes", "--json")
    assert (ran.status, ran.data["kind"], world.status("example.com")) == (0, "rollback", 200)


def test_a_certain_operation_is_rolled_back(manage: Manage, world: World) -> None:
    service = world.host("example.com", username="alice")
    operation = world.run(suspend_service(actor=world.actor, service=service))
    assert manage("service_rollback", "alice", "--operation", str(operation.pk), "--yes").status == 0
    assert world.status("example.com") == 200


def test_an_operation_that_fails_exits_1_and_says_why(manage: Manage, world: World) -> None:
    def refuse(*_args: object) -> Reply:
        raise HostingError("out of memory", code="command_failed", permanent=False)

    world.server.programs["nginx"] = refuse
    failed = manage(*CREATE, "--yes", "--json")
    assert failed.status == 1 and failed.data["state"] in ("failed", "rolled_back")
    assert failed.data["error"]["code"] == "command_failed" and "out of memory" in failed.data["error"]["detail"]


def test_a_node_that_is_down_leaves_the_wish_waiting(manage: Manage, world: World) -> None:
    world.server.down = True
    ran = manage(*CREATE, "--yes", "--timeout", "0", "--json")
    assert ran.status == 1
    assert (ran.data["state"], ran.data["error"]["code"]) == ("pending", "connection_refused")
    assert HostingService.objects.get().state == ServiceState.PROVISIONING


def test_a_living_worker_is_left_to_do_it(manage: Manage, world: World) -> None:
    from hosting.operations.locks import worker_name

    WorkerHeartbeat.objects.create(name=worker_name(), at=timezone.now())
    ran = manage(*CREATE, "--yes", "--timeout", "0", "--json")
    assert (ran.status, ran.data["state"]) == (1, "pending") and world.status("example.com") == 0
    WorkerHeartbeat.objects.update(at=timezone.now() - timedelta(hours=1))
    assert manage("service_apply", HostingService.objects.get().username, "--yes").status == 0


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "no such node": ((*CREATE[:4], "--node", "nowhere", "--plan", "Gold", "--yes"), "not_found"),
    "no such plan": ((*CREATE[:6], "--plan", "Bronze", "--yes"), "not_found"),
    "bad domain": (("service_create", "exam_ple.com", *CREATE[2:], "--yes"), "bad_name"),
    "bad user": ((*CREATE, "--username", "root", "--yes"), "reserved_username"),
    "no such php": ((*CREATE, "--php", "5.6", "--yes"), "php_not_installed"),
    "taken": (("service_create", "taken.test", *CREATE[2:], "--yes"), "domain_taken"),
    "no such service": (("service_plan", "nobody1"), "not_found"),
    "suspended nobody": (("service_suspend", "nobody1"), "not_found"),
    "not suspended": (("service_resume", "stranger"), "wrong_state"),
    "nothing to roll back": (("service_rollback", "stranger"), "nothing_to_roll_back"),
    "no such operation": (("operation_approve", "12345678-1234-5678-1234-567812345678", "d"), "not_found"),
    "no uuid": (("operation_approve", "../../etc/passwd", "d"), "not_found"),
    "no uuid of a service": (("service_rollback", "stranger", "--operation", "nonsense"), "not_found"),
    "no such database owner": (("database_create", "nobody1", "shop"), "not_found"),
    "bad database": (("database_create", "stranger", "sh-op", "--yes"), "invalid"),
    "no such account": (("database_password", "nobody_shop"), "not_found"),
    "no such node to boot": (("node_bootstrap", "nowhere"), "not_found"),
    "no such node to check": (("node_check", "nowhere"), "not_found"),
    "no such drift": (("drift", "--repair", "1"), "not_found"),
    "no such site": (("site_upload", "nowhere.test", "index.php", "-"), "not_found"),
    "bad node": (("node_add", "Bad Name", "192.0.2.1", "--local"), "invalid"),
    "unknown host key": (("node_add", "web-2", "192.0.2.1", "--host-key", "nonsense"), "invalid"),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_exits_1_with_code_detail_and_hint_and_changes_nothing(
    manage: Manage, case: str, as_json: bool
) -> None:
    make_domain(make_service(username="stranger"), "taken.test")
    arguments, code = REFUSED[case]
    before = snapshot()
    ran = manage(*arguments, *(["--json"] if as_json else []))
    assert ran.status == 1
    assert snapshot() == before
    first, *rest = ran.err.strip().splitlines()
    assert first.startswith(f"{code}: ") and "Traceback" not in ran.err
    if as_json:
        error = ran.data["error"]
        assert error["code"] == code and first == f"{code}: {error['detail']}"
        assert (error["hint"] or "") == "\n".join(rest).strip()
    else:
        assert ran.out == ""


def test_most_refusals_say_what_to_do_next(manage: Manage) -> None:
    make_domain(make_service(username="stranger"), "taken.test")
    without = {
        case for case, (arguments, _code) in REFUSED.items() if not manage(*arguments, "--json").data["error"]["hint"]
    }
    assert without <= {"nothing to roll back", "bad database", "bad node", "unknown host key"}


def test_a_refused_service_leaves_no_new_customer(manage: Manage) -> None:
    assert manage("service_create", "com", *CREATE[2:], "--yes").status == 1
    assert not Customer.objects.filter(name="Alice").exists()


def test_wrong_arguments_are_an_error_of_the_command_line(manage: Manage) -> None:
    for arguments in (("service_create", "example.com"), ("service_plan",), ("drift", "--repair", "1", "--adopt", "2")):
        with pytest.raises(CommandError):
            manage(*arguments)


def walk(data: Any) -> list[str]:
    """All keys of a JSON document."""
    if isinstance(data, dict):
        return [key for name, value in data.items() for key in (name, *walk(value))]
    return [key for value in data for key in walk(value)] if isinstance(data, list) else []


def test_no_hash_or_sealed_secret_is_printed(manage: Manage, world: World) -> None:
    world.host("example.com", username="alice", database="shop", database_password="correct horse battery")
    printed = [
        manage(
            "database_password", "alice_shop", "--password-stdin", "--yes", "--json", piped="another correct horse\n"
        ),
        manage("service_suspend", "alice", "--yes", "--json"),
        manage("service_plan", "alice", "--json"),
        manage("node_check", "fake1", "--json"),
        manage("drift", "--json"),
    ]
    node = world.node
    for ran in printed:
        text = ran.out + ran.err
        assert "correct horse" not in text and "*" + "0" not in text.replace("*.", "")
        for user in HostingService.objects.get().database_users.all():
            assert user.password_hash not in text and user.password_hash[1:] not in text
        assert node.private_key_sealed not in text and "$sealed" not in text and "PRIVATE" not in text
        assert "password_hash" not in json.dumps(ran.data.get("result", {}))
