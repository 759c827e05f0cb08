"""Exim: mail domains and aliases, each a file that every message looks up anew, so that no change takes a reload."""

from collections.abc import Sequence
from typing import ClassVar

from hosting.adapters import _mail
from hosting.adapters._units import ends
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.exim import setup, text
from hosting.connections.base import (
    Context,
    List,
    MakeDirectory,
    Read,
    ReadAll,
    Remove,
    Reply,
    Request,
    Run,
    Steps,
    Write,
)
from hosting.errors import CommandFailed, ConfigurationInvalid, HostingError, NodeFileError, ProbeFailed
from hosting.state import Change, DaemonUnit, MailAlias, MailDomain, NodeFile, Resource
from hosting.texts import N_, plain

_START_ATTEMPTS = 50
_DIRECTORIES = ("aliases", "dkim")


@register
class EximAdapter(Adapter):
    """``/etc/npanel/mail/domains/DOMAIN/{domain,dkim/KEY,aliases/NAME}``; ``owners/OWNER/DOMAIN`` to find it."""

    kind = "exim"
    handles: ClassVar[tuple[type[Resource], ...]] = (MailDomain, MailAlias)
    owns = (_mail.DOMAINS, _mail.OWNERS)

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources(facts)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round for what is asked for by name; one more to find the domains of a service, or all."""
        if not scope.wants(MailDomain.kind, MailAlias.kind):
            return ()
        names = yield from domains_of(scope, MailDomain.kind, MailAlias.kind)
        folders = [text.directory_of(name) for name in names]
        requests: list[Request] = []
        for folder in folders:
            requests += [Read(f"{folder}/domain"), ReadAll(f"{folder}/dkim"), ReadAll(f"{folder}/aliases")]
        replies = list((yield requests) if requests else ())
        seen = [one for number, name in enumerate(names) for one in _seen(name, replies[3 * number : 3 * number + 3])]
        return tuple(one for one in seen if scope.covers(one))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """One round; one more to see that a new domain is nobody else's, or to leave no empty folder.

        Raises:
            HostingError: ``mail_domain_taken``.
            UnsafeValue: a name, an address or a key that is not of its grammar.
        """
        resource = change.resource
        if isinstance(resource, MailAlias):
            path = text.path_of(resource)
            yield [Remove(path) if change.after is None else _secret(path, text.render_alias(resource))]
        elif isinstance(resource, MailDomain):
            yield from _remove(resource) if change.after is None else _make(resource)
        else:
            raise TypeError(f"{change.ref} is neither a mail domain nor an alias")

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let Exim read its configuration."""
        if not _configures(changes) or ends(changes, setup.UNIT):
            return
        try:
            yield [Run(("/usr/sbin/exim4", "-bV"))]
        except CommandFailed as error:
            raise ConfigurationInvalid(plain(error.detail), path=setup.CONFIGURATION) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Domains and aliases need nothing; a new configuration takes a restart, awaited until port 25 answers."""
        if not _configures(changes) or ends(changes, setup.UNIT):
            return
        yield [
            Run(("/usr/bin/systemd-tmpfiles", "--create", setup.TMPFILES)),
            Run(("/usr/bin/systemctl", "daemon-reload")),
            Run(("/usr/bin/systemctl", "restart", setup.UNIT), timeout=60.0),
        ]
        yield from _wait_for_banner()

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Offer mail for the domain's postmaster as a stranger would; ask Exim where an alias leads.

        Raises:
            ProbeFailed: it is not taken, or not refused, as it should be.
        """
        if isinstance(resource, MailDomain):
            return (yield from _probe_domain(resource))
        return (yield from _probe_alias(resource)) if isinstance(resource, MailAlias) else ""


def domains_of(scope: Scope, *kinds: str) -> Steps[list[str]]:
    """The names of the domains that a scope is about: those of the keys it names, of its owner, or all."""
    if scope.refs is not None:
        keys = {ref.key.rpartition("@")[2] for ref in scope.refs if ref.kind in kinds}
        return sorted(key for key in keys if _mail.is_host_name(key))
    place = f"{_mail.OWNERS}/{_mail.owner_checked(scope.owner)}" if scope.owner else _mail.DOMAINS
    (listing,) = yield [List(place)]
    return sorted(filter(_mail.is_host_name, listing.entries))


