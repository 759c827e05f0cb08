"""Dovecot: mailboxes, each two small files and a Maildir in its owner's home; no change takes a reload."""

from collections.abc import Sequence
from typing import ClassVar

from hosting.adapters import _mail
from hosting.adapters._units import ends
from hosting.adapters._values import of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register, removed_path
from hosting.adapters.dovecot import setup, text
from hosting.adapters.exim import domains_of, tidy
from hosting.adapters.system_user import homes_removed
from hosting.connections.base import Context, MakeDirectory, Move, ReadAll, Remove, Request, Run, Stat, Steps, Write
from hosting.errors import CommandFailed, ConfigurationInvalid, NodeFileError, ProbeFailed
from hosting.state import Change, DaemonUnit, Mailbox, NodeFile, Resource
from hosting.texts import N_, plain

#: What ``doveadm kick`` ends with where nobody is signed in, and where Dovecot does not run (sysexits.h, doveadm(1)).
_NOBODY, _NO_DOVECOT = 68, 75


@register
class DovecotAdapter(Adapter):
    """``/etc/npanel/mail/{boxes,passwd}/DOMAIN/NAME`` and ``/home/OWNER/mail/DOMAIN/NAME``."""

    kind = "dovecot"
    handles: ClassVar[tuple[type[Resource], ...]] = (Mailbox,)
    owns = (_mail.BOXES, _mail.PASSWORDS, "/home")

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources(facts)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """One round for mailboxes asked for by name; one more to find the domains of a service, or all."""
        if not scope.wants(Mailbox.kind):
            return ()
        domains = yield from domains_of(scope, Mailbox.kind)
        places = [f"{root}/{domain}" for domain in domains for root in (_mail.BOXES, _mail.PASSWORDS)]
        replies = list((yield [ReadAll(place) for place in places]) if places else ())
        found: list[Resource] = []
        for number, domain in enumerate(domains):
            boxes, passwords = (reply.entries for reply in replies[2 * number : 2 * number + 2])
            for name in sorted(boxes.keys() | passwords.keys()):
                if _mail.address_of(f"{name}@{domain}"):
                    texts = (entries[name].text if name in entries else "" for entries in (boxes, passwords))
                    found.append(text.parse(domain, name, *texts))
        return tuple(box for box in found if scope.covers(box))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Two rounds to make a mailbox, one to change it, a few to remove it. Who may sign in no more is signed out.

        Raises:
            UnsafeValue: a name, an address or a hash that is not of its grammar.
        """
        box = of_type(Mailbox, change.resource)
        if change.after is None:
            yield from _remove(box, context)
            return
        files = [
            Write(text.box_path(box), text.render_box(box).encode(), 0o640, group=_mail.EXIM_USER, parents=True),
            Write(
                text.password_path(box),
                text.render_password(box).encode(),
                0o640,
                group=_mail.DOVECOT_USER,
                parents=True,
            ),
        ]
        if change.before is None:
            yield from _make_directory(box, context)
        yield [*files, *([_sign_out(box)] if _shuts_out(change.before, box) else [])]

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let Dovecot read its configuration."""
        if not _configures(changes) or ends(changes, setup.UNIT):
            return
        try:
            yield [Run(("/usr/bin/doveconf", "-n"))]
        except CommandFailed as error:
            raise ConfigurationInvalid(plain(error.detail), path=setup.CONFIGURATION) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Mailboxes need nothing; a new configuration takes a restart, which returns when Dovecot is up."""
        if not _configures(changes) or ends(changes, setup.UNIT):
            return
        yield [
            Run(("/usr/bin/systemd-tmpfiles", "--create", setup.TMPFILES)),
            # People's deliveries could not write what is made of it.
            *(Run(("/usr/bin/sievec", path)) for path in (setup.SIEVE, setup.SPAM, setup.HAM)),
            Run(("/usr/bin/systemctl", "daemon-reload")),
            Run(("/usr/bin/systemctl", "restart", setup.UNIT), timeout=60.0),
        ]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """See that Dovecot knows the mailbox, and that Exim would route mail to it (nobody here knows its password).

        Raises:
            ProbeFailed: it does not.
        """
        box = of_type(Mailbox, resource)
        known, route = yield [
            Run(("/usr/bin/doveadm", "user", "-f", "home", box.key), ok=(0, 67)),
            Run(("/usr/sbin/exim4", "-bt", box.key), ok=(0, 1, 2)),
        ]
        if known.text.strip() != box.directory:
            raise ProbeFailed(N_("Dovecot does not know the mailbox %(name)s.", name=box.key))
        said = route.text.strip().splitlines() or [""]
        taken = box.key in said[0] and "such address" not in said[0]
        if not taken or (box.locked and not ("is locked" in route.text or "is suspended" in route.text)):
            raise ProbeFailed(N_("The mail server says of %(name)s: %(said)s", name=box.key, said=said[0]))
        return "locked" if box.locked else "takes mail"


def _configures(changes: Sequence[Change]) -> bool:
    return any(isinstance(change.resource, NodeFile | DaemonUnit) for change in changes)


def _shuts_out(before: Resource | None, box: Mailbox) -> bool:
    """Whether somebody who signed in before could not do so now: it is locked, or has another password."""
    if not isinstance(before, Mailbox):
        return False
    return (box.locked and not before.locked) or box.password_hash != before.password_hash


def _sign_out(box: Mailbox) -> Run:
    """End the sessions of those who are signed in: nothing else would, for days. Where nobody is, that is fine."""
    return Run(("/usr/bin/doveadm", "kick", box.key), ok=(0, _NOBODY, _NO_DOVECOT))


def _kept_at(box: Mailbox, context: Context) -> tuple[str, ...]:
    """Where a removal keeps the mail; the second place is on the homes' own file system."""
    usual = removed_path(context, box.ref)
    return (usual, f"{homes_removed(box.home, context.removed_id)}/{usual.rpartition('/')[2]}") if usual else ()


def _make_directory(box: Mailbox, context: Context) -> Steps[None]:
    """Bring back what this operation removed, else make an empty place for the mail."""
    text.render_box(box)
    places = _kept_at(box, context)
    there, *kept = yield [Stat(path) for path in (box.directory, *places)]
    back = [place for place, reply in zip(places, kept, strict=True) if reply.exists]
    if there.exists:
        return
    requests: list[Request] = [MakeDirectory(box.directory.rpartition("/")[0], mode=0o700, user=box.owner)]
    last = Move(back[0], box.directory) if back else MakeDirectory(box.directory, mode=0o700, user=box.owner)
    yield [*requests, last]


def _remove(box: Mailbox, context: Context) -> Steps[None]:
    files = text.box_path(box), text.password_path(box)
    text.render_box(box)
    yield [*(Remove(path) for path in files), _sign_out(box)]
    yield from _put_aside(box, context)
    yield from tidy(files[0].rpartition("/")[0])
    yield from tidy(files[1].rpartition("/")[0])
    folder = box.directory.rpartition("/")[0]
    yield from tidy(folder, folder.rpartition("/")[0], user=box.owner)


def _put_aside(box: Mailbox, context: Context) -> Steps[None]:
    """Move the mail to where the operation keeps it; a link in its place is the customer's own affair."""
    places = _kept_at(box, context)
    try:
        (there,) = yield [Stat(box.directory, user=box.owner)]
    except NodeFileError:
        return
    if not there.exists:
        return
    if not places:
        yield [Remove(box.directory, recursive=True)]
        return
    try:
        yield [Move(box.directory, places[0])]
    except NodeFileError as error:
        if "cross-device" not in error.detail.lower():
            raise
        yield [Move(box.directory, places[1])]
