"""Directories that sites are served from: made, found and put aside in the customer's tree, acting as the customer."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from hosting.adapters._values import OWNER, RELATIVE_PATH, checked, of_type
from hosting.adapters.base import Adapter, NodeFacts, Scope, register, removed_path
from hosting.adapters.system_user import homes_removed
from hosting.connections.base import (
    Context,
    MakeDirectory,
    Move,
    ReadAll,
    Remove,
    Reply,
    Request,
    Stat,
    Steps,
    Write,
)
from hosting.errors import HostingError, NodeFileError, ProbeFailed
from hosting.state import Change, DocumentRoot, Resource
from hosting.texts import N_

HOMES = "/home"
#: One root-owned file for each directory that NPanel made, so that those a customer makes are never taken for ours.
REGISTER = "/var/lib/npanel/document_roots"

_templates = Environment(loader=PackageLoader(__name__), undefined=StrictUndefined, autoescape=True)


@register
class DocumentRootAdapter(Adapter):
    """``/home/OWNER/PATH`` with a welcome page while it is new."""

    kind = "document_root"
    handles = (DocumentRoot,)
    owns = (HOMES, REGISTER)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        if not scope.wants(DocumentRoot.kind):
            return ()
        (listing,) = yield [ReadAll(REGISTER, f"{scope.owner}+*" if scope.owner else "*")]
        known = [root for root in map(_registered, listing.entries.values()) if scope.covers(root)]
        replies = yield from _stats([_absolute(root) for root in known])
        return tuple(root for root, reply in zip(known, replies, strict=True) if _is_there(root, reply))

    def apply(self, change: Change, context: Context) -> Steps[None]:
        root = of_type(DocumentRoot, change.resource)
        checked(root.owner, OWNER, N_("user name"))
        checked(root.path, RELATIVE_PATH, N_("document root"))
        if change.after is None:
            yield from _remove(root, context)
        else:
            yield from _make(root, context)

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """See the directory as its owner does."""
        resource = of_type(DocumentRoot, resource)
        (reply,) = yield [Stat(_absolute(resource), user=resource.owner)]
        if not _is_there(resource, reply):
            raise ProbeFailed(
                N_(
                    "%(path)s is not a directory of %(owner)s's.",
                    path=_absolute(resource),
                    owner=resource.owner,
                )
            )
        return f"directory {reply.mode & 0o7777:04o}"


def _stats(paths: Sequence[str]) -> Steps[list[Reply]]:
    """Facts of many paths. One that leads over a link counts as missing: no customer may stop a scan with it.

    Halves are asked again until the link is found alone, so that an honest node takes one round.
    """
    try:
        return list((yield [Stat(path) for path in paths]) if paths else ())
    except NodeFileError:
        if len(paths) == 1:
            return [Reply(exists=False)]
    middle = len(paths) // 2
    first = yield from _stats(paths[:middle])
    return first + (yield from _stats(paths[middle:]))


def _absolute(root: DocumentRoot) -> str:
    return f"{HOMES}/{root.owner}/{root.path}"


def _marker(root: DocumentRoot) -> str:
    return f"{REGISTER}/{root.owner}+{root.path.replace('/', '+')}"


def _registered(entry: Reply) -> DocumentRoot:
    owner, path = entry.text.splitlines()
    return DocumentRoot(owner, path)


def _is_there(root: DocumentRoot, reply: Reply) -> bool:
    return reply.exists and reply.type == "directory" and reply.owner == root.owner


def _site(root: DocumentRoot) -> str:
    """The folder that goes with the document root: ``sites/DOMAIN`` of ``sites/DOMAIN/public``, else itself."""
    parts = root.path.split("/")
    return "/".join(parts[:2]) if parts[0] == "sites" else root.path


def _kept_at(root: DocumentRoot, context: Context) -> tuple[str, ...]:
    """Where a removal keeps the folder; the second place is on the homes' own file system."""
    usual = removed_path(context, root.ref)
    if not usual:
        return ()
    return usual, f"{homes_removed(f'{HOMES}/{root.owner}', context.removed_id)}/{usual.rpartition('/')[2]}"


def _make(root: DocumentRoot, context: Context) -> Steps[None]:
    """Bring back what this operation removed, else make the directory with its welcome page."""
    site = f"{HOMES}/{root.owner}/{_site(root)}"
    above = site.rpartition("/")[0]
    places = _kept_at(root, context)
    there, folder, parent, *kept = yield [Stat(path) for path in (_absolute(root), site, above, *places)]
    back = [place for place, reply in zip(places, kept, strict=True) if reply.exists]
    if there.exists and not _is_there(root, there):
        raise HostingError(
            N_(
                "%(path)s is a %(type)s of %(owner)s's, not a directory of %(wanted)s's.",
                path=_absolute(root),
                type=there.type,
                owner=there.owner,
                wanted=root.owner,
            ),
            code="path_taken",
            hint=N_("Move it away or choose another document root."),
        )
    requests: list[Request] = []
    if back and not there.exists:
        requests += [] if parent.exists else [MakeDirectory(above, user=root.owner)]
        requests.append(Move(back[0], _absolute(root) if folder.exists else site))
    elif not there.exists:
        requests += [MakeDirectory(_absolute(root), user=root.owner), _welcome(root)]
    yield [*requests, Write(_marker(root), f"{root.owner}\n{root.path}\n".encode(), mode=0o600, parents=True)]


def _welcome(root: DocumentRoot) -> Write:
    site = _site(root).rpartition("/")[2]
    page = _templates.get_template("index.html").render(site=site, path=root.path) + "\n"
    return Write(f"{_absolute(root)}/index.html", page.encode(), user=root.owner, exclusive=True)


def _remove(root: DocumentRoot, context: Context) -> Steps[None]:
    """Put the site's folder aside (or only the root, where another root shares the folder) and forget it."""
    site = f"{HOMES}/{root.owner}/{_site(root)}"
    listing, *there = yield from _survey(root.owner, [site, _absolute(root)])
    others = [other for other in map(_registered, listing.entries.values()) if other != root]
    shared = any(_site(other) == _site(root) for other in others)
    path, found = (_absolute(root), there[1]) if shared else (site, there[0])
    yield from _put_aside(path if found.exists else "", root, context)


def _survey(owner: str, paths: list[str]) -> Steps[list[Reply]]:
    """The owner's part of the register, and facts of the paths; one round where no link is in the way."""
    register = ReadAll(REGISTER, f"{owner}+*")
    try:
        return list((yield [register, *(Stat(path) for path in paths)]))
    except NodeFileError:
        (listing,) = yield [register]
        return [listing, *(yield from _stats(paths))]


def _put_aside(path: str, root: DocumentRoot, context: Context) -> Steps[None]:
    forget = Remove(_marker(root))
    places = _kept_at(root, context)
    if not path or not places:
        yield [Remove(path, recursive=True), forget] if path else [forget]
        return
    try:
        yield [Move(path, places[0]), forget]
    except NodeFileError as error:
        if "cross-device" not in error.detail.lower():
            raise
        yield [Move(path, places[1])]
