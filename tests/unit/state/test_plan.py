"""A plan says exactly what turns one state into another, in an order that can be carried out, and can be taken back."""

import dataclasses
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.state import (
    Action,
    Change,
    Database,
    DatabaseUser,
    DocumentRoot,
    Grant,
    Plan,
    PlanConflict,
    Ref,
    Resource,
    Secret,
    SystemUser,
    VirtualHost,
    plan,
    state_of,
)
from hosting.state.resources import RESOURCES

from .strategies import instances, resources, states

State = dict[Ref, Resource]


@given(states(), states())
def test_applying_a_plan_gives_the_wanted_state(before: State, after: State) -> None:
    assert plan(before, after).apply(before) == after


@given(states(), states())
def test_the_inverse_takes_the_plan_back(before: State, after: State) -> None:
    there = plan(before, after)
    assert there.inverse.apply(there.apply(before)) == before
    assert there.inverse.inverse == there


@given(states())
def test_nothing_to_do_is_an_empty_plan(state: State) -> None:
    nothing = plan(state, dict(state))
    assert not nothing and len(nothing) == 0
    assert nothing.summary() == "No changes: the node is as it should be."


@given(states(), states(), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_the_input(
    before: State, after: State, chance: random.Random
) -> None:
    assert plan(_shuffled(before, chance), _shuffled(after, chance)).digest == plan(before, after).digest


@given(states(), states())
def test_the_digest_survives_storage(before: State, after: State) -> None:
    original = plan(before, after)
    stored = json.loads(json.dumps(original.to_json(seal=lambda text: text[::-1])))
    again = Plan.from_json(stored, unseal=lambda text: text[::-1])
    assert again == original
    assert again.digest == original.digest == stored["digest"]


@given(states(), states(), states())
def test_different_plans_have_different_digests(before: State, one: State, other: State) -> None:
    first, second = plan(before, one), plan(before, other)
    assert (first == second) == (first.digest == second.digest)


@given(states(), states())
def test_what_is_made_comes_after_what_it_needs_and_goes_before_it(before: State, after: State) -> None:
    for way in (plan(before, after), plan(before, after).inverse):
        position = {change.ref: place for place, change in enumerate(way.changes)}
        _assert_ordered(way, position)


@given(states(), states())
def test_stages_hold_every_change_once_and_keep_the_order(before: State, after: State) -> None:
    for way in (plan(before, after), plan(before, after).inverse):
        stages = way.stages()
        assert all(stages)
        level = {change.ref: number for number, stage in enumerate(stages) for change in stage}
        assert sorted(level) == sorted(change.ref for change in way.changes)
        assert sum(map(len, stages)) == len(way)
        _assert_ordered(way, level)


@given(states(), states(), st.randoms(use_true_random=False))
def test_the_changes_of_a_stage_may_be_made_in_any_order(before: State, after: State, chance: random.Random) -> None:
    shuffled = [change for stage in plan(before, after).stages() for change in chance.sample(stage, len(stage))]
    assert Plan(tuple(shuffled)).apply(before) == after


@pytest.mark.parametrize("kind", sorted(RESOURCES))
@given(data=st.data())
def test_two_different_things_never_show_an_empty_diff(kind: str, data: st.DataObject) -> None:
    one = data.draw(instances(RESOURCES[kind]))
    field = data.draw(st.sampled_from([f.name for f in dataclasses.fields(one)]))
    other = dataclasses.replace(one, **{field: getattr(data.draw(instances(RESOURCES[kind])), field)})
    assert bool(Change(kind, one.key, one, other).diff()) == (one != other)


@given(resources())
def test_a_diff_is_made_of_single_printable_lines(resource: Resource) -> None:
    for change in (Change(*resource.ref, None, resource), Change(*resource.ref, resource, None)):
        assert change.diff()
        assert all(line.isprintable() for line in change.diff())


@given(states(), states())
def test_counts_and_summary_agree_with_the_changes(before: State, after: State) -> None:
    found = plan(before, after)
    assert found.counts()["create"] == len(after.keys() - before.keys())
    assert found.counts()["delete"] == len(before.keys() - after.keys())
    assert sum(found.counts().values()) == len(found)
    assert all(str(change.key) in found.render() for change in found.changes if change.key.isprintable())


def test_a_plan_refuses_a_state_it_was_not_made_for() -> None:
    user = SystemUser("al", "/home/al")
    with pytest.raises(PlanConflict, match="system_user:al"):
        plan({}, state_of([user])).apply(state_of([SystemUser("al", "/srv/al")]))


def test_the_same_thing_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        state_of([SystemUser("al", "/home/al"), SystemUser("al", "/srv/al")])


def test_a_change_without_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one side"):
        _ = Change("system_user", "al", None, None).resource


def test_a_whole_service_is_made_and_removed_in_the_right_order() -> None:
    owner = "home"
    service = state_of([
        VirtualHost(owner, "a.test", f"/home/{owner}/sites/a.test/public", php=False),
        DatabaseUser(owner, "home_u", Secret("*" + "A" * 40), grants=(Grant("home_d"),)),
        Database(owner, "home_d"),
        DocumentRoot(owner, "sites/a.test/public"),
        SystemUser(owner, f"/home/{owner}"),
    ])  # fmt: skip
    made = [change.kind for change in plan({}, service).changes]
    assert made == ["database", "system_user", "database_user", "document_root", "virtual_host"]
    gone = plan(service, {})
    assert [change.kind for change in gone.changes] == made[::-1]
    assert [sorted(c.kind for c in stage) for stage in gone.stages()] == [
        ["database_user", "virtual_host"],
        ["database", "document_root"],
        ["system_user"],
    ]


def test_a_database_goes_only_after_the_grant_on_it_is_taken_away() -> None:
    with_grant = DatabaseUser("al", "al_u", Secret("*" + "A" * 40), grants=(Grant("al_d"),))
    without = DatabaseUser("al", "al_u", Secret("*" + "A" * 40))
    stages = plan(state_of([Database("al", "al_d"), with_grant]), state_of([without])).stages()
    assert [[(str(c.action), c.kind) for c in stage] for stage in stages] == [
        [("update", "database_user")],
        [("delete", "database")],
    ]


def _assert_ordered(way: Plan, place: dict[Ref, int]) -> None:
    for change in way.changes:
        for ref in change.after.depends_on() if change.after else ():
            if _does(way, ref, Action.CREATE):
                assert place[ref] < place[change.ref], f"{change.ref} is made before {ref}"
        for ref in change.before.depends_on() if change.before else ():
            if _does(way, ref, Action.DELETE):
                assert place[change.ref] < place[ref], f"{ref} goes before {change.ref} lets go of it"


def _does(way: Plan, ref: Ref, action: Action) -> bool:
    return any(change.ref == ref and change.action is action for change in way.changes)


def _shuffled(state: State, chance: random.Random) -> State:
    return dict(chance.sample(list(state.items()), len(state)))
