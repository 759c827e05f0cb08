"""Plans in words: sentences, groups, diffs without the key to secrets, risk, progress, and what can be done."""

import pytest

from hosting.choices import OperationKind, OperationState, Phase
from hosting.models import HostingService
from hosting.operations.present import change_diff, diff_rows, plan_view, possible, progress
from hosting.state import Change, DatabaseUser, NodeFile, PhpPool, Secret, SystemUser
from tests.web import rows

pytestmark = pytest.mark.django_db

_POOL = PhpPool("anna", "8.2", "/home/anna")
_USER = DatabaseUser("anna", "anna_shop", Secret("*AAAA"))


@pytest.fixture
def service() -> HostingService:
    """An active service on web-1."""
    return rows.service("anna", "anna.example", node=rows.node("web-1"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, _POOL),
        (_POOL, None),
        (_POOL, PhpPool("anna", "8.3", "/home/anna", settings=(("memory", "1\n2"),))),
        (_USER, DatabaseUser("anna", "anna_shop", Secret("*BBBB"), locked=True)),
        (NodeFile("/etc/a", "one\ntwo"), NodeFile("/etc/a", "one\ntwo\n")),
    ],
)
def test_the_diff_is_the_same_as_the_change_s_own(before: object, after: object) -> None:
    """From JSON, with secrets sealed differently each time, come the lines that the change itself prints."""
    present = after or before
    change = Change(present.kind, present.key, before, after)  # type: ignore[attr-defined, arg-type]
    seals = iter("abcdef")
    assert change_diff(change.to_json(lambda value: next(seals) + value)) == change.diff()


def test_line_numbers_count_each_side() -> None:
    """Removed lines have a number on the left only, added ones on the right only; a gap separates hunks."""
    found = diff_rows(["@@ -1,2 +1,2 @@", " a", "-b", "+c", "@@ -9 +9 @@", " z"])
    assert [(row.before, row.after, row.sign, row.text) for row in found] == [
        ("1", "1", "", "a"), ("2", "", "-", "b"), ("", "2", "+", "c"), ("", "", "@", "…"), ("9", "9", "", "z"),
    ]  # fmt: skip


def test_a_plan_in_words(service: HostingService) -> None:
    """The sentence says how much, where, which reloads, and who is not touched; groups are by adapter."""
    view = plan_view(rows.operation(service, state=OperationState.PLANNED))
    assert view.summary.startswith("Creates 5, changes 0, removes 0 on web-1. One reload of ")
    assert view.summary.endswith("No other service is touched.")
    assert [group.label for group in view.groups][:2] == ["Linux users", "Document roots"]
    assert (view.risk, view.reversibility) == ("low", "reversible")
    assert view.to_json()["groups"][0]["changes"][0]["sign"] == "+"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (OperationState.PENDING, "There is no plan yet"),
        (OperationState.SUCCEEDED, "Created 5, changed 0, removed 0 on web-1."),
        (OperationState.ROLLED_BACK, "Was to create 5, change 0, remove 0 on web-1."),
    ],
)
def test_the_tense_follows_the_state(service: HostingService, state: str, words: str) -> None:
    """What has happened is told in the past."""
    assert plan_view(rows.operation(service, state=state)).summary.startswith(words)


def test_an_empty_plan_says_so(service: HostingService) -> None:
    """Nothing to change is good news."""
    assert plan_view(rows.operation(service, changes=[])).summary == "Nothing to change: web-1 is as wanted."


def test_removing_data_is_a_high_risk(service: HostingService) -> None:
    """What takes a home away is marked, and comes back only from kept data."""
    gone = SystemUser("anna", "/home/anna")
    operation = rows.operation(
        service,
        state=OperationState.PLANNED,
        kind=OperationKind.DELETE,
        changes=[Change(gone.kind, gone.key, gone, None)],
    )
    view = plan_view(operation)
    assert (view.risk, view.reversibility) == ("high", "requires_restore")


def test_progress_counts_what_is_made(service: HostingService) -> None:
    """Phases before the current one are done; changes are counted from the journal."""
    shown = progress(rows.operation(service, state=OperationState.RUNNING, phase=Phase.APPLYING, begun=2))
    assert (shown.words, shown.made, shown.total) == ("Applying: 2 of 5 done", 2, 5)
    assert [(step.phase, step.done, step.current) for step in shown.steps][:3] == [
        ("queued", True, False), ("planning", True, False), ("applying", False, True),
    ]  # fmt: skip


def test_what_can_be_done(service: HostingService) -> None:
    """Buttons fit the state; what was rolled back once is not offered again."""
    planned = possible(rows.operation(service, state=OperationState.PLANNED))
    assert planned.approve and planned.cancel and not planned.retry
    failed = possible(rows.operation(service, state=OperationState.FAILED))
    assert failed.retry and failed.discard and not failed.cancel
    done = rows.operation(service, state=OperationState.SUCCEEDED)
    assert possible(done).roll_back
    rows.operation(service, kind=OperationKind.ROLLBACK, reverts=done)
    assert not possible(done).roll_back
