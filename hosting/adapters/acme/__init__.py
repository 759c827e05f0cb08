"""Files that sites show to certificate authorities for the seconds of a proof; nginx serves them as they are."""

import re

from hosting.adapters._values import HOST_NAME, OWNER, checked, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.connections.base import Context, Http, MakeDirectory, ReadAll, Remove, Reply, Run, Steps, Write
from hosting.errors import HostingError, ProbeFailed
from hosting.state import ChallengeFile, Change, Resource
from hosting.texts import N_

#: Root's own, readable by nginx's workers: nothing in it is secret. The sites' common files name it too.
ROOT = "/etc/nginx/npanel/challenges"
PATH = "/.well-known/acme-challenge/"
#: A token is base64url (RFC 8555 §8), an answer a token, a dot and a digest.
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
ANSWER = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_FILE = re.compile(rf"(?P<site>{HOST_NAME.pattern})\+(?P<token>{TOKEN.pattern})")
_ATTEMPTS = 5
_PAUSE = Run(("/usr/bin/sleep", "0.2"))
_LOOPBACK = "127.0.0.1"


@register
class AcmeAdapter(Adapter):
    """Files ``/etc/nginx/npanel/challenges/SITE+TOKEN``, whose group is their owner's; no reload is needed."""

    kind = "acme"
    handles = (ChallengeFile,)
    owns = (ROOT,)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        keys = scope.keys(ChallengeFile.kind)
        if keys == []:
            return ()
        patterns = ["*"] if keys is None else [key for key in keys if _FILE.fullmatch(key)]
        listings = (yield [ReadAll(ROOT, pattern) for pattern in patterns]) if patterns else []
        entries = {name: entry for listing in listings for name, entry in listing.entries.items()}
        found = [file for name, entry in sorted(entries.items()) if (file := _observed(name, entry))]
        return tuple(file for file in found if scope.covers(file))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        file = of_type(ChallengeFile, change.resource)
        site, token = checked(file.site, HOST_NAME, N_("host name")), checked(file.token, TOKEN, N_("token"))
        path = f"{ROOT}/{site}+{token}"
        if change.after is None:
            yield [Remove(path)]
            return
        answer = checked(file.answer, ANSWER, N_("answer"))
        owner = checked(file.owner, OWNER, N_("user name"))
        yield [MakeDirectory(ROOT), Write(path, answer.encode(), group=owner)]

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Ask the site for it on the node itself, as an authority does from outside.

        Raises:
            ProbeFailed: the site does not answer with it.
        """
        file = of_type(ChallengeFile, resource)
        said = ""
        for address in [facts.address or _LOOPBACK] * _ATTEMPTS + [_LOOPBACK]:
            try:
                reply = (yield [Http("GET", f"http://{file.site}{PATH}{file.token}", connect=address)])[0]
            except HostingError as error:
                said = error.detail
            else:
                if (reply.status, reply.text) == (200, file.answer):
                    return "shown to the certificate authority"
                said = f"{reply.status} {reply.text.strip()[:60]!r}"
            yield [_PAUSE]
        raise ProbeFailed(
            N_("%(name)s does not show what proves it: %(said)s", name=file.site, said=said[:160]),
            hint=N_("Bootstrap the node again, so that its sites show such files; then try again."),
        )


def _observed(name: str, entry: Reply) -> ChallengeFile | None:
    match = _FILE.fullmatch(name)
    return ChallengeFile(entry.group, match["site"], match["token"], entry.text) if match else None
