"""Operations as people read them: a plan as sentence and tree, its journal, what was probed. Pure, from rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from hosting.adapters.base import adapter_for, adapters
from hosting.choices import EntryState, OperationKind, OperationState, Phase
from hosting.governance import assess, is_irreversible
from hosting.models import JournalEntry, Operation
from hosting.state.diff import diff
from hosting.translated import translated

SIGNS = {"create": "+", "update": "~", "delete": "−"}

#: What people call the kinds of Resources; one that is not here (a plug-in's) is shown by its own name.
KIND_LABELS = {
    "system_user": gettext_lazy("Linux user"),
    "document_root": gettext_lazy("Document root"),
    "php_pool": gettext_lazy("PHP pool"),
    "virtual_host": gettext_lazy("Site"),
    "tls_certificate": gettext_lazy("Certificate"),
    "dns_zone": gettext_lazy("DNS zone"),
    "database": gettext_lazy("Database"),
    "database_user": gettext_lazy("Database user"),
    "mail_domain": gettext_lazy("Mail of the domain"),
    "mailbox": gettext_lazy("Mailbox"),
    "mail_alias": gettext_lazy("Mail alias"),
    "mail_certificate": gettext_lazy("Certificate for mail"),
    "package": gettext_lazy("Package"),
    "node_file": gettext_lazy("File"),
    "node_link": gettext_lazy("Link"),
    "daemon_unit": gettext_lazy("Daemon"),
    "kept_data": gettext_lazy("Kept data"),
    "final_archive": gettext_lazy("Final archive"),
}
ADAPTER_LABELS = {
    "nginx": "nginx",
    "php_fpm": "PHP-FPM",
    "mariadb": "MariaDB",
    "powerdns": "PowerDNS",
    "tls": gettext_lazy("Certificates"),
    "mail_tls": gettext_lazy("Certificates for mail"),
    "system_user": gettext_lazy("Linux users"),
    "document_root": gettext_lazy("Document roots"),
    "node_setup": gettext_lazy("The node itself"),
    "kept_data": gettext_lazy("What deletions keep"),
}

_TENSES = {
    "now": gettext_noop("Creates %(create)d, changes %(update)d, removes %(delete)d on %(node)s."),
    "done": gettext_noop("Created %(create)d, changed %(update)d, removed %(delete)d on %(node)s."),
    "undone": gettext_noop("Was to create %(create)d, change %(update)d, remove %(delete)d on %(node)s."),
}
_STEPS = (Phase.QUEUED, Phase.PLANNING, Phase.APPLYING, Phase.ACTIVATING, Phase.VERIFYING, Phase.DONE)


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One change: what it does, to what, with which difference, and how far it has come.

    Args:
        action: create, update or delete. sign: + ~ or −. kind, key: the Resource. kind_label: its kind in words.
        diff: lines of a unified diff without file headers.
        state: of the journal entry (a value of EntryState), or "" before it was begun.
        seconds: how long it took, once it has ended. error: one sentence, or "".
    """

    action: str
    sign: str
    kind: str
    kind_label: str
    key: str
    diff: tuple[str, ...]
    state: str
    seconds: float | None
    error: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """The changes of one adapter."""

    adapter: str
    label: str
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan for pages and ``--json``: a sentence, counts by action, changes by adapter, and what it risks.

    Args:
        known: False until the worker has looked at the node.
        reloads: labels of the daemons that are (to be) reloaded.
        risk: low, medium or high. reversibility: reversible, requires_restore or irreversible.
        impacted: labels of the subsystems that are touched. governed: it has to be confirmed, not only approved.
    """

    known: bool
    summary: str
    counts: Mapping[str, int]
    groups: tuple[GroupView, ...]
    digest: str
    reloads: tuple[str, ...]
    risk: str
    reversibility: str
    impacted: tuple[str, ...]
    governed: bool

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StepView:
    """One phase of an operation: done, current, or still to come."""

    phase: str
    label: str
    done: bool
    current: bool


@dataclass(frozen=True, slots=True)
class ProgressView:
    """How far an operation is, in words and in numbers of changes."""

    words: str
    made: int
    total: int
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class Possible:
    """Which actions make sense on an operation as it stands (the services check again)."""

    approve: bool
    confirm: bool
    cancel: bool
    retry: bool
    roll_back: bool
    discard: bool


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One line of a diff: its numbers on both sides ("" where it is not there), its sign and its text."""

    before: str
    after: str
    sign: str
    text: str


