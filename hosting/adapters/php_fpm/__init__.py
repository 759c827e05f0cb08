"""php-fpm: one pool for each service, with its own uid, socket and tmp; every installed PHP version."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from hosting.adapters._edited import bring_back_edited, keep_edited
from hosting.adapters._units import ends
from hosting.adapters._values import OWNER, PHP_VERSION, checked, of_type
from hosting.adapters.base import QUARANTINE_ROOT, Adapter, NodeFacts, Quarantined, Scope, register
from hosting.adapters.php_fpm.pool import parse, render
from hosting.connections.base import (
    Context,
    List,
    MakeDirectory,
    Move,
    ReadAll,
    Remove,
    Request,
    Run,
    Stat,
    Steps,
    Write,
)
from hosting.errors import CommandFailed, ConfigurationInvalid, ProbeFailed
from hosting.state import Change, DaemonUnit, NodeFile, Package, PhpPool, Ref, Resource
from hosting.texts import N_, plain

ROOT = "/etc/php"
SOCKETS = "/run/npanel/php"
TMPFILES = "/etc/tmpfiles.d/npanel.conf"
#: PHP of each Debian release (packages.debian.org/php-fpm), until the node's own versions are known.
DEFAULT_VERSIONS = {"12": "8.2", "13": "8.4"}
_POOL_FILE = re.compile(rf"{ROOT}/(?P<version>[0-9.]+)/fpm/pool\.d/npanel-(?P<owner>{OWNER.pattern})\.conf")
#: How a pool says that another version has it as well.
_ALSO = "also in PHP "
_RELOAD = resources.files(__name__).joinpath("reload_on_node.py").read_bytes()

_TMPFILES = """\
# Written by NPanel: places of its own in /run, see tmpfiles.d(5).
d /run/npanel 0711 root root
d /run/npanel/php 0750 root www-data
"""
_GLOBAL = """\
; Written by NPanel.
[global]
; A reload lets running requests end, but nobody waits longer for them than this.
process_control_timeout = 3s
"""
_LIMITS = """\
# Written by NPanel: every pool has a socket, every child a connection.
[Service]
LimitNOFILE=65536
"""
_INI = """\
; Written by NPanel. What one customer's PHP must not do to another's, and what strangers need not know.
expose_php = Off
cgi.fix_pathinfo = 0
opcache.validate_permission = 1
opcache.restrict_api = /usr/share/php/
; Sessions lie in a customer's own tmp, which no cron job of Debian's cleans.
session.gc_probability = 1
session.gc_divisor = 1000
log_errors = On
"""


@register
class PhpFpmAdapter(Adapter):
    """Pool files ``/etc/php/VERSION/fpm/pool.d/npanel-OWNER.conf``; sockets ``/run/npanel/php/OWNER.sock``."""

    kind = "php_fpm"
    handles = (PhpPool,)
    owns = (ROOT,)
    activates = True
    keeps_edited = True

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        wanted: list[Resource] = [NodeFile(TMPFILES, _TMPFILES, daemon=self.kind)]
        for version in versions_of(facts):
            wanted += self._setup_of(version)
        return tuple(wanted)

    def _setup_of(self, version: str) -> list[Resource]:
        package = f"php{version}-fpm"
        place = f"{ROOT}/{version}/fpm"
        files = (
            (f"{place}/pool.d/npanel.conf", _GLOBAL),
            (f"{place}/conf.d/90-npanel.ini", _INI),
            (_limits_of(version), _LIMITS),
        )
        return [
            Package(package),
            Package(f"php{version}-mysql"),
            *(NodeFile(path, text, daemon=self.kind, packages=(package,)) for path, text in files),
            DaemonUnit(f"{package}.service", daemon=self.kind, files=tuple(path for path, _ in files)),
        ]

    def discover(self) -> Steps[dict[str, Any]]:
        """``versions``: the PHP versions whose php-fpm is installed, oldest first."""
        (listing,) = yield [List(ROOT)]
        names = sorted(filter(PHP_VERSION.fullmatch, listing.entries), key=_sort_key)
        replies = (yield [Stat(_binary(name)) for name in names]) if names else ()
        return {"versions": [name for name, reply in zip(names, replies, strict=True) if reply.exists]}

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        if not scope.wants(PhpPool.kind):
            return ()
        versions = versions_of(scope.facts)
        pattern = f"npanel-{scope.owner}.conf" if scope.owner else "npanel-*.conf"
        replies = yield [ReadAll(_pool_directory(version), pattern) for version in versions]
        pools: dict[str, PhpPool] = {}
        for version, listing in zip(versions, replies, strict=True):
            for name, entry in sorted(listing.entries.items()):
                match = _POOL_FILE.fullmatch(f"{_pool_directory(version)}/{name}")
                if match:
                    _add(pools, parse(match["owner"], version, entry.text))
        return tuple(pool for pool in pools.values() if scope.covers(pool))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        after = change.after
        requests: list[Request] = []
        if isinstance(change.before, PhpPool):
            yield from keep_edited(change, _path(change.key, change.before.version), context)
        edited = isinstance(after, PhpPool) and (
            yield from bring_back_edited(change, _path(change.key, after.version), context)
        )
        if isinstance(after, PhpPool):
            # php-fpm's test does not look at them, and its master ends when a socket can't be made.
            requests += [MakeDirectory("/run/npanel", mode=0o711), MakeDirectory(SOCKETS, mode=0o750, group="www-data")]
            requests += [] if edited else [Write(_path(after.owner, after.version), render(after).encode())]
        stale = _versions(change.before) - ({after.version} if isinstance(after, PhpPool) else set())
        requests += [Remove(_path(change.key, version)) for version in sorted(stale)]
        yield requests

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        for version in _touched(changes):
            try:
                yield [Run((_binary(version), "--test"), timeout=120)]
            except CommandFailed as error:
                path = yield from _culprit(version, error.detail)
                hint = N_("Correct or remove %(path)s on the node.", path=path or N_("the pool at fault"))
                raise ConfigurationInvalid(plain(_reason(error.detail)), path=path, hint=hint) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Reload the touched versions, in one command, and wait until the sockets are as wanted."""
        first: list[Request] = []
        if any(change.key == TMPFILES and change.after is not None for change in changes):
            first.append(Run(("/usr/bin/systemd-tmpfiles", "--create", TMPFILES)))
        versions = _touched(changes)
        restart = any(change.key == _limits_of(version) for version in versions for change in changes)
        arguments = ["restart"] if restart else []
        arguments += [f"{version}:{','.join(_let_go(version, changes))}" for version in versions]
        last = [Run(("/usr/bin/python3", "-I", "-S", "-", *arguments), stdin=_RELOAD, timeout=120)] if versions else []
        yield [*first, *last]

    def quarantine(self, path: str, reason: str) -> Steps[Quarantined | None]:
        directory, _, name = path.rpartition("/")
        if not re.fullmatch(rf"{ROOT}/{PHP_VERSION.pattern}/fpm/pool\.d", directory) or name in ("", "npanel.conf"):
            return None
        kept_at = f"{QUARANTINE_ROOT}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}-php_fpm-{name}"
        (reply,) = yield [Move(path, kept_at)]
        match = _POOL_FILE.fullmatch(path)
        ref = Ref(PhpPool.kind, match["owner"]) if match else None
        return Quarantined(path, kept_at, reason, ref) if reply.changed else None

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """See that the socket is there for nginx alone (whether PHP answers, its sites are asked, through nginx)."""
        resource = of_type(PhpPool, resource)
        (reply,) = yield [Stat(resource.socket)]
        seen = f"{reply.owner} {reply.mode & 0o7777:04o}" if reply.exists else ""
        if seen != "www-data 0600":
            raise ProbeFailed(
                N_("The socket %(socket)s is %(seen)s.", socket=resource.socket, seen=seen or N_("missing")),
                hint=N_("See the log of php-fpm on the node."),
            )
        return f"PHP {resource.version} listens"


