"""Linux users on a real node: the contract, refusals, locks, and customers who try to lead root astray."""

import pytest

from hosting.adapters.base import Scope, adapters
from hosting.connections.base import Connection, Context, Run, Steps, converse, one, perform
from hosting.errors import CommandFailed, HostingError, UnsafeValue
from hosting.state import Change, SystemUser, plan, state_of
from tests.contract.contract import Case, SetUp, carry_out, check_contract, new_context
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab


def user(owner: str, login: str = "/usr/sbin/nologin", *, quota_mb: int = 0, locked: bool = False) -> SystemUser:
    """A SystemUser in the usual place."""
    return SystemUser(owner, f"/home/{owner}", login, quota_mb, locked)


def make(connection: Connection, *users: SystemUser) -> None:
    """Create users for good."""
    carry_out(connection, plan({}, state_of(users)), Context())


def unmake(connection: Connection, *users: SystemUser) -> None:
    """Remove users for good."""
    carry_out(connection, plan(state_of(users), {}), Context())


def test_it_keeps_the_contract(node: Node, connection: Connection, set_up: SetUp) -> None:
    def live() -> None:
        """What a customer leaves in a home: files, odd modes, a link out of it, a crontab and a password."""
        home = "/home/contractuser"
        node.exec(["runuser", "-u", "contractuser", "--", "sh", "-ec", LIFE], check=True)
        node.exec(["chpasswd"], input="contractuser:a customer's own secret\n", check=True)
        node.write("/var/spool/cron/crontabs/contractuser", "@daily true\n", mode="600")
        node.exec(["chmod", "0711", f"{home}/sites"], check=True)

    def crontab() -> object:
        return node.exec(["cat", "/var/spool/cron/crontabs/contractuser"]).stdout

    check_contract(
        Case(
            adapters()["system_user"],
            connection,
            node,
            set_up("system_user"),
            desired=(user("contractuser", quota_mb=512),),
            updated=(user("contractuser", "/bin/bash", quota_mb=100, locked=True),),
            populate=live,
            evidence=crontab,
        )
    )


LIFE = """
cd ~ && echo precious > sites/precious.txt && chmod 0600 sites/precious.txt
mkdir -m 0700 deep && echo x > deep/x && ln -s /etc/passwd deep/link && ln deep/x deep/hard
"""


