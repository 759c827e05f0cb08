"""What nginx's own test of its configuration says, and which file it is about."""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hosting.adapters.nginx.site import SITES
from hosting.adapters.nginx.syntax import Directive, SyntaxFault, parse
from hosting.connections.base import List, Read, ReadAll, Steps
from hosting.errors import ConfigurationInvalid
from hosting.state import Change, VirtualHost
from hosting.texts import N_, Text

#: Directories whose files nginx's stock configuration (and ours) includes.
INCLUDED = (SITES, "/etc/nginx/conf.d", "/etc/nginx/sites-enabled")
_EMERGENCY = re.compile(r"\[(?:emerg|crit|alert)\] (?:\d+#\d+: )?(?P<what>.*?)(?: in (?P<path>/[^:]+):(?P<line>\d+))?$")
_CONFLICT = re.compile(r'conflicting server name "(?P<name>[^"]*)" on (?P<listen>\S+), ignored')
_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Verdict:
    """The test's outcome: what broke it and where (both "" if nothing did), and host names that two servers claim."""

    broken: str = ""
    path: str = ""
    conflicts: tuple[str, ...] = ()


def verdict(exit_status: int, output: str) -> Verdict:
    """Read the output of ``nginx -t`` (its warnings count: a conflicting name serves another's site)."""
    conflicts = tuple(dict.fromkeys(match["name"] for match in _CONFLICT.finditer(output)))
    if exit_status == 0:
        return Verdict(conflicts=conflicts)
    faults = [match for match in map(_EMERGENCY.search, output.splitlines()) if match]
    if not faults:
        return Verdict(broken=output.strip() or f"nginx -t ended with {exit_status}", conflicts=conflicts)
    return Verdict(faults[0]["what"], faults[0]["path"] or "", conflicts)


def raise_for(found: Verdict, changes: Sequence[Change], files: Mapping[str, str]) -> None:
    """Turn a verdict into the error that names the file at fault.

    Args:
        changes: what was written before the test: if one of these claims a conflicting name, it is the one at fault.
        files: all included files by path, for faults that nginx reports without a path.

    Raises:
        ConfigurationInvalid: there is something at fault.
    """
    if found.broken:
        path = found.path or _mentioning(found.broken, files)
        raise ConfigurationInvalid(
            N_("nginx refuses its configuration: %(broken)s", broken=found.broken), path=path, hint=_hint(path)
        )
    for name in found.conflicts:
        claims = {path: text for path, text in files.items() if name in _names(text)}
        path = _newcomer(name, claims, changes)
        if path:
            rest = ", ".join(sorted(claims.keys() - {path})) or N_("elsewhere")
            detail = N_(
                "The host name %(name)s has a server block in %(path)s and another one in %(rest)s.",
                name=name,
                path=path,
                rest=rest,
            )
            raise ConfigurationInvalid(detail, path=path, hint=_hint(path))


def _hint(path: str) -> Text:
    if path:
        return N_("Correct or remove %(path)s on the node.", path=path)
    return N_("Correct nginx's configuration on the node.")


def _newcomer(name: str, claims: Iterable[str], changes: Sequence[Change]) -> str:
    """Which of the claiming files has to go: a changed one, else a stranger's beside one of ours, else nobody's."""
    wanted = [change.after for change in changes if isinstance(change.after, VirtualHost)]
    changed = [f"{SITES}/{site.owner}.{site.name}.conf" for site in wanted if name in (site.name, *site.aliases)]
    if changed:
        return changed[0]
    ours = sorted(path for path in claims if path.startswith(f"{SITES}/"))
    strangers = sorted(set(claims) - set(ours))
    if not ours:
        return ""
    return strangers[0] if strangers else ours[-1]


def _names(text: str) -> set[str]:
    try:
        tree: Directive = parse(text)
    except SyntaxFault:
        return set()
    return {name for directive in tree.walk() if directive.name == "server_name" for name in directive.parameters}


def _mentioning(fault: str, files: Mapping[str, str]) -> str:
    """The first file that holds what the fault quotes (a certificate's or log's path, a server's address)."""
    for quoted in _QUOTED.findall(fault):
        for path, text in files.items():
            if quoted in text:
                return path
    return ""


def included_files() -> Steps[dict[str, str]]:
    """All files in :data:`INCLUDED`, links followed, by the path that nginx calls them by."""
    listings = yield [*(ReadAll(directory) for directory in INCLUDED), *(List(directory) for directory in INCLUDED)]
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    for directory, found, names in zip(INCLUDED, listings, listings[len(INCLUDED) :], strict=False):
        files |= {f"{directory}/{name}": entry.text for name, entry in found.entries.items()}
        for name, entry in names.entries.items():
            if entry.type == "link":
                links[f"{directory}/{name}"] = posixpath.normpath(posixpath.join(directory, entry.target))
    targets = (yield [Read(target) for target in links.values()]) if links else ()
    return files | {path: reply.text for path, reply in zip(links, targets, strict=True)}
