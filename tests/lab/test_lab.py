"""The lab itself: its nodes are real servers, reachable and breakable, and leave nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from . import network
from .errors import LabError
from .fixtures import lent
from .machine import cgroup_root
from .nodes import SSH_PORT, Lab, Node
from .proxy import Proxy

FreshNode = Callable[[], Node]
CLI = Path(__file__).with_name("lab")
BOOT_ID = "/proc/sys/kernel/random/boot_id"
PATIENCE = 60

pytestmark = pytest.mark.lab


def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def traces(node: Node) -> list[str]:
    """What is left of a node on this host."""
    links = [path.name for path in Path("/sys/class/net").glob(f"{network.namespace(node.number)}-*")]
    spaces = [path.name for path in network.NETNS_DIRECTORY.glob(network.namespace(node.number))]
    groups = [str(path) for path in cgroup_root(node.lab.state / "cgroup").glob(f"lab-n{node.number}")]
    disk = f"/nodes/{node.number}/"
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if disk in line]
    known = [str(other) for other in node.lab.nodes() if other.number == node.number]
    return links + spaces + groups + mounts + known


def test_systemd_runs_with_the_daemons(lab_node: Node) -> None:
    assert lab_node.state() == "running"
    assert lab_node.exec(["cat", "/proc/1/comm"]).stdout == "systemd\n"
    for unit in ("ssh", "nginx", "php8.2-fpm", "mariadb", "cron"):
        assert lab_node.exec(["systemctl", "is-active", unit]).stdout == "active\n", unit
    assert lab_node.exec(["mariadb", "-N", "-e", "SELECT 1+1"]).stdout == "2\n"


def test_daemons_that_need_configuration_wait_for_it(lab_node: Node) -> None:
    for unit in ("pdns", "exim4", "dovecot", "rspamd", "redis-server", "pure-ftpd-mysql"):
        assert lab_node.exec(["systemctl", "is-active", unit]).stdout == "inactive\n", unit


def test_the_journal_keeps_what_is_logged(lab_node: Node) -> None:
    lab_node.exec(["logger", "--tag", "lab-test", "hello journal"], check=True)
    lab_node.exec(["journalctl", "--sync"], check=True)
    assert "hello journal" in lab_node.exec(["journalctl", "-t", "lab-test"], check=True).stdout


def test_the_host_is_out_of_its_reach(lab_node: Node) -> None:
    assert lab_node.exec(["sysctl", "-w", "kernel.panic=1"]).returncode != 0
    assert lab_node.exec(["ls", "/dev/kmsg"]).returncode != 0
    assert lab_node.exec(["sysctl", "-w", "net.ipv4.ip_forward=0"]).returncode == 0


def test_an_unknown_name_fails_quickly(lab_node: Node) -> None:
    assert lab_node.exec(["getent", "hosts", "nowhere.example"], timeout=30).returncode == 2
    assert lab_node.exec(["getent", "hosts", lab_node.name]).stdout.split()[0] == lab_node.address


def test_ssh_with_the_pinned_key(lab_node: Node) -> None:
    done = run(lab_node.ssh(["uname", "-n"]))
    assert (done.stdout, done.returncode) == (f"{lab_node.name}\n", 0), done.stderr


def test_ssh_refuses_another_host_key(lab: Lab, lab_node: Node, fresh_node: FreshNode) -> None:
    other = fresh_node()
    done = run(lab_node.ssh(["true"], address=other.address))
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_ssh_through_a_slow_proxy_and_a_cut(lab_node: Node) -> None:
    with Proxy(lab_node.address, SSH_PORT) as proxy:
        proxy.latency(0.02)
        assert run(lab_node.ssh(["uname", "-n"], proxy.address, proxy.port)).stdout == f"{lab_node.name}\n"
        proxy.cut_after(2000, "to_client")
        assert run(lab_node.ssh(["true"], proxy.address, proxy.port)).returncode == 255


def test_files_are_written_and_read(lab_node: Node) -> None:
    lab_node.write("/srv/deep/note.txt", "grüße\n", mode="600")
    assert lab_node.read("/srv/deep/note.txt") == "grüße\n"
    assert lab_node.exec(["stat", "-c", "%a %U", "/srv/deep/note.txt"]).stdout == "600 root\n"
    with pytest.raises(LabError, match="No such file"):
        lab_node.read("/srv/nothing")


def test_nodes_reach_each_other_until_the_cable_is_out(lab_node: Node, fresh_node: FreshNode) -> None:
    other = fresh_node()
    ping = ["ping", "-c", "1", "-W", "2", other.address]
    assert lab_node.exec(ping).returncode == 0
    other.link_down()
    assert lab_node.exec(ping).returncode != 0
    other.link_up()
    wait_for(lambda: lab_node.exec(ping).returncode == 0)


def test_a_black_hole_gives_no_answer_and_no_error(fresh_node: FreshNode) -> None:
    node = fresh_node()
    node.blackhole()
    with pytest.raises(TimeoutError):
        socket.create_connection((node.address, SSH_PORT), timeout=1)
    node.unblackhole()
    wait_for(lambda: run(node.ssh(["true"])).returncode == 0)


def test_a_power_cut_keeps_the_disk_and_reset_does_not(fresh_node: FreshNode) -> None:
    node = fresh_node()
    node.write("/srv/kept", "still here\n")
    host_key, boot_id = node.host_key, node.read(BOOT_ID)
    node.power_cut()
    assert node.state() == "down"
    with pytest.raises(LabError, match="is down"):
        node.exec(["true"])
    node.up()
    assert (node.read("/srv/kept"), node.host_key) == ("still here\n", host_key)
    assert node.read(BOOT_ID) != boot_id
    assert run(node.ssh(["systemctl", "is-active", "mariadb"])).stdout == "active\n"
    node.reset()
    assert node.exec(["test", "-e", "/srv/kept"]).returncode == 1
    assert node.host_key != host_key


def test_stop_is_orderly_and_up_is_idempotent(fresh_node: FreshNode) -> None:
    node = fresh_node()
    started = node.exec(["systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "ssh"]).stdout
    assert node.up().exec(["systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "ssh"]).stdout == started
    node.stop()
    assert not node.running
    journal = node.up().exec(["journalctl", "--no-pager", "-b", "-1"], check=True).stdout
    assert "Reached target poweroff.target" in journal


def test_down_leaves_nothing(lab: Lab) -> None:
    with lent(lab, prefer=-1) as node:
        # Something that ignores signals, in a cgroup and a mount of its own, must go too.
        node.exec(["systemd-run", "--property=PrivateTmp=yes", "--property=KillMode=none", "sleep", "1000"], check=True)
        assert traces(node)
        node.down()
        assert traces(node) == []


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
def test_a_killed_command_leaves_what_down_removes(lab: Lab, delay: float) -> None:
    with lent(lab, prefer=-1) as node:
        node.down()
        command = [sys.executable, str(CLI), "up", "--only", str(node.number)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        assert run([str(CLI), "down", str(node.number)]).returncode == 0
        assert traces(node) == []


def test_the_command_line_tells_how_to_reach_a_node(lab_node: Node) -> None:
    name = str(lab_node.number)
    info = json.loads(run([str(CLI), "info", name, "--json"]).stdout)
    assert (info["address"], info["host_key"]) == (lab_node.address, lab_node.host_key)
    assert os.stat(info["key_path"]).st_mode & 0o077 == 0
    status = json.loads(run([str(CLI), "status", "--json"]).stdout)
    assert {"number": lab_node.number, "name": lab_node.name, "address": lab_node.address, "state": "running"} in (
        status["nodes"]
    )
    assert run([str(CLI), "up", "--only", name]).stdout == f"{lab_node.name} {lab_node.address}\n"
    assert run([str(CLI), "exec", name, "uname", "-n"]).stdout == f"{lab_node.name}\n"
    failed = run([str(CLI), "exec", name, "false"])
    assert failed.returncode == 1


def test_the_command_line_refuses_a_node_that_cannot_be(lab: Lab) -> None:
    done = run([str(CLI), "up", "--only", "999"])
    assert done.returncode == 1
    assert "1 to 244" in done.stderr
