"""What a customer does to their own tree never makes root touch anything outside of it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hosting.connections.agent.temporary import temporary_name
from hosting.connections.base import List, MakeDirectory, Read, Remove, Reply, Request, Stat, Write
from hosting.connections.local import LocalConnection
from hosting.errors import HostingError

from .conftest import needs_root

pytestmark = needs_root
USER = "nobody"
SWAPS = 10_000
ENOUGH = 300
# Runs as the customer: a directory becomes a link to somewhere else and back, as fast as it can.
SWAPPER = """
import os, select, sys
victim, outside, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
swaps = 0
while swaps < count or not select.select([0], [], [], 0)[0]:
    swaps += 1
    try:
        os.rename(victim, victim + ".aside")
        os.symlink(outside, victim)
        os.unlink(victim)
    except OSError:
        pass
    try:
        os.rename(victim + ".aside", victim)
    except OSError:
        pass
print("done")
"""


@pytest.fixture
def home(local: LocalConnection, place: str) -> Path:
    local.batch([MakeDirectory(f"{place}/home", owner=USER, group="nogroup", mode=0o755)])
    return Path(place, "home")


@pytest.fixture
def outside(place: str) -> Path:
    """What must never change: files and directories of root, one of them private."""
    path = Path(place, "outside")
    path.mkdir()
    (path / "file").write_text("root's")
    (path / "logs").mkdir(mode=0o700)
    (path / "logs" / "secret").write_text("root's")
    return path


def snapshot(tree: Path) -> dict[str, tuple[int, int, int, str]]:
    """Every path below a tree with mode, owner, inode, and content."""
    found = {}
    for path in [tree, *sorted(tree.rglob("*"))]:
        facts = path.lstat()
        content = path.read_text() if path.is_file() else ""
        found[str(path)] = (facts.st_mode, facts.st_uid, facts.st_ino, content)
    return found


@contextmanager
def swapping(victim: Path, outside: Path, count: int = SWAPS) -> Iterator[subprocess.Popen[str]]:
    """The customer at work, in a process of their own."""
    argv = [sys.executable, "-c", SWAPPER, str(victim), str(outside), str(count)]
    swapper = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield swapper
    finally:
        swapper.kill()
        swapper.wait()
        assert swapper.stdin
        assert swapper.stdout
        swapper.stdin.close()
        with swapper.stdout:
            assert swapper.stdout.read() == "done\n", "the customer did not get through with it"


def hammer(
    local: LocalConnection, requests: list[Request], swapper: subprocess.Popen[str]
) -> tuple[int, int, list[bytes]]:
    """Send the requests until many worked and the swapper is done: (worked, refused, what was read)."""
    worked = refused = 0
    seen: list[bytes] = []
    while swapper.poll() is None:
        for answer in local.batch(requests):
            if isinstance(answer, Reply):
                worked += 1
                seen.append(answer.data)
            else:
                refused += 1
        if worked > ENOUGH and swapper.stdin and not swapper.stdin.closed:
            swapper.stdin.close()  # it may end when it has done its share too
    return worked, refused, seen


def test_a_directory_swapped_for_a_link_leads_root_nowhere(local: LocalConnection, home: Path, outside: Path) -> None:
    (home / "sub").mkdir()
    os.chown(home / "sub", 65534, 65534)
    before = snapshot(outside)
    requests: list[Request] = [
        Write(f"{home}/sub/file", b"from root"),
        Write(f"{home}/sub/file", b"for the customer", owner=USER, mode=0o666),
        MakeDirectory(f"{home}/sub/logs", owner=USER, mode=0o777),
        Read(f"{home}/sub/file"),
        Remove(f"{home}/sub/file"),
        Remove(f"{home}/sub/logs", recursive=True),
    ]
    with swapping(home / "sub", outside) as swapper:
        _, refused, seen = hammer(local, requests, swapper)
    assert snapshot(outside) == before
    assert b"root's" not in seen
    assert refused > 0, "no write ever met the swapped directory"


def test_a_file_swapped_for_a_link_is_never_written_through(local: LocalConnection, home: Path, outside: Path) -> None:
    (home / "file").write_text("mine")
    os.chown(home / "file", 65534, 65534)
    before = snapshot(outside)
    requests: list[Request] = [
        Write(f"{home}/file", b"one", owner=USER, mode=0o666),
        Write(f"{home}/file", b"two"),
        Read(f"{home}/file"),
    ]
    with swapping(home / "file", outside / "file") as swapper:
        _, _, seen = hammer(local, requests, swapper)
    assert snapshot(outside) == before
    assert b"root's" not in seen


def test_roots_directory_moved_under_another_name_is_not_given_away(local: LocalConnection, home: Path) -> None:
    (home / "logs").mkdir(mode=0o700)
    (home / "logs" / "secret").write_text("root's")
    subprocess.run(["mv", str(home / "logs"), str(home / "web")], user=USER, check=True)
    (answer,) = local.batch([MakeDirectory(f"{home}/web", owner=USER, mode=0o755)])
    assert isinstance(answer, HostingError)
    assert (home / "web").stat().st_uid == 0


def test_a_hard_link_to_roots_file_is_replaced_not_changed(local: LocalConnection, home: Path, outside: Path) -> None:
    os.link(outside / "file", home / "file")
    (answer,) = local.batch([Write(f"{home}/file", b"root's", owner=USER, mode=0o666)])
    assert isinstance(answer, Reply)
    assert answer.changed
    assert ((outside / "file").read_text(), (outside / "file").stat().st_uid) == ("root's", 0)
    assert (home / "file").stat().st_uid == 65534


def test_same_content_under_two_names_is_written_anew(local: LocalConnection, home: Path, outside: Path) -> None:
    os.link(outside / "file", home / "file")
    (answer,) = local.batch([Write(f"{home}/file", b"root's")])
    assert isinstance(answer, Reply)
    assert answer.changed
    assert (outside / "file").stat().st_nlink == 1


@pytest.mark.parametrize("user", [None, USER])
def test_a_named_pipe_in_the_place_of_a_file_does_not_hang(
    local: LocalConnection, home: Path, user: str | None
) -> None:
    os.mkfifo(home / "pipe")
    os.chown(home / "pipe", 65534, 65534)
    answers = local.batch([Read(f"{home}/pipe", user=user), Write(f"{home}/pipe", b"", user=user)])
    assert all(isinstance(answer, HostingError) and "no regular file" in answer.detail for answer in answers)


def test_a_planted_temporary_name_is_swept_away(local: LocalConnection, home: Path, outside: Path) -> None:
    before = snapshot(outside)
    (home / temporary_name("file")).symlink_to(outside / "file")
    (answer,) = local.batch([Write(f"{home}/file", b"x")])
    assert isinstance(answer, Reply)
    assert snapshot(outside) == before
    assert [path.name for path in home.iterdir()] == ["file"]


def test_what_a_killed_write_left_goes_with_the_next_write_or_remove(local: LocalConnection, place: str) -> None:
    for last in (Write(f"{place}/a", b"x"), Write(f"{place}/a", b"x"), Remove(f"{place}/a"), Remove(f"{place}/a")):
        Path(place, temporary_name("a")).write_text("half")
        local.batch([last])
        assert temporary_name("a") not in os.listdir(place)


def test_many_writers_of_one_file_leave_one_whole_file(local: LocalConnection, place: str) -> None:
    contents = [bytes([65 + number]) * 200_000 for number in range(8)]

    def write(content: bytes) -> None:
        for _ in range(10):
            (answer,) = local.batch([Write(f"{place}/a", content)])
            assert isinstance(answer, Reply), answer

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Path(place, "a").read_bytes() in contents
    assert os.listdir(place) == ["a"]


def test_a_name_of_full_length_can_be_written(local: LocalConnection, place: str) -> None:
    local.batch([Write(f"{place}/{'x' * 255}", b"1")])
    assert os.listdir(place) == ["x" * 255]


def test_a_very_deep_tree_is_removed(local: LocalConnection, home: Path) -> None:
    here = os.open(home, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (answer,) = local.batch([Remove(f"{home}/d", recursive=True)])
    assert isinstance(answer, Reply), answer
    assert list(home.iterdir()) == []


def test_a_tree_that_grows_while_it_is_removed_is_removed(local: LocalConnection, home: Path) -> None:
    tree = home / "tree"
    tree.mkdir()
    stop = threading.Event()

    def grow() -> None:
        number = 0
        while not stop.is_set() and tree.exists():
            number += 1
            try:
                (tree / f"d{number % 50}").mkdir(exist_ok=True)
                (tree / f"d{number % 50}" / str(number)).write_text("x")
            except OSError:
                pass
            time.sleep(0.001)

    grower = threading.Thread(target=grow)
    grower.start()
    try:
        for _ in range(100):
            (answer,) = local.batch([Remove(str(tree), recursive=True)])
            if isinstance(answer, Reply):
                break
    finally:
        stop.set()
        grower.join()
    assert isinstance(local.batch([Remove(str(tree), recursive=True)])[0], Reply)
    assert not tree.exists()


def test_remove_stops_at_a_mounted_file_system(local: LocalConnection, place: str) -> None:
    mounted = Path(place, "tree", "mounted")
    mounted.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "none", str(mounted)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        (mounted / "precious").write_text("x")
        (answer,) = local.batch([Remove(f"{place}/tree", recursive=True)])
        assert isinstance(answer, HostingError)
        assert "mounted" in answer.detail
        assert (mounted / "precious").exists()
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(local: LocalConnection, place: str) -> None:
    mounted = Path(place, "small")
    mounted.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(mounted)], check=False)
    if done.returncode:
        pytest.skip("this machine lets us mount nothing")
    try:
        local.batch([Write(f"{mounted}/a", b"old")])
        (answer,) = local.batch([Write(f"{mounted}/a", b"x" * 2_000_000)])
        assert isinstance(answer, HostingError)
        assert "No space left" in answer.detail
        assert "Free space" in answer.hint
        assert [(path.name, path.read_text()) for path in mounted.iterdir()] == [("a", "old")]
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_files_with_strange_names_can_be_listed_and_removed(local: LocalConnection, home: Path) -> None:
    (home / "tree").mkdir()
    for name in (b"\xff\xfe", b"new\nline", "ü".encode()):
        Path(os.fsdecode(os.path.join(os.fsencode(home / "tree"), name))).write_text("x")
    (listed,) = local.batch([List(f"{home}/tree")])
    assert isinstance(listed, Reply)
    assert {os.fsencode(name) for name in listed.entries} == {b"\xff\xfe", b"new\nline", "ü".encode()}
    assert isinstance(local.batch([Remove(f"{home}/tree", recursive=True)])[0], Reply)
    assert isinstance(local.batch([Stat(f"{home}/tree")])[0], Reply)
    assert not (home / "tree").exists()
