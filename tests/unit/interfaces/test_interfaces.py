"""What keeps the interfaces apart before anything of them runs: keys, cookies, headers, variables of nginx's file."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.interfaces import is_unified
from npanel import env
from npanel.front import BadVariable, Front, changed, listeners, render
from npanel.interfaces import interface_settings, signing_key


def test_one_secret_given_to_both_makes_two_keys() -> None:
    assert signing_key("the same secret", "admin") == "the same secret"
    customer = signing_key("the same secret", "customer")
    assert "the same secret" not in customer
    assert len(customer) >= 50
    assert customer == signing_key("the same secret", "customer") != signing_key("another", "customer")


def test_a_token_may_lie_in_a_file_and_may_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What an environment holds is seen by more than the process; a file that is missing is no token left out."""
    monkeypatch.delenv("NPANEL_ALERT_TOKEN", raising=False)
    monkeypatch.delenv("NPANEL_ALERT_TOKEN_FILE", raising=False)
    assert env.optional_secret("ALERT_TOKEN") == ""
    monkeypatch.setenv("NPANEL_ALERT_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(env.BadSetting):
        env.optional_secret("ALERT_TOKEN")
    (tmp_path / "token").write_text("of-the-file\n")
    assert env.optional_secret("ALERT_TOKEN") == "of-the-file"
    program = "from django.conf import settings; print(settings.NPANEL_ALERT_TOKEN)"
    asked = [sys.executable, "manage.py", "shell", "--no-imports", "-c", program]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split() == ["of-the-file"]


def test_no_cookie_of_one_has_a_name_of_the_other() -> None:
    names = [
        {value for name, value in interface_settings(interface).items() if name.endswith("COOKIE_NAME")}
        for interface in ("admin", "customer")
    ]
    assert len(names[0]) == len(names[1]) == 3
    assert not names[0] & names[1]


@pytest.mark.parametrize(
    ("header", "proxies", "production", "expected"),
    [
        ("1", ["unix"], False, True),
        ("", ["unix"], False, False),
        ("1", [], False, False),
        ("1", ["unix"], True, False),
    ],
)
def test_only_nginx_can_say_that_a_request_came_by_the_unified_port(
    settings: Any, header: str, proxies: list[str], production: bool, expected: bool
) -> None:
    settings.NPANEL_TRUSTED_PROXIES, settings.PRODUCTION = proxies, production
    request = RequestFactory().get("/api/v1/", headers={"X-NPanel-Unified": header}, REMOTE_ADDR="")
    assert is_unified(request) is expected


def test_production_has_no_unified_port() -> None:
    assert {listener.port for listener in listeners(Front())} == {2082, 2083, 2086, 2087, 8080}
    found = {listener.port: listener for listener in listeners(Front(environment="production"))}
    assert set(found) == {2082, 2083, 2086, 2087}
    assert {port: listener.redirect for port, listener in found.items()} == {2082: 2083, 2083: 0, 2086: 2087, 2087: 0}


def test_a_listener_without_a_port_is_left_out() -> None:
    text = render(changed(Front(), ["unified=0", "probes=0"]))
    assert "8080" not in text
    assert "2089" not in text


@pytest.mark.parametrize("host", ["a.test; return 200", "a.test\nserver {", "$host", 'a"b', "a b"])
def test_a_value_can_not_add_directives(host: str) -> None:
    with pytest.raises(BadVariable, match="hosts"):
        render(Front(hosts=[host]))


def test_unknown_variables_and_bad_numbers_are_refused() -> None:
    with pytest.raises(BadVariable, match="no variable 'nothing'"):
        changed(Front(), ["nothing=1"])
    with pytest.raises(BadVariable, match="rate is a number"):
        changed(Front(), ["rate=fast"])
