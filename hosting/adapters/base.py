"""The adapter contract: what NPanel asks of the code that knows one real daemon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hosting.connections.base import Context, Steps
from hosting.state import Change, NodeLink, Ref, Resource


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What adapters need to know of a node to describe its own setup.

    Args:
        name: the node's name in NPanel. hostname: its host name. address: its main IPv4 or IPv6 address.
        addresses: all addresses that sites and the name server answer on.
        nameservers: host names that zones are delegated to.
        memory_mb: main memory in MiB. cpus: number of processors.
        discovered: what the adapters' ``discover`` found, by adapter kind.
        secondaries: addresses of name servers that fetch its zones. primaries: addresses it fetches others' zones from.
        secrets: plain secrets of the node by name, e.g. ``powerdns_api_key``; empty outside the worker.
    """

    name: str
    hostname: str
    address: str
    addresses: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()
    memory_mb: int = 1024
    cpus: int = 1
    discovered: Mapping[str, Any] = field(default_factory=dict)
    secondaries: tuple[str, ...] = ()
    primaries: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


#: Where removed data waits for a rollback, one folder an operation, readable by root only.
REMOVED_ROOT = "/var/lib/npanel/removed"
#: Where broken files that were moved aside are kept.
QUARANTINE_ROOT = "/var/lib/npanel/quarantine"


def removed_path(context: Context, ref: Ref) -> str:
    """Where an operation keeps what it removed of a Resource ("": the context names no operation, nothing is kept)."""
    if not context.removed_id:
        return ""
    return f"{REMOVED_ROOT}/{context.removed_id}/{ref.kind}-{ref.key.replace('/', '+')}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What part of a node to observe.

    Args:
        owner: only what this Linux user's service owns; None for everybody's (the drift scan).
        refs: only these Resources; None for all that ``owner`` selects.
        setup: the node's own Resources (packages, files, units) that are wanted, instead of services' ones.
        facts: the node.
    """

    facts: NodeFacts
    owner: str | None = None
    refs: frozenset[Ref] | None = None
    setup: tuple[Resource, ...] = ()

    def covers(self, resource: Resource) -> bool:
        """Whether an observed service Resource belongs to this scope."""
        return (self.owner is None or resource.owner == self.owner) and (self.refs is None or resource.ref in self.refs)

    def wants(self, *kinds: str) -> bool:
        """Whether any Resource of these kinds can be in scope at all (saves a request if not)."""
        return self.refs is None or any(ref.kind in kinds for ref in self.refs)

    def keys(self, kind: str) -> list[str] | None:
        """The keys of one kind that are asked for by name, sorted, or None if all are."""
        return None if self.refs is None else sorted(ref.key for ref in self.refs if ref.kind == kind)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A broken configuration file that was moved aside so that others can go on.

    Args:
        path: where it was. kept_at: where it is now. reason: what the daemon said of it.
        ref: the Resource whose file it was, if it was one of ours.
    """

    path: str
    kept_at: str
    reason: str
    ref: Ref | None = None


class Adapter:
    """Knows one real daemon. Subclass, set the class attributes, register with :func:`register`.

    All methods that talk to the node are *conversations* (:data:`hosting.connections.base.Steps`): they yield lists
    of requests and get the replies, so that the conversations of several adapters share round trips. They raise
    :class:`hosting.errors.HostingError` or return; they log nothing, record nothing and decide nothing.
    """

    kind: ClassVar[str] = ""
    #: Resource types of this adapter. One adapter per type is registered at a time.
    handles: ClassVar[tuple[type[Resource], ...]] = ()
    #: Path roots that only this adapter writes below.
    owns: ClassVar[tuple[str, ...]] = ()
    #: Whether changes of what it handles need ``validate`` and ``activate`` before they take effect. (Changes of the
    #: node's own files and units always get both from the adapter they name.)
    activates: ClassVar[bool] = False
    #: Whether activating changes of what it handles reloads nothing, and only makes a file that the daemon looks into.
    reload_free: ClassVar[bool] = False
    #: Whether a rollback brings a hand-edited Resource (``edited``) back as it was; else it brings NPanel's own form.
    keeps_edited: ClassVar[bool] = False
    #: Links of the distribution that must not be there, e.g. its default site.
    unwanted: ClassVar[tuple[NodeLink, ...]] = ()

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        """The node's own Resources that this daemon needs (packages, whole files, units): what bootstrap plans."""
        return ()

    def discover(self) -> Steps[dict[str, Any]]:
        """JSON-ready facts of the daemon on this node, e.g. its versions."""
        return {}
        yield []

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """The Resources that are really there, within ``scope``, as values that compare equal to desired ones.

        Raises:
            HostingError: the daemon could not be asked. (Never: "nothing there" for "could not see".)
        """
        raise TypeError(f"{type(self).__name__} does not observe")

    def apply(self, change: Change, context: Context) -> Steps[None]:
        """Make one change. Making it twice is the same as once; it may find it half made.

        Data that a removal would lose (homes, databases) is moved to ``removed_path(context, …)``, and a creation
        with the same ``context.removed_id`` brings it back; any other creation starts empty.
        """
        raise TypeError(f"{type(self).__name__} does not apply")

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Ask the daemon to test the configuration that lies on disk. Warnings that would serve a wrong site count.

        Raises:
            ConfigurationInvalid: with the path at fault where the daemon names one.
        """
        return
        yield []

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """Make the daemon use what lies on disk, and wait until it does."""
        return
        yield []

    def quarantine(self, path: str, reason: str) -> Steps[Quarantined | None]:
        """Move a broken file that no operation of ours wrote out of the daemon's sight. None: not ours to move."""
        return None
        yield []

    def probe(self, resource: Resource, facts: NodeFacts) -> Steps[str]:
        """Use the Resource as a user would, on the node itself, and say in a few words what it answered.

        Raises:
            ProbeFailed: it does not do what was promised. (Return "" if there is nothing a user could try.)
        """
        return ""
        yield []


_ADAPTERS: dict[str, Adapter] = {}


def register(cls: type[Adapter]) -> type[Adapter]:
    """Class decorator: make an adapter known. A later one takes over the resource types it handles.

    Raises:
        ValueError: the kind is taken by another class.
    """
    taken = _ADAPTERS.get(cls.kind)
    if taken is not None and type(taken).__qualname__ != cls.__qualname__:
        raise ValueError(f"adapter kind {cls.kind!r} is taken by {type(taken).__name__}")
    _ADAPTERS[cls.kind] = cls()
    return cls


def unregister(kind: str) -> None:
    """Forget an adapter (plug-ins' tests)."""
    _ADAPTERS.pop(kind, None)


def adapters() -> dict[str, Adapter]:
    """All registered adapters by kind, in order of registration."""
    return dict(_ADAPTERS)


def adapter_for(resource_kind: str) -> Adapter:
    """The adapter that handles a kind of Resource (the one registered last).

    Raises:
        KeyError: nobody handles it.
    """
    for adapter in reversed(_ADAPTERS.values()):
        if any(cls.kind == resource_kind for cls in adapter.handles):
            return adapter
    raise KeyError(f"no adapter handles {resource_kind!r}")


def activations(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Which adapters have to validate and activate for these changes, and for which of them.

    A node's own file or unit names its daemon; other changes belong to the adapter that handles them.
    """
    needed: dict[str, list[Change]] = {}
    for change in changes:
        daemon = getattr(change.resource, "daemon", None)
        adapter = adapter_for(change.kind) if daemon is None else _ADAPTERS.get(daemon)
        if adapter is not None and (adapter.activates or daemon is not None):
            needed.setdefault(adapter.kind, []).append(change)
    return needed