def plan_view(operation: Operation) -> PlanView:
    """The operation's plan as people read it, with the state of each change where it has begun."""
    data = operation.plan or {"counts": {}, "changes": []}
    counts = {action: int(data["counts"].get(action, 0)) for action in SIGNS}
    changes: Sequence[dict[str, Any]] = data["changes"]
    reloads = tuple(adapter_label(kind) for kind in _reloads(operation, changes))
    found = assess(operation.kind, changes)
    return PlanView(
        known=operation.plan is not None,
        summary=_summary(operation, counts, reloads),
        counts=counts,
        groups=_groups(changes, _entries(operation)),
        digest=operation.plan_digest,
        reloads=reloads,
        risk=found.risk.value,
        reversibility=found.reversibility.value,
        impacted=tuple(found.impacted_labels),
        governed=found.governed,
    )


def progress(operation: Operation) -> ProgressView:
    """How far the operation is."""
    total = len((operation.plan or {}).get("changes", ()))
    forward = [entry for entry in operation.journal.all() if not entry.backward]
    made = sum(entry.state == EntryState.APPLIED for entry in forward)
    return ProgressView(_words(operation, made, total), made, total, _steps(operation))


def possible(operation: Operation) -> Possible:
    """What can be done with the operation now."""
    state, planned = operation.state, operation.state == OperationState.PLANNED
    unwell = state in (OperationState.FAILED, OperationState.ROLLED_BACK, OperationState.ROLLBACK_FAILED)
    changed = bool(operation.plan and operation.plan["changes"])
    governed = assess(operation.kind, (operation.plan or {}).get("changes", ())).governed
    by_button = operation.kind != OperationKind.CHANGE_DNSSEC  # that looks first whether others rely on the key
    lasting = state == OperationState.SUCCEEDED and changed and by_button and not is_irreversible(operation.kind)
    undoable = lasting and not operation.reverted_by.filter(
        state=OperationState.SUCCEEDED
    ).exists()  # fmt: skip
    return Possible(
        approve=planned and not governed,
        confirm=planned and governed,
        cancel=planned or state == OperationState.PENDING,
        retry=unwell,
        roll_back=undoable,
        discard=unwell and state != OperationState.ROLLBACK_FAILED and operation.service_id is not None,
    )


def kind_label(kind: str) -> str:
    """What people call a kind of Resource."""
    return str(KIND_LABELS.get(kind, kind.replace("_", " ").capitalize()))


def adapter_label(kind: str) -> str:
    """What people call an adapter."""
    return str(ADAPTER_LABELS.get(kind, kind.replace("_", " ").capitalize()))


def change_diff(change: Mapping[str, Any]) -> list[str]:
    """The diff of a stored change; see :func:`hosting.state.diff.diff`."""
    return diff(change["before"], change["after"])


def diff_rows(lines: Sequence[str]) -> list[DiffRow]:
    """The lines of a unified diff with their numbers on both sides; a row with sign "@" stands for left-out lines."""
    rows: list[DiffRow] = []
    before = after = 1
    for line in lines:
        sign, text = line[:1], line[1:]
        if line.startswith("@@"):
            before, after = _starts(line)
            if rows:
                rows.append(DiffRow("", "", "@", "…"))
            continue
        rows.append(DiffRow("" if sign == "+" else str(before), "" if sign == "-" else str(after), sign.strip(), text))
        before += sign != "+"
        after += sign != "-"
    return rows


def _starts(hunk: str) -> tuple[int, int]:
    """First line numbers of a hunk header like ``@@ -1,2 +1,3 @@`` (an empty side says 0 and has no lines)."""
    left, right = hunk.split(" ")[1:3]
    return max(1, int(left[1:].split(",")[0])), max(1, int(right[1:].split(",")[0]))


def _entries(operation: Operation) -> dict[tuple[str, str], JournalEntry]:
    return {(e.kind, e.key): e for e in sorted(operation.journal.all(), key=lambda e: e.seq) if not e.backward}


def _groups(
    changes: Sequence[Mapping[str, Any]], entries: Mapping[tuple[str, str], JournalEntry]
) -> tuple[GroupView, ...]:
    groups: dict[str, list[ChangeView]] = {}
    for change in changes:
        entry = entries.get((change["kind"], change["key"]))
        groups.setdefault(_adapter_of(change["kind"]), []).append(_change_view(change, entry))
    return tuple(GroupView(kind, adapter_label(kind), tuple(items)) for kind, items in groups.items())


