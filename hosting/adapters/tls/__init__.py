"""Certificates of sites: one file each, root's alone. nginx reads them when it is reloaded."""

import re
from importlib import resources

from hosting.adapters._edited import bring_back_edited, keep_edited
from hosting.adapters._values import HOST_NAME, OWNER, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.tls.pem import ROOT, fingerprint, parse, pem_path, render
from hosting.connections.base import Context, MakeDirectory, ReadAll, Remove, Run, Steps, Write
from hosting.errors import ProbeFailed
from hosting.state import Change, Resource, TlsCertificate
from hosting.texts import N_

_FILE = re.compile(rf"(?P<owner>{OWNER.pattern})\.(?P<name>{HOST_NAME.pattern})\.pem")
_SERVED = resources.files(__name__).joinpath("served_on_node.py").read_bytes()
#: A listener that has just been reloaded may take a moment under load.
_ATTEMPTS = 10
_PAUSE = Run(("/usr/bin/sleep", "0.2"))


@register
class TlsAdapter(Adapter):
    """Files ``/etc/nginx/npanel/tls/OWNER.DOMAIN.pem``: the key, then the chain."""

    kind = "tls"
    handles = (TlsCertificate,)
    owns = (ROOT,)
    keeps_edited = True

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        keys = scope.keys(TlsCertificate.kind)
        if keys == []:
            return ()
        owner = scope.owner or "*"
        patterns = [f"{owner}.*.pem"] if keys is None else [f"{owner}.{key}.pem" for key in keys]
        listings = yield [ReadAll(ROOT, pattern) for pattern in patterns]
        texts = {name: entry.text for listing in listings for name, entry in listing.entries.items()}
        matches = [(match, text) for name, text in sorted(texts.items()) if (match := _FILE.fullmatch(name))]
        found = [parse(match["owner"], match["name"], text) for match, text in matches]
        return tuple(certificate for certificate in found if scope.covers(certificate))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        certificate = of_type(TlsCertificate, change.resource)
        path = pem_path(certificate.owner, certificate.name)
        yield from keep_edited(change, path, context)
        if change.after is None:
            yield [Remove(path)]
            return
        if (yield from bring_back_edited(change, path, context)):
            return
        yield [MakeDirectory(ROOT, mode=0o700), Write(path, render(certificate).encode(), mode=0o600)]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Ask for the site by its name, and compare what is shown.

        Raises:
            ProbeFailed: another certificate is shown, or none.
        """
        certificate = of_type(TlsCertificate, resource)
        wanted, said = fingerprint(certificate.chain), ""
        ask = ("/usr/bin/python3", "-I", "-S", "-", "served", facts.address or "127.0.0.1", certificate.name)
        for attempt in range(_ATTEMPTS):
            *_pause, reply = yield [*([_PAUSE] if attempt else []), Run(ask, stdin=_SERVED, timeout=20)]
            said = reply.text.strip()
            if said == wanted:
                return f"served by name, sha256 {wanted[:16]}"
        raise ProbeFailed(
            N_("%(name)s is not served with its certificate: %(said)s", name=certificate.name, said=said[:120]),
            hint=N_("See nginx's error log on the node."),
        )
