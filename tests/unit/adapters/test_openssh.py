"""OpenSSH's adapter on a node in memory: what is written is read back, what it opens, and that nothing is reloaded."""

from dataclasses import replace

import pytest

from hosting.adapters.base import NodeFacts, Scope, adapters
from hosting.connections.base import Context, Run, perform
from hosting.connections.fake_node import FakeNode
from hosting.errors import HostingError, ProbeFailed, UnsafeValue
from hosting.state import Change, NodeFile, SshAccess, SshKey, SystemUser
from hosting.state.ssh import NONE, SFTP, SHELL, ssh_key
from tests.ssh_keys import ed25519_pair, rsa_pair

FACTS = NodeFacts("n1", "n1.test", "192.0.2.1")
LAPTOP, DESK = ed25519_pair("Kim's laptop"), rsa_pair()
ACCESS = SshAccess("kim", SFTP, tuple(sorted((ssh_key(LAPTOP.public), ssh_key(DESK.public)))))
FILE = "/etc/npanel/ssh/keys/kim"


def adapter() -> object:
    return adapters()["openssh"]


def become(node: FakeNode, before: SshAccess | None, after: SshAccess | None) -> None:
    change = Change("ssh_access", "kim", before, after)
    perform(node, adapters()["openssh"].apply(change, Context()))


def seen(node: FakeNode, **limits: object) -> set[object]:
    return set(perform(node, adapters()["openssh"].observe(Scope(FACTS, **limits))))  # type: ignore[arg-type]


def set_up(node: FakeNode) -> list[Change]:
    files = [one for one in adapters()["openssh"].setup(FACTS) if isinstance(one, NodeFile)]
    for file in files:
        node.put(file.path, file.content.encode())
    changes = [Change(file.kind, file.key, None, file) for file in files]
    perform(node, adapters()["openssh"].validate(changes))
    perform(node, adapters()["openssh"].activate(changes))
    return changes


@pytest.fixture
def node() -> FakeNode:
    """A node that is set up, with one customer who may have a shell."""
    node = FakeNode()
    set_up(node)
    user = SystemUser("kim", "/home/kim", "/bin/bash")
    perform(node, adapters()["system_user"].apply(Change(user.kind, user.key, None, user), Context()))
    node.requests.clear()
    return node


def test_what_is_written_is_read_back_and_lets_in(node: FakeNode) -> None:
    become(node, None, ACCESS)
    assert seen(node, owner="kim") == seen(node) == seen(node, refs=frozenset({ACCESS.ref})) == {ACCESS}
    assert seen(node, owner="bob") == set()
    entry = node.tree.at(FILE)
    assert (entry.mode, entry.owner, entry.group) == (0o640, "root", "kim")
    assert node.ssh.admits("kim", LAPTOP.blob) == node.ssh.admits("kim", DESK.blob) == "sftp"
    assert node.ssh.admits("root", LAPTOP.blob) == node.ssh.admits("www-data", LAPTOP.blob) == ""
    assert not [r for _, r in node.requests if isinstance(r, Run) and "systemctl" in r.argv[0]], "reloads = 0"
    assert perform(node, adapters()["openssh"].probe(ACCESS, FACTS)) == "files in its home"


@pytest.mark.parametrize("mode", [NONE, SFTP, SHELL])
def test_what_the_keys_open_can_be_changed(node: FakeNode, mode: str) -> None:
    for first in (NONE, SFTP, SHELL):
        become(node, None, replace(ACCESS, mode=first))
        after = replace(ACCESS, mode=mode)
        become(node, replace(ACCESS, mode=first), after)
        assert seen(node) == {after}
        assert node.ssh.admits("kim", LAPTOP.blob) == ("" if mode == NONE else mode)
        assert perform(node, adapters()["openssh"].probe(after, FACTS))
        become(node, after, None)
        assert seen(node) == set() and not node.exists(FILE)


def test_a_lock_opens_nothing_and_comes_off_exactly(node: FakeNode) -> None:
    become(node, None, ACCESS)
    before = node.content(FILE)
    locked = replace(ACCESS, locked=True)
    become(node, ACCESS, locked)
    assert seen(node) == {locked} and node.ssh.admits("kim", LAPTOP.blob) == ""
    assert perform(node, adapters()["openssh"].probe(locked, FACTS)) == "shut"
    become(node, locked, ACCESS)
    assert node.content(FILE) == before and node.ssh.admits("kim", LAPTOP.blob) == "sftp"


def test_sessions_end_when_something_is_taken_away_and_only_then(node: FakeNode) -> None:
    fewer = replace(ACCESS, keys=ACCESS.keys[:1])
    steps = [
        (None, fewer, False), (fewer, ACCESS, False), (ACCESS, fewer, True), (fewer, replace(fewer, locked=True), True),
        (replace(fewer, locked=True), fewer, False), (fewer, replace(fewer, mode=SHELL), True),
        (replace(fewer, mode=SHELL), None, True),
    ]  # fmt: skip
    for before, after, ends in steps:
        node.requests.clear()
        become(node, before, after)
        ended = [r.argv for _, r in node.requests if isinstance(r, Run) and r.argv[0] == "/usr/bin/pkill"]
        assert bool(ended) == ends, (before, after)
        assert not ends or ended[0][5:] == (() if before == replace(fewer, mode=SHELL) else ("^sshd",))