def test_a_new_home_is_closed_to_other_customers(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user")
    make(connection, user("anna"), user("boris"))
    facts = node.exec(["stat", "-c", "%a %U:%G", "/home/anna", "/home/anna/tmp"], check=True).stdout.split("\n")
    assert facts[:2] == ["750 anna:www-data", "700 anna:anna"]
    with pytest.raises(CommandFailed):
        perform(connection, _as("boris", "ls", "/home/anna"))
    with pytest.raises(CommandFailed):
        perform(connection, _as("boris", "cat", "/home/anna/sites"))
    unmake(connection, user("anna"), user("boris"))


def _as(owner: str, *argv: str) -> Steps[str]:
    reply = yield from one(Run(argv, user=owner))
    return reply.text


def test_somebody_elses_user_is_refused_and_untouched(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user")
    node.exec(["useradd", "--create-home", "stranger"], check=True)
    before = node.read("/etc/passwd")
    for attempt in (plan({}, state_of([user("stranger")])), plan(state_of([user("stranger")]), {})):
        with pytest.raises(HostingError) as refusal:
            carry_out(connection, attempt)
        assert refusal.value.code == "user_taken"
    assert node.read("/etc/passwd") == before
    assert node.exec(["test", "-d", "/home/stranger"]).returncode == 0
    node.exec(["userdel", "--remove", "stranger"], check=True)


@pytest.mark.parametrize("name", ["root", "npanel", "www", "nobody", "docker"])
def test_reserved_names_are_refused(connection: Connection, set_up: SetUp, name: str) -> None:
    set_up("system_user")
    with pytest.raises(HostingError) as refusal:
        make(connection, user(name))
    assert refusal.value.code == "user_reserved"


def test_a_taken_group_or_home_is_refused(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user")
    node.exec(["groupadd", "takengroup"], check=True)
    node.exec(["mkdir", "/home/takenhome"], check=True)
    for name in ("takengroup", "takenhome"):
        with pytest.raises(HostingError) as refusal:
            make(connection, user(name))
        assert refusal.value.code == "user_taken"
        assert node.exec(["id", name]).returncode != 0
    node.exec(["groupdel", "takengroup"], check=True)
    node.exec(["rmdir", "/home/takenhome"], check=True)


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\u0085", "\u2028", "\u2029", ":", " ", "/../root"])
def test_values_that_break_a_line_are_refused(connection: Connection, bad: str) -> None:
    good = user("carol")
    for broken in (
        SystemUser(f"carol{bad}", "/home/carol"),
        SystemUser("carol", f"/home/carol{bad}"),
        SystemUser("carol", "/home/carol", f"/bin/sh{bad}"),
    ):
        with pytest.raises(UnsafeValue):
            perform(connection, adapters()["system_user"].apply(Change(good.kind, good.key, None, broken), Context()))


def test_a_locked_user_cannot_sign_in(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user")
    open_, shut = user("dora", "/bin/sh"), user("dora", "/bin/sh", locked=True)
    make(connection, open_)
    node.exec(["chpasswd"], input="dora:secret words\n", check=True)
    assert _may_sign_in(node, "dora")
    carry_out(connection, plan(state_of([open_]), state_of([shut])))
    assert not _may_sign_in(node, "dora")
    carry_out(connection, plan(state_of([shut]), state_of([open_])))
    assert _may_sign_in(node, "dora")
    unmake(connection, open_)


def _may_sign_in(node: Node, name: str) -> bool:
    """Whether PAM's account stage (the same for ssh, cron and su) lets a user in."""
    return node.exec(["su", name, "-c", "true"]).returncode == 0


def test_a_removal_ends_processes_and_leaves_no_crontab(node: Node, connection: Connection, set_up: SetUp) -> None:
    set_up("system_user")
    make(connection, user("emil"))
    node.exec(["systemd-run", "--uid=emil", "--unit=emil-sleeps", "sleep", "600"], check=True)
    node.write("/var/spool/cron/crontabs/emil", "* * * * * true\n", mode="600")
    unmake(connection, user("emil"))
    assert node.exec(["pgrep", "-f", "sleep 600"]).stdout == ""
    assert node.exec(["ls", "/var/spool/cron/crontabs/emil"]).returncode != 0


def test_workers_do_not_get_in_each_others_way(node: Node, connection: Connection, set_up: SetUp) -> None:
    """Sixteen users at once over one connection, and as many commands of other people at the same time."""
    facts = set_up("system_user")
    users = [user(f"crowd{number}") for number in range(16)]
    adapter = adapters()["system_user"]
    changes = [Change(u.kind, u.key, None, u) for u in users]
    assert converse(connection, [adapter.apply(change, new_context()) for change in changes]) == [None] * 16
    seen = state_of(perform(connection, adapter.observe(Scope(facts, owner=None))))
    assert all(seen.get(u.ref) == u for u in users)
    uids = {line.split(":")[2] for line in node.read("/etc/passwd").splitlines() if line.startswith("crowd")}
    assert len(uids) == 16
    unmake(connection, *users)


@pytest.mark.parametrize("file", ["/etc/group", "/etc/shadow"])
def test_what_a_killed_useradd_left_is_seen_and_made_whole(
    node: Node, connection: Connection, set_up: SetUp, file: str
) -> None:
    """useradd writes passwd first, then the other files; killed in between, the account is there and of no use."""
    facts = set_up("system_user")
    make(connection, user("gerd"))
    uid = node.exec(["id", "--user", "gerd"], check=True).stdout
    node.exec(["sed", "--in-place", "/^gerd:/d", file], check=True)
    (seen,) = perform(connection, adapters()["system_user"].observe(Scope(facts, owner="gerd")))
    assert isinstance(seen, SystemUser)
    assert "half made" in seen.edited
    carry_out(connection, plan(state_of([seen]), state_of([user("gerd")])))
    assert perform(connection, adapters()["system_user"].observe(Scope(facts, owner="gerd"))) == (user("gerd"),)
    assert node.exec(["id", "--user", "gerd"], check=True).stdout == uid
    assert node.exec(["stat", "-c", "%U:%G", "/home/gerd/tmp"], check=True).stdout == "gerd:gerd\n"
    unmake(connection, user("gerd"))
    assert node.exec(["grep", "^gerd:", "/etc/passwd", "/etc/shadow", "/etc/group"]).stdout == ""


def test_a_home_that_somebody_opened_shows_up_and_is_closed_again(
    node: Node, connection: Connection, set_up: SetUp
) -> None:
    facts = set_up("system_user")
    make(connection, user("fred"))
    node.exec(["chmod", "0777", "/home/fred"], check=True)
    (seen,) = perform(connection, adapters()["system_user"].observe(Scope(facts, owner="fred")))
    assert isinstance(seen, SystemUser)
    assert "0777" in seen.edited
    carry_out(connection, plan(state_of([seen]), state_of([user("fred")])))
    assert perform(connection, adapters()["system_user"].observe(Scope(facts, owner="fred"))) == (user("fred"),)
    unmake(connection, user("fred"))
