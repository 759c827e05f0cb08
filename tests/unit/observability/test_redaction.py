"""A corpus of secrets that must go, and of harmless texts that must stay."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.redaction import AUDIT_LIMITS, LOG_LIMITS, REDACTED, Limits, is_sensitive_key, redact, redact_text

B64 = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2g"
PEM = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{B64}\n{B64}\n-----END OPENSSH PRIVATE KEY-----"

# text, the part that must not survive, a part that must
SECRETS = [
    (f"key:\n{PEM}\nend", B64, "end"),
    (PEM[:70], B64[:30], ""),
    (f"-----BEGIN RSA PRIVATE KEY-----\n{B64}", B64, ""),
    (f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{B64} root@n1", B64, "root@n1"),
    (f"ecdsa-sha2-nistp256 AAAAE2VjZHNh{B64}= x", B64, "x"),
    ("CREATE USER 'shop'@'%' IDENTIFIED BY 'Tr0ub4dor&3'", "Tr0ub4dor&3", "shop"),
    ("create user shop identified by password '*0123'", "*0123", "shop"),
    ("ALTER USER x IDENTIFIED VIA mysql_native_password USING '*9F6'", "*9F6", "ALTER USER x"),
    ("SET PASSWORD FOR x = PASSWORD('it''s-me')", "s-me", "SET PASSWORD FOR x"),
    ("grant to x identified by \"dou\\\"ble\"", "ble", "grant to x"),
    ("*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9", "6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9", ""),
    ("shop:$6$rounds=5000$saltsalt$" + "a" * 86 + ":19000", "a" * 86, "shop:"),
    ("$2b$12$" + "K" * 53, "K" * 53, ""),
    ("$y$j9T$abcdefgh$" + "Z" * 43, "Z" * 43, ""),
    ("{BLF-CRYPT}$2y$10$" + "q" * 53, "q" * 53, ""),
    ("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "R" * 43, "R" * 43, ""),
    ("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$" + "R" * 43, "R" * 43, ""),
    ("pbkdf2_sha256$870000$salt$" + "h" * 43 + "=", "h" * 43, ""),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "Authorization"),
    ("curl -H 'X-Api-Key: 9a8b7c'", "9a8b7c", "curl"),
    ("Cookie: sessionid=abc; csrftoken=def\nHost: x", "abc", "Host: x"),
    ("sent Bearer 0123456789abcdef", "0123456789abcdef", "sent"),
    ("mysql://shop:p@ss:w0rd@10.77.0.2:3306/shop", "w0rd", "10.77.0.2"),
    ("redis://:only-a-password@cache:6379/0", "only-a-password", "cache"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN", "dozjgNryP4J3jVmN", ""),
    ("ghp_" + "A1b2C3d4E5f6G7h8I9j0K1", "A1b2C3d4E5f6G7h8I9j0K1", ""),
    ("npt_" + "A1b2C3d4E5f6G7h8I9j0K1", "A1b2C3d4E5f6G7h8I9j0K1", ""),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7", ""),
    ("/reset?user=1&token=deadbeef&x=2", "deadbeef", "x=2"),
    ("password=hunter2! user=alice", "hunter2!", "user=alice"),
    ('{"user": "alice", "password": "with space"}', "with space", "alice"),
    ("{'db_password': 'x\\'y-z', 'port': 3306}", "y-z", "3306"),
    ('"{\\"secret\\": \\"nested-json\\"}"', "nested-json", ""),
    ("DB_PASSWORD=abc123", "abc123", ""),
    ("mysqldump --password hunter2! shop", "hunter2!", "shop"),
    ("mysqldump --password=hunter2! shop", "hunter2!", "shop"),
    ("restic --repo x --api-key 12345", "12345", "--repo x"),
    ("aws_secret_access_key = wJalrXUtnFEMI", "wJalrXUtnFEMI", ""),
    ("client_secret: 'q w e'", "q w e", ""),
    ("env[SMTP_TOKEN] = zzz-secret", "zzz-secret", ""),
    ("'password' => 'in-php',", "in-php", ""),
    ("<password>in-xml</password>", "in-xml", "</password>"),
    ('{"user": "alice", "password": "cut short', "short", "alice"),
    ('"{\\"user\\": 1, \\"secret\\": \\"cut sho', "sho", "user"),
    ("connect(password='cut short\nnext line", "short", "next line"),
    ('export PASSWORD="two \\\nlines"; id', "lines", "id"),
    ("{'password': b'in-bytes', 'port': 3306}", "in-bytes", "3306"),
    ('{"password": ["in-a-list", "x"], "port": 3306}', "in-a-list", "3306"),
    ('{"secret": {"value": "below"}, "port": 3306}', "below", "3306"),
    ("token=('in-a-tuple', 2) port=3306", "in-a-tuple", "3306"),
    ("SET PASSWORD = PASSWORD('cut short", "short", "SET PASSWORD"),
    ("CREATE USER shop IDENTIFIED BY 'two words cut", "words", "shop"),
    ('{"db_pass": "hunter2!", "port": 3306}', "hunter2!", "3306"),
    ("admin_pw = hunter2!", "hunter2!", "admin_pw"),
    ("SMTP_PASS: hunter2!\nSMTP_PORT: 25", "hunter2!", "SMTP_PORT: 25"),
]  # fmt: skip

HARMLESS = [
    "created example.test with 3 records",
    "plan digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDnaF6aDKNVSA8jvLA",
    "GET /admin/hosting/service/?q=shop 200",
    "https://example.test/path?x=1@2",
    "/etc/nginx/npanel.d/example.test.conf",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    "550e8400-e29b-41d4-a716-446655440000",
    "basic authentication is off",
    "token bucket refilled",
    "price is $6 and $2",
    "5 * 3 = 15",
    "2001:db8::1 to 10.77.0.2:53",
    "the password has been changed",
    "user@example.test",
    "proxy_pass http://127.0.0.1:8080;",
    "checks pass: 3",
]


@pytest.mark.parametrize(("text", "gone", "kept"), SECRETS)
def test_a_secret_goes(text: str, gone: str, kept: str) -> None:
    cleaned = redact_text(text)
    assert gone not in cleaned
    assert kept in cleaned
    assert REDACTED in cleaned


def test_a_public_key_leaves_its_fingerprint() -> None:
    """The fingerprint that ``ssh-keygen -lf`` shows for GitHub's published Ed25519 host key."""
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    cleaned = redact({"host_keys": [f"ssh-ed25519 {key}"]})["host_keys"][0]
    assert key not in cleaned
    assert cleaned.endswith("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU")


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_text_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(("text", "gone", "kept"), SECRETS)
def test_cleaning_twice_changes_nothing(text: str, gone: str, kept: str) -> None:
    assert redact_text(redact_text(text)) == redact_text(text)


