"""The first steps of a node: join its cgroup, then, inside fresh namespaces, lay out its mounts and become systemd.

Run by ``machine.start`` with the host's Python, never imported. ``join`` is the outer half, ``boot`` the inner one.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import uuid
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


def join(cgroup: str, argv: list[str]) -> None:
    """Leave our caller's session and process tree, move into ``cgroup`` and go on as ``argv``."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    (Path(cgroup) / "cgroup.procs").write_text("0")
    os.execvp(argv[0], argv)  # noqa: S606 (a list of words, no shell)


def boot(spec: dict[str, str]) -> None:
    """Become the systemd of the node ``spec`` describes; gives up if the caller dies before saying go."""
    root = Path(spec["root"])
    raise_limits()
    mount("--make-rprivate", "/")
    mount_root(root, spec)
    mount_devices(root)
    for name, mode in (("run", "755"), ("tmp", "1777"), ("dev/shm", "1777")):
        mount("-t", "tmpfs", "-o", f"mode={mode},nosuid,nodev", "tmpfs", str(root / name))
    mount_kernel(root)
    run("hostname", spec["hostname"])
    (root / ".old").mkdir(exist_ok=True)
    os.chdir(root)
    run("pivot_root", ".", ".old")
    os.chdir("/")
    run("umount", "-l", "/.old")
    print("mounted", flush=True)
    if sys.stdin.readline() != "go\n":
        sys.exit("the caller went away")
    become_systemd()


def raise_limits() -> None:
    """Give what Debian's systemd has on a real server (systemd.exec(5), ``LimitNOFILE=``), not what our caller has."""
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    # A caller without CAP_SYS_RESOURCE may not, and the node lives with what the caller has.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, min(524288, most)))


def mount_root(root: Path, spec: dict[str, str]) -> None:
    options = f"lowerdir={spec['lower']},upperdir={spec['upper']},workdir={spec['work']}"
    mount("-t", "overlay", "-o", options, "overlay", str(root))


def mount_kernel(root: Path) -> None:
    """/proc, /sys and the cgroup tree; what is shared with the host is read-only, except the node's own network."""
    mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", str(root / "proc"))
    mount_boot_id(root)
    # /proc/sysrq-trigger is there only where the kernel has the key.
    shared = [path for path in (root / "proc/sys", root / "proc/sysrq-trigger") if path.exists()]
    for path in [*shared, root / "proc/sys/net"]:
        mount("--rbind", str(path), str(path))
    for path in shared:
        mount("-o", "remount,bind,ro", str(path))
    mount("-t", "sysfs", "-o", "ro,nosuid,nodev,noexec", "sysfs", str(root / "sys"))
    mount("-t", "cgroup2", "-o", "nosuid,nodev,noexec", "cgroup2", str(root / "sys/fs/cgroup"))


def mount_boot_id(root: Path) -> None:
    """A boot id of this boot's own, as systemd-nspawn(1) gives: the kernel's is the same for all nodes and boots."""
    boot_id = root / "run/boot-id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    boot_id.chmod(0o444)
    mount("--bind", str(boot_id), str(root / "proc/sys/kernel/random/boot_id"))
    boot_id.unlink()


def mount_devices(root: Path) -> None:
    """A /dev with the handful of devices every container has."""
    dev = root / "dev"
    mount("-t", "tmpfs", "-o", "mode=755,nosuid,size=4m", "tmpfs", str(dev))
    for name in DEVICES:
        (dev / name).touch()
        mount("--bind", f"/dev/{name}", str(dev / name))
    for name, target in LINKS.items():
        (dev / name).symlink_to(target)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "devpts", str(dev / "pts"))


def become_systemd() -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, 256)
    os.execve("/sbin/init", ["/sbin/init"], {"container": "npanel", "PATH": PATH})  # noqa: S606


def mount(*arguments: str) -> None:
    run("mount", *arguments)


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    if sys.argv[1] == "join":
        join(sys.argv[2], sys.argv[3:])
    else:
        boot(json.loads(sys.argv[2]))
