"""Kept data on a real node: archived whole, read back, and only then removed, whatever a customer left in it."""

import json
import uuid

import pytest

from hosting.adapters.base import Scope, adapter_for
from hosting.adapters.kept_data import ARCHIVES, archive_path
from hosting.connections.base import Connection, Context, perform
from hosting.errors import HostingError, UnsafeValue
from hosting.state import Change, FinalArchive, KeptData, Plan, Ref, Resource, plan, state_of
from tests.contract.contract import SetUp
from tests.lab.nodes import Node

pytestmark = pytest.mark.lab

#: What a customer may have left: odd modes, links out, hard links, a socket, names that options are made of.
LIFE = """
mkdir -p "$1" && cd "$1" && umask 077
mkdir -p home/sites home/deep/er && echo precious > home/sites/page.html && chmod 0400 home/sites/page.html
ln -s /etc/passwd home/link && ln -s / home/root && ln home/sites/page.html home/hard
echo x > 'home/--checkpoint-action=exec=true' && echo y > "home/$(printf 'line\\nbreak')" && mkfifo home/pipe
chown -R 4711:4711 home && chmod 0000 home/deep/er
"""


@pytest.fixture
def kept(node: Node, set_up: SetUp) -> tuple[KeptData, FinalArchive]:
    """A folder as a deletion leaves it, with a second one beside the homes, and the archive that is wanted of both."""
    set_up("system_user")
    removed = str(uuid.uuid4())
    node.exec(["install", "--directory", "--mode=0700", "/home/.npanel-removed"], check=True)
    for place in (f"/var/lib/npanel/removed/{removed}", f"/home/.npanel-removed/{removed}"):
        node.exec(["sh", "-ec", LIFE, "sh", place], check=True)
    archive = FinalArchive("keptuser", removed)
    return KeptData("keptuser", removed, archive.key), archive


def seen(connection: Connection, set_up: SetUp, *resources: Resource) -> dict[Ref, Resource]:
    """What the adapter sees of these."""
    scope = Scope(set_up("system_user"), owner="keptuser", refs=frozenset(each.ref for each in resources))
    return state_of(perform(connection, adapter_for("kept_data").observe(scope)))


def carry_out(connection: Connection, changes: Plan) -> None:
    """Make the changes stage by stage, as the runner does."""
    for stage in changes.stages():
        for change in stage:
            perform(connection, adapter_for(change.kind).apply(change, Context()))


def test_it_is_archived_whole_and_then_removed_for_good(
    node: Node, connection: Connection, set_up: SetUp, kept: tuple[KeptData, FinalArchive]
) -> None:
    folder, archive = kept
    assert seen(connection, set_up, folder, archive) == {folder.ref: folder}
    purge = plan(state_of([folder]), state_of([archive]))
    assert [[change.kind for change in stage] for stage in purge.stages()] == [["final_archive"], ["kept_data"]]
    carry_out(connection, purge)
    assert seen(connection, set_up, folder, archive) == {archive.ref: archive}
    for place in ("/var/lib/npanel/removed", "/home/.npanel-removed"):
        assert node.exec(["sh", "-c", f"ls {place} | grep -c {folder.removed_id}"]).stdout.strip() == "0"
    assert node.exec(["test", "-s", "/etc/passwd"]).returncode == 0
    check_archive(node, archive)
    assert "sha256" in perform(connection, adapter_for("final_archive").probe(archive, set_up("system_user")))


def check_archive(node: Node, archive: FinalArchive) -> None:
    """Another tar finds everything in it, as it was."""
    path, target = archive_path(archive), f"/root/unpacked-{archive.source}"
    assert node.exec(["stat", "--format=%U %a", path, ARCHIVES], check=True).stdout == "root 600\nroot 700\n"
    node.exec(["mkdir", target], check=True)
    node.exec(["tar", "--extract", "--numeric-owner", f"--file={path}", f"--directory={target}"], check=True)
    for place in ("var/lib/npanel/removed", "home/.npanel-removed"):
        home = f"{target}/{place}/{archive.source}/home"
        assert node.read(f"{home}/sites/page.html") == "precious\n"
        facts = node.exec(["stat", "--format=%u:%g %a", f"{home}/sites/page.html", f"{home}/deep/er"], check=True)
        assert facts.stdout == "4711:4711 400\n4711:4711 0\n"
        assert node.exec(["readlink", f"{home}/link"], check=True).stdout == "/etc/passwd\n"
    note = json.loads(node.read(path.replace(".tar.gz", ".json")))
    assert node.exec(["sha256sum", path], check=True).stdout.split()[0] == note["sha256"]
    node.exec(["rm", "-r", target], check=True)


def test_doing_it_twice_is_the_same_as_once(
    connection: Connection, set_up: SetUp, kept: tuple[KeptData, FinalArchive]
) -> None:
    folder, archive = kept
    for _time in range(2):
        carry_out(connection, Plan((Change(archive.kind, archive.key, None, archive),)))
    for _time in range(2):
        carry_out(connection, Plan((Change(folder.kind, folder.key, folder, None),)))
    assert seen(connection, set_up, folder, archive) == {archive.ref: archive}
    carry_out(connection, Plan((Change(archive.kind, archive.key, archive, None),)))
    assert seen(connection, set_up, folder, archive) == {}


def test_a_purge_that_has_begun_is_seen_and_never_taken_back(
    node: Node, connection: Connection, set_up: SetUp, kept: tuple[KeptData, FinalArchive]
) -> None:
    folder, archive = kept
    place = f"/var/lib/npanel/removed/{folder.removed_id}"
    node.exec(["mv", place, f"{place}.purged"], check=True)
    partial = KeptData(folder.owner, folder.removed_id, folder.archive, partial=True)
    assert seen(connection, set_up, folder, archive) == {folder.ref: partial}
    with pytest.raises(HostingError) as refusal:
        carry_out(connection, Plan((Change(folder.kind, folder.key, partial, folder),)))
    assert refusal.value.code == "irreversible"
    carry_out(connection, Plan((Change(folder.kind, folder.key, partial, None),)))
    assert seen(connection, set_up, folder, archive) == {}


def test_an_archive_without_its_note_is_none(
    node: Node, connection: Connection, set_up: SetUp, kept: tuple[KeptData, FinalArchive]
) -> None:
    folder, archive = kept
    node.exec(["mkdir", "-p", "-m", "700", ARCHIVES], check=True)
    node.write(archive_path(archive), "half of it")
    assert seen(connection, set_up, folder, archive) == {folder.ref: folder}
    carry_out(connection, Plan((Change(archive.kind, archive.key, None, archive),)))
    assert archive.ref in seen(connection, set_up, folder, archive)


@pytest.mark.parametrize("identity", ["", "..", "../../etc", "a/b", "0" * 36, f"{uuid.uuid4()}\n"])
def test_only_an_operations_folder_is_removed(connection: Connection, set_up: SetUp, identity: str) -> None:
    set_up("system_user")
    for resource in (KeptData("keptuser", identity), FinalArchive("keptuser", identity)):
        with pytest.raises(UnsafeValue):
            perform(connection, adapter_for(resource.kind).apply(Change(resource.kind, "x", resource, None), Context()))
