"""Which certificates production presents, and the one that development makes."""

import datetime
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from npanel.checks import check_panel_certificate
from npanel.panel_certificate import TlsFiles, reasons_against, refuse_to_start
from observability.certificates import ensure_self_signed, read_certificate
from tests.certificates import DAY, Authority, new_key, write_key

HOSTS = ["panel.example.test"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def reason(files: TlsFiles, hosts: list[str] = HOSTS) -> str:
    return "\n".join(reasons_against(files, hosts))


def test_a_certificate_of_an_authority_is_presented(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "panel.example.test")
    assert reason(files) == ""
    assert reason(files, ["*"]) == ""
    assert reason(authority.issue(tmp_path / "wild", "*.example.test")) == ""


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"self_signed": True}, "It is self-signed"),
        ({"begins": -30 * DAY, "ends": -DAY}, "It expired on"),
        ({"begins": DAY}, "It is not valid before"),
    ],
)
def test_one_that_browsers_warn_about_is_not(
    authority: Authority, tmp_path: Path, how: dict[str, Any], words: str
) -> None:
    assert words in reason(authority.issue(tmp_path, "panel.example.test", **how))


def test_nor_one_for_other_names(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "elsewhere.test", "*.panel.example.test")
    assert "none of the panel's names is among them (panel.example.test)" in reason(files)


def test_nor_one_with_another_key_an_open_key_or_none(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "panel.example.test")
    files.key.chmod(0o644)
    assert "can be read by everybody" in reason(files)
    files.key.chmod(0o600)
    write_key(files.key, new_key())
    assert "is not the certificate's" in reason(files)
    files.key.write_text("no key")
    assert "holds no private key" in reason(files)
    files.key.unlink()
    assert "can't be read" in reason(files)


def test_nor_what_is_missing_or_no_certificate(authority: Authority, tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "panel.crt", tmp_path / "panel.key")
    assert "can't be read: No such file" in reason(files)
    files.certificate.write_text("hello")
    assert "holds no certificate" in reason(files)


def test_nor_one_followed_by_a_strangers_certificate(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "panel.example.test", chain=False)
    assert reason(files) == ""
    other = authority.issue(tmp_path / "other", "other.test", chain=False)
    files.certificate.write_bytes(files.certificate.read_bytes() + other.certificate.read_bytes())
    assert "is not followed by the certificate of its issuer" in reason(files)


# Who asks


@pytest.fixture
def production(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TlsFiles:
    settings.PRODUCTION, settings.ALLOWED_HOSTS = True, HOSTS
    files = TlsFiles(tmp_path / "panel.crt", tmp_path / "panel.key")
    monkeypatch.setenv("NPANEL_TLS_CERTIFICATE", str(files.certificate))
    monkeypatch.setenv("NPANEL_TLS_KEY", str(files.key))
    monkeypatch.setenv("NPANEL_ALLOWED_HOSTS", ",".join(HOSTS))
    return files


def test_a_web_process_of_production_does_not_start_with_it(production: TlsFiles, authority: Authority) -> None:
    refuse_to_start("development")
    with pytest.raises(SystemExit, match="does not start with its certificate"):
        refuse_to_start("production")
    authority.issue(production.certificate.parent, "panel.example.test")
    refuse_to_start("production")


def test_the_deployment_check_says_so(production: TlsFiles, authority: Authority) -> None:
    assert [message.id for message in check_panel_certificate()] == ["npanel.E001"]
    authority.issue(production.certificate.parent, "panel.example.test")
    assert check_panel_certificate() == []


def test_the_command_judges_and_shows(production: TlsFiles, authority: Authority) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("panel_certificate", "--check")
    authority.issue(production.certificate.parent, "panel.example.test")
    out = StringIO()
    call_command("panel_certificate", "--check", stdout=out)
    assert "for          panel.example.test" in out.getvalue()
    assert "issued by    CN=Test authority" in out.getvalue()


# Development's own


def test_development_makes_one_and_keeps_it(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls" / "panel.crt", tmp_path / "tls" / "panel.key"
    assert ensure_self_signed(certificate, key)
    made = read_certificate(certificate)
    assert {"localhost", "127.0.0.1", "::1", os.uname().nodename} <= set(made.names)
    assert key.stat().st_mode & 0o777 == 0o600
    assert made.is_self_signed
    assert made.expires - datetime.datetime.now(datetime.UTC) < 398 * DAY
    assert not ensure_self_signed(certificate, key)
    assert read_certificate(certificate).leaf.serial_number == made.leaf.serial_number


def test_an_expired_one_or_one_without_its_key_is_made_again(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "localhost", begins=-30 * DAY, ends=DAY)
    assert ensure_self_signed(files.certificate, files.key)
    files.key.unlink()
    assert ensure_self_signed(files.certificate, files.key)
    assert reasons_against(files) == ["It is self-signed: browsers can't tell it from an intruder's."]
