"""The contract that every adapter keeps on a real node, and the tools its tests share: apply, observe, snapshots."""

import fnmatch
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hosting.adapters.base import Adapter, NodeFacts, Scope, activations, adapter_for, adapters
from hosting.connections.base import Connection, Context, converse, perform
from hosting.errors import HostingError
from hosting.state import Plan, Ref, Resource, plan, state_of
from tests.lab.nodes import Node

#: Where anything that an adapter should not have touched would show.
WATCHED = ("/etc", "/var/lib", "/var/www", "/var/spool", "/home", "/root", "/srv", "/opt", "/usr/local")
#: What changes by itself, or is kept on purpose (patterns of fnmatch(3); ``*`` matches slashes too).
NOISE = (
    "/var/lib/npanel",
    "/var/lib/npanel/removed*",
    "/var/lib/npanel/quarantine*",
    "/home/.npanel-removed*",
    "/var/lib/mysql*",
    "/var/lib/npanel-redis*",
    "/var/lib/powerdns*",
    "/var/lib/rspamd*",
    "/var/lib/systemd*",
    "/var/lib/logrotate*",
    "/var/lib/php/sessions*",
    "/var/spool/cron*",
    "/etc/*.lock",
    "/etc/*-",  # passwd(5)'s backups of the version before
    "/etc/mtab",
    "/root/.cache*",
)
#: Files in which the order of lines means nothing.
UNORDERED = frozenset({"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"})

#: The ``set_up`` fixture: bootstraps the node for adapters of the given kinds and returns what is known of it.
SetUp = Callable[..., NodeFacts]
Entry = tuple[str, ...]
Snapshot = Mapping[str, Entry]

# Runs on the node under its own Python, so that what the agent did is seen by other eyes than the agent's.
_WALK = r"""
import hashlib, json, os, stat, sys
roots, unordered = json.load(sys.stdin)
found = {}
def note(path):
    facts = os.lstat(path)
    kind = stat.S_IFMT(facts.st_mode)
    content = ""
    if kind == stat.S_IFLNK:
        content = os.readlink(path)
    elif kind == stat.S_IFREG:
        data = open(path, "rb").read()
        if path in unordered:
            data = b"".join(sorted(data.splitlines(True)))
        content = hashlib.sha256(data).hexdigest()
    found[path] = [oct(facts.st_mode), str(facts.st_uid), str(facts.st_gid), content]
for root in roots:
    if not os.path.lexists(root):
        continue
    note(root)
    for folder, folders, files in os.walk(root) if os.path.isdir(root) and not os.path.islink(root) else ():
        for name in folders + files:
            try:
                note(os.path.join(folder, name))
            except FileNotFoundError:
                pass
json.dump(found, sys.stdout)
"""

_GREP = r"""
import json, os, sys
word, roots = json.load(sys.stdin)
found = []
def mentions(path):
    if word in path.rpartition("/")[2]:
        return True
    return os.path.isfile(path) and not os.path.islink(path) and word.encode() in open(path, "rb").read()
for root in roots:
    if os.path.isfile(root) and mentions(root):
        found.append(root)
    for folder, folders, files in os.walk(root):
        found += [p for p in (os.path.join(folder, n) for n in folders + files) if mentions(p)]
json.dump(sorted(found), sys.stdout)
"""


def no_evidence() -> object:
    """For adapters whose work is all in files."""
    return None


def nothing() -> None:
    """For cases that need no customer's data."""


