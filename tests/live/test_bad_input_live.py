"""Bad weather: a node that can't be reached, one that loses its power, and wishes that a real node refuses."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.live.panel import Account, Panel

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def resident(panel: Panel) -> Account:
    """Somebody who is there already."""
    return panel.customer("resident")


@contextlib.contextmanager
def unplugged(panel: Panel) -> Iterator[None]:
    """The node without its network cable."""
    panel.node.link_down()
    try:
        yield
    finally:
        panel.node.link_up()


def test_an_operation_waits_for_a_node_that_is_down_and_is_done_when_it_is_back(
    panel: Panel, resident: Account
) -> None:
    account = Account("patient", "patient.test")
    with panel.worker():
        with unplugged(panel):
            asked = panel.create(account, "--timeout", "0", expect=1).json
            panel.wait(lambda: panel.last("patient")["error"], "the reason why it waits")
            waiting = panel.last("patient")
            assert waiting["state"] == "pending"
            assert waiting["error"]["code"].startswith("connection_")
            assert panel.node.address in waiting["error"]["detail"]
            assert waiting["not_before"] is not None
            assert panel.traces("patient") == []
        operation = panel.ended("patient")
    assert operation["id"] == asked["operation"]
    assert operation["state"] == "succeeded"
    assert operation["attempts"] > 1
    assert panel.visitor.get(account.domain).status == 200
    assert panel.drift() == []


def test_a_connection_that_breaks_between_two_steps_is_opened_again(panel: Panel, resident: Account) -> None:
    account = Account("cutoff", "cutoff.test")
    strike = {"NPANEL_FAILPOINTS": "1", "NPANEL_FAILPOINT": "runner.stage_done=sleep:2"}
    with panel.worker(**strike):
        panel.create(account, "--timeout", "0", expect=1)
        panel.wait(lambda: _one_stage_done(panel, "cutoff"), "the first stage")
        panel.node.exec(["pkill", "--signal", "KILL", "--full", "^sshd: root"], check=True)
        operation = panel.ended("cutoff")
    assert operation["state"] == "succeeded", operation["error"]
    assert panel.is_as_wanted("cutoff")
    assert panel.drift() == []
    assert panel.left_open() == []


def _one_stage_done(panel: Panel, username: str) -> bool:
    return "applied" in {entry["state"] for entry in panel.journal(panel.last(username))}


def test_a_node_that_lost_its_power_serves_everything_again_when_it_is_back(panel: Panel, resident: Account) -> None:
    panel.database("resident", "main")
    panel.node.power_cut()
    panel.node.up()
    panel.wait(lambda: _is_served(panel, resident), "the site after the reboot")
    panel.wait(lambda: panel.visitor.dig(resident.domain, "A") == [panel.node.address], "the name after the reboot")
    panel.wait(lambda: panel.manage("drift", "--node", "lab", expect=None).status == 0, "no drift after the reboot")
    assert panel.is_as_wanted("resident")
    panel.create(Account("rebooted", "rebooted.test"))
    assert panel.visitor.get("rebooted.test").status == 200


def _is_served(panel: Panel, account: Account) -> bool:
    with contextlib.suppress(OSError):
        return panel.visitor.get(account.domain, account.site.path).text == account.site.text
    return False


def test_a_power_cut_in_the_middle_of_an_operation_is_recovered_from(panel: Panel, resident: Account) -> None:
    account = Account("halfway", "halfway.test")
    strike = {"NPANEL_FAILPOINTS": "1", "NPANEL_FAILPOINT": "activation.queued=sleep:2"}
    with panel.worker(**strike):
        panel.create(account, "--timeout", "0", expect=1)
        panel.wait(
            lambda: panel.rows("SELECT id FROM hosting_activationticket WHERE done = %s", False), "written files"
        )
        panel.node.power_cut()
        time.sleep(1)
        panel.node.up()
        operation = panel.ended("halfway")
    assert operation["state"] == "succeeded", operation["error"]
    assert panel.visitor.get(account.domain).status == 200
    assert panel.is_as_wanted("halfway")
    assert panel.left_open() == []


def test_a_user_that_the_node_has_already_is_refused_and_left_alone(panel: Panel, resident: Account) -> None:
    panel.node.exec(["useradd", "--create-home", "--comment", "a person", "legacy"], check=True)
    before = panel.node.read("/etc/passwd"), panel.node.read("/etc/shadow")
    operation = panel.create(Account("legacy", "legacy.test"), expect=1).json
    assert operation["state"] in ("failed", "rolled_back")
    assert operation["error"]["code"] == "user_taken"
    assert (panel.node.read("/etc/passwd"), panel.node.read("/etc/shadow")) == before
    assert panel.visitor.get("legacy.test").status == 0
    panel.node.exec(["userdel", "--remove", "legacy"])


def test_a_full_disk_fails_with_its_reason_and_leaves_the_old_state(panel: Panel, resident: Account) -> None:
    place = "/etc/nginx/npanel/sites"
    kept = panel.node.exec(["tar", "--create", "--file=-", "--directory", place, "."], check=True).stdout
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", place]
    panel.node.exec(mount, check=True)
    try:
        panel.node.exec(["tar", "--extract", "--file=-", "--directory", place], input=kept, check=True)
        panel.node.exec(["dd", "if=/dev/zero", f"of={place}/ballast", "bs=4k"])
        with panel.visitor.probing(resident.site):
            operation = panel.create(Account("full", "full.test"), expect=1).json
        assert operation["state"] == "rolled_back"
        assert "space" in operation["error"]["detail"].lower()
        assert panel.traces("full") == []
    finally:
        panel.node.exec(["umount", "--lazy", place], check=True)
    panel.manage("service_apply", "full", "--yes")
    assert panel.visitor.get("full.test").status == 200
    assert panel.drift() == []
