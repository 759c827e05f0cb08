"""A VirtualHost as the text of its file, and the text (whoever wrote it) as a VirtualHost."""

from dataclasses import replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hosting.adapters._edited import edit_of
from hosting.adapters._values import ABSOLUTE_PATH, HOST_NAME, OWNER, SITE_NAME, all_checked, checked
from hosting.adapters.nginx.syntax import Directive, SyntaxFault, parse
from hosting.adapters.php_fpm.pool import PING_PATH
from hosting.adapters.tls.pem import pem_path
from hosting.errors import UnsafeValue
from hosting.state import VirtualHost
from hosting.texts import N_

ROOT = "/etc/nginx/npanel"
SITES = f"{ROOT}/sites"
LOGS = "/var/log/npanel/sites"
#: Where nginx tells the node itself, and nobody else, which site it serves.
PROBE_PATH = "/.well-known/npanel-probe"

# Every value that is a customer's passes its own grammar in render(); the pages among the templates hold none.
_templates = Environment(loader=PackageLoader(__package__), undefined=StrictUndefined, autoescape=False)  # noqa: S701


def text_of(template: str, **values: Any) -> str:
    """One of the templates, rendered, with a line end at its end."""
    return _templates.get_template(template).render(**values).rstrip("\n") + "\n"


def _called(site: VirtualHost) -> str:
    owner, name = checked(site.owner, OWNER, N_("user name")), checked(site.name, HOST_NAME, N_("host name"))
    return f"{owner}.{name}"


def path_of(site: VirtualHost) -> str:
    """Where the site's file lies; the part before the first dot is the owner."""
    return f"{SITES}/{_called(site)}.conf"


def logs_of(site: VirtualHost) -> str:
    """The directory of the site's logs; root's, so that nobody can put a link in a log's place."""
    return f"{LOGS}/{_called(site)}"


def render(site: VirtualHost) -> str:
    """The whole file of a site.

    Raises:
        UnsafeValue: a value must not reach a configuration file.
    """
    checked(site.owner, OWNER, N_("user name"))
    checked(site.name, HOST_NAME, N_("host name"))
    all_checked(site.aliases, SITE_NAME, N_("host name"))
    checked(site.root, ABSOLUTE_PATH, N_("document root"))
    if f"/{site.owner}/" not in site.root:
        raise UnsafeValue(
            N_("the document root %(root)s does not lie in %(owner)s's home", root=repr(site.root), owner=site.owner)
        )
    socket, pem = f"/run/npanel/php/{site.owner}.sock", pem_path(site.owner, site.name)
    if (site.redirect or site.hsts) and not site.https:
        raise UnsafeValue(N_("%(name)s can't be sent to TLS without a certificate", name=site.name))
    return text_of("site.conf", site=site, logs=logs_of(site), socket=socket, ping_path=PING_PATH, pem=pem)


def parse_site(owner: str, name: str, text: str) -> VirtualHost:
    """The site that a file stands for.

    ``edited`` says what differs unless the text is, byte for byte, what :func:`render` makes of the other fields.

    Args:
        owner, name: as the file's name says.
        text: the file's content.
    """
    ours = ""
    try:
        site = _site(parse(text))
        ours = render(site)
        if (site.owner, site.name) == (owner, name) and ours == text:
            return site
    except (SyntaxFault, UnsafeValue):
        site = VirtualHost(owner, name, root="", php=False)
    return replace(site, owner=owner, name=name, edited=edit_of(text, ours))


def _site(file: Directive) -> VirtualHost:
    server = next(file.all("server"), Directive("server"))
    names = server.first("server_name") or ("",)
    log = (server.first("access_log") or ("",))[0].removeprefix(f"{LOGS}/")
    included = {child.parameters for child in server.all("include")}
    suspended = (f"{ROOT}/suspended.conf",) in included
    passed = any(directive.name == "fastcgi_pass" for directive in server.walk())
    return VirtualHost(
        owner=log.partition(".")[0],
        name=names[0],
        root="".join(server.first("root")),
        aliases=names[1:],
        php=server.first("set") == ("$npanel_php", "on") if suspended else passed,
        suspended=suspended,
        https=(f"{ROOT}/https.conf",) in included,
        redirect=(f"{ROOT}/redirect.conf",) in included,
        hsts=any(child.parameters[:1] == ("Strict-Transport-Security",) for child in server.all("add_header")),
    )
