"""The line of an FTP account: written, read back, and refused where it would say something else."""

from dataclasses import replace

import pytest

from hosting.adapters.pure_ftpd.account import Ids, parse, render
from hosting.errors import UnsafeValue
from hosting.state import FtpAccount, Ref, Secret

HASH = "$6$saltsaltsalt$" + "a" * 86
IDS = Ids(1004, 1005)
ACCOUNT = FtpAccount("anna", "anna_web", Secret(HASH), "/home/anna/sites/a.test", quota_mb=3)


def test_the_line_has_the_eighteen_fields_of_pure_pw() -> None:
    line = render(ACCOUNT, IDS)
    assert line == f"anna_web:{HASH}:1004:1005:anna:/home/anna/sites/a.test/./:::::::3145728:::::\n"
    assert line.count(":") == 17


@pytest.mark.parametrize(
    "account",
    [
        ACCOUNT,
        replace(ACCOUNT, name="anna"),
        replace(ACCOUNT, quota_mb=0),
        replace(ACCOUNT, home="/home/anna"),
        replace(ACCOUNT, locked=True),
        replace(ACCOUNT, password_hash=Secret("$2b$10$" + "b" * 53)),
    ],
)
def test_what_is_written_is_read_back(account: FtpAccount) -> None:
    assert parse(account.name, render(account, IDS), IDS) == account


def test_a_locked_account_keeps_its_hash_where_no_password_fits_it() -> None:
    line = render(replace(ACCOUNT, locked=True), IDS)
    assert line.split(":")[1] == f"!{HASH}"
    assert parse("anna_web", line, IDS).password_hash == Secret(HASH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense\n",
        render(ACCOUNT, IDS) + "mallory:x:0:0::/./::::::::::::\n",
        render(ACCOUNT, IDS).replace("1004", "0"),
        render(ACCOUNT, IDS).replace("/./", ""),
        render(ACCOUNT, IDS).replace("anna_web:", "other:"),
        render(ACCOUNT, IDS).replace("3145728", "3145729"),
        render(ACCOUNT, IDS).replace("3145728", "9" * 5000),
        render(ACCOUNT, IDS).removesuffix("\n"),
    ],
)
def test_a_line_that_somebody_changed_is_edited_and_shows_no_hash(text: str) -> None:
    found = parse("anna_web", text, IDS)
    assert found.edited
    assert HASH not in found.edited
    assert found != ACCOUNT


@pytest.mark.parametrize("end", ["\n", "\r", "\0", "\x85", "\u2028", ":"])
@pytest.mark.parametrize("field", ["owner", "name", "home"])
def test_no_value_ends_its_field(field: str, end: str) -> None:
    value = getattr(ACCOUNT, field)
    with pytest.raises(UnsafeValue):
        render(replace(ACCOUNT, **{field: value + end + "x"}), IDS)


@pytest.mark.parametrize(
    "account",
    [
        replace(ACCOUNT, home="/"),
        replace(ACCOUNT, home="/etc"),
        replace(ACCOUNT, home="/anna"),
        replace(ACCOUNT, home="/home/bob"),
        replace(ACCOUNT, home="/home/anna/../bob"),
        replace(ACCOUNT, home="/home/annabel"),
        replace(ACCOUNT, name="bob_web"),
        replace(ACCOUNT, name="annabel"),
        replace(ACCOUNT, password_hash=Secret("")),
        replace(ACCOUNT, password_hash=Secret("plain")),
        replace(ACCOUNT, password_hash=Secret(f"{HASH}\n")),
        replace(ACCOUNT, password_hash=Secret("$7$C6..../....salt$hash")),
        replace(ACCOUNT, quota_mb=-1),
    ],
)
def test_an_account_that_would_reach_further_is_refused(account: FtpAccount) -> None:
    with pytest.raises(UnsafeValue):
        render(account, IDS)


@pytest.mark.parametrize("ids", [Ids(0, 1005), Ids(1004, 0), Ids(33, 33)])
def test_no_account_acts_as_root_or_a_daemon(ids: Ids) -> None:
    with pytest.raises(UnsafeValue):
        render(ACCOUNT, ids)


@pytest.mark.parametrize("folder", ["sites/a.test", "sites/a.test/public", "sites/a.test/public/shop"])
def test_it_comes_after_the_site_that_it_is_in(folder: str) -> None:
    """Made first, it would make the folder that a restored site is to be moved back to."""
    assert (
        Ref("document_root", "anna/sites/a.test/public") in replace(ACCOUNT, home=f"/home/anna/{folder}").depends_on()
    )


def test_it_comes_after_its_linux_user() -> None:
    assert Ref("system_user", "anna") in ACCOUNT.depends_on()
    assert HASH not in repr(ACCOUNT)
