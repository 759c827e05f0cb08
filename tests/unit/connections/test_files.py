"""File requests mean the same on a real machine and on the fake node: every test here runs on both."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from hosting.connections.base import (
    Connection,
    List,
    MakeDirectory,
    Move,
    Read,
    ReadAll,
    Remove,
    Reply,
    Request,
    Stat,
    Symlink,
    Write,
)
from hosting.connections.fake import FakeConnection
from hosting.connections.local import LocalConnection
from hosting.errors import HostingError, NodeFileError

from .conftest import needs_root

pytestmark = needs_root
USER = "www-data"
Ask = Callable[[Request], Reply]


@pytest.fixture(params=["real", "fake"])
def connection(request: pytest.FixtureRequest, place: str, local: LocalConnection) -> Connection:
    if request.param == "real":
        return local
    fake = FakeConnection()
    fake.put_directory(place)
    return fake


@pytest.fixture
def ask(connection: Connection) -> Ask:
    """Send one request; its error is raised."""

    def send(request: Request) -> Reply:
        (answer,) = connection.batch([request])
        if isinstance(answer, HostingError):
            raise answer
        return answer

    return send


@pytest.fixture
def home(ask: Ask, place: str) -> str:
    """A directory of a user, as a customer has one."""
    ask(MakeDirectory(f"{place}/home", mode=0o750, owner=USER, group=USER))
    return f"{place}/home"


def refuses(ask: Ask, request: Request, reason: str) -> None:
    with pytest.raises(NodeFileError, match=reason):
        ask(request)


def test_a_written_file_reads_back_with_its_facts(ask: Ask, place: str) -> None:
    assert ask(Write(f"{place}/a", b"one\0\xff", mode=0o640, group=USER)).changed
    reply = ask(Read(f"{place}/a"))
    assert (reply.exists, reply.data, reply.mode, reply.owner, reply.group) == (True, b"one\0\xff", 0o640, "root", USER)
    assert (reply.type, reply.size, reply.links) == ("file", 5, 1)


def test_the_same_file_again_changes_nothing(ask: Ask, place: str) -> None:
    request = Write(f"{place}/a", b"one", owner=USER, group=USER, mode=0o600)
    ask(request)
    before = ask(Stat(f"{place}/a"))
    assert not ask(request).changed
    assert replace(ask(Stat(f"{place}/a")), seconds=0) == replace(before, seconds=0)


@pytest.mark.parametrize("other", [{"data": b"two"}, {"mode": 0o600}, {"owner": USER}, {"group": USER}])
def test_a_difference_in_anything_is_a_change(ask: Ask, place: str, other: dict[str, object]) -> None:
    request = Write(f"{place}/a", b"one")
    ask(request)
    wanted = replace(request, **other)  # type: ignore[arg-type]
    assert ask(wanted).changed
    reply = ask(Read(f"{place}/a"))
    assert (reply.data, reply.mode, reply.owner, reply.group) == (wanted.data, wanted.mode, wanted.owner, wanted.group)
    assert not ask(wanted).changed


def test_exclusive_leaves_an_existing_file_alone(ask: Ask, place: str) -> None:
    assert ask(Write(f"{place}/a", b"one", exclusive=True)).changed
    assert not ask(Write(f"{place}/a", b"two", exclusive=True)).changed
    assert ask(Read(f"{place}/a")).data == b"one"


def test_parents_are_made_only_when_asked(ask: Ask, place: str) -> None:
    refuses(ask, Write(f"{place}/x/y/a", b""), "No such file")
    ask(Write(f"{place}/x/y/a", b"", parents=True))
    assert ask(Stat(f"{place}/x")).mode == 0o755


def test_what_is_missing_is_no_error(ask: Ask, place: str) -> None:
    assert not ask(Read(f"{place}/no/file")).exists
    assert not ask(Stat(f"{place}/no/file")).exists
    assert not ask(Remove(f"{place}/no/file")).changed
    assert not ask(Move(f"{place}/no/file", f"{place}/b")).changed
    assert ask(List(f"{place}/no")).entries == {}
    assert ask(ReadAll(f"{place}/no")).entries == {}


def test_a_file_over_the_limit_is_refused(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/a", b"12345"))
    assert ask(Read(f"{place}/a", limit=5)).data == b"12345"
    refuses(ask, Read(f"{place}/a", limit=4), "larger than 4 bytes")


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a//b", "/a/./b", "/a/", "", "/" + "x" * 256, "/nul\0byte"])
def test_an_unsafe_path_is_refused(ask: Ask, path: str) -> None:
    for request in (Write(path, b""), Read(path), Stat(path), Remove(path), MakeDirectory(path)):
        with pytest.raises(HostingError):
            ask(request)


def test_the_root_directory_cannot_be_changed(ask: Ask) -> None:
    for request in (Write("/", b""), Remove("/", recursive=True), MakeDirectory("/"), Move("/", "/x")):
        with pytest.raises(NodeFileError):
            ask(request)


def test_unknown_owners_are_refused_and_leave_nothing(ask: Ask, place: str) -> None:
    refuses(ask, Write(f"{place}/a", b"", owner="nosuchuser"), "no user 'nosuchuser'")
    refuses(ask, Write(f"{place}/a", b"", group="nosuchgroup"), "no group 'nosuchgroup'")
    refuses(ask, Write(f"{place}/a", b"", user="nosuchuser"), "no user 'nosuchuser'")
    assert ask(List(place)).entries == {}


def test_a_numeric_owner_is_kept(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/a", b"", owner="61234", group="61234"))
    assert ask(Stat(f"{place}/a")).owner == "61234"


def test_read_all_takes_regular_files_that_match(ask: Ask, place: str) -> None:
    for name in ("a.conf", "b.conf", "c.txt"):
        ask(Write(f"{place}/{name}", name.encode()))
    ask(Symlink(f"{place}/d.conf", "a.conf"))
    ask(MakeDirectory(f"{place}/e.conf"))
    entries = ask(ReadAll(place, pattern="*.conf")).entries
    assert {name: entry.data for name, entry in entries.items()} == {"a.conf": b"a.conf", "b.conf": b"b.conf"}
    refuses(ask, ReadAll(place, limit=7), "larger")


def test_list_tells_the_facts_of_every_entry(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/file", b"123", mode=0o600))
    ask(MakeDirectory(f"{place}/dir", mode=0o711))
    ask(Symlink(f"{place}/link", "file"))
    entries = ask(List(place)).entries
    assert {name: entry.type for name, entry in entries.items()} == {"file": "file", "dir": "directory", "link": "link"}
    assert (entries["file"].mode, entries["file"].size, entries["dir"].mode) == (0o600, 3, 0o711)
    assert entries["link"].target == "file"


def test_directories_get_owner_and_mode_and_so_do_missing_parents(ask: Ask, place: str) -> None:
    request = MakeDirectory(f"{place}/x/y", mode=0o750, owner=USER, group=USER)
    assert ask(request).changed
    assert not ask(request).changed
    for path in ("x", "x/y"):
        facts = ask(Stat(f"{place}/{path}"))
        assert (facts.mode, facts.owner, facts.group) == (0o750, USER, USER)
    assert ask(MakeDirectory(f"{place}/x", mode=0o711)).changed
    assert ask(Stat(f"{place}/x")).mode == 0o711


def test_a_file_in_the_way_of_a_directory_is_an_error(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/a", b""))
    refuses(ask, MakeDirectory(f"{place}/a"), "no directory")
    refuses(ask, Write(f"{place}/a/b", b""), "no directory")
    refuses(ask, Write(place, b""), "no regular file")


def test_symlinks_are_made_replaced_and_left(ask: Ask, place: str) -> None:
    assert ask(Symlink(f"{place}/l", "one")).changed
    assert not ask(Symlink(f"{place}/l", "one")).changed
    assert ask(Symlink(f"{place}/l", "two")).changed
    facts = ask(Stat(f"{place}/l"))
    assert (facts.type, facts.target) == ("link", "two")
    ask(Write(f"{place}/file", b""))
    refuses(ask, Symlink(f"{place}/file", "one"), "no link")
    refuses(ask, Symlink("/tmp/npanel-test-link", "one"), "others can write")


def test_the_last_part_of_a_path_is_never_followed(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/file", b"secret"))
    ask(Symlink(f"{place}/l", f"{place}/file"))
    refuses(ask, Read(f"{place}/l"), "is a link")
    refuses(ask, Write(f"{place}/l", b"x"), "is a link")
    ask(Remove(f"{place}/l"))
    assert ask(Read(f"{place}/file")).data == b"secret"


def test_roots_links_on_the_way_are_followed(ask: Ask, place: str) -> None:
    ask(MakeDirectory(f"{place}/real/deep"))
    ask(Symlink(f"{place}/abs", f"{place}/real"))
    ask(Symlink(f"{place}/rel", "real/../real/deep"))
    ask(Write(f"{place}/abs/deep/a", b"1"))
    assert ask(Read(f"{place}/rel/a")).data == b"1"
    ask(Symlink(f"{place}/loop", "loop/x"))
    refuses(ask, Read(f"{place}/loop/x/y"), "too many links")


def test_links_others_could_have_made_are_not_followed(ask: Ask, connection: Connection, place: str, home: str) -> None:
    ask(MakeDirectory(f"{place}/outside"))
    ask(Write(f"{place}/outside/a", b"root's"))
    if isinstance(connection, FakeConnection):
        connection.put_link(f"{home}/l", f"{place}/outside", owner="root")
    else:
        os.symlink(f"{place}/outside", f"{home}/l")  # root's own link, but in a directory that is not root's
    for request in (
        Write(f"{home}/l/a", b"x"),
        Read(f"{home}/l/a"),
        Remove(f"{home}/l/a"),
        MakeDirectory(f"{home}/l/b"),
    ):
        refuses(ask, request, "is a link that somebody else could have made")
    assert ask(Read(f"{place}/outside/a")).data == b"root's"


def test_remove_takes_files_links_and_trees(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/t/a/b/c", b"", parents=True))
    ask(Symlink(f"{place}/t/l", "/etc"))
    refuses(ask, Remove(f"{place}/t"), "not empty")
    assert ask(Remove(f"{place}/t", recursive=True)).changed
    assert not ask(Remove(f"{place}/t", recursive=True)).changed
    ask(MakeDirectory(f"{place}/e"))
    assert ask(Remove(f"{place}/e")).changed
    assert ask(List(place)).entries == {}
    assert ask(Stat("/etc")).exists


def test_move_makes_a_private_parent_and_spares_an_existing_target(ask: Ask, place: str) -> None:
    ask(Write(f"{place}/t/a", b"1", parents=True))
    assert ask(Move(f"{place}/t", f"{place}/removed/id/t")).changed
    assert ask(Read(f"{place}/removed/id/t/a")).data == b"1"
    assert ask(Stat(f"{place}/removed")).mode == 0o700
    ask(Write(f"{place}/x", b"x"))
    ask(Write(f"{place}/y", b"y"))
    refuses(ask, Move(f"{place}/x", f"{place}/y"), "there already")
    assert ask(Move(f"{place}/x", f"{place}/y", replace=True)).changed
    assert ask(Read(f"{place}/y")).data == b"x"
    assert not ask(Stat(f"{place}/x")).exists


def test_a_user_writes_only_where_the_kernel_lets_them(ask: Ask, place: str, home: str) -> None:
    assert ask(Write(f"{home}/x/a", b"1", user=USER, parents=True)).changed
    assert not ask(Write(f"{home}/x/a", b"1", user=USER)).changed
    file, folder = ask(Stat(f"{home}/x/a")), ask(Stat(f"{home}/x"))
    assert (file.owner, file.group, folder.owner, folder.mode) == (USER, USER, USER, 0o750)
    ask(Write(f"{place}/secret", b"s", mode=0o600))
    for request in (
        Write(f"{place}/b", b"1", user=USER),
        Read(f"{place}/secret", user=USER),
        Remove(f"{place}/secret", user=USER),
        MakeDirectory(f"{place}/d", user=USER),
        Move(f"{place}/secret", f"{home}/secret", user=USER),
        Write(f"{home}/a", b"1", user="nobody"),
        Read(f"{home}/x/a", user="nobody"),
        List(home, user="nobody"),
    ):
        refuses(ask, request, "Permission denied")
    assert set(ask(List(place)).entries) == {"home", "secret"}


def test_a_user_may_remove_and_move_their_own(ask: Ask, home: str) -> None:
    ask(Write(f"{home}/a", b"1", user=USER))
    assert ask(Move(f"{home}/a", f"{home}/b/c", user=USER)).changed
    assert ask(Remove(f"{home}/b", recursive=True, user=USER)).changed
    assert ask(List(home, user=USER)).entries == {}


def test_root_gives_no_filled_directory_away_where_others_can_swap_it(ask: Ask, home: str) -> None:
    ask(Write(f"{home}/logs/secret", b"root's", parents=True))
    refuses(ask, MakeDirectory(f"{home}/logs", owner=USER, group=USER), "not empty")
    assert ask(Stat(f"{home}/logs")).owner == "root"
    assert ask(MakeDirectory(f"{home}/new", owner=USER, group=USER)).changed


def test_stop_on_error_runs_nothing_after_the_first_error(connection: Connection, place: str) -> None:
    requests = [Write(f"{place}/a", b""), Read(place), Write(f"{place}/b", b"")]
    answers = connection.batch(requests, stop_on_error=True)
    assert isinstance(answers[0], Reply)
    assert [answer.code for answer in answers[1:] if isinstance(answer, HostingError)] == ["node_file_error", "not_run"]
    names = connection.batch([List(place)])[0]
    assert isinstance(names, Reply)
    assert set(names.entries) == {"a"}
    assert isinstance(connection.batch(requests)[2], Reply)


def test_a_batch_of_nothing_is_no_round_trip(connection: Connection) -> None:
    before = connection.round_trips
    assert connection.batch([]) == []
    assert connection.round_trips == before
    with contextlib.suppress(HostingError):
        connection.batch([Stat("/")])
    assert connection.round_trips == before + 1
