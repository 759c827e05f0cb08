"""Certificates for mail, by the name that a mail program asks for. Exim looks them up; Dovecot is reloaded."""

import re
from collections.abc import Sequence
from importlib import resources

from hosting.adapters import _mail
from hosting.adapters._edited import bring_back_edited, keep_edited
from hosting.adapters._values import HOST_NAME, OWNER, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.exim import tidy
from hosting.adapters.mail_tls import text
from hosting.adapters.tls.pem import fingerprint
from hosting.connections.base import Context, Read, ReadAll, Remove, Run, Steps, Write
from hosting.errors import CommandFailed, ConfigurationInvalid, ProbeFailed
from hosting.state import Change, MailCertificate, Resource
from hosting.texts import N_, plain

_FILE = re.compile(rf"(?P<owner>{OWNER.pattern})\.(?P<name>{HOST_NAME.pattern})\.conf")
_SHOWN = resources.files(__name__).joinpath("shown_on_node.py").read_bytes()
#: Dovecot says that it has reloaded before each of its processes has.
_ATTEMPTS = 10
_PAUSE = Run(("/usr/bin/sleep", "0.2"))


@register
class MailTlsAdapter(Adapter):
    """Files ``/etc/npanel/tls/NAME.pem`` for Exim, and ``/etc/npanel/tls/dovecot/OWNER.NAME.conf``."""

    kind = "mail_tls"
    handles = (MailCertificate,)
    owns = (_mail.CERTIFICATES,)
    activates = True
    keeps_edited = True

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """Two rounds: the settings that are there, then what they lead to."""
        keys = scope.keys(MailCertificate.kind)
        if keys == []:
            return ()
        owner = scope.owner or "*"
        patterns = [f"{owner}.*.conf"] if keys is None else [f"{owner}.{key}.conf" for key in keys]
        listings = yield [ReadAll(text.SETTINGS, pattern) for pattern in patterns]
        entries = {name: entry.text for listing in listings for name, entry in listing.entries.items()}
        known = [(match, said) for name, said in sorted(entries.items()) if (match := _FILE.fullmatch(name))]
        files = list((yield [Read(text.pem_path(match["name"])) for match, _said in known]) if known else ())
        found = [
            text.parse(match["owner"], match["name"], said, file.text)
            for (match, said), file in zip(known, files, strict=True)
        ]
        return tuple(certificate for certificate in found if scope.covers(certificate))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """The certificate is there before Dovecot is told of it, and goes after that."""
        certificate = of_type(MailCertificate, change.resource)
        pem, settings = text.pem_path(certificate.name), text.settings_path(certificate.owner, certificate.name)
        yield from keep_edited(change, settings if text.is_of_settings(change.before) else pem, context)
        if change.after is None:
            yield [Remove(settings), Remove(pem)]
            yield from tidy(text.SETTINGS)
            return
        of_settings = text.is_of_settings(change.after)
        brought = yield from bring_back_edited(change, settings if of_settings else pem, context)
        if not brought or of_settings:
            yield [Write(pem, text.render_pem(certificate).encode(), 0o640, group=_mail.EXIM_USER, parents=True)]
        if not (brought and of_settings):
            yield [Write(settings, text.render_settings(certificate.name).encode(), 0o644, parents=True)]

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let Dovecot read its configuration and the keys.

        Raises:
            ConfigurationInvalid: it can't.
        """
        try:
            yield [Run(("/usr/bin/doveconf", "-n"))]
        except CommandFailed as error:
            raise ConfigurationInvalid(plain(error.detail), path=text.SETTINGS) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Exim reads the file anew for each connection; Dovecot takes a reload, which ends nobody's session."""
        yield [Run(("/usr/bin/doveadm", "reload"))]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Ask both servers for the name, as mail programs do.

        Raises:
            ProbeFailed: another certificate is shown, or none.
        """
        certificate = of_type(MailCertificate, resource)
        wanted, said = fingerprint(certificate.chain), [""]
        ask = Run(("/usr/bin/python3", "-I", "-S", "-", "shown", certificate.name), stdin=_SHOWN, timeout=30)
        for attempt in range(_ATTEMPTS):
            *_pause, reply = yield [*([_PAUSE] if attempt else []), ask]
            said = reply.text.split("\n")[:-1] or [""]
            if set(said) == {wanted}:
                return f"shown by name, sha256 {wanted[:16]}"
        wrong = next(line for line in said if line != wanted)
        raise ProbeFailed(
            N_("Mail programs are not shown the certificate of %(name)s: %(said)s", name=certificate.name, said=wrong),
            hint=N_("See the logs of Exim and Dovecot on the node."),
        )
