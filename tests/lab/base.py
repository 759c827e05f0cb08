"""Build, once, the Debian root that every lab node is an overlay on, and keep it in a cache outside the checkout."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import LabError
from .sources import DEFAULT_KEYRING, RELEASE, Source, host_sources

RECIPE_VERSION = "2"
BASE_KEY_LENGTH = 16
PACKAGES = (
    "systemd-sysv dbus openssh-server procps iproute2 iputils-ping kmod ca-certificates logrotate acl "
    "python3 rsync openssl cron quota nginx php8.2-fpm php8.2-cli php8.2-mysql mariadb-server "
    "pdns-server pdns-backend-mysql pdns-backend-sqlite3 exim4-daemon-heavy "
    "dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-sieve dovecot-managesieved pure-ftpd-mysql "
    "rspamd redis-server"
).split()
ENABLED = ("ssh", "nginx", "php8.2-fpm", "mariadb", "cron")
# pdns restarts for ever until a backend is set; the others wait for the panel to configure them.
DISABLED = (
    "pdns inetd exim4 dovecot.service dovecot.socket pure-ftpd-mysql quota quotarpc phpsessionclean.timer "
    "rspamd redis-server apt-daily.timer "
    "apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap fstrim.timer dpkg-db-backup.timer "
    "exim4-base.timer"
).split()
# Units that need devices, kernel modules or a /proc/sys of their own, which a node has not.
MASKED = (
    "systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service "
    "getty@tty1.service console-getty.service systemd-modules-load.service systemd-sysctl.service "
    "proc-sys-fs-binfmt_misc.automount dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount "
    "sys-kernel-config.mount sys-fs-fuse-connections.mount dev-mqueue.mount systemd-timesyncd.service"
).split()
HOST_TOOLS = {
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "pivot_root": "util-linux",
    "mount": "mount",
    "ssh-keygen": "openssh-client",
}
_CLEAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APT_CONFIG = "etc/apt/apt.conf.d/99-lab-build"
_DPKG_CONFIG = "etc/dpkg/dpkg.cfg.d/99-lab-build"
_FIRST_START = """
install -d -o _rspamd /run/rspamd
runuser -u _rspamd -- rspamd -f -c /etc/rspamd/rspamd.conf &
until test -S /var/lib/rspamd/rspamd.sock; do sleep 1; done
pkill -x -u _rspamd rspamd
wait
rm -rf /run/rspamd /var/lib/rspamd/rspamd.sock /var/lib/rspamd/*.hs /var/log/rspamd/rspamd.log
"""
_POLICY = "usr/sbin/policy-rc.d"
_HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def cache_root() -> Path:
    """Directory of the cached bases and the nodes' disks (``NPANEL_LAB_CACHE``, else below /var/cache)."""
    return Path(os.environ.get("NPANEL_LAB_CACHE") or "/var/cache/npanel-lab")


def base_key() -> str:
    """Hexadecimal name of the base: the same recipe gives the same name."""
    recipe = "\n".join([RECIPE_VERSION, RELEASE, *PACKAGES, "+", *ENABLED, "-", *DISABLED, "!", *MASKED])
    return hashlib.sha256(recipe.encode()).hexdigest()[:BASE_KEY_LENGTH]


def base_path() -> Path:
    """Where the finished base is, or will be."""
    return cache_root() / base_key()


def missing_tools() -> list[str]:
    """Names of the Debian packages this host lacks for the lab, sorted."""
    path = os.environ.get("PATH", "") + ":" + _CLEAN_PATH
    return sorted({package for tool, package in HOST_TOOLS.items() if not shutil.which(tool, path=path)})


def require_host() -> None:
    """Check that this machine can run a lab.

    Raises:
        LabError: not root, or a tool is missing; the message names the apt packages.
    """
    if os.geteuid() != 0:
        raise LabError("the lab makes namespaces, mounts and a bridge, so it must be run as root")
    if missing := missing_tools():
        raise LabError(f"the lab needs packages this host lacks: apt-get install {' '.join(missing)}")


def say(message: str) -> None:
    """One line of progress, on standard error."""
    print(f"lab: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path: Path, waiting: str = "") -> Iterator[int]:
    """Hold the advisory lock of the file ``path`` (flock(2)); ``waiting`` is said once if another holds it.

    Yields:
        The lock's descriptor: a child that inherits it holds the lock until it ends, even when we are killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def build() -> Path:
    """Make the base unless it is there already; safe against a second builder and against being killed.

    Returns:
        The path of the finished base, which is never changed afterwards.

    Raises:
        LabError: the host is not fit, or a step failed; the message quotes the end of its output.
    """
    require_host()
    with locked(cache_root() / "build.lock", "another build is running; waiting for it") as lock:
        if not base_path().is_dir():
            for stale in cache_root().glob(".build-*"):
                shutil.rmtree(stale)
            _build_into(Path(tempfile.mkdtemp(prefix=".build-", dir=cache_root())), lock)
    return base_path()


def _build_into(work: Path, lock: int) -> None:
    work.chmod(0o755)
    builder = _Builder(work, lock)
    started = time.monotonic()
    builder.run()
    builder.root.rename(base_path())
    shutil.rmtree(work)
    say(f"base ready in {time.monotonic() - started:.0f} s: {base_path()}")


class _Builder:
    """The steps from an empty directory to a base; ``work`` holds the root and the log."""

    def __init__(self, work: Path, lock: int) -> None:
        self.lock = lock
        self.work = work
        self.root = work / "root"
        self.log = work / "build.log"
        self.sources = host_sources()

    def run(self) -> None:
        steps = (
            ("unpack a minimal Debian", self.debootstrap),
            ("read the package lists", self.update),
            (f"install {len(PACKAGES)} packages and what they need", self.install),
            ("set the services", self.services),
            ("let the spam filter prepare its tables", self.prepare_filter),
            ("make it pristine", self.pristine),
        )
        for number, (title, step) in enumerate(steps, 1):
            say(f"[{number}/{len(steps)}] {title} …")
            started = time.monotonic()
            step()
            say(f"[{number}/{len(steps)}] done in {time.monotonic() - started:.0f} s")

    def debootstrap(self) -> None:
        source = next(source for source in self.sources if source.suite == RELEASE)
        keyring = source.keyring or DEFAULT_KEYRING
        self._isolated(
            ["debootstrap", "--variant=minbase", f"--keyring={keyring}", RELEASE, str(self.root), source.uri],
            dict(os.environ, PATH=_CLEAN_PATH),
        )

    def update(self) -> None:
        self._write(_POLICY, "#!/bin/sh\nexit 101\n", 0o755)
        self._write(_DPKG_CONFIG, "force-unsafe-io\n")
        self._write(_APT_CONFIG, _host_apt_options() + 'APT::Install-Recommends "false";\n')
        self._write("etc/apt/sources.list", "".join(source.line() + "\n" for source in self.sources))
        for source in self.sources:
            self._copy_keyring(source)
        self._write("etc/hostname", "base\n")
        self._write("etc/hosts", "127.0.0.1 localhost base\n")
        self._write("etc/resolv.conf", Path("/etc/resolv.conf").read_text())
        if _HOST_CERTIFICATES.is_file():
            self._write(str(_HOST_CERTIFICATES)[1:], _HOST_CERTIFICATES.read_text())
        self._in_root("apt-get", "-q", "update")

    def install(self) -> None:
        self._in_root("apt-get", "-q", "-y", "install", *PACKAGES)

    def services(self) -> None:
        self._in_root("systemctl", "set-default", "multi-user.target")
        self._in_root("systemctl", "enable", *ENABLED)
        for unit in DISABLED:
            self._in_root("systemctl", "disable", unit, check=False)
        self._in_root("systemctl", "mask", *MASKED)

    def prepare_filter(self) -> None:
        """Its first start takes many seconds of CPU, for tables that every later start only reads."""
        self._in_root("timeout", "300", "unshare", "--net", "sh", "-c", _FIRST_START)

    def pristine(self) -> None:
        if not (self.root / "var/lib/mysql/mysql").is_dir():
            self._in_root("mariadb-install-db", "--user=mysql", "--skip-test-db")
        self._in_root("apt-get", "clean")
        self._in_root("update-ca-certificates", "--fresh")
        for name in (_POLICY, _DPKG_CONFIG, _APT_CONFIG):
            (self.root / name).unlink()
        for pattern in ("etc/ssh/ssh_host_*", "var/lib/apt/lists/*_*", "var/log/apt/*", "var/cache/apt/*.bin"):
            for leftover in self.root.glob(pattern):
                leftover.unlink()
        self._write("etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self._write("etc/default/locale", "LANG=C.UTF-8\n")
        # Empty, not absent: an absent one means "first boot" to systemd, which would re-enable every service.
        self._write("etc/machine-id", "")

    def _copy_keyring(self, source: Source) -> None:
        if source.keyring and source.keyring.is_file():
            target = self.root / "etc/apt/trusted.gpg.d" / source.keyring.name
            shutil.copyfile(source.keyring, target)

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def _in_root(self, *argv: str, check: bool = True) -> None:
        proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        environment = {"PATH": _CLEAN_PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        self._isolated(["chroot", str(self.root), *argv], {**environment, **proxies}, check=check)

    def _isolated(self, argv: list[str], environment: dict[str, str], check: bool = True) -> None:
        """Run in own mount and pid namespaces, so that nothing it mounts or starts outlives it or us."""
        wrapper = "setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child".split()
        if argv[0] == "chroot":
            wrapper.append(f"--mount-proc={self.root}/proc")
        # A first process that waits and does nothing else: apt-get, which changes its uid for a while, would lose its
        # parent-death signal by that (prctl(2), PR_SET_PDEATHSIG) and live on.
        wrapper += ["unshare", "--fork"]
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(argv)}\n".encode())
            log.flush()
            done = subprocess.run(
                [*wrapper, *argv],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self.lock],
                check=False,
            )
        if check and done.returncode:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise LabError(f"{argv[0]} failed with {done.returncode}; the end of {self.log}:\n{tail}")


def _host_apt_options() -> str:
    """The host's own way to its mirror (proxies, certificates), for the time of the build only."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = [
        line
        for line in dump.splitlines()
        if line.startswith("Acquire::") and any(word in line.lower() for word in ("proxy", "cainfo", "verify-"))
    ]
    return "".join(line + "\n" for line in wanted)
