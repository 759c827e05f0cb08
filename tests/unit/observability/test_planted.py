"""Each kind of secret, planted in each way that something is written down: none comes out."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit.choices import Outcome
from audit.models import Event
from audit.record import Target, record
from hosting.errors import HostingError
from hosting.operations.journal import error_json
from hosting.texts import Text
from hosting.verbs import FILE_QUARANTINE
from observability.logging import get_logger
from tests import people

pytestmark = pytest.mark.django_db

#: Kind, the secret itself, and how it stands in a text that somebody else wrote.
SECRETS = {
    "password": ("hunter2-Zebra", "password=hunter2-Zebra"),
    "api token": ("npat_Q2hlZXNlQ2hlZXNlQ2hlZXNl", "refused npat_Q2hlZXNlQ2hlZXNlQ2hlZXNl"),
    "bearer": ("Q2hlZXNlVG9rZW4x", "Authorization: Bearer Q2hlZXNlVG9rZW4x"),
    "basic": ("YW5uYTpzM2NyZXQ=", "sent Basic YW5uYTpzM2NyZXQ= to it"),
    "cookie": ("c00kieC00kie", "Cookie: sessionid=c00kieC00kie; x=y"),
    "private key": ("bm90IGEga2V5", "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----"),
    "ssh private key": (
        "AAAAMwAAAAtzc2gtZWQyNTUxOQAAACBjYW5hcnk",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\nAAAAMwAAAAtzc2gtZWQyNTUxOQAAACBjYW5hcnk\nQAAAE==\n"
        "-----END OPENSSH PRIVATE KEY-----",
    ),
    "end of an ssh private key": (  # of what somebody said, only the end is kept
        "AAAAC2Nhbi1ub3QtYmUtaGVyZQAAAEBtaWRkbGU",
        "it said: LXY1AAAA\nAAAAC2Nhbi1ub3QtYmUtaGVyZQAAAEBtaWRkbGU\nQAE=\n-----END OPENSSH PRIVATE KEY-----\nbye",
    ),
    "ssh passphrase": ("corr3ct-horse", "Enter passphrase for key '/root/.ssh/id_ed25519': corr3ct-horse"),
    "ssh password": ("s3sh-Me-In", "root@web-1's password: s3sh-Me-In"),
    "sshpass": ("p4ss-Thru", "sh: sshpass -p p4ss-Thru ssh root@192.0.2.7: not found"),
    "webhook secret in words": ("whsec_Q2hlZXNlQ2hlZXNlQ2hlZXNl", "expected whsec_Q2hlZXNlQ2hlZXNlQ2hlZXNl for v1"),
    "dsn": ("s3cretDsn", "mysql://npanel:s3cretDsn@db.example/npanel"),
    "totp secret": ("JBSWY3DPEHPK3PXP", "totp_secret=JBSWY3DPEHPK3PXP"),
    "otpauth address": ("KRSXG5CTMVRXEZLU", "otpauth://totp/NPanel:ada?secret=KRSXG5CTMVRXEZLU&issuer=NPanel"),
    "recovery code": ("9f3a-77c1", "recovery_code: 9f3a-77c1"),
    "webhook secret": ("whs-0123456789abcdef", "webhook_secret='whs-0123456789abcdef'"),
    "database password": ("db-S3cret", "ALTER USER a IDENTIFIED BY 'db-S3cret'"),
    "hash": ("*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29", "has *94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29"),
}  # fmt: skip
PLANTED = pytest.mark.parametrize(("secret", "text"), SECRETS.values(), ids=SECRETS)
Lines = Callable[[], list[dict[str, Any]]]


@PLANTED
def test_log_lines_and_tracebacks(secret: str, text: str, log_lines: Lines) -> None:
    """As message, as detail, deep inside, and in the words and causes of an exception with the secret in its locals."""
    log = get_logger("python_log")
    log.info(text, detail=text, deep={"list": [{"x": text}]})
    try:
        local = text
        try:
            raise ValueError(local)
        except ValueError as error:
            raise RuntimeError(f"again: {local}") from error
    except RuntimeError:
        log.exception("it broke")
    lines = log_lines()
    assert len(lines) == 2 and "traceback" in lines[1]["context"]
    assert secret not in json.dumps(lines)


@PLANTED
def test_audit_events(secret: str, text: str) -> None:
    """As reason, before, after, and in the target's name."""
    target = Target("service", "1", f"anna {text}"[:250])
    record(verb=FILE_QUARANTINE, actor=people.operator(), target=target, outcome=Outcome.FAILED, reason=text,
           before={"x": text}, after={"deep": [text]})  # fmt: skip
    (row,) = Event.objects.filter(verb=str(FILE_QUARANTINE.name)).values()
    assert secret not in json.dumps(row, default=str)


@PLANTED
def test_operations_errors(secret: str, text: str) -> None:
    """As what a node said, kept with a failed operation and with a journal entry."""
    assert secret not in json.dumps(error_json(HostingError(Text(text), hint=Text(text), code="x")))


@pytest.mark.parametrize("key", ["password", "token", "cookie", "authorization", "dsn", "totp_secret", "recovery_codes",
                                 "webhook_secret", "private_key", "ssh_key", "DATABASE_URL", "otp"])  # fmt: skip
def test_by_key(key: str, log_lines: Lines) -> None:
    """A value without any shape is told by the key above it."""
    get_logger("python_log").warning("x", **{key: "plain"}, nested={key: ["plain"]})
    assert "plain" not in json.dumps(log_lines())
