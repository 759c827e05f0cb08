"""Disk quota where the homes' file system has it (no lab node's kernel does: quota-tools' answers stand in)."""

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.adapters.system_user import SystemUserAdapter
from hosting.connections.base import Context, Reply, Run, perform
from hosting.connections.fake import FakeConnection
from hosting.state import Change, SystemUser

# repquota.c of quota-tools 4.06, csv output with --no-names
REPORT = (
    "User,BlockStatus,FileStatus,BlockUsed,BlockSoftLimit,BlockHardLimit,BlockGrace,FileUsed,FileSoftLimit,FileHardLimit,"
    "FileGrace\n#0,ok,ok,20,0,0,,2,0,0,\n#1000,ok,ok,4,524288,524288,,1,0,0,\n"
)
ANNA = SystemUser("anna", "/home/anna", quota_mb=512)


def node(options: str, status: int = 0) -> FakeConnection:
    """A node with the user anna and a file system for the homes with these mount options."""
    fake = FakeConnection()
    fake.add_user("anna", home="/home/anna")
    fake.put("/etc/passwd", b"anna:x:1000:1000:npanel,,,,quota=512:/home/anna:/usr/sbin/nologin\n")
    fake.put("/etc/shadow", b"anna:*:20000:0:99999:7:::\n")
    fake.put("/etc/group", b"anna:x:1000:\n")
    fake.commands[("/usr/bin/findmnt",)] = lambda fake, run: Reply(stdout=f"/home {options}\n".encode())
    fake.commands[("/usr/sbin/repquota",)] = lambda fake, run: Reply(exit_status=status, stdout=REPORT.encode())
    fake.commands[("/usr/sbin/setquota",)] = lambda fake, run: Reply()
    fake.commands[("/usr/bin/flock",)] = lambda fake, run: Reply()
    return fake


def facts(fake: FakeConnection) -> NodeFacts:
    """What is known of the node once it was asked."""
    return NodeFacts(
        "n", "n.test", "192.0.2.1", discovered={"system_user": perform(fake, SystemUserAdapter().discover())}
    )


def seen(fake: FakeConnection) -> int:
    """The quota that is observed."""
    (user,) = perform(fake, adapters()["system_user"].observe(Scope(facts(fake), owner="anna")))
    assert isinstance(user, SystemUser)
    return user.quota_mb


def test_a_quota_in_force_is_what_is_observed() -> None:
    fake = node("rw,relatime,usrquota")
    assert facts(fake).discovered["system_user"] == {"quota": "user", "homes": "/home"}
    assert seen(fake) == 512
    fake.commands[("/usr/sbin/repquota",)] = lambda fake, run: Reply(stdout=REPORT.replace("524288", "1024").encode())
    assert seen(fake) == 1


def test_without_quota_in_force_the_wanted_limit_is_kept_and_observed() -> None:
    for fake in (node("rw,relatime"), node("rw,usrquota", status=1)):
        assert facts(fake).discovered["system_user"]["quota"] == "none"
        assert seen(fake) == 512


def test_a_changed_limit_is_set_where_it_can_be() -> None:
    before = SystemUser("anna", "/home/anna", quota_mb=100)
    for options, expected in (("rw,usrquota", 1), ("rw", 0)):
        fake = node(options)
        perform(fake, adapters()["system_user"].apply(Change("system_user", "anna", before, ANNA), Context()))
        runs = [request.argv for _, request in fake.requests if isinstance(request, Run)]
        limits = [argv[2:] for argv in runs if argv[0] == "/usr/sbin/setquota"]
        assert limits == [("anna", "524288", "524288", "0", "0", "/home")] * expected
