"""Linux user names: what a service may be called."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.errors import HostingError
from hosting.names import RESERVED_USERNAMES, check_username, suggest_username

#: No time limit for an example: machines are shared.
unhurried = settings(deadline=None)


@pytest.mark.parametrize("name", ["al", "alice", "a1", "shop24", "abcdefghijklmnop"])
def test_plain_names_pass(name: str) -> None:
    assert check_username(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "1alice",
        "Alice",
        "al ice",
        "al-ice",
        "al_ice",
        "al.ice",
        "alice\n",
        "\nalice",
        "alice\x00",
        "álice",
        "ａlice",
        "abcdefghijklmnopq",
        "-alice",
        "alice;id",
        "../alice",
        "$(id)",
        "ali\u2028ce",
    ],
)
def test_what_is_no_user_name_is_refused(name: str) -> None:
    with pytest.raises(HostingError) as refusal:
        check_username(name)
    assert (refusal.value.code, refusal.value.field) == ("bad_username", "username")


@pytest.mark.parametrize("name", sorted(name for name in RESERVED_USERNAMES if 2 <= len(name) <= 16))
def test_names_of_the_system_are_reserved(name: str) -> None:
    with pytest.raises(HostingError) as refusal:
        check_username(name)
    assert refusal.value.code == "reserved_username"


@pytest.mark.parametrize("name", ["systemd", "systemdresolve", "systemdtimesync"])
def test_everything_of_systemd_is_reserved(name: str) -> None:
    with pytest.raises(HostingError, match="reserved"):
        check_username(name)


@pytest.mark.parametrize(
    "name", ["root", "mysql", "nginx", "pdns", "vmail", "npanel", "admin", "public", "sshd", "nobody", "performance"]
)
def test_the_accounts_that_matter_are_on_the_list(name: str) -> None:
    assert name in RESERVED_USERNAMES


def test_the_list_holds_no_name_that_could_never_match() -> None:
    for name in RESERVED_USERNAMES:
        assert name == name.strip().lower()


@pytest.mark.parametrize(
    ("domain", "taken", "suggested"),
    [
        ("example.com", (), "example"),
        ("example.com", ("example",), "example1"),
        ("example.com", ("example", "example1", "example2"), "example3"),
        ("mail.example.com", (), "mail1"),
        ("root.example.com", ("root1",), "root2"),
        ("my-shop.example.com", (), "myshop"),
        ("123.example.com", (), "site"),
        ("1a.example.com", (), "sitea"),
        ("a.example.com", (), "sitea"),
        ("xn--bcher-kva.example", (), "bucher"),
        ("averyveryverylongname.example", (), "averyveryver"),
        ("systemd.example", (), None),
    ],
)
def test_a_name_is_suggested_from_the_domain(domain: str, taken: tuple[str, ...], suggested: str | None) -> None:
    found = suggest_username(domain, set(taken))
    assert found == suggested or suggested is None
    assert check_username(found) == found


@unhurried
@given(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\.test", fullmatch=True),
    st.sets(st.from_regex(r"[a-z][a-z0-9]{1,4}", fullmatch=True), max_size=20),
)
def test_a_suggestion_is_always_free_and_valid(domain: str, taken: set[str]) -> None:
    stem = suggest_username(domain, set())
    held = taken | {stem, *(f"{stem}{n}" for n in range(1, 5))}
    found = suggest_username(domain, held)
    assert found not in held
    assert check_username(found) == found
