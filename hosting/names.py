"""Host names and Linux user names: one spelling, and rules for what may be one. No Django."""

import re
import unicodedata
from collections.abc import Iterable

import idna

from hosting.errors import HostingError
from hosting.texts import N_, Text, plain

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_USERNAME = re.compile(r"[a-z][a-z0-9]{1,15}")
#: Full stops of other scripts, which UTS 46 maps to the dot.
_DOTS = ".\u3002\uff0e\uff61"
#: No host name is longer, not even spelled out in another script; the IDNA tables are not asked for more.
_TYPED_AT_MOST = 1000

#: Names that are, or become with a package, accounts of the system or words of the panel.
RESERVED_USERNAMES = frozenset(
    """
    root daemon bin sys sync games man lp mail news uucp proxy backup list irc gnats nobody ntp sshd ftp ftpuser www
    mysql mariadb postgres redis memcache nginx apache httpd phpfpm php pdns powerdns bind named exim dovecot dovenull
    vmail postfix rspamd clamav ftpd proftpd sftp ssh git cron crontab systemd messagebus polkitd tss landscape
    admin administrator operator support webmaster hostmaster postmaster abuse npanel panel api user users guest test
    sudo wheel staff adm tty disk kmem dialout fax voice cdrom floppy tape audio dip src shadow utmp video sasl plugdev
    crontabs default public private tmp home var etc opt usr dev proc run srv lib sbin boot media mnt lost found
    information performance schema
    """.split()
)
#: systemd makes accounts of its own (systemd-network, systemd-resolve…), more with each release.
_RESERVED_PREFIX = "systemd"


def host_name(text: str) -> str:
    """A host name in its one spelling: lower-case ASCII (IDNA 2008, UTS 46 mapping), no trailing dot.

    Args:
        text: what a person typed, e.g. ``Bücher.Example.``.

    Raises:
        HostingError: ``bad_name`` when it is no host name with at least two labels (RFC 1123 §2.1, RFC 5891).
    """
    name = text.strip().lower()
    name = name.removesuffix(name[-1]) if name.endswith(tuple(_DOTS)) else name
    if len(name) > _TYPED_AT_MOST:
        raise _bad_name(text, N_("it is too long"))
    try:
        ascii_name = idna.encode(name, uts46=True).decode() if not name.isascii() or "xn--" in name else name
    except (idna.IDNAError, UnicodeError) as error:
        raise _bad_name(text, plain(error)) from error
    labels = ascii_name.split(".")
    if len(labels) < 2 or len(ascii_name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad_name(text, N_("it needs at least two parts of letters, digits and inner hyphens"))
    if labels[-1].isdigit():
        raise _bad_name(text, N_("the last part can't be a number"))
    return ascii_name


def ancestors(name: str) -> list[str]:
    """All names above a host name, nearest first: ``a.b.c`` gives ``b.c`` and ``c``."""
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels))]


def reversed_name(name: str) -> str:
    """Labels in reverse with a closing dot, so that all names below one share its prefix: ``com.example.``"""
    return ".".join(reversed(name.split("."))) + "."


def covers(names: Iterable[str], host: str) -> bool:
    """Whether names of a certificate stand for a host name; a wildcard stands for one label (RFC 6125 §6.4.3)."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(name in (host, wildcard) for name in names)


def check_username(text: str) -> str:
    """A Linux user name for a service: 2 to 16 lower-case letters and digits, beginning with a letter.

    Raises:
        HostingError: ``bad_username`` or ``reserved_username``.
    """
    if not _USERNAME.fullmatch(text):
        raise HostingError(
            N_("%(name)s can't be a user name.", name=repr(text[:40])),
            code="bad_username",
            hint=N_("Use 2 to 16 lower-case letters and digits, beginning with a letter."),
            field="username",
        )
    if text in RESERVED_USERNAMES or text.startswith(_RESERVED_PREFIX):
        raise HostingError(
            N_("The user name %(name)s is reserved for the system.", name=repr(text)),
            code="reserved_username",
            hint=N_("Choose another one."),
            field="username",
        )
    return text


def suggest_username(domain: str, taken: frozenset[str] | set[str]) -> str:
    """A free user name made from a domain's first label."""
    letters = re.sub(r"[^a-z0-9]", "", _plain(domain.partition(".")[0])).lstrip("0123456789")[:12]
    stem = letters if len(letters) >= 2 and not letters.startswith(_RESERVED_PREFIX) else f"site{letters}"[:12]
    number = 0
    while True:
        name = f"{stem}{number or ''}"
        if name not in taken and name not in RESERVED_USERNAMES:
            return name
        number += 1


def _plain(label: str) -> str:
    """A domain's label in letters that people would type: ``xn--bcher-kva`` becomes ``bucher``."""
    try:
        shown = idna.decode(label)
    except idna.IDNAError:
        return label
    base = unicodedata.normalize("NFKD", shown.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return base or label


def _bad_name(text: str, reason: Text) -> HostingError:
    return HostingError(
        N_("%(name)s is not a host name: %(reason)s.", name=repr(text.strip()[:80]), reason=reason),
        code="bad_name",
        hint=N_("Type it like example.com or shop.example.com."),
        field="domain",
    )
