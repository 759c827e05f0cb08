"""Certificates of mail domains, shown by name. Exim looks for a file of the name each time; Dovecot has to be told."""

import re
from collections.abc import Sequence
from typing import ClassVar

from hosting.adapters._values import HOST_NAME, OWNER, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.mail_tls import text
from hosting.adapters.tls.pem import fingerprint
from hosting.connections.base import (
    Context,
    MakeDirectory,
    ReadAll,
    Remove,
    Reply,
    Request,
    Run,
    Stat,
    Steps,
    Symlink,
    Write,
)
from hosting.errors import CommandFailed, ConfigurationInvalid, HostingError, ProbeFailed
from hosting.state import Change, MailCertificate, Resource
from hosting.texts import N_, plain

_FILE = re.compile(rf"(?P<owner>{OWNER.pattern})\.(?P<domain>{HOST_NAME.pattern})\.pem")
_LEAF = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.DOTALL)
#: Where mail programs come in with TLS from the first byte: Exim's door, Dovecot's door.
_DOORS = (465, 993)
_ATTEMPTS = 20
_PAUSE = Run(("/usr/bin/sleep", "0.2"))


@register
class MailTlsAdapter(Adapter):
    """``/etc/npanel/tls``: ``mail/OWNER.DOMAIN.pem``, ``dovecot/OWNER.DOMAIN.conf``, and for each name a link."""

    kind = "mail_tls"
    handles: ClassVar[tuple[type[Resource], ...]] = (MailCertificate,)
    owns = (text.KEYS, text.BLOCKS, text.ROOT)
    activates = True

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """Two rounds: the files, then whether each name leads to them."""
        keys = scope.keys(MailCertificate.kind)
        if keys == []:
            return ()
        stems = [f"{scope.owner or '*'}.{key}" for key in keys or ("*",)]
        pems = [ReadAll(text.KEYS, f"{stem}.pem") for stem in stems]
        replies = list((yield [*pems, *(ReadAll(text.BLOCKS, f"{stem}.conf") for stem in stems)]))
        found = [one for one in _seen(replies[: len(pems)], replies[len(pems) :]) if scope.covers(one)]
        stats = [Stat(text.link_path(name)) for one in found for name in one.names]
        links = list((yield stats) if stats else ())
        return tuple(text.with_links(one, [links.pop(0).target for _ in one.names]) for one in found)

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """The key and chain first, then what names them.

        Raises:
            HostingError: ``mail_name_taken``.
            UnsafeValue: a part is not PEM text of its kind, or a name is none.
        """
        one = of_type(MailCertificate, change.resource)
        before = None if change.before is None else of_type(MailCertificate, change.before)
        after = None if change.after is None else one
        stale = sorted(set(before.names if before else ()) - set(after.names if after else ()))
        yield from _unlink(one, stale)
        if after is None:
            yield [Remove(text.block_path(one)), Remove(text.pem_path(one))]
            return
        yield from _check_free(after)
        pem, block = text.render_pem(after).encode(), text.render_block(after).encode()
        yield [
            MakeDirectory(text.KEYS, mode=0o750, group=text.GROUP),
            MakeDirectory(text.BLOCKS, mode=0o755),
            Write(text.pem_path(after), pem, mode=0o640, group=text.GROUP),
            *(Symlink(text.link_path(name), text.pem_path(after)) for name in after.names),
            Write(text.block_path(after), block),
        ]

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let Dovecot read its configuration with the certificates in it."""
        try:
            yield [Run(("/usr/bin/doveconf", "-n"))]
        except CommandFailed as error:
            raise ConfigurationInvalid(plain(error.detail), path=text.BLOCKS) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Dovecot reads its certificates when it is reloaded; whoever is signed in stays so. Exim needs nothing."""
        yield [Run(("/usr/bin/doveadm", "reload"), ok=(0, 75))]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Ask both mail servers for each name, and compare what is shown.

        Raises:
            ProbeFailed: another certificate is shown, or none.
        """
        one = of_type(MailCertificate, resource)
        wanted = fingerprint(one.chain)
        asked = [(port, name) for port in _DOORS for name in one.names]
        wrong: list[str] = []
        for attempt in range(_ATTEMPTS):
            replies = list((yield [*([_PAUSE] if attempt else []), *(_ask(port, name) for port, name in asked)]))
            shown = [_shown(reply) for reply in replies[-len(asked) :]]
            wrong = [f"{name}:{port}" for (port, name), said in zip(asked, shown, strict=True) if said != wanted]
            if not wrong:
                return f"shown for {len(one.names)} name(s)"
        raise ProbeFailed(
            N_("The mail servers do not show the certificate of %(name)s.", name=wrong[0]),
            hint=N_("See the logs of Exim and Dovecot on the node."),
        )


def _seen(keys: Sequence[Reply], blocks: Sequence[Reply]) -> list[MailCertificate]:
    pems = {name: entry.text for reply in keys for name, entry in reply.entries.items()}
    told = {name: entry.text for reply in blocks for name, entry in reply.entries.items()}
    found = []
    for name, pem in sorted(pems.items()):
        if match := _FILE.fullmatch(name):
            block = told.get(f"{match['owner']}.{match['domain']}.conf", "")
            found.append(text.parse(match["owner"], match["domain"], pem, block))
    return found


def _ask(port: int, name: str) -> Run:
    connect = ("-connect", f"127.0.0.1:{port}", "-servername", name)
    return Run(("/usr/bin/openssl", "s_client", *connect), stdin=b"", ok=(0, 1), timeout=20)


def _shown(reply: Reply) -> str:
    leaf = _LEAF.search(reply.text)
    return fingerprint(leaf[0]) if leaf else ""


def _unlink(one: MailCertificate, names: Sequence[str]) -> Steps[None]:
    """Take links away that lead to this certificate; those of somebody else's stay."""
    stats = yield [Stat(text.link_path(name)) for name in names] if names else []
    ours = [name for name, link in zip(names, stats, strict=False) if link.target == text.pem_path(one)]
    removals: list[Request] = [Remove(text.link_path(name)) for name in ours]
    if removals:
        yield removals


def _check_free(one: MailCertificate) -> Steps[None]:
    for name, link in zip(one.names, (yield [Stat(text.link_path(name)) for name in one.names]), strict=True):
        if link.exists and link.target != text.pem_path(one):
            raise HostingError(
                N_("The mail servers of this node show somebody else's certificate for %(name)s.", name=name),
                code="mail_name_taken",
                hint=N_("Remove it there first."),
            )
