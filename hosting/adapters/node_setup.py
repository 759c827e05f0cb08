"""The node's own packages, configuration files, links and units, which the other adapters' ``setup`` asks for."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hosting.adapters._values import ABSOLUTE_PATH, checked
from hosting.adapters.base import Adapter, Scope, register
from hosting.connections.base import Context, Read, Remove, Reply, Request, Run, Stat, Steps, Symlink, Write
from hosting.errors import CommandFailed, HostingError
from hosting.state import Change, DaemonUnit, NodeFile, NodeLink, Package, Resource, Secret
from hosting.texts import N_

#: The word in a NodeFile's content that its secret takes the place of.
SECRET_WORD = "@SECRET@"  # noqa: S105 (no secret: a placeholder)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")  # Debian Policy §5.6.1
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.\\@-]{0,200}\.(?:service|socket|timer)")  # systemd.unit(5)
#: An absolute path; systemd's templates of units have an @ in their names.
_FILE = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._@-]{1,255})+")
_APT = ("/usr/bin/apt-get", "--assume-yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300")
# A configuration file that is there already stays (NPanel has its own files); maintainer scripts never ask.
_KEEP = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
_QUIET = ("/usr/bin/env", "DEBIAN_FRONTEND=noninteractive")
_PATIENCE = 900.0
_ENABLED = frozenset({"enabled", "enabled-runtime", "static", "alias", "indirect", "generated"})
T = TypeVar("T", bound=Resource)
_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState")


@register
class NodeSetupAdapter(Adapter):
    """dpkg, files, links and systemd, for all daemons; a bootstrap's plan is made of its Resources."""

    kind = "node_setup"
    handles = (Package, NodeFile, NodeLink, DaemonUnit)

    def discover(self) -> Steps[dict[str, Any]]:
        """``distribution`` and ``release`` of os-release(5), e.g. ``debian`` and ``12``."""
        (reply,) = yield [Read("/usr/lib/os-release")]
        facts = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', reply.text, re.MULTILINE))
        return {"distribution": facts.get("ID", ""), "release": facts.get("VERSION_ID", "")}

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """What there is of ``scope.setup`` (which names unwanted links too), and nothing else."""
        packages = _of(Package, scope)
        units = _of(DaemonUnit, scope)
        files = _of(NodeFile, scope)
        links = _of(NodeLink, scope)
        requests: list[Request] = [Read(file.path) for file in files] + [Stat(link.path) for link in links]
        requests += [_installed(packages)] if packages else []
        requests += [_states(units)] if units else []
        replies = list((yield requests) if requests else ())
        seen_units = _seen_units(units, replies.pop()) if units else ()
        seen_packages = _seen_packages(packages, replies.pop()) if packages else ()
        seen_files = (_seen_file(file, reply) for file, reply in zip(files, replies, strict=False))
        seen_links = (_seen_link(link, reply) for link, reply in zip(links, replies[len(files) :], strict=True))
        return (*seen_packages, *filter(None, seen_files), *filter(None, seen_links), *seen_units)

    def apply(self, change: Change, context: Context) -> Steps[None]:
        resource = change.resource
        if isinstance(resource, Package):
            yield from _apply_package(resource, wanted=change.after is not None)
        elif isinstance(resource, NodeFile):
            checked(resource.path, _FILE, N_("path"))
            yield [Remove(resource.path) if change.after is None else _write(resource)]
        elif isinstance(resource, NodeLink):
            checked(resource.path, ABSOLUTE_PATH, N_("path"))
            yield [Remove(resource.path) if change.after is None else Symlink(resource.path, resource.target)]
        elif isinstance(resource, DaemonUnit):
            yield from _apply_unit(resource, wanted=change.after is not None)


def _of(kind: type[T], scope: Scope) -> list[T]:
    return [resource for resource in scope.setup if isinstance(resource, kind)]


# --- packages ------------------------------------------------------------------------------------------------------


def _installed(packages: Iterable[Package]) -> Run:
    names = tuple(checked(package.name, _PACKAGE, N_("package")) for package in packages)
    form = "--showformat=${Package} ${db:Status-Status}\\n"
    return Run(("/usr/bin/dpkg-query", "--show", form, *names), ok=(0, 1))


