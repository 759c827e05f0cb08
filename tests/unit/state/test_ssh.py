"""Which texts are public keys that may sign in, judged beside ssh-keygen(1)."""

import base64
import subprocess

import pytest

from hosting.state.ssh import SshKey, SshKeyInvalid, checked_key, ssh_key
from tests.ssh_keys import ecdsa_pair, ed25519_pair, rsa_pair, security_key

GOOD = {
    "ed25519": ed25519_pair().public,
    "rsa": rsa_pair().public,
    "rsa3072": rsa_pair(3072).public,
    **{f"ecdsa{curve}": ecdsa_pair(curve).public for curve in ("256", "384", "521")},
    "token": security_key(),
}
#: What ends a line for some reader.
BREAKS = ("\n", "\r", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")


def code(text: str) -> str:
    with pytest.raises(SshKeyInvalid) as refused:
        ssh_key(text)
    return refused.value.code


@pytest.mark.parametrize("name", GOOD)
def test_a_good_key_is_taken_with_the_fingerprint_that_ssh_keygen_shows(name: str) -> None:
    key = ssh_key(f"  {GOOD[name]}\n")
    assert f"{key.type} {key.blob} {key.comment}" == GOOD[name]
    asked = subprocess.run(
        ["ssh-keygen", "-l", "-f", "-"], input=GOOD[name], capture_output=True, text=True, check=True
    )
    assert asked.stdout.split()[1] == key.fingerprint


def test_a_key_needs_no_name_and_blanks_in_it_are_made_few() -> None:
    bare = " ".join(GOOD["ed25519"].split()[:2])
    assert ssh_key(bare).comment == ""
    assert ssh_key(f"{bare}   Kim's   laptop ü ").comment == "Kim's laptop ü"


@pytest.mark.parametrize(
    "before",
    [
        'command="/bin/sh"', "restrict", 'from="*"', 'environment="A=b"', 'permitopen="x:1"', "cert-authority",
        'tunnel="0"', "no-pty,port-forwarding",
    ],
)  # fmt: skip
def test_options_before_a_key_are_refused(before: str) -> None:
    assert code(f"{before} {GOOD['ed25519']}") == "ssh_key_options"


@pytest.mark.parametrize("bad", BREAKS, ids=ascii)
def test_one_line_and_no_more(bad: str) -> None:
    other = GOOD["rsa"]
    for text in (f"{GOOD['ed25519']}{bad}{other}", f"{GOOD['ed25519']} a{bad}b", f"ssh-ed25519{bad}{other}"):
        assert code(text) == "bad_ssh_key"
    kind, blob, _comment = GOOD["ed25519"].split()
    for broken in (SshKey(kind, blob, f"a{bad}b"), SshKey(kind + bad, blob), SshKey(kind, blob + bad)):
        with pytest.raises(SshKeyInvalid):
            checked_key(broken)


def test_the_private_half_is_told_apart() -> None:
    private = ed25519_pair().private
    assert code(private) == "private_ssh_key" and code("PuTTY-User-Key-File-3: ssh-ed25519") == "private_ssh_key"
    with pytest.raises(SshKeyInvalid) as refused:
        ssh_key(private)
    assert private.splitlines()[2] not in refused.value.detail + refused.value.hint


def test_weak_keys_are_refused() -> None:
    assert code(rsa_pair(1024).public) == "weak_ssh_key"
    assert code("ssh-dss AAAAB3NzaC1kc3MAAACBAP x") == "weak_ssh_key"


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-foo AAAAB3Nz", "---- BEGIN SSH2 PUBLIC KEY ----", "x" * 5000,
        GOOD["ed25519"].replace("ssh-ed25519", "ssh-rsa", 1), GOOD["ed25519"].upper(),
        "ssh-ed25519-cert-v01@openssh.com AAAAC3NzaC1lZDI1NTE5AAAAIA",
    ],
    ids=["", "word", "type", "short", "foreign", "ssh2", "long", "other type", "upper case", "certificate"],
)  # fmt: skip
def test_anything_else_is_no_key(text: str) -> None:
    assert code(text) == "bad_ssh_key"


def _changed(name: str, change: object) -> str:
    kind, blob, _comment = GOOD[name].split(maxsplit=2)
    data = change(base64.b64decode(blob))  # type: ignore[operator]
    return f"{kind} {base64.b64encode(data).decode()}"


@pytest.mark.parametrize("name", GOOD)
def test_damaged_keys_are_refused(name: str) -> None:
    kind, blob, _comment = GOOD[name].split(maxsplit=2)
    for text in (
        _changed(name, lambda data: data[:-1]),
        _changed(name, lambda data: data + b"\0\0\0\0"),
        _changed(name, lambda data: data + b"x"),
        _changed(name, lambda data: data[:4] + b"x" + data[5:]),
        f"{kind} {blob[:40]}!{blob[41:]}",
        f"{kind} {blob[:-4]}",
        f"{kind} {blob[:20]} {blob[20:]}",
    ):
        assert code(text) == "bad_ssh_key"


def test_the_name_has_an_end() -> None:
    assert code(f"{GOOD['ed25519'].rsplit(' ', 1)[0]} {'n' * 101}") == "bad_ssh_key_name"