def _change_view(change: Mapping[str, Any], entry: JournalEntry | None) -> ChangeView:
    return ChangeView(
        action=change["action"],
        sign=SIGNS[change["action"]],
        kind=change["kind"],
        kind_label=kind_label(change["kind"]),
        key=change["key"],
        diff=tuple(change_diff(change)),
        state=entry.state if entry else "",
        seconds=_seconds(entry),
        error=translated(entry.error)[0] if entry else "",
    )


def _seconds(entry: JournalEntry | None) -> float | None:
    if entry is None or entry.finished_at is None:
        return None
    passed: timedelta = entry.finished_at - entry.started_at
    return max(0.0, passed.total_seconds())


def _adapter_of(kind: str) -> str:
    try:
        return adapter_for(kind).kind
    except KeyError:
        return kind


def _reloads(operation: Operation, changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Adapters whose daemon was reloaded, or (before that) will be because of these changes."""
    if operation.state in (OperationState.SUCCEEDED, OperationState.ROLLED_BACK):
        return list(operation.result.get("reloads", ()))
    known = adapters()
    named = [(change["after"] or change["before"] or {}).get("daemon") for change in changes]
    own = [kind for change in changes if (kind := _adapter_of(change["kind"])) in known and known[kind].activates]
    return list(dict.fromkeys([*(kind for kind in named if kind in known), *own]))


def _summary(operation: Operation, counts: Mapping[str, int], reloads: Sequence[str]) -> str:
    node = operation.node.name if operation.node else _("the node")
    if operation.plan is None:
        return _("There is no plan yet: the worker has not looked at %(node)s.") % {"node": node}
    if not any(counts.values()):
        return _("Nothing to change: %(node)s is as wanted.") % {"node": node}
    if operation.kind == OperationKind.ADOPT:
        template = _("Took %(count)d differences of %(node)s into the facts. Nothing was changed there.")
        return template % {"count": sum(counts.values()), "node": node}
    sentences = [_(_TENSES[_tense(operation)]) % {**counts, "node": node}]
    if reloads:
        template = _("Reloaded once: %(names)s.") if operation.is_final else _("One reload of %(names)s.")
        sentences.append(template % {"names": _joined(reloads)})
    if operation.service_id is not None and not operation.is_final:
        sentences.append(_("No other service is touched."))
    return " ".join(sentences)


def _tense(operation: Operation) -> str:
    if operation.state == OperationState.SUCCEEDED:
        return "done"
    return "undone" if operation.is_final else "now"


def _joined(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return _("%(first)s and %(last)s") % {"first": ", ".join(words[:-1]), "last": words[-1]}


def _words(operation: Operation, made: int, total: int) -> str:
    if operation.state == OperationState.PLANNED:
        governed = assess(operation.kind, (operation.plan or {}).get("changes", ())).governed
        return _("Planned. It waits to be confirmed.") if governed else _("Planned. It waits for your approval.")
    if operation.is_final:
        return str(operation.get_state_display())
    if operation.state == OperationState.PENDING and operation.not_before is not None and operation.error:
        return _("The node did not answer. NPanel tries again by itself.")
    if operation.phase == Phase.APPLYING and total:
        return _("%(phase)s: %(made)d of %(total)d done") % {
            "phase": operation.get_phase_display(), "made": made, "total": total,
        }  # fmt: skip
    return str(operation.get_phase_display())


def _steps(operation: Operation) -> tuple[StepView, ...]:
    phases = list(_STEPS)
    if operation.phase == Phase.ROLLING_BACK or operation.state in (
        OperationState.ROLLED_BACK,
        OperationState.ROLLBACK_FAILED,
    ):
        phases = [Phase.QUEUED, Phase.PLANNING, Phase.APPLYING, Phase.ROLLING_BACK, Phase.DONE]
    elif operation.state in (OperationState.PLANNED, OperationState.CANCELLED, OperationState.FAILED):
        return ()
    now = phases.index(Phase(operation.phase)) if operation.phase in phases else 0
    return tuple(
        StepView(
            phase.value, str(phase.label), number < now or operation.is_final, number == now and not operation.is_final
        )
        for number, phase in enumerate(phases)
    )