def _seen(name: str, replies: Sequence[Reply]) -> list[Resource]:
    settings, keys, aliases = replies
    if not settings.exists:
        return []
    found: list[Resource] = [text.parse_domain(name, settings.text, {s: k.text for s, k in keys.entries.items()})]
    for local_part, entry in sorted(aliases.entries.items()):
        if _mail.address_of(f"{local_part}@{name}"):
            found.append(text.parse_alias(name, local_part, entry.text))
    return found


def _secret(path: str, content: str) -> Write:
    return Write(path, content.encode(), mode=0o640, group=_mail.EXIM_USER)


def _make(domain: MailDomain) -> Steps[None]:
    """Keys first, then the settings that name them, then what nobody names any more goes."""
    folder, settings = text.directory_of(domain.name), text.render_domain(domain)
    keys = {f"{folder}/dkim/{key.selector}": text.key_text(key) for key in domain.dkim}
    there, listing = yield [Read(f"{folder}/domain"), List(f"{folder}/dkim")]
    owner = _mail.settings_of(there.text).get("owner", domain.owner)
    if there.exists and owner != domain.owner:
        raise HostingError(
            N_("The mail domain %(name)s belongs to %(owner)s on this node.", name=domain.name, owner=owner),
            code="mail_domain_taken",
            hint=N_("Remove it there, or choose another domain."),
        )
    stale = [path for path in (f"{folder}/dkim/{name}" for name in listing.entries) if path not in keys]
    yield [
        Write(text.index_of(domain), b"", mode=0o600, parents=True),
        *(MakeDirectory(f"{folder}/{name}", mode=0o750, group=_mail.EXIM_USER) for name in _DIRECTORIES),
        *(_secret(path, key) for path, key in keys.items()),
        _secret(f"{folder}/domain", settings),
        *(Remove(path) for path in sorted(stale)),
    ]


def _remove(domain: MailDomain) -> Steps[None]:
    folder, index = text.directory_of(domain.name), text.index_of(domain)
    owners = index.rpartition("/")[0]
    (there,) = yield [Read(f"{folder}/domain")]
    if _mail.settings_of(there.text).get("owner", domain.owner) == domain.owner:
        yield [Remove(folder, recursive=True)]
    yield [Remove(index)]
    yield from tidy(owners)


def tidy(*directories: str, user: str | None = None) -> Steps[None]:
    """Remove those of the directories that nothing is in, from the innermost on."""
    for directory in directories:
        try:
            yield [Remove(directory, user=user)]
        except NodeFileError:
            return  # not empty: somebody else's are in it


def _configures(changes: Sequence[Change]) -> bool:
    return any(isinstance(change.resource, NodeFile | DaemonUnit) for change in changes)


def _wait_for_banner() -> Steps[None]:
    for attempt in range(_START_ATTEMPTS):
        try:
            (reply,) = yield [_mail.smtp()]
            if reply.text.startswith("220 "):
                return
        except HostingError:
            if attempt == _START_ATTEMPTS - 1:
                raise
        yield [Run(("/usr/bin/sleep", "0.1"))]
    raise ConfigurationInvalid(N_("Exim does not answer."), path=setup.CONFIGURATION)


def _probe_domain(domain: MailDomain) -> Steps[str]:
    (reply,) = yield [_mail.recipient_question(f"postmaster@{domain.name}")]
    said = _mail.last_answer(reply.text)
    wanted = "5" if not domain.local else "4" if domain.suspended else "2"
    if not said.startswith(wanted):
        raise ProbeFailed(
            N_("The mail server answers %(said)s for %(name)s.", said=repr(said), name=domain.name),
            hint=N_("See the log of Exim on the node."),
        )
    return said


def _probe_alias(alias: MailAlias) -> Steps[str]:
    (reply,) = yield [Run(("/usr/sbin/exim4", "-bt", alias.key), ok=(0, 1, 2))]
    if f"<-- {alias.key}" not in reply.text and "is suspended" not in reply.text:
        raise ProbeFailed(N_("The mail server does not send mail for %(name)s on.", name=alias.key))
    return f"leads to {len(alias.targets)} address(es)"