@pytest.mark.parametrize(
    "key",
    ["password", "PASSWORD", "db-password", "newPassword1", "Authorization", "HTTP_COOKIE", "X-Api-Key", "apiKey",
     "privateKey", "node_private_key", "csrfmiddlewaretoken", "sessionid", "session_key", "dsn", "secret_key", "otp",
     "password_hash", "recovery_codes", "tls_private_key_pem", "auth", "client_secret", "access_token",
     "db_pass", "smtpPass", "MYSQL_PWD", "admin_pw", "sentry_dsn"],
)  # fmt: skip
def test_a_sensitive_key(key: str) -> None:
    assert is_sensitive_key(key)


@pytest.mark.parametrize(
    "key",
    ["user", "key", "kind", "token_id", "fencing_token", "password_changed_at", "session_digest",
     "host_key_fingerprint", "path", "public", "author", "passed", "digest", "keys", "node", "fastcgi_pass",
     "bypass"],
)  # fmt: skip
def test_an_ordinary_key(key: str) -> None:
    assert not is_sensitive_key(key)


@dataclass
class Account:
    """Like a resource."""

    login: str
    password: str


def test_structures_are_walked() -> None:
    value = {
        "accounts": [Account("alice", "hunter2!"), ("x", {"api_key": 12345})],
        "has_password": True, "password": None, "secrets": {"a": "b"}, "token": "",
        "raw": b"hunter2!", "password=hunter2!": 1,
    }  # fmt: skip
    cleaned = redact(value)
    assert json.loads(json.dumps(cleaned)) == cleaned
    assert "hunter2!" not in str(cleaned)
    assert cleaned["accounts"] == [{"login": "alice", "password": REDACTED}, ["x", {"api_key": REDACTED}]]
    assert (cleaned["has_password"], cleaned["password"], cleaned["token"]) == (True, None, "")
    assert cleaned["secrets"] == REDACTED


def test_size_and_depth_are_bounded() -> None:
    deep: Any = "bottom"
    for _ in range(1000):
        deep = {"x": deep}
    assert "bottom" not in str(redact(deep))
    small = redact({"list": list(range(10_000)), "text": "y" * 100_000}, Limits(depth=3, items=5, text=20))
    assert len(str(small)) < 200
    assert small["list"][-1] == "…[9995 more]"
    assert small["text"].startswith("y" * 20 + "…")


def test_what_can_not_be_printed_does_not_take_the_rest_with_it() -> None:
    """The text of a row may need a database that is away just then."""

    class Row:
        def __str__(self) -> str:
            raise ConnectionError("gone away")

    assert redact({"row": Row(), "node": "web1"}) == {"row": "…[Row: ConnectionError]", "node": "web1"}


def test_a_loop_ends() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert redact(loop)


def test_a_secret_at_the_cut_does_not_survive_by_half() -> None:
    secret = "*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9"
    for offset in range(1, 60):
        text = "x" * (LOG_LIMITS.text - offset) + secret + "y" * 5000
        assert "6BB48" not in redact_text(text)


@pytest.mark.parametrize(
    "piece",
    ["a_", "a-a.", "eyJ-", "password=", "$6$", "://a:", "*A", "-----BEGIN ", "token ", "'\\", "a_pw_", 'token="\\',
     "token=b'", "token=[", 'token=\\"\\a', "PASSWORD('"],
)  # fmt: skip
def test_hostile_text_is_cleaned_without_quadratic_work(piece: str) -> None:
    text = piece * (AUDIT_LIMITS.text // len(piece))
    assert isinstance(redact_text(text, AUDIT_LIMITS.text), str)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.binary(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
def test_anything_becomes_json(value: Any) -> None:
    json.dumps(redact(value), allow_nan=False)