def versions_of(facts: NodeFacts) -> list[str]:
    """The node's PHP versions, or the one its release comes with while none is installed."""
    found = facts.discovered.get("php_fpm", {}).get("versions", [])
    release = facts.discovered.get("node_setup", {}).get("release", "")
    return list(found) or [DEFAULT_VERSIONS.get(release, "8.2")]


def _sort_key(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _checked_version(version: str) -> str:
    return checked(version, PHP_VERSION, N_("PHP version"))


def _binary(version: str) -> str:
    return f"/usr/sbin/php-fpm{_checked_version(version)}"


def _limits_of(version: str) -> str:
    return f"/etc/systemd/system/php{version}-fpm.service.d/npanel.conf"


def _pool_directory(version: str) -> str:
    return f"{ROOT}/{_checked_version(version)}/fpm/pool.d"


def _path(owner: str, version: str) -> str:
    name = checked(owner, OWNER, N_("user name"))
    return f"{_pool_directory(version)}/npanel-{name}.conf"


def _add(pools: dict[str, PhpPool], pool: PhpPool) -> None:
    """Note a pool; one that is there under two versions is shown as edited, so that the plan settles it."""
    other = pools.get(pool.owner)
    if other is not None:
        pool = replace(pool, edited=f"{_ALSO}{other.version}")
    pools[pool.owner] = pool


def _versions(side: Resource | None) -> set[str]:
    """The PHP versions whose files one side of a change means."""
    if not isinstance(side, PhpPool):
        return set()
    return {side.version} | ({side.edited.removeprefix(_ALSO)} if side.edited.startswith(_ALSO) else set())


def _touched(changes: Sequence[Change]) -> list[str]:
    """The PHP versions whose running masters changes concern, oldest first."""
    sides = [side for change in changes for side in (change.before, change.after)]
    versions = set().union(*map(_versions, sides))
    paths = [re.search(r"/php/?([0-9.]+)(?:/|-fpm)", side.path) for side in sides if isinstance(side, NodeFile)]
    versions |= {match[1] for match in paths if match}
    return sorted((v for v in versions if not ends(changes, f"php{v}-fpm.service")), key=_sort_key)


def _let_go(version: str, changes: Iterable[Change]) -> list[str]:
    """The sockets that a version's master had before these changes and has to close, if its files agree."""
    pools = [change.before for change in changes if isinstance(change.before, PhpPool)]
    return sorted({pool.socket for pool in pools if version in _versions(pool)})


def _reason(output: str) -> str:
    errors = [line for line in output.splitlines() if "ERROR" in line]
    return re.sub(r"^.*?ERROR: ", "", errors[0]) if errors else output


def _culprit(version: str, output: str) -> Steps[str]:
    """The pool file that php-fpm's error is about: it names ``[/path:line]`` or ``[pool NAME]``."""
    named = re.search(rf"\[({ROOT}/[^]:]+):\d+]", output)
    if named:
        return named[1]
    pool = re.search(r"\[pool ([^]]+)]", output)
    if not pool:
        return ""
    (listing,) = yield [ReadAll(_pool_directory(version), "*.conf")]
    files = [name for name, entry in listing.entries.items() if f"[{pool[1]}]" in entry.text]
    return f"{_pool_directory(version)}/{files[0]}" if files else ""