def _seen_packages(packages: Sequence[Package], reply: Reply) -> list[Package]:
    installed = {line.split()[0] for line in reply.text.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package.name in installed]


def _apply_package(package: Package, *, wanted: bool) -> Steps[None]:
    """Install; or, when an installation is taken back, remove it again (its configuration stays, as with dpkg)."""
    name = checked(package.name, _PACKAGE, N_("package"))
    if not wanted:
        yield [Run((*_QUIET, *_APT, "remove", name), timeout=_PATIENCE)]
        return
    install = Run((*_QUIET, *_APT, *_KEEP, "install", name), timeout=_PATIENCE)
    try:
        yield [install]
    except CommandFailed:
        # The node's package lists may be older than its mirror.
        yield [Run((*_QUIET, *_APT, "update"), timeout=_PATIENCE), install]


# --- files and links -----------------------------------------------------------------------------------------------


def _write(file: NodeFile) -> Write:
    content = file.content.replace(SECRET_WORD, file.secret.value) if file.secret.value else file.content
    return Write(file.path, content.encode(), file.mode, file.user, file.group, parents=True)


def _seen_file(wanted: NodeFile, reply: Reply) -> NodeFile | None:
    if not reply.exists:
        return None
    try:
        text = reply.data.decode()
    except UnicodeDecodeError:
        raise HostingError(
            N_("%(path)s on the node is not text.", path=wanted.path), code="not_text", hint=N_("Move it away.")
        ) from None
    content, secret = _without_secret(wanted, text)
    mode = reply.mode & 0o7777
    return replace(wanted, content=content, secret=secret, mode=mode, user=reply.owner, group=reply.group)


def _without_secret(wanted: NodeFile, text: str) -> tuple[str, Secret]:
    """The content with :data:`SECRET_WORD` for its secret, so that no plan shows it, whatever the secret is now."""
    if not wanted.secret.value:
        return text, Secret("")
    before, _, after = wanted.content.partition(SECRET_WORD)
    pattern = re.escape(before) + "([^\n]*)" + re.escape(after).replace(re.escape(SECRET_WORD), r"\1")
    match = re.fullmatch(pattern, text)
    if match:
        return wanted.content, Secret(match[1])
    if wanted.secret.value in text:
        return text.replace(wanted.secret.value, SECRET_WORD), wanted.secret
    # Unlike what we would write in more than the secret: it may hold another secret anywhere.
    return SECRET_WORD, Secret(text)


def _seen_link(wanted: NodeLink, reply: Reply) -> NodeLink | None:
    return replace(wanted, target=reply.target) if reply.exists and reply.type == "link" else None


# --- units ---------------------------------------------------------------------------------------------------------


def _states(units: Iterable[DaemonUnit]) -> Run:
    names = tuple(checked(unit.name, _UNIT, N_("unit")) for unit in units)
    return Run(("/usr/bin/systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *names))


def _seen_units(units: Sequence[DaemonUnit], reply: Reply) -> list[DaemonUnit]:
    blocks = reply.text.strip().split("\n\n")
    seen = []
    for unit, block in zip(units, blocks, strict=True):
        facts = dict(line.partition("=")[::2] for line in block.splitlines())
        enabled = facts["UnitFileState"] in _ENABLED
        running = facts["ActiveState"] in ("active", "reloading")
        if facts["LoadState"] != "not-found" or running:
            seen.append(replace(unit, enabled=enabled, running=running))
    return seen


def _apply_unit(unit: DaemonUnit, *, wanted: bool) -> Steps[None]:
    """Enable or disable, start or stop; a unit that is taken back (there was none before) is disabled and stopped."""
    name = checked(unit.name, _UNIT, N_("unit"))
    enabled, running = wanted and unit.enabled, wanted and unit.running
    missing = (0,) if wanted else (0, 1, 5)
    yield [
        Run(("/usr/bin/systemctl", "enable" if enabled else "disable", "--", name), ok=missing),
        Run(("/usr/bin/systemctl", "reset-failed", "--", name), ok=(0, 1, 5)),
        Run(("/usr/bin/systemctl", "start" if running else "stop", "--", name), timeout=180, ok=missing),
    ]
