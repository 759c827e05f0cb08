"""Secrets at rest: everybody with the public key seals, only the worker opens, and only where they belong."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hosting.checks import check_can_seal, check_keys
from hosting.sealing import Sealed, SealingError, add_worker_key, ensure_worker_key, seal, unseal

CONTEXT = "node:lab1:ssh"
few = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """Keys of this test's own, so that it may add and lose some."""
    settings.NPANEL_WORKER_PUBLIC_KEYS = tmp_path / "worker.pub"
    settings.NPANEL_WORKER_PRIVATE_KEYS = tmp_path / "worker.key"
    ensure_worker_key()
    return tmp_path


@pytest.fixture
def web(folder: Path, settings: Any) -> None:
    """A process that holds the public key only."""
    settings.NPANEL_WORKER_PRIVATE_KEYS = folder / "not-for-web-processes"


@few
@given(st.text(max_size=200), st.text(max_size=60))
def test_what_was_sealed_comes_back(value: str, context: str) -> None:
    value, context = (text.encode("utf-8", "replace").decode() for text in (value, context))
    assert unseal(seal(value, context), context) == value


def test_the_value_is_nowhere_in_what_is_stored() -> None:
    sealed = seal("correct horse", CONTEXT)
    assert "horse" not in sealed
    assert b"horse" not in b"".join(base64.b64decode(part) for key, part in json.loads(sealed).items() if key != "k")


def test_the_same_secret_never_looks_the_same() -> None:
    assert len({seal("secret", CONTEXT) for _n in range(20)}) == 20


@pytest.mark.parametrize("other", ["node:lab2:ssh", "node:lab1:SSH", "", f"{CONTEXT} ", f"{CONTEXT}\x00"])
def test_a_secret_moved_to_another_place_does_not_open(other: str) -> None:
    with pytest.raises(SealingError, match="moved"):
        unseal(seal("secret", CONTEXT), other)


@pytest.mark.parametrize("part", ["e", "w", "b"])
@few
@given(data=st.data())
def test_a_changed_bit_anywhere_is_noticed(part: str, data: st.DataObject) -> None:
    parts = json.loads(seal("secret", CONTEXT))
    raw = bytearray(base64.b64decode(parts[part]))
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    if part == "e" and place == len(raw) * 8 - 1:
        return  # RFC 7748 §5: the last bit of a point is ignored
    raw[place // 8] ^= 1 << place % 8
    with pytest.raises(SealingError):
        unseal(json.dumps({**parts, part: base64.b64encode(raw).decode()}), CONTEXT)


@pytest.mark.parametrize("part", ["e", "w", "b"])
@few
@given(raw=st.binary(max_size=80))
def test_a_part_of_any_other_length_is_refused(part: str, raw: bytes) -> None:
    parts = json.loads(seal("secret", CONTEXT))
    with pytest.raises(SealingError):
        unseal(json.dumps({**parts, part: base64.b64encode(raw).decode()}), CONTEXT)


@pytest.mark.parametrize("point", [b"\x00" * 32, b"\x01" + b"\x00" * 31])
def test_a_point_that_would_make_the_key_known_is_refused(point: bytes) -> None:
    parts = json.loads(seal("secret", CONTEXT))
    with pytest.raises(SealingError):
        unseal(json.dumps({**parts, "e": base64.b64encode(point).decode()}), CONTEXT)


def test_parts_of_two_secrets_can_not_be_mixed() -> None:
    one, other = (json.loads(seal(text, CONTEXT)) for text in ("one", "other"))
    for part in "ewb":
        with pytest.raises(SealingError):
            unseal(json.dumps({**one, part: other[part]}), CONTEXT)


@pytest.mark.parametrize(
    "text", ["", "{}", "null", "[]", "1", '"x"', "not json", '{"k":"w1"}', '{"k":1,"e":2,"w":3,"b":4}']
)
def test_what_is_no_sealed_secret_is_called_damaged(text: str) -> None:
    with pytest.raises(SealingError, match="damaged"):
        unseal(text, CONTEXT)


@few
@given(st.text(max_size=120))
def test_garbage_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(SealingError):
        unseal(text, CONTEXT)


@pytest.mark.usefixtures("web")
def test_a_web_process_seals_and_can_not_open() -> None:
    sealed = seal("secret", CONTEXT)
    with pytest.raises(SealingError, match="private key w1 is not on this machine") as refusal:
        unseal(sealed, CONTEXT)
    assert "worker" in refusal.value.hint


def test_the_worker_opens_what_a_web_process_sealed(folder: Path, settings: Any) -> None:
    settings.NPANEL_WORKER_PRIVATE_KEYS = folder / "not-for-web-processes"
    sealed = seal("secret", CONTEXT)
    settings.NPANEL_WORKER_PRIVATE_KEYS = folder / "worker.key"
    assert unseal(sealed, CONTEXT) == "secret"


def test_without_any_key_nothing_is_sealed(folder: Path, settings: Any) -> None:
    for state in ("missing", "empty"):
        settings.NPANEL_WORKER_PUBLIC_KEYS = folder / "other.pub"
        if state == "empty":
            settings.NPANEL_WORKER_PUBLIC_KEYS.touch()
        with pytest.raises(SealingError, match="No worker key") as refusal:
            seal("secret", CONTEXT)
        assert "worker_key --init" in refusal.value.hint


def test_a_new_key_is_used_at_once_and_old_secrets_still_open(folder: Path) -> None:
    old = seal("old", CONTEXT)
    assert add_worker_key() == "w2"
    new = seal("new", CONTEXT)
    assert (Sealed.load(old).key_id, Sealed.load(new).key_id) == ("w1", "w2")
    assert (unseal(old, CONTEXT), unseal(new, CONTEXT)) == ("old", "new")


def test_a_secret_does_not_open_with_another_key_of_the_ring(folder: Path) -> None:
    sealed = Sealed.load(seal("secret", CONTEXT))
    add_worker_key()
    with pytest.raises(SealingError):
        unseal(Sealed("w2", sealed.ephemeral, sealed.wrapped, sealed.body).dump(), CONTEXT)


def test_the_private_key_is_its_owners_alone(folder: Path, settings: Any) -> None:
    assert stat.S_IMODE((folder / "worker.key").stat().st_mode) == 0o600
    assert check_keys() == []
    (folder / "worker.key").chmod(0o640)
    (found,) = check_keys()
    assert found.id == "hosting.E001" and "chmod 600" in str(found.hint)


def test_production_asks_for_the_public_key(folder: Path, settings: Any) -> None:
    assert check_can_seal() == []
    settings.NPANEL_WORKER_PUBLIC_KEYS = folder / "missing.pub"
    (found,) = check_can_seal()
    assert found.id == "hosting.E002" and "worker_key --init" in str(found.hint)