@dataclass(frozen=True)
class Case:
    """One adapter on one node, with what it is asked to make.

    Args:
        needs: Resources of other adapters that must be there first (made before, removed after).
        desired, updated: the adapter's own Resources, of one owner, with the same keys in both.
        populate: put a customer's data in, once ``desired`` is there; a removal that is rolled back must keep it.
        evidence: anything comparable that stands for data no file snapshot shows (rows, zones), read from the daemon.
        noise: further patterns of paths that the adapter's daemon changes by itself.
        kept: patterns of paths below ``owns`` that outlive a removal on purpose.
    """

    adapter: Adapter
    connection: Connection
    node: Node
    facts: NodeFacts
    desired: tuple[Resource, ...]
    updated: tuple[Resource, ...]
    needs: tuple[Resource, ...] = ()
    populate: Callable[[], None] = nothing
    evidence: Callable[[], object] = no_evidence
    noise: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The Linux user that all of it belongs to."""
        (owner,) = {resource.owner for resource in self.desired}
        return owner

    def observe(self, **limits: object) -> dict[Ref, Resource]:
        """What the adapter sees of this owner, or within the given limits of a Scope."""
        scope = Scope(self.facts, **({"owner": self.owner} | limits))  # type: ignore[arg-type]
        return state_of(perform(self.connection, self.adapter.observe(scope)))

    def become(self, before: Iterable[Resource], after: Iterable[Resource], context: Context | None = None) -> Plan:
        """Change the node from ``before`` to ``after``, as a new operation unless one is given; returns the plan."""
        changes = plan(state_of(before), state_of(after))
        carry_out(self.connection, changes, context)
        return changes

    def inside(self) -> Snapshot:
        """All files below what the adapter owns."""
        return without(snapshot(self.node, self.adapter.owns), (*NOISE, *self.noise))

    def outside(self) -> Snapshot:
        """All other watched files of the node."""
        owned = tuple(pattern for root in self.adapter.owns for pattern in (root, f"{root}/*"))
        return without(snapshot(self.node, WATCHED), (*NOISE, *self.noise, *owned))


def new_context() -> Context:
    """The context of a new operation, whose removals can be taken back."""
    return Context(trace_id=uuid.uuid4().hex, operation_id=str(uuid.uuid4()), removed_id=uuid.uuid4().hex)


def carry_out(connection: Connection, changes: Plan, context: Context | None = None) -> None:
    """Apply a plan stage by stage, then validate and activate: the runner without its journal.

    Raises:
        HostingError: the first that any conversation ended with.
    """
    context = context or new_context()
    for stage in changes.stages():
        _all(converse(connection, [adapter_for(c.kind).apply(c, context) for c in stage], context=context))
    needed = [(adapters()[kind], mine) for kind, mine in activations(changes.changes).items()]
    _all(converse(connection, [adapter.validate(mine) for adapter, mine in needed], context=context))
    _all(converse(connection, [adapter.activate(mine) for adapter, mine in needed], context=context))


def _all(outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, HostingError):
            raise outcome


def bootstrap(connection: Connection, facts: NodeFacts, kinds: Iterable[str] = ()) -> NodeFacts:
    """Set a node up for the adapters of these kinds (all, if none is named) and return what is known of it then."""
    facts = discover(connection, facts)
    chosen = [adapter for kind, adapter in adapters().items() if not kinds or kind in kinds]
    wanted = [resource for adapter in chosen for resource in adapter.setup(facts)]
    unwanted = [link for adapter in chosen for link in getattr(adapter, "unwanted", ())]
    scope = Scope(facts, owner="", setup=(*wanted, *unwanted))
    found = state_of(perform(connection, adapters()["node_setup"].observe(scope)))
    carry_out(connection, plan(found, state_of(wanted)))
    return discover(connection, facts)


def discover(connection: Connection, facts: NodeFacts) -> NodeFacts:
    """The facts with what every adapter finds out by itself."""
    known = adapters()
    found = converse(connection, [adapter.discover() for adapter in known.values()])
    _all(found)
    return replace(facts, discovered=dict(zip(known, found, strict=True)))


def snapshot(node: Node, roots: Iterable[str]) -> Snapshot:
    """Every path below the roots with mode, uid, gid and content digest (or link target), as the node sees it."""
    question = json.dumps([sorted(roots), sorted(UNORDERED)])
    answer = node.exec(["/usr/bin/python3", "-c", _WALK], input=question, check=True).stdout
    return {path: tuple(entry) for path, entry in json.loads(answer).items()}


def mentions(node: Node, word: str, roots: Iterable[str]) -> list[str]:
    """Paths below the roots whose name or content holds the word."""
    question = json.dumps([word, sorted(roots)])
    found: list[str] = json.loads(node.exec(["/usr/bin/python3", "-c", _GREP], input=question, check=True).stdout)
    return found


def without(found: Snapshot, patterns: Sequence[str]) -> Snapshot:
    """A snapshot less the paths that match one of the patterns."""
    return {path: entry for path, entry in found.items() if not _matches(path, patterns)}


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def difference(before: Snapshot, after: Snapshot) -> dict[str, tuple[Entry | None, Entry | None]]:
    """Paths whose entry differs, with both entries."""
    paths = sorted(before.keys() | after.keys())
    return {p: (before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)}


def check_contract(case: Case) -> None:
    """Hold one adapter to the whole contract. Leaves the node as it was.

    Raises:
        AssertionError: the contract is broken; the message says where.
    """
    case.become((), case.needs)
    outside = case.outside()
    check_creation(case)
    check_creation_is_taken_back(case)
    check_update(case)
    check_removal_is_taken_back(case)
    check_nothing_left(case)
    assert difference(outside, case.outside()) == {}, "something outside of what the adapter owns changed"
    case.become(case.needs, (), Context())


def check_creation(case: Case) -> None:
    """What is applied is what is observed, whichever way one looks; applying it again changes nothing."""
    operation = new_context()
    made = case.become((), case.desired, operation)
    wanted = state_of(case.desired)
    assert case.observe() == wanted
    assert case.observe(refs=frozenset(wanted)) == wanted
    assert case.observe(owner="nobodyshere") == {}
    everything = case.observe(owner=None)
    assert {ref: everything.get(ref) for ref in wanted} == wanted
    before = case.inside()
    carry_out(case.connection, made, operation)
    assert difference(before, case.inside()) == {}, "applying the same changes again changed files"
    assert case.observe() == wanted
    case.become(case.desired, (), Context())


def check_creation_is_taken_back(case: Case) -> None:
    """A creation and its inverse leave every file as it was, byte for byte."""
    before, evidence = case.inside(), case.evidence()
    operation = new_context()
    made = case.become((), case.desired, operation)
    carry_out(case.connection, made.inverse, operation)
    assert difference(before, case.inside()) == {}, "rollback of the creation is not byte-equal"
    assert case.evidence() == evidence
    assert case.observe() == {}


def check_update(case: Case) -> None:
    """An update is observed, and its inverse leaves every file as it was."""
    case.become((), case.desired)
    case.populate()
    before, evidence = case.inside(), case.evidence()
    operation = new_context()
    made = case.become(case.desired, case.updated, operation)
    assert case.observe() == state_of(case.updated)
    carry_out(case.connection, made.inverse, operation)
    assert case.observe() == state_of(case.desired)
    assert difference(before, case.inside()) == {}, "rollback of the update is not byte-equal"
    assert case.evidence() == evidence


def check_removal_is_taken_back(case: Case) -> None:
    """A removal leaves nothing that names the owner, and its inverse brings all back, the customer's data too."""
    before, evidence = case.inside(), case.evidence()
    context = new_context()
    gone = case.become(case.desired, (), context)
    assert case.observe() == {}
    assert _left(case) == []
    carry_out(case.connection, gone, context)
    assert case.observe() == {}, "removing it again brought it back"
    carry_out(case.connection, gone.inverse, context)
    assert case.observe() == state_of(case.desired)
    assert difference(before, case.inside()) == {}, "rollback of the removal is not byte-equal"
    assert case.evidence() == evidence


def check_nothing_left(case: Case) -> None:
    """A removal for good leaves nothing, and a new creation does not bring old data back."""
    case.become(case.desired, (), Context())
    assert case.observe() == {}
    assert _left(case) == []
    clean, evidence = case.inside(), case.evidence()
    case.become((), case.desired)
    fresh = case.inside()
    case.populate()
    case.become(case.desired, ())
    case.become((), case.desired)
    assert difference(fresh, case.inside()) == {}, "what another operation removed came back"
    case.become(case.desired, (), Context())
    assert difference(clean, case.inside()) == {}
    assert case.evidence() == evidence


def _left(case: Case) -> list[str]:
    """What still names the owner, where the owner's other Resources (``needs``) do not live as well."""
    needed = {type(resource) for resource in case.needs}
    shared = {root for kind in needed for root in adapter_for(kind.kind).owns}
    roots = [root for root in case.adapter.owns if root not in shared]
    return [p for p in mentions(case.node, case.owner, roots) if not _matches(p, (*NOISE, *case.noise, *case.kept))]
