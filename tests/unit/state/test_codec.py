"""Resources survive storage as JSON, and their secrets never get into anything that people or logs see."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.state import Change, NodeFile, Plan, Resource, Secret, decode, encode
from hosting.state.resources import RESOURCES, register_resource

from .strategies import instances, resources


def reverse(text: str) -> str:
    return text[::-1]


@pytest.mark.parametrize("kind", sorted(RESOURCES))
@given(data=st.data())
def test_every_registered_type_survives_a_round_trip(kind: str, data: st.DataObject) -> None:
    resource = data.draw(instances(RESOURCES[kind]))
    stored = json.dumps(encode(resource, reverse))
    again = decode(json.loads(stored), reverse)
    assert again == resource and type(again) is type(resource)
    assert hash(again) == hash(resource)
    assert json.dumps(encode(again, reverse)) == stored


@given(resources())
def test_a_secret_is_never_shown(resource: Resource) -> None:
    planted = _secrets(resource)
    change = Change(*resource.ref, None, resource)
    outputs: list[Callable[[], str]] = [
        lambda: json.dumps(change.to_json()),
        lambda: json.dumps(Plan((change,)).to_json()),
        lambda: json.dumps(Plan((change.inverse,)).to_json(seal=reverse)),
        lambda: "\n".join(change.diff() + change.inverse.diff()),
        lambda: Plan((change,)).render(),
        lambda: f"{resource!r} {resource!s} {change!r} {Plan((change,))!r}",
    ]
    for output in outputs:
        assert not any(secret in output() for secret in planted)


@given(st.text("ABCDEF0123456789", min_size=20))
def test_the_fingerprint_says_whether_two_secrets_are_equal(text: str) -> None:
    assert Secret(text).fingerprint == Secret(text).fingerprint != Secret(text + "x").fingerprint
    assert len(Secret(text).fingerprint) == 12


def test_a_changed_secret_shows_as_changed() -> None:
    one, other = (NodeFile("/etc/key", "@SECRET@\n", secret=Secret(value)) for value in ("first-one", "second-one"))
    lines = Change("node_file", "/etc/key", one, other).diff()
    assert any(line.startswith("-secret:") for line in lines) and any(line.startswith("+secret:") for line in lines)


def test_a_fingerprint_does_not_bring_the_secret_back() -> None:
    stored = encode(NodeFile("/etc/key", "@SECRET@", secret=Secret("open sesame")))
    with pytest.raises(ValueError, match="only the secret's fingerprint"):
        decode(stored)


def test_a_sealed_secret_needs_the_key() -> None:
    stored = encode(NodeFile("/etc/key", "@SECRET@", secret=Secret("open sesame")), reverse)
    with pytest.raises(ValueError, match="worker's key"):
        decode(stored)


def test_nothing_decodes_to_nothing() -> None:
    assert decode(None) is None


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        decode({"kind": "flying_saucer"})


def test_a_kind_has_one_type() -> None:
    class Other(Resource):
        kind = "database"

    with pytest.raises(ValueError, match="taken by Database"):
        register_resource(Other)


def _secrets(resource: Resource) -> list[str]:
    found = [getattr(resource, name) for name in resource.__dataclass_fields__]
    return [item.value for item in found if isinstance(item, Secret) and item.value]
