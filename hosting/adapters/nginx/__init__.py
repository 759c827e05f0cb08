"""nginx: a file for each site, a default server that answers nobody, a page for suspended sites."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from hosting.adapters._edited import bring_back_edited, keep_edited
from hosting.adapters._units import ends
from hosting.adapters._values import HOST_NAME, OWNER, of_type
from hosting.adapters.base import QUARANTINE_ROOT, Adapter, NodeFacts, Quarantined, Scope, register, removed_path
from hosting.adapters.nginx.faults import INCLUDED, included_files, raise_for, verdict
from hosting.adapters.nginx.probe import ask
from hosting.adapters.nginx.site import LOGS, PROBE_PATH, ROOT, SITES, logs_of, parse_site, path_of, render, text_of
from hosting.connections.base import (
    Context,
    MakeDirectory,
    Move,
    ReadAll,
    Remove,
    Reply,
    Run,
    Stat,
    Steps,
    Write,
)
from hosting.state import Change, DaemonUnit, NodeFile, NodeLink, Package, Ref, Resource, VirtualHost

_UNIT = "nginx.service"
_MAIN = "/etc/nginx/conf.d/npanel.conf"
_LIMITS = "/etc/systemd/system/nginx.service.d/npanel.conf"
_SITE_FILE = re.compile(rf"(?P<owner>{OWNER.pattern})\.(?P<name>{HOST_NAME.pattern})\.conf")
_RELOAD = resources.files(__name__).joinpath("reload_on_node.py").read_bytes()
#: nginx opens two logs a site, in its test as well: 8,000 sites. Any session may raise its soft limit so far.
_MANY_FILES = ("/usr/bin/prlimit", "--nofile=16384:")


@register
class NginxAdapter(Adapter):
    """Files ``/etc/nginx/npanel/sites/OWNER.DOMAIN.conf``; stock ``nginx.conf`` stays as it is."""

    kind = "nginx"
    handles = (VirtualHost,)
    owns = (SITES, LOGS)
    activates = True
    keeps_edited = True
    #: Debian's default site claims the default server.
    unwanted = (NodeLink("/etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default", daemon="nginx"),)

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        ipv6 = facts.discovered.get(self.kind, {}).get("ipv6", True)
        addresses = sorted(filter(_is_address, {facts.address, *facts.addresses}))
        texts = {
            f"{ROOT}/site.conf": text_of("common.conf", probe_path=PROBE_PATH, ipv6=ipv6),
            f"{ROOT}/https.conf": text_of("https.conf", ipv6=ipv6),
            f"{ROOT}/redirect.conf": text_of("redirect.conf"),
            f"{ROOT}/suspended.conf": text_of("suspended.conf", probe_path=PROBE_PATH, ipv6=ipv6),
            f"{ROOT}/pages/.npanel-suspended.html": text_of("suspended.html"),
            "/etc/nginx/modules-enabled/90-npanel.conf": text_of("main.conf"),
            _MAIN: text_of("npanel.conf", ipv6=ipv6, addresses=addresses),
            _LIMITS: text_of("limits.conf"),
        }
        files = [NodeFile(path, text, daemon=self.kind, packages=("nginx",)) for path, text in texts.items()]
        rotation = NodeFile("/etc/logrotate.d/npanel-sites", text_of("logrotate.conf"), packages=("logrotate",))
        unit = DaemonUnit(_UNIT, daemon=self.kind, files=tuple(texts))
        return (Package("nginx"), Package("logrotate"), *files, rotation, unit)

    def discover(self) -> Steps[dict[str, Any]]:
        """``ipv6``: whether the node has IPv6 at all (a listener on it would fail otherwise)."""
        (reply,) = yield [Stat("/proc/net/if_inet6")]
        return {"ipv6": reply.exists}

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        keys = scope.keys(VirtualHost.kind)
        if keys == []:
            return ()
        owner = scope.owner or "*"
        patterns = [f"{owner}.*.conf"] if keys is None else [f"{owner}.{key}.conf" for key in keys]
        listings = yield [ReadAll(SITES, pattern) for pattern in patterns]
        found = {name: entry for listing in listings for name, entry in listing.entries.items()}
        sites = [site for site in (_observed(name, entry) for name, entry in sorted(found.items())) if site]
        return tuple(site for site in sites if scope.covers(site))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        site = of_type(VirtualHost, change.resource)
        yield from keep_edited(change, path_of(site), context)
        kept = removed_path(context, site.ref)
        logs = logs_of(site)
        if change.after is None:
            aside = Move(logs, kept) if kept else Remove(logs, recursive=True)
            yield [Remove(path_of(site)), aside]
            return
        edited = yield from bring_back_edited(change, path_of(site), context)
        files = [] if edited else [Write(path_of(site), render(site).encode(), parents=True)]
        back = [Move(kept, logs)] if kept and change.before is None else []
        yield [
            MakeDirectory(LOGS, mode=0o711),
            *back,
            MakeDirectory(logs, mode=0o750, group=site.owner),
            *files,
        ]

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        if ends(changes, _UNIT):
            return
        (reply,) = yield [Run((*_MANY_FILES, "/usr/sbin/nginx", "-t"), ok=(0, 1), timeout=120)]
        found = verdict(reply.exit_status, reply.stderr.decode("utf-8", "replace"))
        if found.conflicts or (found.broken and not found.path):
            raise_for(found, changes, (yield from included_files()))
        raise_for(found, changes, {})

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Reload (restart when systemd's limits changed, start when it does not run) and wait for the new workers."""
        if ends(changes, _UNIT):
            return
        how = ("restart",) if any(change.key == _LIMITS for change in changes) else ()
        yield [Run(("/usr/bin/python3", "-I", "-S", "-", *how), stdin=_RELOAD, timeout=150)]

    def quarantine(self, path: str, reason: str) -> Steps[Quarantined | None]:
        directory, _, name = path.rpartition("/")
        if directory not in INCLUDED or not name or path == _MAIN:
            return None
        kept_at = f"{QUARANTINE_ROOT}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}-nginx-{name}"
        (reply,) = yield [Move(path, kept_at)]
        return Quarantined(path, kept_at, reason, _ref(directory, name)) if reply.changed else None

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        resource = of_type(VirtualHost, resource)
        return (yield from ask(resource, facts))


def _is_address(text: str) -> bool:
    """Whether a text is an IP address that is not the node's loopback one."""
    try:
        return not ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _observed(name: str, entry: Reply) -> VirtualHost | None:
    match = _SITE_FILE.fullmatch(name)
    return parse_site(match["owner"], match["name"], entry.text) if match else None


def _ref(directory: str, name: str) -> Ref | None:
    match = _SITE_FILE.fullmatch(name) if directory == SITES else None
    return Ref(VirtualHost.kind, match["name"]) if match else None
