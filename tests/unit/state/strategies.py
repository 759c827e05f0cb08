"""Hypothesis strategies for every registered Resource type, made from their type hints, and for whole states."""

import types
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from hosting.state import DnsRecord, Ref, Resource, Secret, state_of
from hosting.state.resources import RESOURCES

OWNERS = ("al", "bo", "home")
SITES = ("sites/a.test/public", "sites/b.test/public")
DATABASES = tuple(f"{owner}_{name}" for owner in OWNERS for name in ("shop", "blog"))
PACKAGES = ("nginx", "pdns-server")
FILES = ("/etc/one.conf", "/etc/two.conf")

#: What a Resource of a real service holds there, so that keys collide and dependencies between Resources occur.
POOLS: dict[str, st.SearchStrategy[Any]] = {
    "DocumentRoot.path": st.sampled_from(SITES),
    "VirtualHost.name": st.sampled_from(("a.test", "b.test")),
    "VirtualHost.root": st.builds("/home/{}/{}".format, st.sampled_from(OWNERS), st.sampled_from(SITES)),
    "DnsZone.name": st.sampled_from(("a.test", "b.test")),
    "Database.name": st.sampled_from(DATABASES),
    "Grant.database": st.sampled_from(DATABASES),
    "DatabaseUser.name": st.sampled_from(DATABASES),
    "MailDomain.name": st.sampled_from(("a.test", "b.test")),
    "Mailbox.domain": st.sampled_from(("a.test", "b.test")),
    "MailAlias.domain": st.sampled_from(("a.test", "b.test")),
    "DatabaseUser.host": st.sampled_from(("localhost", "%")),
    "Package.name": st.sampled_from(PACKAGES),
    "NodeFile.path": st.sampled_from(FILES),
    "NodeFile.packages": st.lists(st.sampled_from(PACKAGES), unique=True, max_size=2).map(tuple),
    "NodeLink.path": st.sampled_from(("/etc/link", "/etc/other")),
    "DaemonUnit.name": st.sampled_from(("nginx.service", "pdns.service")),
    "DaemonUnit.files": st.lists(st.sampled_from(FILES), unique=True, max_size=2).map(tuple),
}

#: Any text a daemon could hand us: line breaks, quotes, control characters, other scripts (but no lone surrogates).
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(("a", "a\n", "a\nb", "a\nb\n"))
#: Planted secrets are long enough to be unmistakable in any output.
secrets = st.builds(Secret, st.just("") | st.text("0123456789ABCDEF", min_size=24, max_size=40).map("*{}".format))


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    simple = {str: texts, int: st.integers(0, 1 << 31), bool: st.booleans(), Secret: secrets}
    if hint in simple:
        return simple[hint]
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of(*(st.none() if arg is type(None) else values(arg) for arg in get_args(hint)))
    if get_origin(hint) is tuple:
        return _tuples(get_args(hint))
    if is_dataclass(hint):
        return instances(hint)  # type: ignore[arg-type]
    raise TypeError(f"no strategy for {hint!r}: add one, so that the codec is tested with it")


def _tuples(args: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    if len(args) == 2 and args[1] is Ellipsis:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    return st.tuples(*map(values, args))


def instances(cls: type) -> st.SearchStrategy[Any]:
    """Instances of a dataclass, fields from :data:`POOLS` where it names them; the node's own belong to nobody."""
    hints = get_type_hints(cls)
    node_own = is_dataclass(cls) and any(f.name == "owner" and f.default == "" for f in fields(cls))
    owner = st.just("") if node_own else st.sampled_from(OWNERS)
    pools = {"owner": owner} | {key.partition(".")[2]: pool for key, pool in POOLS.items() if _of(cls, key)}
    return st.builds(cls, **{f.name: pools[f.name] if f.name in pools else values(hints[f.name]) for f in fields(cls)})


def _of(cls: type, key: str) -> bool:
    return key.partition(".")[0] == cls.__name__


def resources() -> st.SearchStrategy[Resource]:
    """Any Resource of any registered type."""
    return st.one_of(*(instances(cls) for cls in RESOURCES.values()))


def states() -> st.SearchStrategy[dict[Ref, Resource]]:
    """What could be on a node: Resources by Ref."""
    return st.lists(resources(), max_size=12, unique_by=lambda r: r.ref).map(state_of)


records = instances(DnsRecord)