@pytest.mark.parametrize("after", [None, replace(ACCESS, mode=SFTP), replace(ACCESS, mode=SHELL, locked=True)])
def test_with_a_shell_ends_what_it_left_running(node: FakeNode, after: SshAccess | None) -> None:
    """Also what has no session any more; PHP starts its own processes again."""
    before = replace(ACCESS, mode=SHELL)
    become(node, None, before)
    node.requests.clear()
    become(node, before, after)
    (ended,) = [r.argv for _, r in node.requests if isinstance(r, Run) and r.argv[0] == "/usr/bin/pkill"]
    assert ended[-2:] == ("--uid", "kim")


def test_twice_is_once(node: FakeNode) -> None:
    for before, after in ((None, ACCESS), (ACCESS, replace(ACCESS, mode=SHELL)), (ACCESS, None)):
        become(node, before, after)
        kept = node.content("/etc/group"), node.exists(FILE) and node.content(FILE)
        become(node, before, after)
        assert kept == (node.content("/etc/group"), node.exists(FILE) and node.content(FILE))


def test_what_others_changed_is_seen_and_set_right(node: FakeNode) -> None:
    become(node, None, ACCESS)
    stranger = ed25519_pair("mallory").public

    def extra_key() -> None:
        node.put(FILE, node.content(FILE) + f"{stranger}\n".encode(), mode=0o640, group="kim")

    def option() -> None:
        node.put(FILE, node.content(FILE).replace(b"ssh-ed25519", b'command="id" ssh-ed25519'), mode=0o640)

    def both() -> None:
        node.accounts.members["npanel-shell"].append("kim")
        node.accounts._save()

    def no_file() -> None:
        node.tree.at("/etc/npanel/ssh/keys").children.clear()

    for spoil in (extra_key, option, both, no_file):
        spoil()
        (found,) = seen(node, owner="kim")
        assert found != ACCESS, spoil.__name__
        assert isinstance(found, SshAccess)
        become(node, found, ACCESS)
        assert seen(node) == {ACCESS}, spoil.__name__


def test_a_member_without_a_file_is_seen(node: FakeNode) -> None:
    node.accounts.members["npanel-sftp"].append("kim")
    node.accounts._save()
    (found,) = seen(node)
    assert isinstance(found, SshAccess) and found.edited and found.mode == SFTP
    become(node, found, None)
    assert seen(node) == set()


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\x85", "\u2028", "\u2029"], ids=ascii)
def test_the_writer_refuses_what_ends_a_line(node: FakeNode, bad: str) -> None:
    key = ACCESS.keys[0]
    for broken in (
        replace(key, comment=f"a{bad}{DESK.public}"),
        replace(key, blob=f"{key.blob}{bad}"),
        replace(key, type=f'command="id"{bad}{key.type}'),
        SshKey('command="id"', key.blob),
    ):
        with pytest.raises(UnsafeValue):
            become(node, None, replace(ACCESS, keys=(broken,)))
    for access in (replace(ACCESS, owner=f"kim{bad}"), replace(ACCESS, owner="../root"), replace(ACCESS, mode="all")):
        with pytest.raises(HostingError):
            perform(node, adapters()["openssh"].apply(Change("ssh_access", "kim", None, access), Context()))
    assert not node.exists(FILE) and seen(node) == set()


def test_no_more_keys_than_may_be(node: FakeNode) -> None:
    many = tuple(sorted(ssh_key(ed25519_pair().public) for _ in range(21)))
    with pytest.raises(UnsafeValue):
        become(node, None, replace(ACCESS, keys=many))
    become(node, None, replace(ACCESS, keys=many[:20]))


def test_a_node_that_is_not_set_up_says_so() -> None:
    node = FakeNode()
    node.add_user("kim")
    with pytest.raises(HostingError) as refused:
        become(node, None, ACCESS)
    assert refused.value.code == "ssh_not_set_up" and not node.exists(FILE)


def test_a_configuration_that_sshd_refuses_is_not_read(node: FakeNode) -> None:
    node.put("/etc/ssh/sshd_config.d/npanel.conf", b"Frobnicate yes\n")
    file = NodeFile("/etc/ssh/sshd_config.d/npanel.conf", "Frobnicate yes\n", daemon="openssh")
    with pytest.raises(HostingError) as refused:
        perform(node, adapters()["openssh"].validate([Change(file.kind, file.key, None, file)]))
    assert refused.value.code == "configuration_invalid"


def test_root_in_a_group_of_customers_is_refused() -> None:
    node = FakeNode()
    set_up(node)
    node.accounts.members["npanel-sftp"].append("root")
    with pytest.raises(HostingError) as refused:
        set_up(node)
    assert "root" in refused.value.detail


def test_an_sshd_that_answers_no_more_fails_the_set_up() -> None:
    node = FakeNode()
    node.system.stop("ssh.service")
    with pytest.raises(HostingError):
        set_up(node)


def test_a_drop_in_that_is_not_read_fails_the_probe(node: FakeNode) -> None:
    become(node, None, ACCESS)
    node.put("/etc/ssh/sshd_config.d/npanel.conf", b"")
    with pytest.raises(ProbeFailed):
        perform(node, adapters()["openssh"].probe(ACCESS, FACTS))


def test_people_are_told_where_and_by_which_fingerprint(node: FakeNode) -> None:
    found = perform(node, adapters()["openssh"].discover())
    assert found["port"] == 22
    assert [line.partition(" ")[0] for line in found["fingerprints"]] == ["ssh-ed25519"]
    assert "SHA256:" in found["fingerprints"][0]
