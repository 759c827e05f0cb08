"""SFTP and SSH over the API: asked for, shown, and a stranger's not there."""

import pytest

from hosting.models import Operation, SshKey
from hosting.services.ssh import add_ssh_key
from tests.people import operator
from tests.ssh_keys import ed25519_pair
from tests.unit.api.caller import code
from tests.unit.api.conftest import Tenant

LAPTOP = ed25519_pair("kim@laptop")


def test_a_key_is_added_shown_and_removed_by_its_owner(ours: Tenant) -> None:
    caller = ours.caller()
    made = {"service": ours.service.pk, "key": LAPTOP.public, "name": "Laptop", "reason": "new one"}
    assert caller.post("ssh-keys", made).status_code == 202
    key = SshKey.objects.get()
    shown = caller.get(f"ssh-keys/{key.pk}").json()
    assert (shown["name"], shown["type"], shown["fingerprint"]) == ("Laptop", "ssh-ed25519", key.fingerprint)
    assert caller.ids(f"ssh-keys?fingerprint={key.fingerprint.replace('+', '%2B')}") == [key.pk]
    assert code(caller.post("ssh-keys", made)) == (409, "ssh_key_taken")
    assert caller.delete(f"ssh-keys/{key.pk}").status_code == 202 and not SshKey.objects.exists()
    assert caller.post(f"services/{ours.service.pk}/ssh", {"mode": "none"}).status_code == 202
    assert caller.get(f"services/{ours.service.pk}").json()["ssh"] == "none"
    assert code(caller.post(f"services/{ours.service.pk}/ssh", {"mode": "shell"})) == (409, "ssh_not_sold")


def test_a_strangers_keys_are_not_there(ours: Tenant, theirs: Tenant) -> None:
    add_ssh_key(actor=operator(), service=theirs.service, key=LAPTOP.public)
    key, caller, before = SshKey.objects.get(), ours.caller(), Operation.objects.count()
    assert caller.ids("ssh-keys") == []
    assert code(caller.get(f"ssh-keys/{key.pk}")) == (404, "not_found")
    assert code(caller.delete(f"ssh-keys/{key.pk}")) == (404, "not_found")
    assert code(caller.post("ssh-keys", {"service": theirs.service.pk, "key": LAPTOP.public})) == (422, "invalid")
    assert code(caller.post(f"services/{theirs.service.pk}/ssh", {"mode": "none"})) == (404, "not_found")
    assert Operation.objects.count() == before


def test_a_viewer_and_a_narrow_token_change_nothing(ours: Tenant) -> None:
    made = {"service": ours.service.pk, "key": LAPTOP.public}
    assert code(ours.caller("viewer").post("ssh-keys", made)) == (403, "forbidden")
    assert code(ours.caller("owner", "domain:write").post("ssh-keys", made)) == (403, "scope_missing")
    assert not SshKey.objects.exists()


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "a\u2028b"])
def test_hostile_texts_reach_nothing(ours: Tenant, text: str) -> None:
    caller = ours.caller()
    for made in (
        {"service": ours.service.pk, "key": f"{LAPTOP.public}{text}"},
        {"service": ours.service.pk, "key": LAPTOP.public, "name": text},
        {"service": ours.service.pk, "key": f'command="id" {LAPTOP.public}'},
        {"service": ours.service.pk, "key": LAPTOP.private},
    ):
        answer = caller.post("ssh-keys", made)
        assert answer.status_code in (400, 422)
        assert LAPTOP.private.splitlines()[2].encode() not in answer.content
    assert not SshKey.objects.exists() and not Operation.objects.filter(kind="ssh_change").exists()
