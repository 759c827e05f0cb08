"""Plans: what must change so that one set of Resources becomes another, in a stable order, with a digest."""

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hosting.state.codec import Seal, decode, encode
from hosting.state.diff import diff, printable
from hosting.state.resources import Ref, Resource

State = Mapping[Ref, Resource]


class PlanConflict(Exception):
    """A plan does not fit the state it is applied to: something changed since it was made."""


class Action(enum.StrEnum):
    """What a Change does to its Resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One Resource before and after. ``None`` means that it is not there."""

    kind: str
    key: str
    before: Resource | None
    after: Resource | None

    @property
    def ref(self) -> Ref:
        """Kind and key together."""
        return Ref(self.kind, self.key)

    @property
    def action(self) -> Action:
        """Create, update or delete, as the two sides say."""
        if self.before is None:
            return Action.CREATE
        return Action.DELETE if self.after is None else Action.UPDATE

    @property
    def resource(self) -> Resource:
        """The side that exists (``after`` if both do)."""
        present = self.after if self.after is not None else self.before
        if present is None:
            raise ValueError(f"{self.ref}: a change needs at least one side")
        return present

    @property
    def inverse(self) -> "Change":
        """The Change that takes this one back."""
        return Change(self.kind, self.key, self.after, self.before)

    def to_json(self, seal: Seal | None = None) -> dict[str, Any]:
        """JSON-ready form; see :func:`hosting.state.codec.encode` for what becomes of secrets."""
        return {
            "action": str(self.action),
            "kind": self.kind,
            "key": self.key,
            "before": None if self.before is None else encode(self.before, seal),
            "after": None if self.after is None else encode(self.after, seal),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], unseal: Seal | None = None) -> "Change":
        """The Change that :meth:`to_json` wrote (``ValueError`` when its secrets can't be had)."""
        return cls(data["kind"], data["key"], decode(data["before"], unseal), decode(data["after"], unseal))

    def diff(self) -> list[str]:
        """Printable lines of a unified diff of both sides, without file headers; secrets appear as fingerprints.

        Only equal sides give no lines.
        """
        return diff(*(None if side is None else encode(side) for side in (self.before, self.after)))


@dataclass(frozen=True)
class Plan:
    """An ordered list of Changes."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    @cached_property
    def digest(self) -> str:
        """64 hex digits that stand for exactly these changes in this order."""
        text = json.dumps([c.to_json() for c in self.changes], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def inverse(self) -> "Plan":
        """The Plan that takes this one back: inverse changes in reverse order."""
        return Plan(tuple(change.inverse for change in reversed(self.changes)))

    def apply(self, state: State) -> dict[Ref, Resource]:
        """What the state becomes (the plan's meaning; nodes are changed by adapters).

        Raises:
            PlanConflict: a Resource is not as the plan found it.
        """
        result = dict(state)
        for change in self.changes:
            if result.get(change.ref) != change.before:
                raise PlanConflict(f"{change.ref} is not as the plan found it")
            if change.after is None:
                del result[change.ref]
            else:
                result[change.ref] = change.after
        return result

    def stages(self) -> list[list[Change]]:
        """The changes in groups: those of one group do not wait for each other and may be made together.

        A change waits for the earlier changes of what it depends on and, where it changes or removes something, for
        the earlier changes of what depended on that.
        """
        stages: list[list[Change]] = []
        level: dict[Ref, int] = {}
        dependents: dict[Ref, int] = {}
        for change in self.changes:
            needs = [level[ref] for ref in change.resource.depends_on() if ref in level]
            own = 1 + max([*needs, dependents.get(change.ref, -1)], default=-1)
            level[change.ref] = own
            for ref in change.before.depends_on() if change.before else ():
                dependents[ref] = max(dependents.get(ref, -1), own)
            stages.extend([] for _ in range(own + 1 - len(stages)))
            stages[own].append(change)
        return stages

    def counts(self) -> dict[str, int]:
        """Number of changes by action (all three keys are there)."""
        return {str(action): sum(c.action is action for c in self.changes) for action in Action}

    def to_json(self, seal: Seal | None = None) -> dict[str, Any]:
        """JSON-ready form with digest and counts."""
        return {
            "digest": self.digest,
            "counts": self.counts(),
            "changes": [change.to_json(seal) for change in self.changes],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], unseal: Seal | None = None) -> "Plan":
        """The Plan that :meth:`to_json` wrote."""
        return cls(tuple(Change.from_json(item, unseal) for item in data["changes"]))

    def render(self) -> str:
        """The plan for a terminal: a line for each change (+ ~ -) with its diff below, and a summary."""
        return "\n".join([*(_render(change) for change in self.changes), self.summary()])

    def summary(self) -> str:
        """One sentence, e.g. ``Plan: 6 to create, 1 to change, 0 to remove.``"""
        if not self.changes:
            return "No changes: the node is as it should be."
        count = self.counts()
        return f"Plan: {count['create']} to create, {count['update']} to change, {count['delete']} to remove."


def state_of(resources: Iterable[Resource]) -> dict[Ref, Resource]:
    """Resources by their Ref.

    Raises:
        ValueError: two of them have the same Ref.
    """
    state: dict[Ref, Resource] = {}
    for resource in resources:
        if resource.ref in state:
            raise ValueError(f"{resource.ref} is there twice")
        state[resource.ref] = resource
    return state


def plan(before: State, after: State) -> Plan:
    """What must change so that ``before`` becomes ``after``.

    What is made or changed comes first, each after what it depends on; what goes comes last, each before what it
    depends on. Ties are broken by kind and key, so equal inputs give equal plans whatever their order.
    """
    made = [Change(r.kind, r.key, before.get(r), after[r]) for r in after if before.get(r) != after[r]]
    gone = [Change(r.kind, r.key, before[r], None) for r in before if r not in after]
    return Plan((*_sorted(made), *reversed(_sorted(gone))))


def _sorted(changes: list[Change]) -> list[Change]:
    by_ref = {change.ref: change for change in changes}
    depth: dict[Ref, int] = {}
    return sorted(changes, key=lambda c: (_depth(c.ref, by_ref, depth, ()), c.kind, c.key))


def _depth(ref: Ref, by_ref: Mapping[Ref, Change], known: dict[Ref, int], path: tuple[Ref, ...]) -> int:
    if ref in path:
        raise ValueError("resources depend on each other in a circle: " + " -> ".join(map(str, (*path, ref))))
    if ref not in known:
        inside = [d for d in by_ref[ref].resource.depends_on() if d in by_ref]
        known[ref] = 1 + max((_depth(d, by_ref, known, (*path, ref)) for d in inside), default=-1)
    return known[ref]


def _render(change: Change) -> str:
    sign = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}[change.action]
    return "\n".join([f"{sign} {change.kind} {printable(change.key)}", *(f"    {line}" for line in change.diff())])
