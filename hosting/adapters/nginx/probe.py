"""Ask a site, from the node itself, as a visitor would: by its names, through the listener on the node's address."""

from collections.abc import Sequence

from hosting.adapters.base import NodeFacts
from hosting.adapters.nginx.site import PROBE_PATH
from hosting.adapters.php_fpm.pool import PING_PATH
from hosting.connections.base import Http, Reply, Request, Run, Stat, Steps
from hosting.errors import HostingError, NodeFileError, ProbeFailed
from hosting.state import VirtualHost
from hosting.texts import N_, NOTHING, Text

#: A listener or pool that has just been reloaded may take a moment under load.
ATTEMPTS = 10
LOOPBACK = "127.0.0.1"
#: Whom nginx's workers run as on Debian.
WORKER = "www-data"
_PAUSE = Run(("/usr/bin/sleep", "0.2"))


def ask(site: VirtualHost, facts: NodeFacts) -> Steps[str]:
    """What the site answers, in a few words.

    Raises:
        ProbeFailed: a name is not answered by this very site, its document root can't be reached, its PHP does not
            answer, or it is not suspended as it should be.
    """
    questions = _questions(site, facts.address or LOOPBACK)
    fault = N_("not asked")
    for attempt in range(ATTEMPTS):
        try:
            replies = yield [*([_PAUSE] if attempt else []), *questions]
        except NodeFileError:
            fault = _no_way_to(site)
            continue
        except HostingError as error:
            if error.code not in ("node_http_failed", "node_not_local"):
                raise
            if error.code == "node_not_local":  # the node is known by an address that somebody translates
                questions = _questions(site, LOOPBACK)
            fault = error.detail_text
            continue
        fault = _fault(site, replies[-len(questions) :])
        if not fault:
            return _words(site)
    detail = N_("%(name)s is not served as it should be: %(fault)s", name=site.name, fault=fault)
    raise ProbeFailed(detail, hint=N_("See the site's error log on the node."))


def _questions(site: VirtualHost, address: str) -> list[Request]:
    names = [name.replace("*", "npanel-probe") for name in (site.name, *site.aliases)]
    urls = [f"http://{name}{PROBE_PATH}" for name in names]
    if site.suspended:
        urls.append(f"http://{site.name}/")
    elif site.php:
        urls.append(f"http://{site.name}{PING_PATH}")
    return [*(Http("GET", url, connect=address) for url in urls), Stat(site.root, user=WORKER)]


def _fault(site: VirtualHost, replies: Sequence[Reply]) -> Text:
    """What is wrong with the answers, nothing if nothing is."""
    state = "suspended" if site.suspended else "served"
    expected = f"{state} {site.name} {site.root}"
    names = (site.name, *site.aliases)
    *answers, root = replies
    if root.type != "directory":
        return _no_way_to(site)
    for name, reply in zip(names, answers, strict=False):
        if reply.text.strip() != expected:
            return N_("%(name)s answered %(status)s %(start)s", name=name, status=reply.status, start=_start(reply))
    for reply in answers[len(names) :]:
        if site.suspended and reply.status != 503:
            return N_("a visitor gets %(status)s instead of the suspended page", status=reply.status)
        if not site.suspended and not (reply.status == 200 and reply.text.startswith(f"{site.owner} ")):
            return N_("its PHP answered %(status)s %(start)s", status=reply.status, start=_start(reply))
    return NOTHING


def _no_way_to(site: VirtualHost) -> Text:
    return N_("the web server cannot reach %(root)s", root=site.root)


def _start(reply: Reply) -> str:
    return repr(reply.text.strip()[:80])


def _words(site: VirtualHost) -> str:
    if site.suspended:
        return "503 suspended page"
    names = f"{1 + len(site.aliases)} name{'s' if site.aliases else ''}"
    return f"{names} served{', PHP answers' if site.php else ''}"
